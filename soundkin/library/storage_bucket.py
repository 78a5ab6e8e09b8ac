"""A library in a bucket: marker, tables and leases there, caches here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from soundkin.bucket.client import PATIENCE_S, RETRIES, Bucket
from soundkin.errors import LibraryFormatError
from soundkin.library.leases import Leases
from soundkin.library.storage import MARKER

if TYPE_CHECKING:
    from pathlib import Path

    from soundkin.bucket import Address


class BucketStorage:
    """A part of a bucket."""

    remote = True

    def __init__(self, address: Address) -> None:
        self.address = address
        self.bucket = Bucket(address)
        self.locks = Leases(self.bucket)

    def __str__(self) -> str:
        return str(self.address)

    @property
    def name(self) -> str:
        """The last part of the address."""
        return self.address.name

    @property
    def uri(self) -> str:
        """The address of the tables."""
        return str(self.address / "tables")

    @property
    def options(self) -> dict[str, str]:
        """What Lance opens the tables with: credentials, and how patiently it asks."""
        return {
            **self.bucket.options,
            "client_max_retries": str(RETRIES),
            "client_retry_timeout": f"{PATIENCE_S:g}",
            "connect_timeout": "5s",
        }

    def cache(self, library_id: str) -> Path:
        """Return the folder of caches: among the user's own, by the library's id."""
        from platformdirs import user_cache_path

        return user_cache_path("soundkin", appauthor=False) / "libraries" / library_id

    def marker(self) -> bytes | None:
        """Return the marker's bytes, None where there is none."""
        return self.bucket.get(MARKER)

    def lay(self, marker: bytes) -> None:
        """Write the marker unless another process was faster."""
        self.bucket.create(MARKER, marker)

    def demand_empty(self) -> None:
        """Refuse a place with other things in it."""
        found = next(iter(self.bucket.list()), None)
        if found is not None and found.name != MARKER:
            raise LibraryFormatError(
                f"'{self}' has other things in it, such as '{found.name}'",
                f"a library (with {MARKER}) or an empty place",
                "give another address with --library",
            )

    def renew(self) -> bool:
        """Read the credentials again; say whether they are others now."""
        return self.bucket.renew()

    def size(self) -> int:
        """Return the size of all its objects."""
        return sum(found.size for found in self.bucket.list())

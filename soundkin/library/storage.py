"""Where a library's files lie: a folder, or a part of a bucket. What is no table is read and written here.

A folder holds everything. A bucket holds the marker, the tables and the locks; caches are kept on this
machine, under the user's cache folder and the library's id.
"""

from __future__ import annotations

import os
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from soundkin.bucket import Address, is_address
from soundkin.errors import LibraryFormatError
from soundkin.library.locks import FolderLocks
from soundkin.library.refusals import guarded

if TYPE_CHECKING:
    from soundkin.library.locks import Locks

MARKER = "soundkin.json"


class Storage(Protocol):
    """One library's place; as text, its path or address."""

    remote: bool
    """Whether asking it anything costs a way over the network."""

    @property
    def name(self) -> str:
        """The last part of the address."""

    @property
    def uri(self) -> str:
        """What Lance opens the tables by."""

    @property
    def options(self) -> dict[str, str]:
        """What Lance opens the tables with."""

    @property
    def locks(self) -> Locks:
        """How its writers take turns."""

    def cache(self, library_id: str) -> Path:
        """Return the folder on this machine for what can be made again."""

    def marker(self) -> bytes | None:
        """Return the marker of the library, None where there is none."""

    def lay(self, marker: bytes) -> None:
        """Write the marker, whole or not at all, unless another process was faster."""

    def demand_empty(self) -> None:
        """Raise `LibraryFormatError` where something else lies."""

    def renew(self) -> bool:
        """Read the credentials again; say whether they are others now."""

    def size(self) -> int:
        """Return the bytes that it takes, as far as that costs little to know."""


def storage_at(path: str | os.PathLike[str]) -> Storage:
    """Return the place of a library by its path, or its address in a bucket.

    >>> str(storage_at("s3://bucket/library/")), storage_at("file:///srv/library").uri
    ('s3://bucket/library', '/srv/library/tables')
    """
    raw = os.fspath(path)
    if is_address(raw):
        return _bucket(raw)
    return FolderStorage(Path(raw.removeprefix("file://")))


def _bucket(address: str) -> Storage:
    """Return a place in a bucket; its client is loaded only where there is one."""
    from soundkin.library.storage_bucket import BucketStorage

    return BucketStorage(Address.of(address).demand_plain())


class FolderStorage:
    """A folder of this machine, or one that several machines share."""

    remote = False

    def __init__(self, path: Path) -> None:
        self.path = path
        self.locks: Locks = FolderLocks(path / "locks")
        self.options: dict[str, str] = {}

    def __str__(self) -> str:
        return str(self.path)

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.path.name

    @property
    def uri(self) -> str:
        """The folder of the tables."""
        return str(self.path / "tables")

    def cache(self, library_id: str) -> Path:  # noqa: ARG002 - a bucket's needs it
        """Return the folder of caches: within the library."""
        return self.path / "cache"

    def marker(self) -> bytes | None:
        """Return the marker's bytes, None where there is none."""
        try:
            return (self.path / MARKER).read_bytes()
        except FileNotFoundError:
            return None
        except NotADirectoryError:
            return None

    def lay(self, marker: bytes) -> None:
        """Write the marker beside, then give it its name unless another process was faster."""
        beside = self.path / f"{MARKER}.{uuid.uuid4().hex[:8]}"
        with guarded(f"'{self.path}'"):
            self.path.mkdir(parents=True, exist_ok=True)
            try:
                beside.write_bytes(marker)
                _put(beside, self.path / MARKER)
            finally:
                beside.unlink(missing_ok=True)

    def demand_empty(self) -> None:
        """Refuse a file, and a folder with anything in it but what a cut-off `lay` leaves."""
        path = self.path
        if path.exists() and not path.is_dir():
            raise LibraryFormatError(
                f"'{path}' is a file", "the folder of a library", "give another path with --library"
            )
        others = path.exists() and any(not p.name.startswith(f"{MARKER}.") for p in path.iterdir())
        if others and not (path / MARKER).exists():  # else another process has just laid it
            raise LibraryFormatError(
                f"'{path}' is a folder with other things in it",
                f"a library (a folder with {MARKER}) or an empty folder",
                "give another path with --library",
            )

    def renew(self) -> bool:
        """Say no: a folder has no credentials."""
        return False

    def size(self) -> int:
        """Return the size of all its files."""
        from soundkin.library.counts import bytes_below

        return bytes_below(self.path)


def _put(beside: Path, marker: Path) -> None:
    """Give a file its name unless another process was faster."""
    try:
        os.link(beside, marker)
    except FileExistsError:
        return
    except OSError:  # a disk without hard links
        if not marker.exists():
            beside.replace(marker)


def library_path(path: str | Path | None) -> str | Path:
    """Return where the library is: as given, else SOUNDKIN_LIBRARY, else the user's data folder.

    An address in a bucket stays text, as in "s3://bucket/library".
    """
    if path is None:
        path = os.environ.get("SOUNDKIN_LIBRARY") or None
    if path is None:
        from platformdirs import user_data_path

        return user_data_path("soundkin", appauthor=False) / "library"
    if is_address(path) or str(path).startswith("file://"):
        return str(path)
    return Path(path).expanduser().absolute()

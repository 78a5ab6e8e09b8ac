"""``s3://bucket/key`` taken apart and put together."""

from __future__ import annotations

import os
from dataclasses import dataclass

from soundkin.errors import InputError

SCHEMES = ("s3", "gs", "az")
"""Amazon S3 and its like, Google Cloud Storage, Azure Blob Storage."""

_HEADS = tuple(f"{scheme}://" for scheme in SCHEMES)
_ODD = set("%#?*\\\0")


@dataclass(frozen=True, slots=True)
class Address:
    """A bucket and a key in it, or the head of many keys; the key has no slash at its ends.

    >>> address = Address.of("s3://sounds/field recordings/")
    >>> address.bucket, address.key, str(address / "a.wav"), address.name
    ('sounds', 'field recordings', 's3://sounds/field recordings/a.wav', 'field recordings')
    """

    scheme: str
    bucket: str
    key: str = ""

    @classmethod
    def of(cls, text: str | bytes) -> Address:
        """Take an address apart. Raises `InputError` for one without a bucket."""
        shown = os.fsdecode(text)
        scheme, _, rest = shown.partition("://")
        bucket, _, key = rest.partition("/")
        if scheme not in SCHEMES or not bucket:
            raise InputError(
                f"'{shown}' names no bucket",
                "something like s3://bucket/folder (or gs://, az://)",
                "write the whole address",
            )
        return cls(scheme, bucket, "/".join(part for part in key.split("/") if part))

    def __str__(self) -> str:
        return f"{self.scheme}://{self.bucket}" + (f"/{self.key}" if self.key else "")

    def __truediv__(self, name: str) -> Address:
        """Return the address of something below this one."""
        return Address(self.scheme, self.bucket, f"{self.key}/{name}" if self.key else name)

    @property
    def name(self) -> str:
        """The last part, for showing."""
        return self.key.rpartition("/")[2] or self.bucket

    def demand_plain(self) -> Address:
        """Return this address. Raises `InputError` for characters that not every client writes the same."""
        odd = sorted(_ODD & set(self.key))
        if odd:
            raise InputError(
                f"'{self}' has {' '.join(odd)} in it",
                "letters, digits, spaces and - _ . / in the address of a library",
                "choose another place for it",
            )
        return self


def is_address(text: object) -> bool:
    """Say whether a path is the address of something in a bucket.

    >>> is_address("s3://bucket/a.wav"), is_address(b"gs://b"), is_address("/home/s3")
    (True, True, False)
    """
    if isinstance(text, bytes):
        return text.startswith(tuple(head.encode() for head in _HEADS))
    return isinstance(text, str) and text.startswith(_HEADS)


def whole(path: str | bytes | os.PathLike[str]) -> bytes:
    """Return the one raw name of a folder or file: an address put right, or a path with links followed.

    >>> whole("s3://bucket//sounds/")
    b's3://bucket/sounds'
    """
    raw = os.fspath(path)
    if is_address(raw):
        return os.fsencode(str(Address.of(raw)))
    return os.path.realpath(os.fsencode(os.path.expanduser(raw)))  # noqa: PTH111 - raw bytes

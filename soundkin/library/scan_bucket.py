"""What is in a part of a bucket now: a list of objects, as `scan` gives of a folder; nothing is read."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from soundkin.bucket import Address
from soundkin.bucket.client import Bucket
from soundkin.errors import NotFound
from soundkin.library.scan import Entry, Listing

if TYPE_CHECKING:
    from collections.abc import Collection


def scan_bucket(root: bytes, suffixes: Collection[str], *, below: bytes = b"") -> Listing:
    """List the sounds below an address, some hundreds at a request.

    root: the address, raw; below: only this part of it. suffixes: lower case, with the dot. Hidden parts
    and what archives of Macs leave behind are passed over. An object's byte hash is its tag.
    Raises `NotFound` for a bucket that is not there, `BucketError`.
    """
    address = Address.of(root)
    listing = Listing()
    for found in Bucket(address).list(os.fsdecode(below)):
        folders, _, name = found.name.rpartition("/")
        if any(part.startswith(".") or part == "__MACOSX" for part in folders.split("/")):
            continue
        is_sound = os.path.splitext(name)[1].lower().rstrip() in suffixes
        if not is_sound or name.startswith("._"):
            listing.ignored += 1
            continue
        path = os.fsencode(found.name)
        listing.entries.append(Entry(path, found.size, found.mtime_ns))
        listing.hashes[path] = found.byte_hash
    return listing


def demand_something(address: bytes) -> None:
    """Raise `NotFound` where nothing lies at all, before anything is written."""
    if Bucket(Address.of(address)).is_empty():
        raise NotFound(
            f"there is nothing at '{os.fsdecode(address)}'",
            "sounds whose names begin with that",
            "check the address; nothing was changed",
        )

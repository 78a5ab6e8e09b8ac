"""The marker that makes a place a library: the version of its layout, and its own id."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING

from soundkin.errors import LibraryFormatError, NotFound
from soundkin.library.refusals import guarded
from soundkin.library.storage import MARKER

if TYPE_CHECKING:
    from soundkin.library.storage import Storage

FORMAT = 1
"""The version of the layout written by this code."""


def library_id_at(storage: Storage, *, create: bool) -> str:
    """Return the id of the library at a place; lay a new one into a missing or empty place.

    Raises `NotFound` where there is none and none is to be made, `LibraryFormatError` where something
    else lies or a newer Soundkin has written.
    """
    with guarded(f"'{storage}'"):
        marker = _read(storage)
        if marker is None:
            storage.demand_empty()
            marker = _read(storage)  # another process may have laid it meanwhile
    if marker is None and not create:
        raise NotFound(
            f"there is no library at '{storage}'",
            "a folder that `soundkin index` has written",
            "run `soundkin index FOLDER` first, or name another with --library",
        )
    if marker is None:
        body = {"format": FORMAT, "library_id": uuid.uuid4().hex}
        storage.lay((json.dumps(body, indent=1) + "\n").encode())
        marker = _read(storage)
    return _checked(storage, marker)


def _read(storage: Storage) -> bytes | None:
    """Return the marker of a library. Raises `LibraryFormatError` for one that cannot be read."""
    try:
        return storage.marker()
    except OSError as error:
        raise _unreadable(storage, error) from error


def _checked(storage: Storage, marker: bytes | None) -> str:
    """Check the format of a library and return its id."""
    try:
        body = json.loads(marker or b"")
        version, library_id = int(body["format"]), str(body["library_id"])
    except (ValueError, KeyError, TypeError) as error:
        raise _unreadable(storage, error) from error
    if version > FORMAT:
        raise LibraryFormatError(
            f"the library at '{storage}' has format {version}",
            f"format {FORMAT} or older",
            "install a newer Soundkin; nothing was changed",
        )
    return library_id


def _unreadable(storage: Storage, error: Exception) -> LibraryFormatError:
    """Return the error for a marker that says nothing."""
    return LibraryFormatError(
        f"'{storage}/{MARKER}' cannot be read ({error})",
        "the settings of a library",
        "restore it from a backup, or index into another folder with --library",
    )

"""What the disk and the store refuse, as errors that say what to do."""

from __future__ import annotations

import contextlib
import errno
import re
from typing import TYPE_CHECKING

from soundkin.bucket import refusal
from soundkin.errors import LibraryError, StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator

_CONFLICT = re.compile(r"conflict|concurrent", re.IGNORECASE)
_FULL = ("no space left", "disk quota", "file too large", "storagefull", "quotaexceeded")
_FULL_CODES = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_FORBIDDEN = ("permission denied", "read-only file system", "operation not permitted")


@contextlib.contextmanager
def guarded(what: str = "the library") -> Iterator[None]:
    """Turn the disk's and the store's refusals into `StorageError` or `LibraryError`.

    what: what was being written, as the message calls it.
    """
    try:
        yield
    except (OSError, RuntimeError, ValueError) as error:
        text = str(error)
        if refusal.is_from_store(text) and not _CONFLICT.search(text):
            raise refusal.refusal_of(what.strip("'"), text) from error
        lower = text.lower()
        if getattr(error, "errno", None) in _FULL_CODES or any(word in lower for word in _FULL):
            raise StorageError(
                f"the disk with {what} is full",
                "room for more",
                "free some space and run the same command again; what was written before is safe",
            ) from error
        if any(word in lower for word in _FORBIDDEN):
            raise StorageError(
                f"{what} cannot be written ({_first_line(error)})",
                "a folder that this user may write",
                "change its permissions or name another one",
            ) from error
        if isinstance(error, RuntimeError | OSError):
            raise LibraryError(
                f"{what} cannot be read or written ({_first_line(error)})"
            ) from error
        raise


def _first_line(error: Exception) -> str:
    """Return the first line of a message, cut to a length that can be read."""
    text = str(error).strip()
    return text.splitlines()[0][:300] if text else type(error).__name__

"""Everything that can go wrong in a user's hands, as one tree.

::

    SoundkinError                 exit code 1, HTTP 500
    ├── InputError                exit code 2, HTTP 400   an argument that cannot be
    │   ├── NotFound              exit code 2, HTTP 404   a path, sound, segment or folder that is not there
    │   ├── QueryError            exit code 2, HTTP 422   a query that cannot be heard (silence, too short)
    │   ├── QuerySyntax           exit code 2, HTTP 422   a query that cannot be read; has a `position`
    │   └── TooLarge              exit code 2, HTTP 413   more than the server takes
    ├── DecodeError               exit code 3, HTTP 422   a file that gives no usable sound; has a `reason`
    ├── SpaceError                exit code 4, HTTP 409   two spaces mixed up
    │   └── UnknownSpace          exit code 4, HTTP 404   a space that is not installed
    ├── SourceError               exit code 8, HTTP 502   a source on the web that cannot be read
    └── LibraryError              exit code 5, HTTP 500
        ├── LibraryFormatError    exit code 5, HTTP 500   written by a newer Soundkin, or not a library
        ├── LibraryBusy           exit code 6, HTTP 409   another indexer holds the folder
        ├── Offline               exit code 5, HTTP 409   the sound's folder is not mounted now
        ├── BucketError           exit code 5, HTTP 503   object storage does not answer or refuses
        └── StorageError          exit code 7, HTTP 507   the disk is full or refuses

Every message says what was found, what was expected and what to do.
"""

from __future__ import annotations


class SoundkinError(Exception):
    """What was found, what was expected, what to do: one clear sentence each.

    Examples
    --------
    >>> print(SoundkinError("'a.txt' is a text file", "a sound file", "choose another file"))
    'a.txt' is a text file; expected a sound file; choose another file.
    """

    code = "error"
    exit_code = 1
    http_status = 500

    def __init__(self, found: str, expected: str = "", todo: str = "") -> None:
        self.found = found
        self.expected = expected
        self.todo = todo
        parts = [found, f"expected {expected}" if expected else "", todo]
        super().__init__("; ".join(part for part in parts if part) + ".")


class InputError(SoundkinError):
    """An argument that cannot be: wrong type, wrong range, wrong combination."""

    code = "input"
    exit_code = 2
    http_status = 400


class NotFound(InputError):
    """A path, sound, segment, folder or library that is not there."""

    code = "not-found"
    http_status = 404


class QueryError(InputError):
    """A query that cannot be heard: silence, or nothing left after the cut."""

    code = "query"
    http_status = 422


class QuerySyntax(InputError):
    """A query in words that cannot be read.

    `position` is the place in the query, counted from 0; the message counts from 1, as people do.
    """

    code = "query-syntax"
    http_status = 422

    def __init__(self, found: str, expected: str, todo: str, position: int) -> None:
        self.position = position
        super().__init__(f"{found} (at character {position + 1} of the query)", expected, todo)


class TooLarge(InputError):
    """More bytes than the server takes."""

    code = "too-large"
    http_status = 413


class DecodeError(SoundkinError):
    """A file that gives no usable sound.

    `reason` is one of the words of :data:`REASONS`; it is what the ledger of failures counts by.
    """

    code = "decode"
    exit_code = 3
    http_status = 422

    def __init__(self, reason: str, found: str, expected: str = "", todo: str = "") -> None:
        if reason not in REASONS:
            raise ValueError(f"unknown reason {reason!r}; expected one of {sorted(REASONS)}")
        self.reason = reason
        super().__init__(found, expected, todo)

    def __reduce__(self) -> tuple[type[DecodeError], tuple[str, str, str, str]]:
        """Cross a process border unchanged."""
        return type(self), (self.reason, self.found, self.expected, self.todo)


REASONS = frozenset(
    {
        "empty",  # no bytes, or a header with no samples
        "unreadable",  # permission, input/output error, vanished while reading
        "not-sound",  # no decoder knows it
        "no-audio-track",  # a video without sound
        "corrupt",  # the decoder gave up in the middle
        "truncated",  # the header promises more than there is
        "not-finite",  # NaN or infinite samples
        "constant",  # one value from end to end, other than silence
        "silent",  # nothing above the silence level
        "too-short",  # fewer samples than can be heard as anything
        "too-long",  # decodes past the longest sound allowed
        "time-out",  # no progress within the time given
        "crashed",  # the decoder killed its process
    }
)
"""The words the ledger of failures uses, each with its meaning."""


class SpaceError(SoundkinError):
    """Vectors of two spaces would meet in one distance."""

    code = "space"
    exit_code = 4
    http_status = 409


class UnknownSpace(SpaceError):
    """A space that is not installed, or that this library does not hold."""

    code = "unknown-space"
    http_status = 404


class SourceError(SoundkinError):
    """A source on the web that cannot be read."""

    code = "source"
    exit_code = 8
    http_status = 502


class LibraryError(SoundkinError):
    """The library cannot do that now."""

    code = "library"
    exit_code = 5


class LibraryFormatError(LibraryError):
    """A folder that is no library, or one written by a newer Soundkin."""

    code = "library-format"


class LibraryBusy(LibraryError):
    """Another process is indexing the same folder."""

    code = "library-busy"
    exit_code = 6
    http_status = 409


class Offline(LibraryError):
    """The sound is known, but its folder is not mounted now."""

    code = "offline"
    http_status = 409


class BucketError(LibraryError):
    """Object storage that does not answer, or refuses."""

    code = "bucket"
    http_status = 503


class StorageError(LibraryError):
    """The disk is full or refuses to be written."""

    code = "storage"
    exit_code = 7
    http_status = 507

"""What a store answers instead of bytes, as one sentence: found, expected, what to do.

The clients try again by themselves, with growing pauses, after an answer of 429 or 5xx, a time-out and a
connection that was cut. What arrives here was tried often enough, or will not change by trying.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from soundkin.errors import BucketError, NotFound, SoundkinError

if TYPE_CHECKING:
    from collections.abc import Callable

_KEYS = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"
_STORE = re.compile(
    r'Generic (S3|GCS|MicrosoftAzure) error|store: "(S3|GCS|MicrosoftAzure)"|'
    r"error performing (GET|PUT|POST|HEAD|DELETE) http|_RetryError|RetryErrorImpl|aws-config|"
    r"obstore|Error performing",
    re.IGNORECASE,
)


def is_from_store(text: str) -> bool:
    """Say whether a message of the store's engine is about a bucket's answer, not about a disk."""
    return _STORE.search(text) is not None


def refusal_of(where: str, text: str) -> SoundkinError:
    """Return what went wrong at an address, from the message of a client.

    >>> refusal_of("s3://b/lib", "... <Code>ExpiredToken</Code> ...").found
    "the credentials for 's3://b/lib' have expired"
    """
    for pattern, make in _ANSWERS:
        if re.search(pattern, text, re.IGNORECASE):
            return make(where)
    code = re.search(r"<Code>(\w+)</Code>", text)
    said = code[1] if code else text.strip().splitlines()[0][:200] if text.strip() else "nothing"
    return BucketError(
        f"'{where}' cannot be read or written ({said})",
        "an object store that answers",
        "try again; what was written before is safe",
    )


def is_about_keys(error: BaseException) -> bool:
    """Say whether other credentials might help."""
    return isinstance(error, BucketError) and "credentials" in error.found


def was_cut(error: BaseException) -> bool:
    """Say whether an answer began and did not end: the clients try only those again that never began."""
    return isinstance(error, BucketError) and "cut off" in error.found


def _expired(where: str) -> SoundkinError:
    return BucketError(
        f"the credentials for '{where}' have expired",
        "credentials that are valid now",
        "log in again and run the same command again; what was written before is safe",
    )


def _no_keys(where: str) -> SoundkinError:
    return BucketError(f"there are no credentials for '{where}'", "an access key", _KEYS)


def _refused(where: str) -> SoundkinError:
    return BucketError(
        f"the credentials for '{where}' are refused",
        "an access key that may read and write there",
        f"{_KEYS}; or ask who owns the bucket",
    )


def _no_bucket(where: str) -> SoundkinError:
    bucket = where.split("/")[2] if where.count("/") > 1 else where
    return NotFound(
        f"there is no bucket '{bucket}'",
        "one that exists",
        "make it with your provider's tools, or check the name and AWS_ENDPOINT_URL",
    )


def _plain_http(where: str) -> SoundkinError:
    return BucketError(
        f"the endpoint of '{where}' is plain http",
        "https, or an endpoint that says http",
        "set AWS_ENDPOINT_URL to http://HOST:PORT",
    )


def _silent(where: str) -> SoundkinError:
    return BucketError(
        f"'{where}' does not answer, though asked several times",
        "an object store that can be reached",
        "check the network, then run the same command again; what was written before is safe",
    )


def _cut(where: str) -> SoundkinError:
    return BucketError(
        f"answers of '{where}' are cut off, though asked several times",
        "an object store that can be reached",
        "check the network, then run the same command again; what was written before is safe",
    )


def _busy(where: str) -> SoundkinError:
    return BucketError(
        f"'{where}' is overloaded: it kept answering 'later'",
        "a store with room for more requests",
        "wait a while and run the same command again; what was written before is safe",
    )


_ANSWERS: tuple[tuple[str, Callable[[str], SoundkinError]], ...] = (
    (r"ExpiredToken|TokenRefreshRequired|token.{0,20}expired|credentials.{0,20}expired", _expired),
    (r"NoSuchBucket|ContainerNotFound|bucket does not exist", _no_bucket),
    (r"169\.254\.169\.254|no providers in chain|CredentialsNotLoaded|MissingAccountName", _no_keys),
    (r"metadata\.google\.internal|could not (load|find).{0,30}credentials", _no_keys),
    (r"AccessDenied|InvalidAccessKeyId|SignatureDoesNotMatch|InvalidToken", _refused),
    (
        r"40[13] (Forbidden|Unauthorized)|Unauthenticated|AuthenticationFailed|PermissionDenied",
        _refused,
    ),
    (r"URL scheme is not allowed|scheme is not allowed|BadScheme", _plain_http),
    (r"SlowDown|ServiceUnavailable|TooManyRequests|\b(503|429|500|502|504) ", _busy),
    (r"IncompleteMessage|error reading a body|response body|decoding response", _cut),
    (r"timed out|timeout|connect error|error sending request|Connection(Refused|Reset)", _silent),
    (r"dns error|connection closed|HTTP error|error trying to connect", _silent),
)

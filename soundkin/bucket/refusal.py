"""What a store answers instead of bytes, as one sentence: found, expected, what to do.

The clients try again by themselves, with growing pauses, after an answer of 429 or 5xx, a time-out and a
connection that was cut. What arrives here was tried often enough, or will not change by trying.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from soundkin.errors import BucketError, NotFound, SoundkinError

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


class KeysError(BucketError):
    """The credentials: missing, refused or expired; others might help."""


class CutOffError(BucketError):
    """An answer began and did not end; the clients try only those again that never began."""


class _Answer(NamedTuple):
    """What a pattern in a client's message means; {where} is the address, {bucket} its bucket."""

    pattern: str
    found: str
    expected: str
    advice: str
    kind: type[SoundkinError] = BucketError


_SAFE = "run the same command again; what was written before is safe"
_REACHED = "an object store that can be reached"
_ANSWERS = (
    _Answer(
        r"ExpiredToken|TokenRefreshRequired|token.{0,20}expired|credentials.{0,20}expired",
        "the credentials for '{where}' have expired",
        "credentials that are valid now",
        f"log in again and {_SAFE}",
        KeysError,
    ),
    _Answer(
        r"NoSuchBucket|ContainerNotFound|bucket does not exist",
        "there is no bucket '{bucket}'",
        "one that exists",
        "make it with your provider's tools, or check the name and AWS_ENDPOINT_URL",
        NotFound,
    ),
    _Answer(
        r"169\.254\.169\.254|no providers in chain|CredentialsNotLoaded|MissingAccountName|"
        r"metadata\.google\.internal|could not (load|find).{0,30}credentials",
        "there are no credentials for '{where}'",
        "an access key",
        _KEYS,
        KeysError,
    ),
    _Answer(
        r"AccessDenied|InvalidAccessKeyId|SignatureDoesNotMatch|InvalidToken|"
        r"40[13] (Forbidden|Unauthorized)|Unauthenticated|AuthenticationFailed|PermissionDenied",
        "the credentials for '{where}' are refused",
        "an access key that may read and write there",
        f"{_KEYS}; or ask who owns the bucket",
        KeysError,
    ),
    _Answer(
        r"URL scheme is not allowed|scheme is not allowed|BadScheme",
        "the endpoint of '{where}' is plain http",
        "https, or an endpoint that says http",
        "set AWS_ENDPOINT_URL to http://HOST:PORT",
    ),
    _Answer(
        r"SlowDown|ServiceUnavailable|TooManyRequests|\b(503|429|500|502|504) ",
        "'{where}' is overloaded: it kept answering 'later'",
        "a store with room for more requests",
        f"wait a while and {_SAFE}",
    ),
    _Answer(
        r"IncompleteMessage|error reading a body|response body|decoding response",
        "answers of '{where}' are cut off, though asked several times",
        _REACHED,
        f"check the network, then {_SAFE}",
        CutOffError,
    ),
    _Answer(
        r"timed out|timeout|connect error|error sending request|Connection(Refused|Reset)|"
        r"dns error|connection closed|HTTP error|error trying to connect",
        "'{where}' does not answer, though asked several times",
        _REACHED,
        f"check the network, then {_SAFE}",
    ),
)


def refusal_of(where: str, text: str) -> SoundkinError:
    """Return what went wrong at an address, from the message of a client.

    >>> refusal_of("s3://b/lib", "... <Code>ExpiredToken</Code> ...").found
    "the credentials for 's3://b/lib' have expired"
    """
    for pattern, found, expected, advice, kind in _ANSWERS:
        if re.search(pattern, text, re.IGNORECASE):
            bucket = where.split("/")[2] if where.count("/") > 1 else where
            return kind(found.format(where=where, bucket=bucket), expected, advice)
    code = re.search(r"<Code>(\w+)</Code>", text)
    said = code[1] if code else text.strip().splitlines()[0][:200] if text.strip() else "nothing"
    return BucketError(
        f"'{where}' cannot be read or written ({said})",
        "an object store that answers",
        f"try again: {_SAFE}",
    )

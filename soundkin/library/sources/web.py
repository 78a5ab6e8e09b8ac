"""A client for the web with manners: one identified agent, a pause a host, patience, bounds.

It waits between two requests to a host, does what ``Retry-After`` says, goes on where a connection was cut,
follows a bounded number of redirects, and takes no more bytes than it was told. Private networks are closed
(:mod:`soundkin.library.sources.net`) but for hosts that a person named.
"""

from __future__ import annotations

import contextlib
import email.utils
import http.client
import os
import threading
import time
from dataclasses import dataclass, field
from functools import partial
from typing import IO, TYPE_CHECKING, TypeVar
from urllib.parse import urljoin

from soundkin import __version__
from soundkin.library.refusals import guarded
from soundkin.library.sources.net import WebError, asked, checked, host_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping
    from email.message import Message
    from pathlib import Path

_T = TypeVar("_T")

BLOCK_BYTES = 1 << 16
CONTACT = "SOUNDKIN_CONTACT"
"""The variable with an address at which whoever runs this can be reached: told to every host."""

REDIRECTS = 8
STRIKES = 3
"""How often in a row a host may fail for good before it is asked no more."""

MOVED = frozenset({301, 302, 303, 307, 308})
PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Answers that may be another one in a while."""

SOUND_TYPES = ("audio/", "video/")
PLAIN_TYPES = frozenset({"", "application/ogg", "application/octet-stream", "binary/octet-stream"})


class Stopped(Exception):  # noqa: N818 - a way out, not an error
    """The caller asked to stop."""


def agent() -> str:
    """Return how every request says who asks."""
    contact = "".join(c for c in os.environ.get(CONTACT, "") if c.isascii() and c.isprintable())
    return f"Soundkin/{__version__} (listens to sounds{f'; {contact}' if contact else ''})"


@dataclass(frozen=True, slots=True)
class Manners:
    """How requests are made. gap_s: least time between two to one host; patience_s: the longest wait."""

    agent: str = field(default_factory=agent)
    gap_s: float = 1.0
    timeout_s: float = 30.0
    tries: int = 5
    first_wait_s: float = 1.0
    patience_s: float = 300.0
    most_bytes: int = 2 * 2**30


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a request for a file brought; unchanged: nothing, since what is known is still true."""

    unchanged: bool = False
    size: int = 0
    url: str = ""
    etag: str = ""
    modified: str = ""
    media_type: str = ""


class Answer:
    """An open answer. asked: the address that was asked first; url: where it came from in the end."""

    def __init__(self, response: http.client.HTTPResponse, url: str) -> None:
        self.url = self.asked = url
        self.status = response.status
        self.headers: Message = response.headers
        self._response = response

    def __enter__(self) -> Answer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Hang up."""
        self._response.close()

    @property
    def media_type(self) -> str:
        """The type of what it carries, in lower case, without parameters; empty when it is not told."""
        return self.headers.get("Content-Type", "").partition(";")[0].strip().lower()

    @property
    def length(self) -> int | None:
        """How many bytes it says that it carries."""
        said = self.headers.get("Content-Length", "")
        return int(said) if said.isdecimal() else None

    def blocks(self, most: int) -> Iterator[bytes]:
        """Yield its bytes; raises `WebError` for more than `most`, and for a connection that was cut."""
        got = 0
        if (self.length or 0) > most:
            raise too_large(self.length or 0, most)
        try:
            while block := self._response.read(BLOCK_BYTES):
                got += len(block)
                if got > most:
                    raise too_large(got, most)
                yield block
        except (OSError, http.client.HTTPException) as error:
            raise WebError(
                "unreachable", f"the connection was cut ({_said(error)})", passing=True
            ) from error
        if self.length is not None and got < self.length:
            found = f"the connection was cut after {got} of {self.length} bytes"
            raise WebError("unreachable", found, passing=True)


class Client:
    """Asks the web; safe from several threads, which then take turns at each host.

    trusted: hosts ("name:port") that may have private addresses. stop: asked while it waits.
    """

    def __init__(
        self,
        manners: Manners | None = None,
        *,
        trusted: Collection[str] = (),
        stop: Callable[[], bool] = lambda: False,
    ) -> None:
        self.manners = manners or Manners()
        self.trusted = frozenset(trusted)
        self.stop = stop
        self.gaps: dict[str, float] = {}
        self._lock = threading.Lock()
        self._free_at: dict[str, float] = {}
        self._strikes: dict[str, int] = {}

    # -- asking -----------------------------------------------------------------------------------------

    def read(
        self,
        url: str,
        headers: Mapping[str, str] | None = None,
        *,
        most: int = 64 * 2**20,
        trusted: Collection[str] = (),
    ) -> tuple[bytes, Answer]:
        """Return all bytes of an answer that is no file; 304 gives none. Raises `WebError`, `Stopped`."""

        def once() -> tuple[bytes, Answer]:
            with self.open(url, headers, trusted=trusted) as answer:
                if answer.status == 304:
                    return b"", answer
                return b"".join(answer.blocks(most)), answer

        return self._patiently(url, once)

    def fetch(
        self,
        url: str,
        to: Path,
        *,
        etag: str = "",
        modified: str = "",
        trusted: Collection[str] = (),
    ) -> Fetched:
        """Write a sound into a file, whole or not at all; go on where a connection was cut.

        etag, modified: of what is known; nothing is written while they hold.
        Raises `WebError`, `Stopped`, and `StorageError` for a full disk.
        """
        part = to.with_name(f"{to.name}.part")
        known = _conditions(etag, modified)
        state = _Part(part)
        try:
            fetched = self._patiently(url, partial(self._fetch_once, url, state, known, trusted))
            if not fetched.unchanged:
                with guarded():
                    part.replace(to)
        finally:
            part.unlink(missing_ok=True)
        return fetched

    def _fetch_once(
        self, url: str, state: _Part, known: Mapping[str, str], trusted: Collection[str]
    ) -> Fetched:
        """Ask once for a file, or for the rest of it."""
        headers = state.rest() or known
        with self.open(url, headers, trusted=trusted) as answer:
            if answer.status == 304:
                return Fetched(unchanged=True)
            if answer.media_type not in PLAIN_TYPES and not answer.media_type.startswith(
                SOUND_TYPES
            ):
                raise WebError("wrong-type", f"it is {answer.media_type}, no sound")
            state.begin(answer)
            with guarded():
                file: IO[bytes] = state.path.open("ab" if state.size else "wb")
            with file:
                for block in answer.blocks(self.manners.most_bytes - state.size):
                    with guarded():
                        file.write(block)
                    state.size += len(block)
            return Fetched(
                size=state.size,
                url=answer.url,
                etag=answer.headers.get("ETag", ""),
                modified=answer.headers.get("Last-Modified", ""),
                media_type=answer.media_type,
            )

    def open(
        self,
        url: str,
        headers: Mapping[str, str] | None = None,
        *,
        trusted: Collection[str] = (),
        allowed: Callable[[str], bool] = lambda _: True,
    ) -> Answer:
        """Return the answer at the end of all redirects: a 2xx, or a 304 when that was asked for.

        allowed: says of each address on the way whether it may be asked. Raises `WebError`.
        """
        headers, first = dict(headers or {}), url
        for _ in range(REDIRECTS):
            checked(url)
            if not allowed(url):
                raise WebError("refused", f"it leads to another host, '{host_of(url)}'")
            answer = self._one(url, headers, self.trusted | frozenset(trusted))
            if answer.status in MOVED and answer.headers.get("Location"):
                answer.close()
                there = urljoin(url, answer.headers["Location"])
                if host_of(there) != host_of(url):
                    headers.pop(
                        "Authorization", None
                    )  # a key is for the host that it was given for
                url = there
                continue
            if answer.status in {200, 206, 304}:
                answer.asked = first
                return answer
            answer.close()
            raise refusal(answer)
        raise WebError("redirects", f"more than {REDIRECTS} redirects")

    def _one(self, url: str, headers: Mapping[str, str], trusted: frozenset[str]) -> Answer:
        """Ask one host once, when it is its turn."""
        self._wait_for(host_of(url))
        sent = {"User-Agent": self.manners.agent, "Accept-Encoding": "identity", **headers}
        try:
            response = asked(url, sent, timeout_s=self.manners.timeout_s, trusted=trusted)
        except (OSError, http.client.HTTPException, ValueError) as error:
            message = f"'{host_of(url)}' does not answer ({_said(error)})"
            raise WebError("unreachable", message, passing=True) from error
        return Answer(response, url)

    # -- waiting ----------------------------------------------------------------------------------------

    def _patiently(self, url: str, once: Callable[[], _T]) -> _T:
        """Do it again while what went wrong may pass, each time after a longer wait, or as the host says."""
        manners, host = self.manners, host_of(url)
        if self._strikes.get(host, 0) >= STRIKES:
            found = f"'{host}' did not answer {STRIKES} times over; it is left alone"
            raise WebError("unreachable", found, passing=True)
        for attempt in range(manners.tries):
            try:
                done = once()
            except WebError as error:
                wait_s = manners.first_wait_s * 2.0**attempt
                wait_s = max(wait_s, error.after_s or 0.0)
                last = attempt == manners.tries - 1
                if not error.passing or last or wait_s > manners.patience_s:
                    self._strikes[host] = self._strikes.get(host, 0) + 1 if error.passing else 0
                    raise
                with self._lock:
                    free = time.monotonic() + wait_s
                    self._free_at[host] = max(self._free_at.get(host, 0.0), free)
            else:
                self._strikes[host] = 0
                return done
        raise AssertionError("unreachable")  # pragma: no cover

    def _wait_for(self, host: str) -> None:
        """Wait until it is this thread's turn at a host."""
        gap_s = max(self.manners.gap_s, self.gaps.get(host, 0.0))
        with self._lock:
            now = time.monotonic()
            mine = max(now, self._free_at.get(host, 0.0))
            self._free_at[host] = mine + gap_s
        while (left_s := mine - time.monotonic()) > 0 and not self.stop():
            time.sleep(min(left_s, 0.2))
        if self.stop():
            raise Stopped


@dataclass(slots=True)
class _Part:
    """A file that is on its way: how much of it is there, and the mark of what it is a part of."""

    path: Path
    size: int = 0
    mark: str = ""

    def rest(self) -> dict[str, str]:
        """Return the headers that ask for what is missing; none where that cannot be told apart."""
        if not self.size or not self.mark:
            self.size = 0
            return {}
        return {"Range": f"bytes={self.size}-", "If-Range": self.mark}

    def begin(self, answer: Answer) -> None:
        """Take in what an answer is: the rest, or all of it."""
        start = answer.headers.get("Content-Range", "").removeprefix("bytes ").partition("-")[0]
        if answer.status != 206 or start != str(self.size):
            if answer.status == 206:
                raise WebError("unreachable", "another range than was asked for", passing=True)
            self.size = 0
        etag = answer.headers.get("ETag", "")
        self.mark = etag if etag and not etag.startswith("W/") else ""
        self.mark = self.mark or answer.headers.get("Last-Modified", "")


def _conditions(etag: str, modified: str) -> dict[str, str]:
    """Return the headers that ask for what has changed."""
    both = {"If-None-Match": etag, "If-Modified-Since": modified}
    return {name: value for name, value in both.items() if value}


def refusal(answer: Answer) -> WebError:
    """Return the error that an answer's status is."""
    status = answer.status
    if status in PASSING:
        after_s = retry_after_s(answer.headers.get("Retry-After", ""))
        return WebError("unreachable", f"the host says {status}", passing=True, after_s=after_s)
    if status in {404, 410}:
        return WebError("not-there", f"the host says {status}: it is not there")
    return WebError("refused", f"the host says {status}")


def retry_after_s(said: str, now: float | None = None) -> float | None:
    """Return the seconds that a Retry-After asks for; None for one that says nothing.

    >>> retry_after_s("120"), retry_after_s("Thu, 01 Jan 1970 00:01:00 GMT", now=30.0)
    (120.0, 30.0)
    """
    if said.strip().isdecimal():
        return float(said)
    with contextlib.suppress(TypeError, ValueError):
        when = email.utils.parsedate_to_datetime(said)
        return max(0.0, when.timestamp() - (time.time() if now is None else now))
    return None


def too_large(found: int, most: int) -> WebError:
    """Return the error for a file that is more than was to be had."""
    return WebError("too-large", f"{found:,} bytes and more, where {most:,} are allowed")


def _said(error: Exception) -> str:
    """Return what went wrong in some words."""
    inner = getattr(error, "reason", error)
    return str(inner)[:200] or type(inner).__name__

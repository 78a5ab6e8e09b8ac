"""A sound that is not kept, from its origin by byte ranges: no proxy for anything else.

Only the address that a sound of the library came from is asked, by the sound's id; redirects may lead to
where they led when it was fetched, or within the same site; private networks are closed unless a person
named that very host; and no more bytes pass than the sound had, with some room.
"""

from __future__ import annotations

import contextlib
import os
import re
import uuid
from typing import TYPE_CHECKING

from soundkin.errors import NotFound, Offline
from soundkin.library.refusals import guarded
from soundkin.library.sources.net import WebError, host_of
from soundkin.library.sources.origins import DONE, of_sound
from soundkin.library.sources.web import PLAIN_TYPES, SOUND_TYPES, Client, Manners

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from soundkin.library.sources.origins import Origin
    from soundkin.library.sources.web import Answer
    from soundkin.library.store import Store

ROOM_BYTES = 1 << 20
CUT_BYTES = 256 * 2**20
CACHE_BYTES = 1 << 30
MANNERS = Manners(gap_s=0.0, tries=1, timeout_s=15.0)
RANGE = re.compile(r"bytes=(\d{1,15}-\d{0,15}|-\d{1,15})")


def opened(origins: Sequence[Origin], byte_range: str = "", client: Client | None = None) -> Answer:
    """Return an open answer with a sound, or a range of its bytes: status 200 or 206.

    byte_range: the header of the request; one that is no single range is passed over.
    Raises `NotFound` for a sound that has no origin, `Offline` when none of its origins answers.
    """
    known = [origin for origin in origins if origin.state == DONE]
    if not known:
        raise NotFound("this sound has no origin on the web", "a sound of a source", "")
    client = client or Client(MANNERS)
    headers = {"Range": byte_range} if RANGE.fullmatch(byte_range) else {}
    for origin in known:
        try:
            return _asked(client, origin, headers)
        except WebError as error:
            last = error
    raise Offline(
        f"'{known[0].title or known[0].url}' cannot be had from its origin ({last})",
        "an answer of the host that it came from",
        "try again later",
    ) from last


def _asked(client: Client, origin: Origin, headers: dict[str, str]) -> Answer:
    """Ask one origin."""
    hosts = {host_of(origin.url), host_of(origin.final_url or origin.url)}
    sites = {_site(host) for host in hosts}
    trusted = {host_of(origin.url)} if origin.named else set()

    def allowed(url: str) -> bool:
        return host_of(url) in hosts or _site(host_of(url)) in sites

    answer = client.open(origin.url, headers, trusted=trusted, allowed=allowed)
    kind = answer.media_type
    if kind not in PLAIN_TYPES and not kind.startswith(SOUND_TYPES):
        answer.close()
        raise WebError("wrong-type", f"it is {kind} now, no sound")
    if (answer.length or 0) > most_bytes(origin):
        answer.close()
        raise WebError("too-large", "it is more now than it was")
    return answer


def cached(store: Store, sound_id: str, client: Client | None = None) -> Path | None:
    """Return a file with a sound that is not kept, fetched from its origin; None for one without origin.

    The files fetched last stay for a while, up to `CACHE_BYTES` in all. Raises `Offline` when no origin
    answers, when it has another sound now, and for one of more than `CUT_BYTES`.
    """
    origins = [origin for origin in of_sound(store, sound_id) if origin.state == DONE]
    if not origins:
        return None
    folder = store.cache / "origins"
    found = next(iter(folder.glob(f"{sound_id}.*")), None)
    if found is not None:
        with contextlib.suppress(OSError):
            os.utime(found)
            return found
    with opened(origins, client=client) as answer:
        origin = next(o for o in origins if o.url in {answer.url, answer.asked})
        tag = answer.headers.get("ETag", "")
        changed = bool(tag and origin.etag and tag != origin.etag)
        if changed or max(answer.length or 0, origin.size) > CUT_BYTES:
            raise Offline(
                f"'{origin.title or origin.url}' "
                + ("has changed at its origin" if changed else "is too long to be cut from afar"),
                "the sound that was heard" if changed else f"at most {CUT_BYTES / 2**20:.0f} MB",
                "index its source again" if changed else "play it as a whole",
            )
        suffix = os.path.splitext(os.fsdecode(origin.path))[1]
        return _written(folder, f"{sound_id}{suffix}", answer, most_bytes(origin))


def _written(folder: Path, name: str, answer: Answer, most: int) -> Path:
    """Write an answer into a file of the cache, and take away those that were used longest ago."""
    beside = folder / f"{name}.{uuid.uuid4().hex[:8]}.part"
    try:
        with guarded(f"'{folder}'"):
            folder.mkdir(parents=True, exist_ok=True)
            with beside.open("wb") as file:
                for block in answer.blocks(most):
                    file.write(block)
            beside.replace(folder / name)
            files = sorted(
                (p for p in folder.iterdir() if p.suffix != ".part"),
                key=lambda p: -p.stat().st_mtime,
            )
            size = 0
            for path in files:
                size += path.stat().st_size
                if size > CACHE_BYTES and path.name != name:
                    path.unlink(missing_ok=True)
    except WebError as error:
        raise Offline(str(error), "a whole sound", "try again later") from error
    finally:
        beside.unlink(missing_ok=True)
    return folder / name


def most_bytes(origin: Origin) -> int:
    """Return how many bytes of a sound may pass."""
    return origin.size + ROOM_BYTES


def _site(host: str) -> str:
    """Return the site that a named host belongs to; an address is its own.

    >>> _site("ia800.us.archive.org:443"), _site("127.0.0.1:80")
    ('archive.org', '127.0.0.1:80')
    """
    name, _, port = host.rpartition(":")
    labels = name.split(".")
    if len(labels) < 2 or labels[-1].isdecimal() or ":" in name:
        return f"{name}:{port}"
    return ".".join(labels[-2:])

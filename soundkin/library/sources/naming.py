"""``ia:COLLECTION``, ``freesound:QUERY``, ``urls:FILE``, ``feed:URL``, ``manifest:FILE`` -> a source."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from soundkin.errors import InputError
from soundkin.library.sources import archive, feed, freesound, lists
from soundkin.library.sources.net import WebError, checked, host_of
from soundkin.library.sources.origins import Item, Mark, Origin
from soundkin.library.sources.web import Client

Listing = Callable[[Client, Mapping[str, Origin], dict[str, str]], Iterator[Item | Mark]]

KINDS = {
    "ia": "ia:COLLECTION",
    "freesound": "freesound:QUERY",
    "urls": "urls:FILE",
    "feed": "feed:URL",
    "manifest": "manifest:FILE",
}


@dataclass(frozen=True, slots=True)
class Source:
    """Where sounds come from.

    name: what its state is kept under. items: its sounds, given what is known of them and a memory of its
    own. hosts: those that a person named, which may be in a private network. asks_robots: its files are
    no interface for programs, so that hosts are asked first.
    """

    name: str
    items: Listing
    hosts: frozenset[str] = field(default=frozenset())
    asks_robots: bool = False


def source_named(spec: str) -> Source:
    """Return the source that is meant. Raises `InputError`.

    >>> source_named("ia:naturesounds").name
    'ia:naturesounds'
    """
    kind, colon, value = spec.partition(":")
    value = value.strip()
    if kind not in KINDS or not colon or not value:
        raise InputError(
            f"the source {spec!r}", f"one of {', '.join(KINDS.values())}", "name it like these"
        )
    if kind == "ia":
        return archive_source(value)
    if kind == "freesound":
        return freesound_source(value, freesound.key_of_user())
    if kind == "feed":
        return feed_source(value)
    path = Path(value).expanduser().absolute()
    found = lists.urls_in(path) if kind == "urls" else lists.manifest_in(path)
    return Source(f"{kind}:{path}", lambda *_: iter(found), asks_robots=True)


def archive_source(collection: str, home: str = archive.HOME) -> Source:
    """Return a collection of the Internet Archive."""
    name = archive.checked_collection(collection)

    def items(
        client: Client, known: Mapping[str, Origin], _: dict[str, str]
    ) -> Iterator[Item | Mark]:
        return archive.items_of(client, name, known, home)

    return Source(f"ia:{name}", items, frozenset() if home == archive.HOME else _hosts(home))


def freesound_source(query: str, key: str, home: str = freesound.HOME) -> Source:
    """Return what a search on Freesound finds."""

    def items(client: Client, *_: object) -> Iterator[Item | Mark]:
        return freesound.items_of(client, query, key, home)

    hosts = frozenset[str]() if home == freesound.HOME else _hosts(home)
    return Source(f"freesound:{query}", items, hosts)


def feed_source(address: str) -> Source:
    """Return a feed. Raises `InputError` for what is no address."""
    try:
        checked(address)
    except WebError as error:
        raise InputError(f"the feed {address!r}", "an address", str(error)) from error
    listing = partial(_of_feed, address)
    return Source(f"feed:{address}", listing, _hosts(address))


def _of_feed(
    address: str, client: Client, known: Mapping[str, Origin], memory: dict[str, str]
) -> Iterator[Item | Mark]:
    return feed.items_of(client, address, known, memory)


def _hosts(address: str) -> frozenset[str]:
    return frozenset({host_of(address)})

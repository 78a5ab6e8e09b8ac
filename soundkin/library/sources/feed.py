"""RSS and Atom feeds, podcasts among them: every sound that a feed encloses."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING
from urllib.parse import urljoin

from soundkin.library.sources.net import WebError
from soundkin.library.sources.origins import DONE, Item
from soundkin.library.sources.web import SOUND_TYPES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from soundkin.library.sources.origins import Origin
    from soundkin.library.sources.web import Client

ATOM = "{http://www.w3.org/2005/Atom}"
ITUNES = "{http://www.itunes.com/dtds/podcast-1.0.dtd}"
MEDIA = "{http://search.yahoo.com/mrss/}"
DC = "{http://purl.org/dc/elements/1.1/}"
LICENCES = (
    "{http://backend.userland.com/creativeCommonsRssModule}license",
    "{http://web.resource.org/cc/}license",
    f"{DC}rights",
    f"{ATOM}rights",
    "copyright",
)
MAX_PAGES = 1000


def items_of(
    client: Client, address: str, known: Mapping[str, Origin], memory: dict[str, str]
) -> Iterator[Item]:
    """Yield what a feed encloses, page by page where it has several (RFC 5005).

    known: when all of it is done, the feed is asked whether it has changed. memory: the feed's own marks
    ("etag", "modified"), read and replaced here. Raises `WebError`.
    """
    url, seen = address, set[str]()
    whole = bool(known) and all(origin.state == DONE for origin in known.values())
    conditions = {"If-None-Match": memory.get("etag"), "If-Modified-Since": memory.get("modified")}
    headers = {name: value for name, value in conditions.items() if value and whole}
    while url and url not in seen and len(seen) < MAX_PAGES:
        seen.add(url)
        data, answer = client.read(url, headers if len(seen) == 1 else None)
        if answer.status == 304:
            for origin in known.values():
                yield Item(origin.item_id, origin.url, version=origin.version)
            return
        if len(seen) == 1:
            memory["etag"] = answer.headers.get("ETag", "")
            memory["modified"] = answer.headers.get("Last-Modified", "")
        root = _parsed(data)
        yield from _items_in(root, answer.url)
        further = [e.get("href", "") for e in root.iter(f"{ATOM}link") if e.get("rel") == "next"]
        url = urljoin(answer.url, further[0]) if further and further[0] else ""


def _parsed(data: bytes) -> ET.Element:
    """Return a feed's tree; one that declares entities of its own is refused: they can grow without end."""
    if b"<!ENTITY" in data or b"\0" in data[:200]:
        raise WebError("wrong-type", "the feed declares entities of its own")
    try:
        root = ET.fromstring(data)  # noqa: S314 - entities were refused
    except ET.ParseError as error:
        raise WebError("wrong-type", f"it is no feed ({error})") from error
    if root.tag not in {"rss", f"{ATOM}feed"} and not root.tag.endswith("}RDF"):
        raise WebError("wrong-type", f"it is no feed but <{root.tag}>")
    return root


def _items_in(root: ET.Element, base: str) -> Iterator[Item]:
    """Yield the sounds of one page of a feed."""
    channel = root.find("channel")
    whole = root if channel is None else channel
    author, licence = _author(whole), _licence(whole)
    for entry in [*root.iter("item"), *root.iter(f"{ATOM}entry")]:
        for number, (link, length) in enumerate(_enclosed(entry)):
            url = urljoin(base, link)
            guid = _text(entry, "guid", f"{ATOM}id") or url
            yield Item(
                item_id=guid if not number else f"{guid}#{number}",
                url=url,
                title=_text(entry, "title", f"{ATOM}title"),
                page=_page(entry) or url,
                author=_author(entry) or author,
                licence=_licence(entry) or licence,
                version=f"{url} {length}",
            )


def _enclosed(entry: ET.Element) -> Iterator[tuple[str, str]]:
    """Yield address and length of the sounds that an entry encloses."""
    links = [e for e in entry.iter(f"{ATOM}link") if e.get("rel") == "enclosure"]
    found = [(e.get("url"), e) for e in (*entry.iter("enclosure"), *entry.iter(f"{MEDIA}content"))]
    seen = set[str]()
    for url, element in [*found, *((e.get("href"), e) for e in links)]:
        kind = element.get("type") or ""
        if url and url not in seen and (not kind or kind.startswith(SOUND_TYPES)):
            seen.add(url)
            yield url.strip(), element.get("length") or element.get("fileSize") or ""


def _text(element: ET.Element, *tags: str) -> str:
    """Return the text of the first of some children that has any."""
    texts = ("".join(child.itertext()).strip() for tag in tags for child in element.findall(tag))
    return next((" ".join(text.split()) for text in texts if text), "")


def _author(element: ET.Element) -> str:
    name = f"{ATOM}author/{ATOM}name"
    return _text(element, f"{ITUNES}author", "author", f"{DC}creator", name)


def _licence(element: ET.Element) -> str:
    links = [e.get("href", "") for e in element.findall(f"{ATOM}link") if e.get("rel") == "license"]
    return next(iter(links), "") or _text(element, *LICENCES)


def _page(entry: ET.Element) -> str:
    links = [e for e in entry.findall(f"{ATOM}link") if e.get("rel", "alternate") == "alternate"]
    return _text(entry, "link") or next((e.get("href", "") for e in links), "")

"""Collections of the Internet Archive, over its public interfaces.

``/services/search/v1/scrape`` names the items of a collection page by page, ``/metadata/ITEM`` the files of
one; ``/download/ITEM/FILE`` is a file.
"""

from __future__ import annotations

import json
import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from soundkin.audio.formats import AUDIO_SUFFIXES
from soundkin.errors import InputError
from soundkin.library.sources.net import WebError
from soundkin.library.sources.origins import LISTED, Item, Mark

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from soundkin.library.sources.origins import Origin
    from soundkin.library.sources.web import Client

HOME = "https://archive.org"
PAGE = 1000
_NAME = re.compile(r"[A-Za-z0-9][\w.-]*")


def checked_collection(name: str) -> str:
    """Return a collection's name. Raises `InputError` for what cannot be one."""
    if not _NAME.fullmatch(name):
        raise InputError(
            f"the collection {name!r}",
            "the last part of its address at archive.org, as in ia:naturesounds",
            "check the name",
        )
    return name


def items_of(
    client: Client, collection: str, known: Mapping[str, Origin], home: str = HOME
) -> Iterator[Item | Mark]:
    """Yield the sounds of a collection, and a `Mark` behind those of each of its items.

    known: an item that was marked in the same version is not asked for again. Raises `WebError`.
    """
    cursor = ""
    while True:
        asked = {
            "q": f"collection:{collection}",
            "fields": "identifier,oai_updatedate",
            "count": PAGE,
        }
        if cursor:
            asked["cursor"] = cursor
        page = _json(client, f"{home}/services/search/v1/scrape?{urlencode(asked)}")
        for row in page.get("items") or []:
            identifier = str(row.get("identifier", ""))
            version = " ".join(map(str, _several(row.get("oai_updatedate")))) or "listed"
            marked = known.get(identifier)
            if not identifier or not _NAME.fullmatch(identifier):
                continue
            if marked is not None and (marked.state, marked.version) == (LISTED, version):
                continue
            yield from _files_of(client, identifier, home)
            yield Mark(identifier, version)
        cursor = str(page.get("cursor") or "")
        if not cursor:
            return


def _files_of(client: Client, identifier: str, home: str) -> Iterator[Item]:
    """Yield the sounds of one item: each once, the original where it can be decoded."""
    try:
        answer = _json(client, f"{home}/metadata/{identifier}")
    except WebError as error:
        if error.passing:
            raise
        return  # taken away or closed to the public: nothing to be had
    about = answer.get("metadata") or {}
    for file in _chosen(answer.get("files") or []):
        name = str(file["name"])
        title = str(file.get("title") or "")
        whole = " ".join(map(str, _several(about.get("title"))))
        yield Item(
            item_id=f"{identifier}/{name}",
            url=f"{home}/download/{identifier}/{quote(name)}",
            title=" - ".join(part for part in (whole, title) if part) or name,
            page=f"{home}/details/{identifier}",
            author=", ".join(map(str, _several(about.get("creator")))),
            licence=str(about.get("licenseurl") or about.get("rights") or ""),
            version=str(file.get("md5") or file.get("mtime") or ""),
            name=name.rpartition("/")[2],
            folder=identifier,
        )


def _chosen(files: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield one file for each sound: the original, else the first copy of an original that is no sound."""
    sounds = [
        file
        for file in files
        if PurePosixPath(str(file.get("name", ""))).suffix.lower() in AUDIO_SUFFIXES
        and str(file.get("private", "")).lower() != "true"
    ]
    originals = {str(file["name"]) for file in sounds if file.get("source") != "derivative"}
    met = set(originals)
    for file in sounds:
        if str(file["name"]) in originals:
            yield file
        elif (of := str(file.get("original") or file["name"])) not in met:
            met.add(of)
            yield file


def _json(client: Client, url: str) -> dict[str, Any]:
    """Return an answer's object."""
    data, _ = client.read(url)
    try:
        found = json.loads(data)
    except ValueError as error:
        raise WebError("wrong-type", f"'{url}' answers with no JSON") from error
    if not isinstance(found, dict):
        raise WebError("wrong-type", f"'{url}' answers with no object")
    return found


def _several(value: object) -> list[object]:
    """Return a field that holds one value or a list of them as a list."""
    return list(value) if isinstance(value, list) else [] if value is None else [value]

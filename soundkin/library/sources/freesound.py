"""Freesound: the previews of the sounds that a search finds, with the user's own key."""

from __future__ import annotations

import json
import os
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from soundkin.errors import InputError
from soundkin.library.sources.net import WebError, host_of
from soundkin.library.sources.origins import Item

if TYPE_CHECKING:
    from collections.abc import Iterator

    from soundkin.library.sources.web import Client

HOME = "https://freesound.org"
KEY = "FREESOUND_API_KEY"
PAGE = 150
FIELDS = "id,name,license,username,url,previews"
PREVIEWS = ("preview-hq-ogg", "preview-hq-mp3", "preview-lq-ogg", "preview-lq-mp3")


def key_of_user() -> str:
    """Return the key that the user has set. Raises `InputError` when there is none."""
    key = os.environ.get(KEY, "").strip()
    if not key:
        raise InputError(
            f"the variable {KEY} is not set",
            "the key that Freesound gives to its users",
            "ask for one at freesound.org/apiv2/apply and set it",
        )
    return key


def items_of(client: Client, query: str, key: str, home: str = HOME) -> Iterator[Item]:
    """Yield what a search finds, page by page. Raises `WebError`."""
    asked = {"query": query, "fields": FIELDS, "page_size": PAGE, "sort": "created_asc"}
    url = f"{home}/apiv2/search/text/?{urlencode(asked)}"
    while url:
        data, _ = client.read(url, {"Authorization": f"Token {key}"})
        try:
            page: dict[str, Any] = json.loads(data)
            rows = list(page["results"])
        except (ValueError, KeyError, TypeError) as error:
            raise WebError("wrong-type", "the search answers with no list of sounds") from error
        for row in rows:
            previews = row.get("previews") or {}
            preview = next((previews[name] for name in PREVIEWS if previews.get(name)), "")
            if preview:
                suffix = PurePosixPath(preview).suffix
                name = str(row.get("name") or row["id"])
                yield Item(
                    item_id=str(row["id"]),
                    url=preview,
                    title=name,
                    page=str(row.get("url") or f"{home}/s/{row['id']}/"),
                    author=str(row.get("username") or ""),
                    licence=str(row.get("license") or ""),
                    version=preview,
                    name=f"{PurePosixPath(name).stem} ({row['id']}){suffix}",
                )
        further = str(page.get("next") or "")
        if further and host_of(further) != host_of(home):
            raise WebError(
                "refused", "the search goes on at another host, which may not see the key"
            )
        url = further

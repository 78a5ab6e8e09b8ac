"""Tags on sounds: put, taken off and counted. A favourite is the tag "favourite"."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pyarrow as pa

from soundkin.errors import InputError
from soundkin.library.store import SCHEMAS, quote

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from soundkin.library.store import Store


def put(store: Store, sound_ids: Sequence[str], tags: Iterable[str]) -> None:
    """Put tags on known sounds; one that is there already stays. Raises `InputError`."""
    names, now = checked(tags), datetime.now(UTC)
    rows = [{"sound_id": sid, "tag": tag, "added_at": now} for sid in sound_ids for tag in names]
    store.insert_missing("tags", pa.Table.from_pylist(rows, schema=SCHEMAS["tags"]))


def take_off(store: Store, sound_ids: Sequence[str], tags: Iterable[str]) -> None:
    """Take tags off sounds; one that is not there is passed over. Raises `InputError`."""
    names = checked(tags)
    if sound_ids and names:
        store.delete("tags", f"sound_id IN ({quote(sound_ids)}) AND tag IN ({quote(names)})")


def counts(store: Store) -> dict[str, int]:
    """Count the sounds of every tag, most used first, then by name."""
    counted = Counter(store.read("tags", ["tag"])["tag"].to_pylist())
    return dict(sorted(counted.items(), key=lambda item: (-item[1], item[0])))


def checked(tags: Iterable[str]) -> list[str]:
    r"""Return tags trimmed, once each. Raises `InputError` for empty, long and broken ones.

    >>> checked([" kick ", "kick", "808"])
    ['kick', '808']
    """
    names = list(dict.fromkeys(tag.strip() for tag in tags))
    for tag in names:
        if not tag or len(tag) > 100 or any(c in tag for c in ",;\n\r\0"):
            raise InputError(
                f"the tag {tag!r}",
                "1 to 100 characters without comma, semicolon or line break",
                "choose another word",
            )
    return names

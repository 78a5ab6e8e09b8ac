"""Sounds of the web into a library, and whom they are from; the work is `soundkin.library.sources`."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from soundkin.chosen import space_named
from soundkin.library.sources import origins
from soundkin.library.sources.naming import source_named
from soundkin.library.sources.origins import AUDIO, DONE, FAILED, LISTED, Origin
from soundkin.library.sources.run import index_source
from soundkin.library.upkeep import Upkeep

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from soundkin.facade import IndexReport, Library, Progress

__all__ = ["Gathered", "Origin", "add", "gathered", "origins_of"]


@dataclass(frozen=True, slots=True)
class Gathered:
    """A source of a library: how many of its items are sounds here, and how many failed."""

    source: str
    sounds: int
    failed: int
    keep: str


def add(
    library: Library,
    source: str,
    *,
    keep: str = AUDIO,
    into: str | Path | None = None,
    spaces: Sequence[str] = (),
    jobs: int | None = None,
    retry_failed: bool = False,
    dry_run: bool = False,
    timeout_s: float = 60.0,
    on_progress: Callable[[Progress], None] | None = None,
    stop: Callable[[], bool] | None = None,
) -> IndexReport:
    """Bring a library up to date with a source; see `soundkin.library.sources.run.index_source`.

    source: "ia:COLLECTION", "freesound:QUERY", "urls:FILE", "feed:URL" or "manifest:FILE".

    >>> add(library, "ia:naturesounds", keep="pointers")         # doctest: +SKIP
    """
    heard_in = library.sources([str(name) for name in spaces])
    report = index_source(
        library.store,
        source_named(source),
        keep=keep,
        into=None if into is None else Path(into).expanduser(),
        spaces=heard_in,
        jobs=jobs,
        retry_failed=retry_failed,
        dry_run=dry_run,
        timeout_s=timeout_s,
        on_progress=on_progress or (lambda _: None),
        stop=stop or (lambda: False),
    )
    library.catalogue.touch()
    if not dry_run and not report.stopped:
        for name in heard_in:
            Upkeep(library.catalogue).bring_up(space_named(name).id)
    return report


def gathered(library: Library) -> list[Gathered]:
    """List the sources that a library has sounds of, by name."""
    rows = origins.read(library.store)
    counts = Counter((row.source, row.state) for row in rows if row.state != LISTED)
    keeps = {row.source: row.keep for row in rows if row.state == DONE}
    return [
        Gathered(name, counts[name, DONE], counts[name, FAILED], keeps.get(name, ""))
        for name in sorted({name for name, _ in counts})
    ]


def origins_of(library: Library, sound_id: str) -> list[Origin]:
    """Return where a sound came from: address, page, title, author, licence. Raises `NotFound`."""
    library.sound(sound_id)
    return [row for row in origins.of_sound(library.store, sound_id) if row.state == DONE]


def credit(origin: Origin) -> str:
    """Return a line that says whom a sound is from.

    >>> credit(Origin("ia:x", "1", title="Wren", author="ada", licence="CC0", page="https://a/1"))
    'Wren, by ada (CC0), https://a/1'
    """
    by = f", by {origin.author}" if origin.author else ""
    licence = f" ({origin.licence})" if origin.licence else ""
    return f"{origin.title or origin.item_id}{by}{licence}, {origin.page or origin.url}"

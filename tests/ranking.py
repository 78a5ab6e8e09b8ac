"""A query in one space, as most tests ask it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from soundkin.search import Part, SearchResult, Sense, rank_in

if TYPE_CHECKING:
    from collections.abc import Sequence

    from soundkin.library.catalogue import Catalogue, Snapshot, SpaceView


def rank(
    catalogue: Catalogue,
    snapshot: Snapshot,
    view: SpaceView,
    parts: Sequence[Part],
    *,
    borders: Sequence[float],
    **how: Any,
) -> SearchResult:
    """Rank the sounds of one space by closeness to the parts of a query."""
    return rank_in(catalogue, snapshot, [Sense(view, parts, borders)], **how)

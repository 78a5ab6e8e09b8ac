"""Sounds that were measured -> hits with names, ranges and bands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from soundkin.search.answers import Hit, Range, band_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from soundkin.library.catalogue import Catalogue, Snapshot, SpaceView
    from soundkin.library.spots import Spot
    from soundkin.search.closeness import Judged

ORDER = ("present", "offline", "gone")


@dataclass(frozen=True, slots=True)
class Show:
    """Turns measured sounds into hits; each_borders: the borders of every space that was asked in."""

    catalogue: Catalogue
    snapshot: Snapshot
    view: SpaceView
    borders: Sequence[float]
    each_borders: Sequence[Sequence[float]]
    further: int
    most_different: bool

    def hits(self, judged: Sequence[Judged]) -> tuple[Hit, ...]:
        """Describe sounds, best first."""
        sounds = [int(self.view.sound[one.rows[0]]) for one in judged]
        places = self.snapshot.spots.of_many(sounds)
        durations = (
            self.snapshot.sounds["duration_s"].take(pa.array(sounds, pa.int64())).to_pylist()
        )
        return tuple(
            self._hit(number, *known)
            for number, known in enumerate(zip(judged, sounds, places, durations, strict=True), 1)
        )

    def _hit(
        self, number: int, one: Judged, sound: int, spots: Sequence[Spot], duration_s: float
    ) -> Hit:
        """Describe one sound."""
        first, *further = self._ranges(one)
        states = [self.catalogue.state(spot) for spot in spots]
        best = min(range(len(spots)), key=lambda i: ORDER.index(states[i]))
        spot = spots[best]
        distance = _distance(one.total)
        return Hit(
            rank=number,
            sound_id=self.snapshot.ids[sound],
            segment_id=first.segment_id,
            name=spot.name,
            path=spot.path,
            root=spot.root,
            folder=spot.folder,
            start_s=first.start_s,
            end_s=first.end_s,
            duration_s=duration_s,
            distance=distance,
            closeness=round(1.0 - distance, 6),
            band=band_of(1.0 - one.positive, self.borders),
            further=tuple(further),
            tags=self.snapshot.tags.get(sound, ()),
            state=states[best],
            bands=tuple(
                band_of(1.0 - near, borders)
                for near, borders in zip(one.each, self.each_borders, strict=True)
            ),
        )

    def _ranges(self, one: Judged) -> list[Range]:
        """Return a sound's best range and those of its others that are apart from it and not far."""
        order = np.argsort(one.near if self.most_different else -one.near, kind="stable")
        ranges: list[Range] = []
        for at in order.tolist():
            here = self._range(int(one.rows[at]), float(one.near[at]))
            if ranges and here.band == "far" and not self.most_different:
                break  # and so are all that follow
            if all(here.start_s >= r.end_s or here.end_s <= r.start_s for r in ranges):
                ranges.append(here)
            if len(ranges) > self.further:
                break
        return ranges

    def _range(self, row: int, closeness: float) -> Range:
        """Describe one row as a range of its sound."""
        segment = int(self.view.segment[row])
        columns = self.snapshot.segments
        sound_id = self.snapshot.ids[int(self.view.sound[row])]
        distance = _distance(closeness)
        return Range(
            segment_id=f"{sound_id}-{int(columns['seq'][segment])}",
            start_s=round(float(columns["start_s"][segment]), 6),
            end_s=round(float(columns["end_s"][segment]), 6),
            distance=distance,
            band=band_of(distance, self.borders),
        )


def _distance(closeness: float) -> float:
    """Return 1 - closeness, in [0, 2], without the last digits that depend on how sums are ordered."""
    return round(min(max(1.0 - closeness, 0.0), 2.0), 6)

"""Pairs of a library's sounds laid over each other (:mod:`soundkin.aligned`), once for all times.

Up to `MOST_S` a sound is compared whole. Of a longer one two stretches are: where both sounds begin to be
the same, as their segments' nearest neighbours say, and where that ends; both must agree, so that two
recordings with one opening are not taken for one.
"""

from __future__ import annotations

import json
from collections import Counter, OrderedDict
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from soundkin.aligned import (
    MOST_S,
    RATE_HZ,
    SAME,
    Course,
    Overlay,
    Sketch,
    courses,
    overlay,
    sketch,
)
from soundkin.audio.decode import read_sound
from soundkin.errors import SoundkinError
from soundkin.listen import best_spot

if TYPE_CHECKING:
    import numpy.typing as npt

    from soundkin.facade import Library, Look

FORMAT = 2
HELD = 256
"""Decoded stretches kept at once: some 250 MB at most."""
SKETCHED = 1_024
"""Courses kept at once: some 50 MB."""

ASKED = 64
"""Segments of the shorter of two long sounds whose neighbours in the other say where it lies."""

GRID_S = 0.5
LEAST_SHARED_S = 1.0
DRIFT_S = 0.1
"""How far the end may be shifted against the beginning: clocks of recorders differ."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What laying two sounds over each other showed; reason: what the second is beside the first."""

    kind: Literal["near", "version", "other"]
    likeness: float
    reason: str


class Overlays:
    """Compares pairs of sounds by ord; holds some decoded sound, and all that was ever measured.

    compared: pairs that were measured now; unread: sounds that could not be read.
    """

    def __init__(self, library: Library, look: Look) -> None:
        self.library, self.look = library, look
        self.snapshot = look.snapshot
        self.compared = 0
        self.unread: set[int] = set()
        self._held: OrderedDict[tuple[int, float], npt.NDArray[np.float32]] = OrderedDict()
        self._sketches: OrderedDict[int, Sketch] = OrderedDict()
        self._cache = library.path / "cache" / "overlays.json"
        self._known: dict[str, list[float]] = {}
        self._load()

    def key(self, a: int, b: int) -> str:
        """Return the name of a pair, the same both ways."""
        return ":".join(sorted((self.snapshot.ids[a], self.snapshot.ids[b])))

    def verdict(self, a: int, b: int) -> Verdict:
        """Lay one sound over another; `a` is what the reason speaks from."""
        first, second = (a, b) if self.snapshot.ids[a] < self.snapshot.ids[b] else (b, a)
        key = self.key(a, b)
        if key not in self._known:
            measured = self._measure(first, second)
            if measured is None:
                return Verdict("other", 0.0, "")
            self.compared += 1
            self._known[key] = measured
        return self._spoken(self._known[key], a, b, turned=first != a)

    def save(self) -> None:
        """Write what was measured, beside the old file, then rename."""
        if not self.compared:
            return
        try:
            self._cache.parent.mkdir(exist_ok=True)
            beside = self._cache.with_suffix(".new")
            beside.write_text(json.dumps({"version": FORMAT, "pairs": self._known}))
            beside.replace(self._cache)
        except OSError:
            return  # a cache that cannot be written costs time, nothing else

    def _load(self) -> None:
        """Read what earlier runs measured; what cannot be read is measured again."""
        try:
            known = json.loads(self._cache.read_text())
        except (OSError, ValueError):
            return
        if isinstance(known, dict) and known.get("version") == FORMAT:
            self._known = known["pairs"]

    def _measure(self, a: int, b: int) -> list[float] | None:
        """Return the numbers of an overlay, and of the courses where it is none; None: one cannot be read."""
        lengths = self._length_s(a), self._length_s(b)
        start_s = self._start_s(a, b) if max(lengths) > MOST_S else 0.0
        starts = max(start_s, 0.0), max(-start_s, 0.0)
        x, y = self._hear(a, starts[0]), self._hear(b, starts[1])
        if x is None or y is None:
            return None
        one = overlay(x, y)
        shared_s = min(lengths[0] - starts[0], lengths[1] - starts[1])
        began = one.same
        if one.same and shared_s > MOST_S:
            one = self._to_the_end(one, (a, b), starts, shared_s)
        if max(lengths) > MOST_S:
            part = min(shared_s / length for length in lengths)
            covered = min(one.covered, part)
            one = Overlay(one.correlation, start_s + one.lag_s, one.gain_db, covered)
        parted = began and abs(one.correlation) < SAME
        if one.same:
            return [float(value) for value in asdict(one).values()]
        if parted:  # one opening, then another sound
            return [*map(float, asdict(one).values()), 0.0, 0.0, 1.0]
        first, second = self._sketch(a), self._sketch(b)
        if first is None or second is None:
            return None
        two = courses(first, second)
        return [float(value) for value in (*asdict(one).values(), *asdict(two).values())]

    def _to_the_end(
        self, one: Overlay, pair: tuple[int, int], starts: tuple[float, float], shared_s: float
    ) -> Overlay:
        """Return the overlay of a shared stretch's beginning, or of its end where that does not agree."""
        last_s = shared_s - MOST_S - abs(one.lag_s)
        if last_s <= 0:
            return one
        x = self._hear(pair[0], starts[0] + last_s + max(one.lag_s, 0.0))
        y = self._hear(pair[1], starts[1] + last_s + max(-one.lag_s, 0.0))
        if x is None or y is None:
            return one
        end = overlay(x, y)
        agree = abs(end.correlation) >= SAME and abs(end.lag_s) <= DRIFT_S
        correlation = min(one.correlation, end.correlation, key=abs)
        return Overlay(correlation if agree else 0.0, one.lag_s, one.gain_db, one.covered)

    def _start_s(self, a: int, b: int) -> float:
        """Return where b begins in a, to half a second, as most of the shorter's segments say; else 0."""
        rows = [self.look.view.rows_of(number) for number in (a, b)]
        rows = [some[self.look.view.segment[some] >= 0] for some in rows]
        if not len(rows[0]) or not len(rows[1]):
            return 0.0
        short = 0 if len(rows[0]) <= len(rows[1]) else 1
        asked = rows[short][
            np.unique(np.linspace(0, len(rows[short]) - 1, ASKED).round().astype(int))
        ]
        vectors = self.look.view.index.vectors
        near = np.argmax(
            np.asarray(vectors[asked]) @ np.asarray(vectors[rows[1 - short]]).T, axis=1
        )
        start = self.snapshot.segments["start_s"]
        segment = self.look.view.segment
        shift = start[segment[rows[1 - short][near]]] - start[segment[asked]]
        votes = Counter(np.round((shift if short else -shift) / GRID_S).astype(int).tolist())
        most = max(votes, key=lambda steps: (votes[steps], -abs(steps)))
        found = most * GRID_S if votes[most] >= max(2, len(asked) // 8) else 0.0
        lengths = self._length_s(a), self._length_s(b)
        inside = -lengths[1] + LEAST_SHARED_S < found < lengths[0] - LEAST_SHARED_S
        return found if inside else 0.0

    def _length_s(self, number: int) -> float:
        return float(self.snapshot.row(number)["duration_s"])

    def _hear(self, number: int, start_s: float = 0.0) -> npt.NDArray[np.float32] | None:
        """Return a stretch of a sound for comparing, None when it cannot be read now."""
        key = number, round(start_s, 4)
        if key in self._held:
            self._held.move_to_end(key)
            return self._held[key]
        if number in self.unread:
            return None
        spot = best_spot(self.library.catalogue, self.snapshot, self.snapshot.ids[number])
        try:
            source = spot.raw if spot else b""
            end_s = start_s + MOST_S
            samples, _ = read_sound(source, rate_hz=RATE_HZ, start_s=start_s, end_s=end_s)
        except (SoundkinError, OSError):
            self.unread.add(number)
            return None
        self._held[key] = samples
        if len(self._held) > HELD:
            self._held.popitem(last=False)
        return samples

    def _sketch(self, number: int) -> Sketch | None:
        """Return the course of a sound's beginning, None when it cannot be read now."""
        if number in self._sketches:
            self._sketches.move_to_end(number)
            return self._sketches[number]
        samples = self._hear(number)
        if samples is None:
            return None
        self._sketches[number] = drawn = sketch(samples)
        if len(self._sketches) > SKETCHED:
            self._sketches.popitem(last=False)
        return drawn

    def _spoken(self, numbers: list[float], a: int, b: int, *, turned: bool) -> Verdict:
        """Return what was measured as a verdict on `b` beside `a`."""
        one = Overlay(*numbers[:4])
        if turned:
            one = Overlay(one.correlation, -one.lag_s, -one.gain_db, one.covered)
        if one.same:
            rows = self.snapshot.row(a), self.snapshot.row(b)
            parts = [part for part in (*_changes(one, *rows), *_coding(*rows)) if part]
            reason = ", ".join(["the same recording", *parts])
            return Verdict("near", round(abs(one.correlation), 4), reason)
        two = Course(*numbers[4:])
        if not two.alike:
            return Verdict("other", 0.0, "")
        if turned:
            two = Course(two.correlation, -two.semitones, 1 / two.speed)
        return Verdict("version", round(two.correlation, 4), _version(two))


def _changes(one: Overlay, a: dict[str, object], b: dict[str, object]) -> list[str]:
    """Say what was done to the samples of b beside a."""
    length_a, length_b = (float(str(row["duration_s"])) for row in (a, b))
    return [
        "upside down" if one.correlation < 0 else "",
        f"{abs(one.gain_db):.1f} dB {'louder' if one.gain_db > 0 else 'quieter'}"
        if abs(one.gain_db) >= 0.5
        else "",
        _cut(one.lag_s, "start"),
        _cut(length_a - length_b - one.lag_s, "end"),
    ]


def _cut(seconds: float, where: str) -> str:
    """Say what is missing or added at one end; under 5 ms is nobody's cut."""
    if abs(seconds) < 0.005:
        return ""
    amount = f"{abs(seconds) * 1e3:.0f} ms" if abs(seconds) < 1 else f"{abs(seconds):.2f} s"
    return f"{amount} {'less' if seconds > 0 else 'more'} at the {where}"


def _coding(a: dict[str, object], b: dict[str, object]) -> list[str]:
    """Say how b is stored otherwise than a."""
    return [
        f"{b[name]}{unit} instead of {a[name]}{unit}" if a[name] != b[name] else ""
        for name, unit in (("format", ""), ("rate_hz", " Hz"), ("channels", " channels"))
    ]


def _version(two: Course) -> str:
    """Say how a version differs."""
    parts = ["the same course in time and tone"]
    if abs(two.semitones) >= 0.5:
        parts.append(
            f"{abs(two.semitones):g} semitones {'higher' if two.semitones > 0 else 'lower'}"
        )
    if abs(two.speed - 1) >= 0.02:
        faster = two.speed > 1
        parts.append(
            f"{abs(two.speed - 1 if faster else 1 / two.speed - 1):.0%} {'shorter' if faster else 'longer'}"
        )
    return ", ".join(parts)

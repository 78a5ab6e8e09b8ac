"""A space fitted to one's own sounds, without labels: `soundkin adapt`.

The network stays as it is; what is learnt is how to weigh what it hears. Stretches of the library's
sounds are drawn and disturbed (gain, speed, a cut start, noise, MP3 and Vorbis), and both are heard. The
directions in which a stretch moves when it is disturbed say nothing of which sound it is: the vectors
are brought to their centre and each direction is weighed down by how much it moves (within-class
covariance normalisation: Hatch, Kajarekar and Stolcke 2006). How strongly, and whether at all, is chosen
on sounds that the weights were not fitted to. A fifth of the sounds is never looked at before the end: on
them the report before and after is made. The new space is the old graph with one matrix behind it.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from soundkin.adapt_report import Line, before_and_after, ranks
from soundkin.audio import deform
from soundkin.audio.decode import read_sound
from soundkin.audio.windows import chunks
from soundkin.errors import InputError, SoundkinError, SpaceError
from soundkin.report import K
from soundkin.shelf import find_space, install
from soundkin.space import Space, load_space, with_graph
from soundkin.weighing import Weighing, fit, onnx_package, with_weighing

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from soundkin.audio.windows import Chunk
    from soundkin.facade import Library
    from soundkin.library.views import Segment

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

FEWEST = 60
"""Sounds that an adaptation asks for."""
HELD_BACK = 0.2
"""Part of the sounds that only the report sees."""
CHOSEN_ON = 0.25
"""Part of the others on which the strength is chosen."""
FEWEST_PAIRS = 200
DRAWN = 8
"""Stretches that are disturbed and heard together."""
STRENGTHS = (30.0, 10.0, 3.0, 1.0, 0.3, 0.1, 0.03, 0.01, 0.003)
"""Ridges, in mean variances of what moves: the lower, the stronger."""
MOST_ROWS = 20_000
ASKED = 1_000


@dataclass(frozen=True, slots=True)
class Adapted:
    """What came of it; `file` is None when nothing was better than the space as it is.

    pairs: stretches that were disturbed; fitted_on, held_back: sounds; strength: the chosen ridge;
    lines: the report; hubness_before, hubness_after: skewness of N_10 of the held-back sounds.
    """

    file: Path | None
    name: str
    pairs: int
    fitted_on: int
    held_back: int
    strength: float
    lines: tuple[Line, ...]
    hubness_before: float
    hubness_after: float


def adapt(
    library: Library,
    *,
    space: str | None = None,
    minutes: float = 5.0,
    name: str | None = None,
    pairs: int | None = None,
    seed: int = 0,
    on_progress: Callable[[str, float], None] | None = None,
) -> Adapted:
    """Fit a space that a library listens in to its sounds; install it as `name` (SPACE-adapted).

    minutes: how long stretches are drawn; pairs: or how many. Raises InputError for a library of fewer
    than 60 sounds or without the package `onnx` (the extra `train`), SpaceError for a space without a
    network of ours, UnknownSpace for one that the library does not listen in.
    """
    tell = on_progress or (lambda _what, _share: None)
    onnx = onnx_package()
    source = space or library.default_space()
    base = load_space(source)
    if base.settings["head"].get("kind") != "onnx":
        raise SpaceError(
            f"the space {base.name!r} has no network of ours",
            "one that was trained",
            "try `--space sound`",
        )
    name = name or f"{base.name}-adapted"
    if Path(name).name != name:
        raise InputError(f"a space named {name!r}", "a plain name, as of a file", "leave out '/'")
    X, owner, ids = _vectors(library, source)
    if len(ids) < FEWEST:
        raise InputError(f"a library of {len(ids)} sounds", f"{FEWEST} and more", "index more")
    rng = np.random.default_rng(seed)
    shuffled = rng.permutation(len(ids))
    held, fitted = np.split(shuffled, [max(K + 2, round(HELD_BACK * len(ids)))])
    A, B, whose = _draw(library, base, ids, fitted, minutes, pairs, rng, tell)
    tell("weigh", 1.0)
    few = rng.permutation(fitted)[: max(2, round(CHOSEN_ON * len(fitted)))]
    strength, weighing = _chosen(A, B, whose, few, X, owner)
    tell("report", 1.0)
    lines, hubs = before_and_after(library, base, weighing, held, X, owner, ids, seed)
    adapted = Adapted(None, name, len(A), len(fitted), len(held), strength, lines, *hubs)
    if weighing is None:
        return adapted
    file = _write(onnx, base, source, weighing, adapted, library)
    return replace(adapted, file=file)


def disturbed(samples: Floats, rate_hz: int, rng: np.random.Generator) -> Floats:
    """A copy that a listener takes for the same sound, if a worse one, drawn anew each time."""
    sound = deform.gain(samples, float(rng.uniform(-12, 3)))
    if rng.random() < 0.5:
        sound = deform.varispeed(sound, float(np.exp(rng.uniform(-0.14, 0.14))))
    if rng.random() < 0.5:
        sound = deform.trim(sound, rate_hz, float(rng.uniform(0, 0.3)) * len(sound) / rate_hz)
    if rng.random() < 0.6:
        sound = deform.add_noise(sound, float(rng.uniform(12, 45)), int(rng.integers(1 << 30)))
    if rng.random() < 0.2:
        sound = deform.reencode(sound, rate_hz, "mp3" if rng.random() < 0.5 else "ogg")
    return sound


def _vectors(library: Library, source: str) -> tuple[Floats, Ints, list[str]]:
    """A library's vectors (n, dim) by sound and time, the number of each one's sound, the sounds' ids."""
    table = library.to_arrow(library.look(source).view.space_id)
    table = table.sort_by([("sound_id", "ascending"), ("seq", "ascending")])
    names = table["sound_id"].to_numpy()
    ids, owner = np.unique(names.astype(str), return_inverse=True)
    X = table["vector"].combine_chunks().flatten().to_numpy().reshape(len(owner), -1)
    return X, owner.astype(np.int64), ids.tolist()


def _draw(
    library: Library,
    space: Space,
    ids: Sequence[str],
    fitted: Ints,
    minutes: float,
    pairs: int | None,
    rng: np.random.Generator,
    tell: Callable[[str, float], None],
) -> tuple[Floats, Floats, Ints]:
    """Vectors of stretches and of their disturbed copies, (n, dim) each, and whose they are."""
    began, missed = time.monotonic(), 0
    segments: dict[int, list[Segment]] = {}
    kept: list[tuple[int, Floats, Floats]] = []
    share = 0.0
    while share < 1 and missed < 1000:
        chosen: list[tuple[int, Chunk, Chunk]] = []
        for number in rng.choice(fitted, DRAWN).tolist():
            spans = segments.setdefault(number, library.segments(ids[number]))
            span = spans[rng.integers(len(spans))]
            try:
                path = library.locate(ids[number])
                samples, rate_hz = read_sound(path, start_s=span.start_s, end_s=span.end_s)
                both = (samples, disturbed(samples, rate_hz, rng))
            except (SoundkinError, OSError, RuntimeError):
                missed += 1
                continue
            first = [_first_chunk(sound, rate_hz, space) for sound in both]
            if first[0] is not None and first[1] is not None:
                chosen.append((number, first[0], first[1]))
        if chosen:
            numbers, *pair = zip(*chosen, strict=True)
            heard = space.embed_gathered([space.gather_chunk(c) for side in pair for c in side])
            vectors = np.stack([rows[0] for rows in heard])
            half = len(chosen)
            kept += zip(numbers, vectors[:half], vectors[half:], strict=True)
        done_s = time.monotonic() - began
        share = len(kept) / pairs if pairs else done_s / (60 * minutes)
        tell("draw", min(share, 1.0))
    if len(kept) < min(FEWEST_PAIRS, pairs or FEWEST_PAIRS):
        raise InputError(
            f"{len(kept)} stretches could be heard",
            f"{FEWEST_PAIRS} and more",
            "give more --minutes",
        )
    whose, A, B = zip(*kept, strict=True)
    return np.stack(A), np.stack(B), np.array(whose, np.int64)


def _first_chunk(sound: Floats, rate_hz: int, space: Space) -> Chunk | None:
    """The chunk of a stretch's first segment; None for silence."""
    found = chunks([sound], rate_hz, margin_s=space.margin_s)
    return next((chunk for chunk in found if len(chunk.segments)), None)


def _chosen(
    A: Floats, B: Floats, whose: Ints, few: Ints, X: Floats, owner: Ints
) -> tuple[float, Weighing | None]:
    """The strength that finds most disturbed stretches of some sounds again, fitted to all; or none.

    few: numbers of the sounds that it is chosen on; candidates are all sounds of the library.
    """
    mine = np.isin(whose, few)
    asked = np.flatnonzero(mine)[:ASKED]
    X, owner = _some(X, owner, whose[asked])
    best, strength = _reciprocal(B[asked], whose[asked], X, owner), 0.0
    for ridge in STRENGTHS:
        weighing = fit(A[~mine], B[~mine], ridge)
        score = _reciprocal(weighing(B[asked]), whose[asked], weighing(X), owner)
        if score > best:
            best, strength = score, ridge
    return (strength, fit(A, B, strength)) if strength else (0.0, None)


def _some(X: Floats, owner: Ints, wanted: Ints) -> tuple[Floats, Ints]:
    """No more rows than can be compared in a moment: all of the sounds wanted, some of the others."""
    if len(X) <= MOST_ROWS:
        return X, owner
    others = np.random.default_rng(0).permutation(np.setdiff1d(owner, wanted))
    sizes = np.bincount(owner)
    room = MOST_ROWS - sizes[np.unique(wanted)].sum()
    kept = others[: np.searchsorted(np.cumsum(sizes[others]), room)]
    rows = np.isin(owner, np.concatenate([kept, wanted]))
    return X[rows], owner[rows]


def _reciprocal(Q: Floats, whose: Ints, X: Floats, owner: Ints) -> float:
    """Mean reciprocal rank of the own sound of each query (n, dim)."""
    return float((1 / ranks([Q[row : row + 1] for row in range(len(Q))], whose, X, owner)).mean())


def _write(
    onnx: Any,  # noqa: ANN401 - has no types
    base: Space,
    source: str,
    weighing: Weighing,
    adapted: Adapted,
    library: Library,
) -> Path:
    """Put the weighing behind the graph, write settings and card, install; the settings file."""
    head = base.settings["head"]
    graph = with_weighing(onnx, (find_space(source).parent / head["file"]).read_bytes(), weighing)
    figures = {
        line.what: {"before": str(line.before), "after": str(line.after), "gain": str(line.gain)}
        for line in adapted.lines
    }
    card = {
        "title": f"{base.name}, adapted to one library",
        "what": f"{base.name} with its directions weighed for one library of "
        f"{adapted.fitted_on + adapted.held_back} sounds, without labels.",
        "based_on": base.id,
        "library": library.store.library_id,
        "pairs": adapted.pairs,
        "strength": adapted.strength,
        "held_back": adapted.held_back,
        "figures": figures,
    }
    settings = {
        **base.settings,
        "name": adapted.name,
        "head": with_graph(head, f"{adapted.name}.onnx", hashlib.sha256(graph).hexdigest()),
        "card": card,
    }
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"{adapted.name}.json"
        file.with_suffix(".onnx").write_bytes(graph)
        file.write_text(json.dumps(settings, indent=1) + "\n", encoding="utf-8")
        return install(file)

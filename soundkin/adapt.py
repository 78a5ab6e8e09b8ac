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
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from soundkin.audio import deform
from soundkin.audio.decode import read_sound
from soundkin.audio.windows import chunks
from soundkin.errors import InputError, SoundkinError, SpaceError
from soundkin.evaluate.geometry import hubness
from soundkin.evaluate.intervals import Interval, bootstrap_mean, paired_difference
from soundkin.evaluate.retrieval import unit_rows
from soundkin.report import DEFORMATIONS, EXCERPT_S, Held, K, same_file
from soundkin.shelf import install
from soundkin.space import Space, load_space

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from soundkin.audio.windows import Chunk
    from soundkin.facade import Library
    from soundkin.library.views import Segment

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
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
COPIES_OF = 100
"""Held-back sounds whose copies are searched for."""
MOST_ROWS = 20_000
ASKED = 1_000


@dataclass(frozen=True, slots=True)
class Weighing:
    """What comes behind a space's vectors: (v - centre) @ matrix, brought to length one."""

    centre: Floats
    matrix: Floats

    def __call__(self, X: Floats) -> Floats:
        """Unit vectors (n, dim) -> (n, dim)."""
        return unit_rows((X - self.centre) @ self.matrix)


@dataclass(frozen=True, slots=True)
class Line:
    """One figure on held-back sounds: before, after, and how much higher, with 95 % intervals.

    That of the gain is over the same copies; of the same-file figure it is the widest there can be.
    """

    what: str
    before: Interval
    after: Interval
    gain: Interval


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
    onnx = _onnx()
    source = space or library.default_space()
    base = load_space(source)
    if base.settings["head"].get("kind") != "onnx":
        raise SpaceError(
            f"the space {base.name!r} has no network of ours",
            "one that was trained",
            "try `--space sound`",
        )
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
    lines, hubs = _report(library, base, weighing, held, X, owner, ids, seed)
    adapted = Adapted(
        None, name or f"{base.name}-adapted", len(A), len(fitted), len(held), strength, lines, *hubs
    )
    if weighing is None:
        return adapted
    file = _write(onnx, base, source, weighing, adapted, library)
    return replace(adapted, file=file)


def fit(A: Floats, B: Floats, strength: float) -> Weighing:
    """The weighing of directions by how little they move between A and B, (n, dim) unit vectors each.

    strength: the ridge, in mean variances of what moves.

    >>> A = np.eye(3, dtype=np.float32)
    >>> fit(A, A, 1.0).matrix.shape
    (3, 3)
    """
    moved = (A - B).astype(np.float64)
    within = moved.T @ moved / len(moved)
    mean = max(float(np.trace(within)) / len(within), 1e-12)
    values, axes = np.linalg.eigh(within / mean)
    matrix = (axes / np.sqrt(np.maximum(values, 0) + strength)) @ axes.T
    centre = np.concatenate([A, B]).astype(np.float64).mean(axis=0)
    return Weighing(centre.astype(np.float32), matrix.astype(np.float32))


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


def ranks(queries: Sequence[Floats], whose: Ints, X: Floats, owner: Ints) -> Ints:
    """The rank, from 1, of each query's own sound, as a search ranks sounds.

    queries: of each its windows (k, dim); whose (n,) its sound; X (rows, dim) by sound, owner (rows,).

    >>> X = np.eye(2, dtype=np.float32)
    >>> ranks([X[:1], X[:1]], np.array([0, 1]), X, np.array([0, 1]))
    array([1, 2])
    """
    present, starts = np.unique(owner, return_index=True)
    place = np.searchsorted(present, whose)
    found = np.empty(len(queries), np.int64)
    for row, query in enumerate(queries):
        score = np.maximum.reduceat(query @ X.T, starts, axis=1).mean(axis=0)
        found[row] = 1 + int((score > score[place[row]]).sum())
    return found


def _report(
    library: Library,
    space: Space,
    weighing: Weighing | None,
    held: Ints,
    X: Floats,
    owner: Ints,
    ids: Sequence[str],
    seed: int,
) -> tuple[tuple[Line, ...], tuple[float, float]]:
    """The figures on held-back sounds, their copies searched for among all sounds of the library."""
    after = weighing or (lambda vectors: vectors)
    copies = _copies(library, space, [(int(n), ids[n]) for n in held])
    before_X, after_X = X, after(X)
    hits: dict[str, list[npt.NDArray[np.bool_]]] = {}
    groups: list[Ints] = []
    for kind, found in copies.items():
        whose = np.array([number for number, _ in found], np.int64)
        groups.append(whose)
        old = ranks([query for _, query in found], whose, before_X, owner)
        new = ranks([after(query) for _, query in found], whose, after_X, owner)
        hits[kind] = [old == 1, new == 1, old <= K, new <= K]
    lines = [_line(f"found first: {kind}", old, new) for kind, (old, new, _, _) in hits.items()]
    if hits:
        every = [np.concatenate(column) for column in zip(*hits.values(), strict=True)]
        of = np.concatenate(groups)
        lines.insert(0, _line("found first: all copies", every[0], every[1], of))
        lines.insert(1, _line("found among ten: all copies", every[2], every[3], of))
    rows = np.flatnonzero(np.isin(owner, held))
    parts = [_held(Y[rows], owner[rows]) for Y in (before_X, after_X)]
    mates = [same_file(part, seed)[0] for part in parts]
    if mates[0] is not None and mates[1] is not None:
        change = mates[1].value - mates[0].value
        gain = Interval(change, mates[1].low - mates[0].high, mates[1].high - mates[0].low)
        lines.append(Line("nearest stretch is of the same file", mates[0], mates[1], gain))
    return tuple(lines), (hubness(parts[0].means, k=K), hubness(parts[1].means, k=K))


def _line(
    what: str,
    old: npt.NDArray[np.bool_],
    new: npt.NDArray[np.bool_],
    groups: Ints | None = None,
) -> Line:
    """Shares before and after, over the same copies."""
    return Line(
        what,
        bootstrap_mean(old, groups),
        bootstrap_mean(new, groups),
        paired_difference(new, old, groups),
    )


def _copies(
    library: Library, space: Space, sounds: Sequence[tuple[int, str]]
) -> dict[str, list[tuple[int, Floats]]]:
    """Deformed copies of sounds (number, id), as the report makes them: deformation -> their vectors."""
    found: dict[str, list[tuple[int, Floats]]] = {}
    heard = 0
    for number, sound_id in sounds:
        try:
            samples, rate_hz = read_sound(library.locate(sound_id), end_s=EXCERPT_S)
        except (SoundkinError, OSError):
            continue
        for kind, harm in DEFORMATIONS.items():
            try:
                parts = chunks([harm(samples, rate_hz)], rate_hz, margin_s=space.margin_s)
                vectors = space.embed_gathered([space.gather_chunk(chunk) for chunk in parts])
            except (SoundkinError, RuntimeError):  # too short to be cut
                continue
            if sum(map(len, vectors)):
                found.setdefault(kind, []).append((number, np.concatenate(vectors)))
        heard += 1
        if heard == COPIES_OF:
            break
    return found


def _held(X: Floats, owner: Ints) -> Held:
    """Some sounds' vectors as the report's figures take them."""
    present, starts, counts = np.unique(owner, return_index=True, return_counts=True)
    means = unit_rows(np.add.reduceat(X, starts, axis=0))
    seq = np.arange(len(owner)) - np.repeat(starts, counts)
    return Held(X, owner, seq, means, ("",) * len(present))


def _write(
    onnx: Any,  # noqa: ANN401 - has no types
    base: Space,
    source: str,
    weighing: Weighing,
    adapted: Adapted,
    library: Library,
) -> Path:
    """Put the weighing behind the graph, write settings and card, install; the settings file."""
    from soundkin.shelf import find_space  # noqa: PLC0415 - beside its only use

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
        "head": {
            **head,
            "file": f"{adapted.name}.onnx",
            "sha256": hashlib.sha256(graph).hexdigest(),
        },
        "card": card,
    }
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"{adapted.name}.json"
        if file.parent != Path(folder):
            raise InputError(f"a space named {adapted.name!r}", "a plain name, as of a file")
        file.with_suffix(".onnx").write_bytes(graph)
        file.write_text(json.dumps(settings, indent=1) + "\n", encoding="utf-8")
        return install(file)


def with_weighing(onnx: Any, graph: bytes, weighing: Weighing) -> bytes:  # noqa: ANN401 - has no types
    """A graph whose last step is a weighing of what it gave before; its output keeps its name."""
    model = onnx.load_from_string(graph)
    inner = model.graph
    said = inner.output[0].name
    for node in inner.node:
        node.output[:] = ["adapt_in" if name == said else name for name in node.output]
        node.input[:] = ["adapt_in" if name == said else name for name in node.input]
    held = {
        "adapt_centre": weighing.centre,
        "adapt_matrix": weighing.matrix,
        "adapt_least": np.array(1e-12, np.float32),
        "adapt_axis": np.array([1], np.int64),
    }
    inner.initializer.extend(onnx.numpy_helper.from_array(v, name) for name, v in held.items())
    make = onnx.helper.make_node
    inner.node.extend([
        make("Sub", ["adapt_in", "adapt_centre"], ["adapt_centred"]),
        make("MatMul", ["adapt_centred", "adapt_matrix"], ["adapt_out"]),
        make("ReduceL2", ["adapt_out", "adapt_axis"], ["adapt_length"], keepdims=1),
        make("Max", ["adapt_length", "adapt_least"], ["adapt_longer"]),
        make("Div", ["adapt_out", "adapt_longer"], [said]),
    ])  # fmt: skip
    onnx.checker.check_model(model)
    done: bytes = model.SerializeToString()
    return done


def _onnx() -> Any:  # noqa: ANN401 - has no types
    """The package that writes graphs; it comes with the extra `train`."""
    try:
        onnx = import_module("onnx")
        import_module("onnx.numpy_helper")
    except ImportError as error:
        raise InputError(
            "adapting writes a graph, and the package onnx is not installed",
            "the extra `train`",
            "run `pip install 'soundkin[train]'`",
        ) from error
    return onnx

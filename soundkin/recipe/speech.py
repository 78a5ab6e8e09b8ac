"""Recordings of speech -> pairs that share a voice, or what is said; no label is read.

A recording is taken for one voice. For the kin of `voice` the two views are two moments of it; for
those of `content` one moment in two voices. A recording played at another speed is spoken by
another voice: pitch and formants move together. So rows of one recording, at speeds apart, are
strangers by voice over one microphone; and moments of one recording are strangers by content in one
voice. Both views are then deformed, each on its own, as the recipe says.
"""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch
from torch import Generator, Tensor

from soundkin.recipe.views import REDRAWS, Views, deform
from soundkin.synth.doppelganger import LOWEST, seeds
from soundkin.synth.patches import make_patch

if TYPE_CHECKING:
    from collections.abc import Callable

    from soundkin.recipe.settings import Data, Range, Recipe
    from soundkin.recipe.sounds import Sounds

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

QUIET = 0.02
"""A window whose level is below this share of its recording's peak is a pause, and drawn again."""
SILENT = ("impact", "pluck", "air", "grains")
"""Families of `world` that do not speak."""
SAID = ("rhythm.", "glide", "open_", "front_", "attack", "decay")
"""How the names of those of its knobs begin that say something; the others are the voice."""


def speech_views(recipe: Recipe, sounds: Sounds, n: int, generator: Generator) -> Views:
    """A batch of n pairs as `data.kin` says, `data.moments` rows in a row from one recording.

    Recordings of one folder (a reader, a tape) are not in a batch together while there are enough
    folders. The last `data.drawn` of the rows are synthesized voices.
    """
    data, each = recipe.data, recipe.data.moments
    n_drawn = round(data.drawn * n / each) * each
    which = recordings(sounds, -(-(n - n_drawn) // each), generator).repeat(each)[: n - n_drawn]
    made = _two_moments if data.kin == "voice" else _two_voices
    both = made(sounds, which, data, generator) if len(which) else [torch.zeros(0, data.window)] * 2
    if n_drawn:
        spoken = synthesized(data, n_drawn, generator)
        both = [torch.cat(views) for views in zip(both, spoken, strict=True)]
    loud = [view / view.abs().amax(dim=1, keepdim=True).clamp_min(1e-9) for view in both]
    a, b = (deform(view, recipe.deform, data.rate_hz, generator) for view in loud)
    if data.shorten:
        a, b = shortened(a, b, data, generator)
    return Views(a, b, torch.full((n,), -1))


def shortened(a: Tensor, b: Tensor, data: Data, generator: Generator) -> tuple[Tensor, Tensor]:
    """Some of both views (n, window) silent from a place on, a fifth of the window and later.

    How long a window is must tell nothing: for the kin of `voice` each view has its own end; for those
    of `content`, where kin must hear the same, all views of one recording have one.
    """
    n, length = a.shape
    each = 1 if data.kin == "voice" else data.moments
    views = []
    for turn, view in enumerate((a, b)):
        if turn == 0 or data.kin == "voice":
            drawn = torch.rand(2, -(-n // each), generator=generator)
            kept = torch.where(drawn[0] < data.shorten, 0.2 + 0.8 * drawn[1], 1.0)
            ends = (kept.repeat_interleave(each)[:n] * length).long()
        views.append(view * (torch.arange(length) < ends[:, None]))
    return views[0], views[1]


def recordings(sounds: Sounds, n: int, generator: Generator) -> Ints:
    """So many recordings, each of another folder as long as there are folders left.

    Where all lie in one folder, each recording counts as one.
    """
    folders = [str(PurePath(name).parent) for name in sounds.names]
    if len(set(folders)) == 1:
        folders = sounds.names
    members: dict[str, list[int]] = {}
    for place, folder in enumerate(folders):
        members.setdefault(folder, []).append(place)
    names, drawn = sorted(members), list[int]()
    while len(drawn) < n:
        drawn += torch.randperm(len(names), generator=generator).tolist()
    shares = torch.rand(n, generator=generator).tolist()
    chosen = [members[names[k]] for k in drawn[:n]]
    return np.array([m[int(u * len(m))] for m, u in zip(chosen, shares, strict=True)], np.int64)


def play(sounds: Sounds, recording: int, start: int, speed: float, n: int) -> Floats:
    """So many samples of a recording from `start` on, played at a speed; silence behind its end.

    Cubic curves between samples; at speed 1 the samples themselves. What a higher speed lifts above
    half the rate folds back: in speech, little.
    """
    begin, end = sounds.begins[recording], sounds.begins[recording + 1]
    places = start + speed * np.arange(n)
    first = places.astype(np.int64)
    t = (places - first).astype(np.float32)
    low, high = int(first[0]) - 1, int(first[-1]) + 3
    part = np.zeros(high - low, np.float32)
    inside = sounds.samples[begin + max(low, 0) : min(begin + high, end)]
    part[max(-low, 0) : max(-low, 0) + len(inside)] = inside
    part /= np.float32(32_768)
    a, b, c, d = (part[first - low + k] for k in (-1, 0, 1, 2))
    curve: Floats = b + t / 2 * (
        c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a))
    )
    return curve


def spread(bounds: Range, n: int, each: int, generator: Generator) -> Doubles:
    """Speeds (n,) for groups of `each` rows: in a group evenly apart by logarithm, begun anywhere.

    Examples
    --------
    >>> found = spread((0.8, 1.25), 4, 2, torch.Generator().manual_seed(0))
    >>> bool(np.allclose(found[1::2] / found[::2], 1.25))
    True
    """
    low, high = np.log(bounds)
    place = np.repeat(_rand(-(-n // each), generator), each)[:n]
    found: Doubles = np.exp(low + (high - low) * (place + np.arange(n) % each) / each)
    return found


def _two_moments(
    sounds: Sounds, which: Ints, data: Data, generator: Generator
) -> tuple[Tensor, Tensor]:
    """Two moments of each recording at one speed, apart where there is room: kin by voice.

    Rows of one recording are played at speeds apart.
    """
    speeds = spread(data.speeds, len(which), data.moments, generator)
    spans = np.ceil(speeds * data.window).astype(np.int64)
    rooms = np.maximum(sounds.lengths[which] - spans, 0) + 1
    free = rooms - 2 * spans

    def anywhere(u: Doubles) -> Ints:
        starts: Ints = (u * rooms).astype(np.int64)
        return starts

    a, u = _sounding(sounds, which, speeds, data.window, generator, anywhere)

    def apart(v: Doubles) -> Ints:
        elsewhere = (anywhere(u) + spans + (v * free).astype(np.int64)) % rooms
        starts: Ints = np.where(free > 0, elsewhere, anywhere(v))
        return starts

    return a, _sounding(sounds, which, speeds, data.window, generator, apart)[0]


def _two_voices(
    sounds: Sounds, which: Ints, data: Data, generator: Generator
) -> tuple[Tensor, Tensor]:
    """One moment of each recording at two speeds half the bounds apart: kin by what is said.

    Rows of one recording are moments of it in their order, one in each equal part.
    """
    n, lengths = len(which), sounds.lengths[which]
    speeds = spread(data.speeds, 2 * n, 2, generator).reshape(n, 2).T
    part = np.arange(n) % data.moments

    def around(u: Doubles, speed: Doubles) -> Ints:
        middle = (part + u) / data.moments * lengths
        last = np.maximum(lengths - speed * data.window, 0)
        starts: Ints = np.clip(middle - speed * data.window / 2, 0, last).astype(np.int64)
        return starts

    def slow(u: Doubles) -> Ints:
        return around(u, speeds[0])

    a, u = _sounding(sounds, which, speeds[0], data.window, generator, slow)
    return a, torch.from_numpy(_played(sounds, which, around(u, speeds[1]), speeds[1], data.window))


def synthesized(data: Data, n: int, generator: Generator) -> tuple[Tensor, Tensor]:
    """Pairs of synthesized voices of the patch `world`: (n, window) each.

    For the kin of `voice` both say other things with one voice, in one room; for those of `content`
    other voices say one thing in other rooms, and rows of a group share their voices.
    """
    duration_s = data.window / data.rate_hz
    patch = make_patch("world", rate_hz=data.rate_hz, duration_s=duration_s, without=SILENT)
    names = [parameter.name for parameter in patch.table.parameters]
    said = torch.tensor([k.removeprefix("voice.").startswith(SAID) for k in names])
    level = names.index("voice.level")

    def fresh(rows: int) -> Tensor:
        u = torch.rand(rows, len(names), generator=generator)
        u[:, level] = 1
        return u.clamp(min=LOWEST)

    if data.kin == "voice":
        voice = fresh(n)
        knobs = [torch.where(said, fresh(n), voice) for _ in range(2)]
        noise = [seeds(n, generator=generator) for _ in range(2)]
    else:
        words, groups = fresh(n), -(-n // data.moments)
        voices = [fresh(groups).repeat_interleave(data.moments, 0)[:n] for _ in range(2)]
        knobs = [torch.where(said, words, voice) for voice in voices]
        noise = [seeds(n, generator=generator)] * 2  # the times of irregular events come from it
    a, b = (patch.render(u, seed) for u, seed in zip(knobs, noise, strict=True))
    return a[:, : data.window], b[:, : data.window]


def _sounding(
    sounds: Sounds,
    which: Ints,
    speeds: Doubles,
    window: int,
    generator: Generator,
    place: Callable[[Doubles], Ints],
) -> tuple[Tensor, Doubles]:
    """Windows (n, window) that are no pause where that can be had, and what placed them (n,)."""
    u = _rand(len(which), generator)
    windows = _played(sounds, which, place(u), speeds, window)
    for _ in range(REDRAWS):
        quiet = np.sqrt(np.square(windows).mean(axis=1)) < QUIET
        if not quiet.any():
            break
        u = np.where(quiet, _rand(len(u), generator), u)
        starts = place(u)
        windows[quiet] = _played(sounds, which[quiet], starts[quiet], speeds[quiet], window)
    return torch.from_numpy(windows), u


def _played(sounds: Sounds, which: Ints, starts: Ints, speeds: Doubles, window: int) -> Floats:
    """A window of each recording: (n, window)."""
    rows = zip(which, starts, speeds, strict=True)
    return np.stack([play(sounds, int(k), int(at), float(how), window) for k, at, how in rows])


def _rand(n: int, generator: Generator) -> Doubles:
    """Even draws (n,) from 0 to 1."""
    drawn: Doubles = torch.rand(n, generator=generator, dtype=torch.float64).numpy()
    return drawn

"""A small library of varied sounds, made by NumPy alone: something to search at once.

Every maker takes a random generator and a rate in Hz and gives one mono sound, (samples,) float32
with a peak of one. `render_demo` gives them names, folders, levels, rates and file formats.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Random = np.random.Generator

_VOWELS = {  # formants in Hz
    "ah": (730, 1090, 2440),
    "ee": (270, 2290, 3010),
    "oo": (300, 870, 2240),
    "eh": (530, 1840, 2480),
    "aw": (570, 840, 2410),
}


def kick(rng: Random, rate_hz: int) -> Floats:
    """A bass drum: a falling sine with a click."""
    t = _seconds(rng.uniform(0.12, 0.5), rate_hz)
    low = rng.uniform(38, 70)
    falling = low + rng.uniform(60, 260) * np.exp(-t / rng.uniform(0.01, 0.05))
    click = rng.uniform(0, 0.5) * _noise(rng, t) * np.exp(-t / 0.002)
    return _done(np.sin(_phase(falling, rate_hz)) * _fall(t, rng.uniform(0.04, 0.15)) + click)


def snare(rng: Random, rate_hz: int) -> Floats:
    """A snare drum: two modes and a bright rattle."""
    t = _seconds(rng.uniform(0.1, 0.35), rate_hz)
    body = _modes(t, rng.uniform(150, 260) * np.array([1, 1.6]), [1, 0.6], [0.05, 0.03])
    rattle = _band(_noise(rng, t), rate_hz, rng.uniform(800, 2500), 9000)
    return _done(body + rng.uniform(0.6, 2.5) * rattle * _fall(t, rng.uniform(0.03, 0.1)))


def hat(rng: Random, rate_hz: int) -> Floats:
    """A hi-hat, closed or open: bright noise over inharmonic squares."""
    t = _seconds(rng.choice([0.06, 0.1, 0.5]) * rng.uniform(0.8, 1.5), rate_hz)
    partials = rng.uniform(300, 500) * np.array([1, 1.34, 1.62, 1.94, 2.5, 2.9])
    metal = np.sign(np.sin(2 * np.pi * partials[:, None] * t)).sum(axis=0) / 6
    mixed = metal * rng.uniform(0.2, 1.5) + _noise(rng, t)
    return _done(_band(mixed, rate_hz, rng.uniform(4000, 7000), 20_000) * _fall(t, t[-1] / 4))


def clap(rng: Random, rate_hz: int) -> Floats:
    """Hands: a few bursts of noise, then a short room."""
    t = _seconds(rng.uniform(0.15, 0.4), rate_hz)
    gaps = np.cumsum(rng.uniform(0.006, 0.016, rng.integers(3, 6)))
    bursts = sum(np.where(t >= gap, np.exp(-(t - gap) / 0.003), 0) for gap in gaps)
    room = np.where(t >= gaps[-1], 0.5 * np.exp(-(t - gaps[-1]) / rng.uniform(0.03, 0.08)), 0)
    noise = _band(_noise(rng, t), rate_hz, rng.uniform(500, 1000), rng.uniform(2500, 6000))
    return _done(noise * (bursts + room))


def tom(rng: Random, rate_hz: int) -> Floats:
    """A tom: a slightly falling drum with overtones of a skin."""
    t = _seconds(rng.uniform(0.2, 0.6), rate_hz)
    falling = rng.uniform(80, 220) * (1 + rng.uniform(0.1, 0.6) * np.exp(-t / 0.04))
    phases = np.outer([1, 1.59, 2.14], _phase(falling, rate_hz))
    return _done([1, 0.4, 0.2] @ np.sin(phases) * _fall(t, 0.12))


def block(rng: Random, rate_hz: int) -> Floats:
    """Wood or a rim: one or two short, high modes."""
    t = _seconds(rng.uniform(0.08, 0.2), rate_hz)
    modes = rng.uniform(500, 2500) * np.array([1, rng.uniform(1.4, 2.8)])
    return _done(_modes(t, modes, [1, rng.uniform(0.2, 0.9)], [0.02, 0.01]))


def cowbell(rng: Random, rate_hz: int) -> Floats:
    """Two squares a fifth or so apart."""
    t = _seconds(rng.uniform(0.15, 0.5), rate_hz)
    tones = rng.uniform(400, 800) * np.array([1, rng.uniform(1.4, 1.6)])
    squares = np.sign(np.sin(2 * np.pi * tones[:, None] * t)).sum(axis=0)
    return _done(_band(squares, rate_hz, 400, 6000) * _fall(t, rng.uniform(0.04, 0.12)))


def shaker(rng: Random, rate_hz: int) -> Floats:
    """Grains in a box: bright noise that swells and dies."""
    t = _seconds(rng.uniform(0.1, 0.3), rate_hz)
    shape = np.abs(np.sin(np.pi * t / t[-1])) ** rng.uniform(1, 4)
    return _done(_band(_noise(rng, t), rate_hz, rng.uniform(3000, 6000), 12_000) * shape)


def pluck(rng: Random, rate_hz: int) -> Floats:
    """A plucked string (Karplus and Strong): noise in a loop that averages its neighbours."""
    period = int(rate_hz / rng.uniform(80, 600))
    loops = [_noise(rng, np.zeros(period))]
    keep = rng.uniform(0.985, 0.999) / 2
    for _ in range(int(rng.uniform(0.3, 1.5) * rate_hz / period)):
        loops.append(keep * (loops[-1] + np.roll(loops[-1], 1)))
    return _done(np.concatenate(loops))


def bell(rng: Random, rate_hz: int) -> Floats:
    """A bell: inharmonic modes that die one after another."""
    t = _seconds(rng.uniform(0.6, 2.5), rate_hz)
    ratios = np.array([0.5, 1, 1.19, 1.5, 2, 2.74, 3.76]) * rng.uniform(0.98, 1.02, 7)
    return _done(
        _modes(t, rng.uniform(250, 1200) * ratios, rng.uniform(0.1, 1, 7), t[-1] / ratios / 3)
    )


def mallet(rng: Random, rate_hz: int) -> Floats:
    """A marimba's bar: partials at 1, 4 and 10."""
    t = _seconds(rng.uniform(0.3, 0.9), rate_hz)
    tone = rng.uniform(130, 900)
    return _done(_modes(t, tone * np.array([1, 4, 10]), [1, 0.3, 0.1], [0.15, 0.05, 0.02]))


def bass(rng: Random, rate_hz: int) -> Floats:
    """A plucked synthesizer bass."""
    t = _seconds(rng.uniform(0.3, 1.0), rate_hz)
    weights = 1 / np.arange(1, 25) ** rng.uniform(0.8, 1.8)
    tone = _harmonics(2 * np.pi * rng.uniform(35, 110) * t, weights)
    return _done(tone * _fall(t, rng.uniform(0.1, 0.4)))


def blip(rng: Random, rate_hz: int) -> Floats:
    """A game's blip: a square that jumps."""
    t = _seconds(rng.uniform(0.08, 0.3), rate_hz)
    tones = rng.uniform(200, 1500) * 2 ** (rng.integers(-5, 8, 3) / 12)
    steps = tones[np.minimum(2, (3 * t / t[-1]).astype(int))]
    return _done(np.sign(np.sin(_phase(steps, rate_hz))) * _fall(t, t[-1]))


def zap(rng: Random, rate_hz: int) -> Floats:
    """A sine that falls or rises fast."""
    t = _seconds(rng.uniform(0.1, 0.6), rate_hz)
    ends = np.log(rng.permutation([rng.uniform(80, 300), rng.uniform(1500, 6000)]))
    tones = np.exp(ends[0] + (ends[1] - ends[0]) * t / t[-1])
    return _done(np.sin(_phase(tones, rate_hz)) * _fall(t, t[-1] / 2))


def riser(rng: Random, rate_hz: int) -> Floats:
    """Noise that opens over some seconds."""
    t = _seconds(rng.uniform(1.5, 4.0), rate_hz)
    low = _band(_noise(rng, t), rate_hz, 100, rng.uniform(500, 1500))
    high = _band(_noise(rng, t), rate_hz, 2000, rng.uniform(5000, 12_000))
    rise = (t / t[-1]) ** rng.uniform(1, 3)
    return _done((low * (1 - rise) + high * rise) * rise)


def pad(rng: Random, rate_hz: int) -> Floats:
    """A chord of detuned strings with a slow attack."""
    t = _seconds(rng.uniform(2.0, 4.0), rate_hz)
    root = rng.uniform(90, 260)
    chord = root * 2 ** (np.array([0, rng.choice([3, 4]), 7]) / 12)
    shape = np.minimum(1, t / rng.uniform(0.3, 1.0)) * np.minimum(1, (t[-1] - t) / 0.5)
    weights = 1 / np.arange(1, 9) ** rng.uniform(1, 2.5)
    tones = np.outer(2 * np.pi * chord, [0.997, 1.004]).ravel()
    voices = [_harmonics(tone * t, weights) for tone in tones]
    return _done(np.sum(voices, axis=0) * shape)


def vowel(rng: Random, rate_hz: int, name: str = "") -> Floats:
    """A sung vowel: harmonics of a voice under three formants."""
    t = _seconds(rng.uniform(0.25, 0.9), rate_hz)
    formants = np.array(_VOWELS[name or rng.choice(list(_VOWELS))]) * rng.uniform(0.9, 1.25)
    tone = rng.uniform(90, 300)
    partials = np.arange(1, int(4000 / tone) + 1)
    distance = (tone * partials[:, None] - formants) / np.array([90, 110, 170])
    weights = (np.array([1, 0.6, 0.3]) / (1 + distance**2)).sum(axis=1) / np.sqrt(partials)
    vibrato = tone * (1 + 0.01 * np.sin(2 * np.pi * 5.5 * t))
    shape = np.minimum(1, t / 0.04) * np.minimum(1, (t[-1] - t) / 0.08)
    return _done(_harmonics(_phase(vibrato, rate_hz), weights) * shape)


def hiss(rng: Random, rate_hz: int) -> Floats:
    """A consonant: a short band of noise."""
    t = _seconds(rng.uniform(0.08, 0.3), rate_hz)
    low = rng.uniform(1500, 5000)
    shape = np.sqrt(np.abs(np.sin(np.pi * t / t[-1])))
    return _done(_band(_noise(rng, t), rate_hz, low, 1.8 * low) * shape)


def word(rng: Random, rate_hz: int) -> Floats:
    """A few syllables of nobody's language."""
    parts: list[Floats] = []
    for _ in range(rng.integers(2, 5)):
        parts += [0.3 * hiss(rng, rate_hz), vowel(rng, rate_hz)]
    return _done(np.concatenate(parts))


def texture(rng: Random, rate_hz: int, seconds: float = 0.0) -> Floats:
    """Noise of a colour between white and brown that comes in gusts: wind, surf, a fan."""
    t = _seconds(seconds or rng.uniform(1.5, 5.0), rate_hz)
    low = rng.uniform(40, 900)
    coloured = _band(_noise(rng, t), rate_hz, low, low * rng.uniform(2, 12))
    gusts = 1 + rng.uniform(0, 0.9) * np.sin(2 * np.pi * rng.uniform(0.1, 2) * t)
    return _done(coloured * gusts)


def drops(rng: Random, rate_hz: int, seconds: float = 0.0) -> Floats:
    """Rain, crackle or bubbles: many small knocks at random times."""
    n = int((seconds or rng.uniform(1.5, 4.0)) * rate_hz)
    drop = block(rng, rate_hz)
    hits = rng.poisson(rng.uniform(5, 120) / rate_hz, n) * rng.uniform(0.1, 1, n)
    size = n + len(drop)
    mixed = np.fft.irfft(np.fft.rfft(hits, size) * np.fft.rfft(drop, size), size)[:n]
    return _done(mixed + 0.003 * _noise(rng, mixed))


def hum(rng: Random, rate_hz: int, seconds: float = 0.0) -> Floats:
    """An engine or a transformer: low harmonics that waver."""
    t = _seconds(seconds or rng.uniform(1.5, 4.0), rate_hz)
    tone = rng.uniform(45, 130) * (1 + 0.03 * np.sin(2 * np.pi * rng.uniform(0.1, 1) * t))
    engine = _harmonics(_phase(tone, rate_hz), rng.uniform(0, 1, 12) / np.arange(1, 13))
    return _done(engine + 0.05 * _noise(rng, t))


def drum_loop(rng: Random, rate_hz: int, seconds: float = 0.0) -> Floats:
    """Two bars of kick, snare and hats, or as many as fill the time."""
    step = 60 / rng.uniform(80, 160) / 4
    kit = [maker(rng, rate_hz) for maker in (kick, snare, hat)]
    pattern = rng.uniform(size=(3, 16)) < np.array([[0.25], [0.15], [0.6]])
    pattern[:, [0, 8]] |= np.array([[True, True], [False, False], [True, True]])
    n_steps = round(seconds / step) if seconds else 32
    hits = [
        (place * step, kit[part] * level)
        for place in range(n_steps)
        for part, level in enumerate((1.0, 0.7, 0.4))
        if pattern[part, place % 16]
    ]
    return _done(_placed(hits, n_steps * step, rate_hz))


def melody(rng: Random, rate_hz: int, seconds: float = 0.0) -> Floats:
    """Plucks or bells on a scale, here and there two together."""
    step = rng.uniform(0.15, 0.5)
    total = seconds or 16 * step
    maker = (pluck, mallet, bell)[rng.integers(3)]
    notes = [maker(rng, rate_hz) for _ in range(6)]
    places = [place for place in range(int(total / step)) if rng.uniform() < 0.8]
    return _done(
        _placed([(place * step, notes[rng.integers(6)]) for place in places], total, rate_hz)
    )


def talk(rng: Random, rate_hz: int, seconds: float = 0.0) -> Floats:
    """Words with pauses between them, in a quiet room."""
    total, place = seconds or rng.uniform(3, 6), 0.2
    words: list[tuple[float, Floats]] = []
    while place < total:
        words.append((place, word(rng, rate_hz)))
        place += len(words[-1][1]) / rate_hz + rng.uniform(0.1, 1.2)
    spoken = _placed(words, total, rate_hz)
    return _done(spoken + 0.0005 * _noise(rng, spoken))


def scene(rng: Random, rate_hz: int, seconds: float = 0.0) -> Floats:
    """A place outdoors: wind or rain with birds or bells now and then."""
    total = seconds or rng.uniform(5, 9)
    ground = (texture, drops)[rng.integers(2)](rng, rate_hz, total)
    caller = (zap, bell, block)[rng.integers(3)]
    calls = [(rng.uniform(0, total), caller(rng, rate_hz)) for _ in range(int(total / 2))]
    return _done(0.3 * ground + _placed(calls, total, rate_hz)[: len(ground)])


SHORT: dict[str, tuple[Callable[[Random, int], Floats], ...]] = {
    "drums/kicks": (kick,),
    "drums/snares": (snare, clap),
    "drums/hats": (hat, hat, shaker),
    "drums/toms": (tom,),
    "drums/percussion": (block, cowbell),
    "tonal/plucks": (pluck, pluck, mallet),
    "tonal/bells": (bell,),
    "tonal/bass": (bass,),
    "tonal/pads": (pad,),
    "fx": (zap, blip, riser),
    "voices": (vowel, vowel, hiss, word),
    "textures": (texture, drops, hum),
    "loops": (drum_loop, melody),
}
"""Folder -> makers of its sounds, each as often as it stands there."""

LONG: tuple[Callable[[Random, int, float], Floats], ...] = (
    scene, drum_loop, talk, melody, hum, drops,
)  # fmt: skip
"""Makers of the sounds of 20 to 60 seconds in `field`."""

ONE_SHOTS: tuple[Callable[[Random, int], Floats], ...] = (
    kick, snare, hat, clap, tom, block, cowbell, shaker, pluck, mallet, bass, blip, zap, vowel, hiss,
)  # fmt: skip
"""Makers of short sounds."""


def render_demo(folder: str | Path, *, n: int = 300, seed: int = 0) -> list[Path]:
    """Write `n` varied sounds below `folder` and give their paths; one seed, one library.

    One in forty lasts 20 to 60 s. WAV (16, 24 bit, float) and FLAC, 22,050 to 48,000 Hz, mono and
    stereo, peaks between -14 and -1 dBFS.
    """
    rng = np.random.default_rng(seed)
    rooms = [(place, maker) for place, makers in SHORT.items() for maker in makers]
    n_long = min(n, -(-n // 40))
    paths: list[Path] = []
    made: Counter[str] = Counter()
    for number in range(n - n_long):
        place, maker = rooms[number % len(rooms)]
        rate_hz = int(rng.choice([22_050, 44_100, 44_100, 48_000]))
        made[maker.__name__] += 1
        name = f"{maker.__name__}_{made[maker.__name__]:02d}"
        paths.append(_write(rng, Path(folder) / place, name, maker(rng, rate_hz), rate_hz))
    for number in range(n_long):
        longer = LONG[number % len(LONG)]
        samples = longer(rng, 22_050, rng.uniform(20, 60))
        name = f"{longer.__name__}_long_{number // len(LONG) + 1:02d}"
        paths.append(_write(rng, Path(folder) / "field", name, samples, 22_050))
    return paths


def one_shots(n: int, rate_hz: int, *, seed: int = 0) -> list[Floats]:
    """`n` short sounds of 0.1 to 1 s, all kinds in turn: mono, the same for the same seed.

    Examples
    --------
    >>> [len(sound) for sound in one_shots(2, 16_000)]
    [3560, 3095]
    """
    rng = np.random.default_rng(seed)
    sounds = []
    for number in range(n):
        duration_s = rng.uniform(0.1, 1.0)
        sound = ONE_SHOTS[number % len(ONE_SHOTS)](rng, rate_hz)
        sounds.append(_done(sound[: int(duration_s * rate_hz)]))
    return sounds


def _write(rng: Random, folder: Path, name: str, samples: Floats, rate_hz: int) -> Path:
    """Write one sound at a random level, perhaps in stereo, in a random format."""
    import soundfile  # noqa: PLC0415 - only writing needs it

    folder.mkdir(parents=True, exist_ok=True)
    suffix, subtype = _FORMATS[rng.integers(len(_FORMATS))]
    level = 10 ** (rng.uniform(-14, -1) / 20)
    if rng.uniform() < 0.3:
        channels = samples[:, None] * np.array([1.0, rng.uniform(0.4, 1.0)])
    else:
        channels = samples[:, None]
    path = folder / f"{name}{suffix}"
    soundfile.write(path, (level * channels).astype(np.float32), rate_hz, subtype=subtype)
    return path


_FORMATS = ((".wav", "PCM_16"), (".wav", "PCM_24"), (".wav", "FLOAT"), (".flac", "PCM_16"))


def _seconds(duration_s: float, rate_hz: int) -> Doubles:
    """Times of the samples of a sound, in seconds."""
    return np.arange(1, int(duration_s * rate_hz) + 1) / rate_hz


def _phase(frequency_hz: Doubles, rate_hz: int) -> Doubles:
    """Phase of an oscillator whose frequency changes."""
    phase: Doubles = 2 * np.pi * np.cumsum(frequency_hz) / rate_hz
    return phase


def _noise(rng: Random, like: npt.NDArray[np.floating]) -> Floats:
    """White noise, as long as another signal."""
    return rng.standard_normal(len(like), np.float32)


def _fall(t: Doubles, time_s: float) -> Doubles:
    """Exponential decay with a millisecond's attack."""
    shape: Doubles = np.minimum(1, t / 0.001) * np.exp(-t / time_s)
    return shape


def _modes(
    t: Doubles, tones: Doubles, levels: Sequence[float] | Doubles, times: Sequence[float] | Doubles
) -> Doubles:
    """A struck body: one decaying sine a mode."""
    waves = np.sin(2 * np.pi * tones[:, None] * t) * np.exp(-t / np.asarray(times)[:, None])
    mixed: Doubles = np.asarray(levels) @ waves
    return mixed


def _harmonics(phase: Doubles, weights: npt.ArrayLike) -> Doubles:
    """Weighted sines of the multiples of a phase, by Chebyshev's recurrence."""
    below, wave, twice = np.zeros_like(phase), np.sin(phase), 2 * np.cos(phase)
    mixed = np.zeros_like(phase)
    for weight in np.asarray(weights):
        mixed += weight * wave
        below, wave = wave, twice * wave - below
    return mixed


def _band(
    samples: npt.NDArray[np.floating], rate_hz: int, low_hz: float, high_hz: float
) -> Doubles:
    """A band-pass of second order, applied to the spectrum."""
    size = 1 << (len(samples) - 1).bit_length()
    tones = np.fft.rfftfreq(size, 1 / rate_hz)
    gain = 1 / (1 + (low_hz / np.maximum(tones, 1)) ** 4) / (1 + (tones / high_hz) ** 4)
    return np.fft.irfft(np.fft.rfft(samples, size) * gain, size)[: len(samples)]


def _placed(hits: list[tuple[float, Floats]], total_s: float, rate_hz: int) -> Doubles:
    """Sounds at their times in seconds, cut at the end."""
    mixed = np.zeros(int(total_s * rate_hz))
    for start_s, sound in hits:
        start = int(start_s * rate_hz)
        fitting = sound[: max(0, len(mixed) - start)]
        mixed[start : start + len(fitting)] += fitting
    return mixed


def _done(samples: npt.NDArray[np.floating]) -> Floats:
    """Peak to one, the last two milliseconds (or less) faded."""
    n_fade = min(len(samples), 64)
    faded = np.array(samples, np.float32)
    faded[len(faded) - n_fade :] *= np.linspace(1, 0, n_fade, dtype=np.float32)
    return faded / max(float(np.abs(faded).max()), 1e-9)

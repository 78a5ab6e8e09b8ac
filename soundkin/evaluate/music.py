"""Music whose every property is known: scores by our own seeded generator.

A score is drawn by a seed: tempo, key, mode, style (drums, bass and chords go by it), mood, lead
instrument, structure (which sections return), ensemble. Key, tempo, instrument and structure are
shared out evenly over the styles and shuffled within each, so that none stands for another. A mood
is what music psychology makes of cues (Juslin 2000; Gabrielsson and Lindstroem 2010): mode,
register, articulation, dynamics and tempo each lean towards it, and each only with some
probability, so that no single cue gives it away; so mode and, weakly, tempo go with mood, as in music.

Some pieces come three times: one part alone, another alone, both together (`ensemble` solo, solo,
duet); all else is a band.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from soundkin.errors import InputError
from soundkin.evaluate.midi import Note, Part

Random = np.random.Generator

TEMPI_BPM = (72, 80, 90, 100, 112, 126, 140, 152)
KEYS = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
LEADS = {
    "piano": 0,
    "vibraphone": 11,
    "organ": 19,
    "guitar": 24,
    "violin": 40,
    "trumpet": 56,
    "saxophone": 65,
    "flute": 73,
}
STRUCTURES = ("AABA", "ABAB", "ABAC", "AABB", "ABCB")
SCALES = {"major": (0, 2, 4, 5, 7, 9, 11), "minor": (0, 2, 3, 5, 7, 8, 10)}
CHORDS = {  # degrees of the scale
    "major": ((0, 4, 5, 3), (0, 5, 3, 4), (0, 3, 4, 0), (5, 3, 0, 4), (1, 4, 0, 5)),
    "minor": ((0, 5, 2, 6), (0, 3, 4, 0), (0, 6, 5, 6), (5, 6, 0, 0), (3, 0, 4, 0)),
}
KICK, SNARE, HAT, RIDE, RIM, TOM = 36, 38, 42, 51, 37, 45
SECTION_BARS = 4


@dataclass(frozen=True, slots=True)
class Style:
    """How a band plays: beats of a bar at which each drum, the bass and the chords sound.

    `swing`: how late the second of two eighths comes, in beats; `program`: of the chords; `long`:
    length of a chord in beats.
    """

    drums: dict[int, tuple[float, ...]]
    bass: tuple[float, ...]
    chords: tuple[float, ...]
    program: int
    long: float
    swing: float = 0.0


STYLES = {
    "rock": Style({KICK: (0, 2, 2.5), SNARE: (1, 3), HAT: (0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5)},
                  (0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5), (0, 1.5, 2.5), 29, 1.0),
    "ballad": Style({KICK: (0,), RIM: (2,), RIDE: (0, 1, 2, 3)}, (0, 2.5), (0,), 48, 3.8),
    "swing": Style({RIDE: (0, 1, 1.5, 2, 3, 3.5), HAT: (1, 3), KICK: (0,)},
                   (0, 1, 2, 3), (0.5, 2.5), 0, 0.4, swing=0.17),
    "dance": Style({KICK: (0, 1, 2, 3), HAT: (0.5, 1.5, 2.5, 3.5), SNARE: (1, 3)},
                   (0.5, 1.5, 2.5, 3.5), (0, 0.75, 1.5, 2.25, 3), 81, 0.3),
    "bossa": Style({KICK: (0, 1.5, 2, 3.5), RIM: (0, 1, 2.5, 3.5), HAT: (0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5)},
                   (0, 1.5, 2, 3.5), (0, 1, 2.5), 24, 0.6),
}  # fmt: skip
MOODS = {  # mode, register in octaves, length of a note as share of its time, velocity, tempo
    "happy": ("major", 1, 0.5, 100, 1),
    "tender": ("major", 0, 1.0, 60, -1),
    "angry": ("minor", -1, 0.45, 118, 1),
    "sad": ("minor", -1, 1.0, 55, -1),
}
CUE = 0.8
"""How often a cue agrees with the mood."""
LEAN = 0.4
"""How often a tempo that does not suit the mood is moved to one that does."""


@dataclass(frozen=True, slots=True)
class Score:
    """A track's properties; `source`: the piece, shared by its two solos and their duet."""

    name: str
    source: str
    tempo_bpm: int
    key: str
    mode: str
    instrument: str
    second: str
    style: str
    mood: str
    structure: str
    ensemble: str
    seed: int


def plan_scores(n: int = 400, *, seed: int = 0) -> list[Score]:
    """The properties of `n` tracks, 20 and more; a sixteenth of them are pieces in three versions.

    Raises InputError for fewer.
    """
    if n < 20:
        raise InputError(f"{n} tracks", "20 and more", "styles, keys and tempi need some to share")
    rng = np.random.default_rng(seed)
    n_triples = n // 16
    pieces = n - 2 * n_triples
    styles = _shared_out([*STYLES], pieces, rng)
    columns = {
        name: _within(styles, values, rng)
        for name, values in {
            "key": [*KEYS],
            "tempo_bpm": [str(bpm) for bpm in TEMPI_BPM],
            "instrument": [*LEADS],
            "structure": [*STRUCTURES],
            "mood": [*MOODS],
        }.items()
    }
    found: list[Score] = []
    triple = set(rng.permutation(pieces)[:n_triples].tolist())
    for i in range(pieces):
        mood = columns["mood"][i]
        mode = MOODS[mood][0] if rng.random() < CUE else rng.choice([*SCALES])
        lead = columns["instrument"][i]
        score = Score(
            name=f"{i:04}",
            source=f"piece-{i:04}",
            tempo_bpm=_leaning(int(columns["tempo_bpm"][i]), MOODS[mood][4], rng),
            key=columns["key"][i],
            mode=str(mode),
            instrument=lead,
            second=str(rng.choice([name for name in LEADS if name != lead])),
            style=styles[i],
            mood=mood,
            structure=columns["structure"][i],
            ensemble="band",
            seed=int(rng.integers(2**31)),
        )
        found += _versions(score) if i in triple else [score]
    return found


def _versions(score: Score) -> list[Score]:
    """One part alone, the other alone, both."""
    plain = {name: getattr(score, name) for name in Score.__slots__}
    first, second = score.instrument, score.second
    return [
        Score(**{**plain, "name": f"{score.name}-one", "ensemble": "solo", "second": ""}),
        Score(
            **{
                **plain,
                "name": f"{score.name}-two",
                "ensemble": "solo",
                "instrument": second,
                "second": first,
            }
        ),
        Score(**{**plain, "name": f"{score.name}-duet", "ensemble": "duet"}),
    ]


def _shared_out(values: list[str], n: int, rng: Random) -> list[str]:
    """Every value equally often, within one, in random order."""
    return [values[i % len(values)] for i in rng.permutation(n)]


def _within(styles: list[str], values: list[str], rng: Random) -> list[str]:
    """Every value equally often within each style, in random order."""
    found = [""] * len(styles)
    start = 0
    for style in STYLES:
        rows = [i for i, name in enumerate(styles) if name == style]
        for place, row in enumerate(rng.permutation(rows)):
            found[row] = values[(start + place) % len(values)]
        start += len(rows)
    return found


def _leaning(tempo_bpm: int, lean: int, rng: Random) -> int:
    """A tempo, now and then moved to its mirror image where that suits the mood better."""
    middle = (TEMPI_BPM[3] + TEMPI_BPM[4]) / 2
    if (tempo_bpm - middle) * lean < 0 and rng.random() < LEAN:
        return TEMPI_BPM[::-1][TEMPI_BPM.index(tempo_bpm)]
    return tempo_bpm


def compose(score: Score, *, seconds: float = 30.0) -> list[Part]:
    """The parts of a track: notes until `seconds` are full, by the score's own seed."""
    n_bars = int(np.ceil(seconds * score.tempo_bpm / 60 / 4))
    sections = {letter: _section(score, letter) for letter in sorted(set(score.structure))}
    order = [score.structure[bar // SECTION_BARS % len(score.structure)] for bar in range(n_bars)]
    parts: dict[str, list[Note]] = {name: [] for name in ("one", "two", "chords", "bass", "drums")}
    for bar, letter in enumerate(order):
        for name, bars in sections[letter].items():
            for note in bars[bar % SECTION_BARS]:
                moved = Note(note.start + 4 * bar, note.length, note.pitch, note.velocity)
                parts[name].append(moved)
    return _scored(score, {name: tuple(notes) for name, notes in parts.items()})


def _scored(score: Score, notes: dict[str, tuple[Note, ...]]) -> list[Part]:
    """Which parts sound, on which instruments."""
    one = Part(score.instrument, LEADS[score.instrument], notes["one"])
    if score.ensemble == "solo":  # the second voice of a piece is played by its second instrument
        voice = "two" if score.name.endswith("-two") else "one"
        return [Part(score.instrument, LEADS[score.instrument], notes[voice])]
    if score.ensemble == "duet":
        return [one, Part(score.second, LEADS[score.second], notes["two"])]
    return [
        one,
        Part("chords", STYLES[score.style].program, notes["chords"]),
        Part("bass", 33, notes["bass"]),
        Part("drums", 0, notes["drums"], drums=True),
    ]


def _section(score: Score, letter: str) -> dict[str, list[list[Note]]]:
    """Four bars of every part, notes from the bar's start; the same letter is the same music."""
    rng = np.random.default_rng([score.seed, ord(letter)])
    cues = np.random.default_rng([score.seed, 1])  # one manner for all sections
    _, register, short, loud, _ = MOODS[score.mood]
    octave = register if cues.random() < CUE else int(cues.integers(-1, 2))
    share = short if cues.random() < CUE else float(cues.choice([0.5, 1.0]))
    level = loud if cues.random() < CUE else int(cues.integers(55, 118))
    tonic = KEYS.index(score.key)
    scale = SCALES[score.mode]
    style = STYLES[score.style]
    progression = CHORDS[score.mode][int(rng.integers(len(CHORDS[score.mode])))]
    found: dict[str, list[list[Note]]] = {
        "one": [],
        "two": [],
        "chords": [],
        "bass": [],
        "drums": [],
    }
    degree = 7 + int(rng.integers(0, 5))
    for chord in progression:
        melody, degree = _melody(rng, chord, degree)
        for name, drop in (("one", 0), ("two", 2)):
            found[name].append([
                Note(at, long * share, _pitch(tonic, scale, d - drop, 4 + octave),
                     _level(rng, level + 8 - 6 * drop))
                for at, long, d in melody
            ])  # fmt: skip
        pitches = [_pitch(tonic, scale, chord + third, 4) for third in (0, 2, 4)]
        found["chords"].append([
            Note(_swung(at, style), style.long * max(share, 0.5), p, _level(rng, level - 25))
            for at in style.chords for p in pitches
        ])  # fmt: skip
        root, fifth = (_pitch(tonic, scale, chord + d, 2) for d in (0, 4))
        found["bass"].append([
            Note(_swung(at, style), 0.45, fifth if k % 4 == 2 else root, _level(rng, level - 10))
            for k, at in enumerate(style.bass)
        ])  # fmt: skip
        found["drums"].append([
            Note(_swung(at, style), 0.2, drum, _level(rng, level - 10))
            for drum, beats in style.drums.items() for at in beats
        ])  # fmt: skip
    return found


def _melody(rng: Random, chord: int, degree: int) -> tuple[list[tuple[float, float, int]], int]:
    """A bar of (start, length, degree) of two octaves; strong beats on the chord, steps between."""
    patterns = ((1, 1, 1, 1), (1.5, 0.5, 1, 1), (0.5, 0.5, 1, 2), (1, 0.5, 0.5, 1, 1), (2, 1, 1))
    at, notes = 0.0, []
    for long in patterns[int(rng.integers(len(patterns)))]:
        if at in {0.0, 2.0}:
            tones = [d for d in range(3, 17) if (d - chord) % 7 in {0, 2, 4}]
            degree = min(tones, key=lambda d: (abs(d - degree), d))
        else:
            degree = int(np.clip(degree + rng.choice([-2, -1, 1, 2]), 3, 16))
        notes.append((at, float(long), degree))
        at += long
    return notes, degree


def _pitch(tonic: int, scale: tuple[int, ...], degree: int, octave: int) -> int:
    """MIDI pitch of a degree of the scale, 0 the tonic of that octave (4: from middle C)."""
    return 12 * (octave + 1) + tonic + 12 * (degree // 7) + scale[degree % 7] - 12 * (tonic > 6)


def _swung(at: float, style: Style) -> float:
    """A time with the style's swing."""
    return at + style.swing * (at % 1 == 0.5)


def _level(rng: Random, level: int) -> int:
    """A velocity near a level."""
    return int(np.clip(level + rng.integers(-6, 7), 20, 127))

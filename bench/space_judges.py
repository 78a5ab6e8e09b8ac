"""What the cards of `timbre`, `tonal` and `rhythm` claim, asked of any space.

Every judge takes spaces and gives, by measure, one answer a question for each of them and whose each
question is, so that intervals can be drawn. Music and single notes are played by FluidSynth; that
sound, and the recordings of SOUNDKIN_DATA, judge only: nothing was trained on them.

- notes: 56 General MIDI programs x 12 pitches: is the nearest note at another pitch of the same
  program (`instrument`)? The nearest of another program at the same pitch, or pitch class?
- shifted: is a real one-shot, played 3, 5 or 7 semitones up or down, found first among all?
- music: 400 tracks of known key, tempo, instrument, style: 1-NN, and locality at 5, other pieces only
- chords: 1 s of bars whose chord is known: 1-NN and mAP, other pieces only
- patterns: five drum patterns at eight tempi on eight kits of real one-shots, other kits only
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
import soundfile
import torch

from soundkin.audio.decode import read_sound, resample
from soundkin.audio.windows import active_range
from soundkin.augment.stretch import pitch_shift, read_faster
from soundkin.evaluate.datasets import read_datasets
from soundkin.evaluate.embed import embed_clips
from soundkin.evaluate.locality import neighbour_shares
from soundkin.evaluate.midi import Note, Part, write_midi
from soundkin.evaluate.music import STYLES, TEMPI_BPM, compose, plan_scores
from soundkin.evaluate.play import make_music, render
from soundkin.evaluate.retrieval import retrieval
from soundkin.space import Space

RATE = 16_000
PROGRAMS = range(0, 112, 2)
PITCHES = (43, 47, 50, 53, 55, 58, 62, 65, 68, 72, 75, 79)
SEMITONES = (-7, -5, -3, 3, 5, 7)
TRACKS = 400
KITS = 8
PATTERN_S = 8.0

Answers = dict[str, tuple[np.ndarray, np.ndarray]]
"""Measure -> answers (n,), groups (n,)."""
Sounds = list[np.ndarray]


def vectors_of(space: Space, sounds: Sounds, rate_hz: int = RATE) -> np.ndarray:
    """One window of each sound, from its start: (n, dim)."""
    windows = np.zeros((len(sounds), space.window_samples), np.float32)
    valid = np.zeros(len(sounds), np.int64)
    for row, sound in enumerate(sounds):
        heard = (
            sound if rate_hz == space.sample_rate else resample(sound, rate_hz, space.sample_rate)
        )
        valid[row] = max(1, min(len(heard), space.window_samples))
        windows[row, : valid[row]] = heard[: valid[row]]
    return space.embed(windows, valid)


def notes(spaces: Sequence[Space], folder: Path, _: Path) -> dict[str, Answers]:
    """Single notes of many instruments."""
    sounds, program, pitch = played_notes(folder)
    found = {}
    for space in spaces:
        x = vectors_of(space, sounds)
        same = retrieval(x, program, pitch, ks=(1,))
        high = retrieval(x, pitch, program, ks=(1,))
        octaves = retrieval(x, pitch % 12, program, ks=(1,))
        found[space.name] = {
            "instrument of a note, 1-NN": (same.first, program),
            "instrument of a note, mAP": (same.average_precision, program),
            "pitch of a note, 1-NN": (high.first, program),
            "pitch of a note, mAP": (high.average_precision, program),
            "pitch class of a note, 1-NN": (octaves.first, program),
        }
    return found


@cache
def played_notes(folder: Path) -> tuple[Sounds, np.ndarray, np.ndarray]:
    """Sounds of a second at 16 kHz, program and pitch of each."""
    sounds, program, pitch = [], [], []
    rng = np.random.default_rng(0)
    for number in PROGRAMS:
        file = folder / "notes" / f"{number:03}.flac"
        line = [Note(2.0 * k, 1.0, p, int(rng.integers(70, 111))) for k, p in enumerate(PITCHES)]
        if not file.is_file():
            seconds = 2.0 * len(PITCHES)
            render(write_midi([Part("one", number, tuple(line))], bpm=60), file, seconds=seconds)
        samples, _ = read_sound(file, rate_hz=RATE)
        for k, height in enumerate(PITCHES):
            sounds.append(trimmed(samples[2 * k * RATE : (2 * k + 1) * RATE]))
            program.append(number)
            pitch.append(height)
    return sounds, np.array(program), np.array(pitch)


def trimmed(samples: np.ndarray) -> np.ndarray:
    """A second at most, without silence at its ends."""
    first, last = active_range(samples[:RATE], RATE) or (0, min(len(samples), RATE))
    return samples[first:last]


def shifted(spaces: Sequence[Space], _: Path, data: Path) -> dict[str, Answers]:
    """Real one-shots at other pitches, by speed and by phase vocoder."""
    found: dict[str, Answers] = {space.name: {} for space in spaces}
    for name, column in (("sonicpi", "label"), ("mridangam", "stroke")):
        originals, changed, kinds = one_shots(data / name, column)
        own = np.arange(len(originals))
        often = np.array([list(kinds).count(kind) > 4 for kind in kinds])
        for space in spaces:
            base = vectors_of(space, originals)
            hits: dict[str, list[np.ndarray]] = {"speed": [], "vocoder": [], "kind": []}
            for (how, _), sounds in changed.items():
                scores = vectors_of(space, sounds) @ base.T
                hits[how].append(scores.argmax(axis=1) == own)
                np.fill_diagonal(scores, -np.inf)
                hits["kind"].append((kinds[scores.argmax(axis=1)] == kinds)[often])
            for how, title in (("speed", "by speed"), ("vocoder", "by vocoder")):
                values = np.mean(hits[how], axis=0)
                found[space.name][f"{name}, shifted {title}, found first"] = (values, own)
            kind = np.mean(hits["kind"], axis=0)
            found[space.name][f"{name}, shifted, kind of the nearest other"] = (kind, own[often])
    return found


@cache
def one_shots(
    folder: Path, column: str
) -> tuple[Sounds, dict[tuple[str, int], Sounds], np.ndarray]:
    """The first second of each sound, the same at other pitches, what each is."""
    with (folder / "labels.csv").open(encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    longer = []
    for row in rows:
        samples, _ = read_sound(folder / row["path"], rate_hz=RATE, end_s=4.0)
        first, _ = active_range(samples, RATE) or (0, 0)
        part = samples[first : first + 2 * RATE]
        longer.append(np.pad(part, (0, 2 * RATE - len(part))))
    whole = torch.from_numpy(np.stack(longer))
    changed = {}
    for by in SEMITONES:
        for how, sound in (
            ("speed", read_faster(whole, 2 ** (by / 12), 2 * RATE)),
            ("vocoder", torch.cat([pitch_shift(part, float(by)) for part in whole.split(32)])),
        ):
            changed[how, by] = [trimmed(one) for one in sound.numpy()]
    return [trimmed(one) for one in longer], changed, np.array([row[column] for row in rows])


def music(spaces: Sequence[Space], folder: Path, _: Path) -> dict[str, Answers]:
    """Properties of tracks: of those by a band, and the instrument of solos."""
    [clips] = read_datasets(judging_music(folder))
    vectors = embed_clips(clips.files(), list(spaces), cache=folder / "heard", jobs=1)
    alone = np.flatnonzero(clips.columns["ensemble"] == "solo")
    band = np.flatnonzero(clips.columns["ensemble"] == "band")
    source = clips.columns["source"]
    found: dict[str, Answers] = {}
    for space in spaces:
        x, answers = vectors[space.id], {}
        for name in ("key", "tempo_bpm", "style", "instrument", "mood"):
            label = clips.columns[name][band]
            asked = retrieval(x[band], label, source[band], ks=(1,))
            answers[f"{name} of a band, 1-NN"] = (asked.first, source[band][asked.rows])
            near = neighbour_shares(x[band], {name: label}, source[band], ks=(5,))[name]
            lift = near.share[:, 0] / np.maximum(near.chance, 1e-9)
            answers[f"{name} of a band, locality at 5"] = (lift, source[band])
        for name in ("instrument", "key"):
            asked = retrieval(x[alone], clips.columns[name][alone], source[alone], ks=(1,))
            answers[f"{name} of a solo, 1-NN"] = (asked.first, source[alone][asked.rows])
            answers[f"{name} of a solo, mAP"] = (
                asked.average_precision,
                source[alone][asked.rows],
            )
        found[space.name] = answers
    return found


def judging_music(folder: Path) -> Path:
    """The set of music that judges, rendered where it is not there yet."""
    made = folder / "music" / f"{TRACKS}-30s-seed0"
    return made if (made / "labels.csv").is_file() else make_music(made, TRACKS, seed=0)


def chords(spaces: Sequence[Space], folder: Path, _: Path) -> dict[str, Answers]:
    """A second of each of four bars, by the notes of the bar's chord."""
    sounds, label, source = played_chords(folder)
    found = {}
    for space in spaces:
        asked = retrieval(vectors_of(space, sounds), label, source, ks=(1,))
        whose = source[asked.rows]
        found[space.name] = {
            "chord of a bar, 1-NN": (asked.first, whose),
            "chord of a bar, mAP": (asked.average_precision, whose),
        }
    return found


@cache
def played_chords(folder: Path) -> tuple[Sounds, np.ndarray, np.ndarray]:
    """Sounds of a second at 16 kHz, the chord and the piece of each."""
    tracks = judging_music(folder)
    sounds, label, source = [], [], []
    for score in plan_scores(TRACKS, seed=0):
        if score.ensemble != "band":
            continue
        samples, _ = read_sound(tracks / "audio" / f"{score.name}.flac", rate_hz=RATE, end_s=20.0)
        [part] = [part for part in compose(score) if part.name == "chords"]
        for bar in range(1, 5):
            start_s = 4 * bar * 60 / score.tempo_bpm
            heard = samples[round(start_s * RATE) : round((start_s + 1) * RATE)]
            pitches = {n.pitch % 12 for n in part.notes if 4 * bar <= n.start < 4 * bar + 4}
            if active_range(heard, RATE) is not None:
                sounds.append(heard)
                label.append("-".join(map(str, sorted(pitches))))
                source.append(score.source)
    return sounds, np.array(label), np.array(source)


def patterns(spaces: Sequence[Space], folder: Path, data: Path) -> dict[str, Answers]:
    """Drum patterns on real one-shots: the same pattern, tempo, or both on another kit."""
    files = struck_patterns(folder, data)
    style, bpm, kit = (np.array(c) for c in zip(*[f.stem.split("-") for f in files], strict=True))
    vectors = embed_clips(files, list(spaces), cache=folder / "heard", jobs=1)
    both = np.char.add(np.char.add(style, "-"), bpm)
    found: dict[str, Answers] = {}
    for space in spaces:
        answers = {}
        for name, label in (("pattern", style), ("tempo", bpm), ("pattern and tempo", both)):
            asked = retrieval(vectors[space.id], label, kit, ks=(1,))
            answers[f"{name} on another kit, 1-NN"] = (asked.first, both[asked.rows])
            answers[f"{name} on another kit, mAP"] = (asked.average_precision, both[asked.rows])
        found[space.name] = answers
    return found


def struck_patterns(folder: Path, data: Path) -> list[Path]:
    """Files STYLE-BPM-KIT.wav: a style's drums on one-shots of sonicpi and mridangam, begun anywhere."""
    home, rng = folder / "patterns", np.random.default_rng(3)
    home.mkdir(parents=True, exist_ok=True)
    choice = re.compile(r"(drum|perc|elec|bd|sn|hat|tabla|mridangam)")
    files = [
        *sorted((data / "sonicpi").rglob("*.flac")),
        *sorted((data / "sonicpi").rglob("*.wav")),
    ]
    drums = [f for f in files if choice.match(f.stem)]
    drums += sorted((data / "mridangam").rglob("*.flac"))
    made = []
    for kit in range(KITS):
        drawn = rng.permutation(len(drums))[:6]
        strokes = [stroke(drums[k]) for k in drawn]
        for style, how in STYLES.items():
            for bpm in TEMPI_BPM:
                file = home / f"{style}-{bpm}-{kit}.wav"
                samples = np.zeros(round(PATTERN_S * RATE) + RATE, np.float32)
                first = -rng.uniform(0, 4 * 60 / bpm)
                for voice, beats in zip(strokes, how.drums.values(), strict=False):
                    for bar in range(64):
                        for beat in beats:
                            at = first + (4 * bar + beat + how.swing * (beat % 1 == 0.5)) * 60 / bpm
                            place = round(at * RATE)
                            if 0 <= place < PATTERN_S * RATE:
                                samples[place : place + len(voice)] += voice * rng.uniform(0.6, 1.0)
                whole = samples[: round(PATTERN_S * RATE)]
                if not file.is_file():
                    soundfile.write(file, 0.7 * whole / np.abs(whole).max(), RATE)
                made.append(file)
    return made


def stroke(file: Path) -> np.ndarray:
    """The first 0.4 s of a one-shot, its end faded."""
    samples, _ = read_sound(file, rate_hz=RATE, end_s=2.0)
    part = trimmed(samples)[: round(0.4 * RATE)].copy()
    part[-400:] *= np.linspace(1, 0, len(part[-400:]), dtype=np.float32)
    return part / max(float(np.abs(part).max()), 1e-9)


JUDGES = {
    "notes": notes,
    "shifted": shifted,
    "music": music,
    "chords": chords,
    "patterns": patterns,
}

"""Scores -> sound: FluidSynth plays our MIDI; a folder of tracks with labels.csv."""

from __future__ import annotations

import csv
import shutil
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import soundfile

from soundkin.audio.decode import read_sound
from soundkin.errors import InputError, NotFound
from soundkin.evaluate.midi import write_midi
from soundkin.evaluate.music import compose, plan_scores

if TYPE_CHECKING:
    from collections.abc import Callable

    from soundkin.evaluate.music import Score

SOUNDFONTS = ("FluidR3_GM.sf2", "default-GM.sf2")
RATE_HZ = 22_050
FADE_S = 0.02
MOST_S = 300.0
"""Longest that one track may take: a sound font that cannot be read must not hold up the rest."""
LABELS = ("tempo_bpm", "key", "mode", "instrument", "style", "mood", "structure", "ensemble")


def fluidsynth() -> tuple[str, Path]:
    """FluidSynth's program and a General MIDI soundfont. Raises NotFound with what to install."""
    program = shutil.which("fluidsynth")
    folders = [Path(p) for p in ("/usr/share/sounds/sf2", "/usr/share/soundfonts")]
    fonts = [folder / name for folder in folders for name in SOUNDFONTS]
    font = next((file for file in fonts if file.is_file()), None)
    if program is None or font is None:
        missing = "FluidSynth is not installed" if program is None else "no General MIDI soundfont"
        todo = "install the Debian packages fluidsynth and fluid-soundfont-gm"
        raise NotFound(missing, "both, to render music", todo)
    return program, font


def render(midi: bytes, out: Path, *, seconds: float = 30.0) -> None:
    """Play a MIDI file's bytes to a mono FLAC of `seconds` at 22,050 Hz, written whole or not at all.

    Raises NotFound without FluidSynth, InputError when it gives no sound.
    """
    program, font = fluidsynth()
    with tempfile.TemporaryDirectory() as folder:
        score, wave = Path(folder) / "score.mid", Path(folder) / "sound.wav"
        score.write_bytes(midi)
        words = [program, "-ni", "-q", "-g", "0.5", "-r", str(RATE_HZ), "-F", str(wave)]
        try:
            ran = subprocess.run(  # noqa: S603 - a program by its full path, files of our own
                [*words, str(font), str(score)],
                capture_output=True,
                text=True,
                check=False,
                timeout=MOST_S,
            )
        except subprocess.TimeoutExpired as error:
            raise InputError(
                f"FluidSynth took longer than {MOST_S:g} s for one track", "a few seconds"
            ) from error
        if ran.returncode or not wave.is_file():
            said = (ran.stderr.strip() or "nothing").splitlines()[-1]
            raise InputError(f"FluidSynth gave no sound and said {said!r}", "a sound file")
        samples, _ = read_sound(wave)
    kept = samples[: round(seconds * RATE_HZ)]
    fade = np.minimum(1, (len(kept) - np.arange(len(kept))) / (FADE_S * RATE_HZ))
    out.parent.mkdir(parents=True, exist_ok=True)
    part = out.with_suffix(".part")
    soundfile.write(part, kept * fade, RATE_HZ, format="FLAC", subtype="PCM_16")
    part.replace(out)


def make_music(
    folder: str | Path,
    n: int = 400,
    *,
    seconds: float = 30.0,
    seed: int = 0,
    jobs: int = 2,
    on_progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Render a set of `n` tracks with labels.csv; tracks that are there already stay.

    Raises NotFound without FluidSynth.
    """
    fluidsynth()
    folder = Path(folder).expanduser()
    scores = plan_scores(n, seed=seed)

    def one(score: Score) -> None:
        out = folder / "audio" / f"{score.name}.flac"
        midi = write_midi(compose(score, seconds=seconds), bpm=score.tempo_bpm)
        notes = folder / "midi" / f"{score.name}.mid"
        if out.is_file() and notes.is_file() and notes.read_bytes() == midi:
            return
        render(midi, out, seconds=seconds)
        notes.parent.mkdir(parents=True, exist_ok=True)
        notes.write_bytes(midi)

    with ThreadPoolExecutor(jobs) as pool:
        for done, _ in enumerate(pool.map(one, scores), 1):
            if on_progress is not None:
                on_progress(done, len(scores))
    part = folder / "labels.csv.part"  # the table is the mark that the set is whole
    with part.open("w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out)
        writer.writerow(["path", *LABELS, "source"])
        for score in scores:
            row = [getattr(score, name) for name in (*LABELS, "source")]
            writer.writerow([f"audio/{score.name}.flac", *row])
    part.replace(folder / "labels.csv")
    return folder

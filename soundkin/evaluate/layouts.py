"""Sets of labelled sound as their makers give them away, told by their files; see `datasets`.

VIVAE (Holz et al. 2022), CREMA-D (Cao et al. 2014), FSD50K (Fonseca et al. 2022), the Vocal
Imitation Set (Kim et al. 2018), LibriCount (Stoeter et al. 2018).
"""

from __future__ import annotations

import csv
import re
from typing import TYPE_CHECKING

from soundkin.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

Rows = list[dict[str, str]]

EMOTIONS = {"ANG": "anger", "DIS": "disgust", "FEA": "fear", "HAP": "happiness", "NEU": "neutral",
            "SAD": "sadness"}  # fmt: skip
VIVAE_NAME = re.compile(r"(S\d+)_([a-z]+)_(low|moderate|strong|peak)_\d+$")
CREMA_NAME = re.compile(r"(\d{4})_([A-Z]{3})_([A-Z]{3})_([A-Z]{2})$")
COUNT_NAME = re.compile(r"(\d+)_\w+$")


def vivae_rows(folder: Path) -> Rows:
    """Outbursts of eleven speakers, S01_anger_peak_03.wav: emotion, intensity, speaker."""
    here = folder / "full_set" if (folder / "full_set").is_dir() else folder
    return [
        {"path": _below(file, folder), "speaker": m[1], "emotion": m[2], "intensity": m[3]}
        for file in sorted(here.glob("*.wav"))
        if (m := VIVAE_NAME.match(file.stem))
    ]


def crema_rows(folder: Path) -> Rows:
    """Sentences by 91 actors, AudioWAV/1001_DFA_ANG_XX.wav: emotion, speaker, text."""
    return [
        {"path": _below(file, folder), "emotion": EMOTIONS.get(m[3], m[3]), "speaker": m[1],
         "text": m[2]}
        for file in sorted((folder / "AudioWAV").glob("*.wav"))
        if (m := CREMA_NAME.match(file.stem))
    ]  # fmt: skip


def fsd50k_rows(folder: Path) -> Rows:
    """200 classes of AudioSet: `label`, the first of a clip's labels; `labels`: all; the split.

    The first is the most special, the others are what it is a kind of.
    """
    rows: Rows = []
    for part in ("dev", "eval"):
        file = folder / "FSD50K.ground_truth" / f"{part}.csv"
        for row in _read(file, ",") if file.is_file() else []:
            labels = _cell(row, "labels", file)
            rows.append(
                {
                    "path": f"FSD50K.{part}_audio/{_cell(row, 'fname', file)}.wav",
                    "label": labels.split(",")[0],
                    "labels": labels,
                    "split": row.get("split") or "eval",
                }
            )
    return rows


def imitation_rows(folder: Path) -> Rows:
    """Imitations of recordings by voice, of those that were included: which recording is meant."""
    file = folder / "vocal_imitations.txt"
    inside = folder / "vocal_imitations" / "included"
    places = {sound.name: _below(sound, folder) for sound in sorted(inside.rglob("*.wav"))}
    rows: Rows = []
    for row in _read(file, "\t"):
        name = _cell(row, "imitation_filename", file)
        if name in places:
            reference = _cell(row, "reference_filename", file)
            speaker = row.get("participant_id") or ""
            rows.append({"path": places[name], "reference": reference, "speaker": speaker})
    return rows


def libricount_rows(folder: Path) -> Rows:
    """Mixtures of 0 to 10 speakers, test/3_1234.wav: how many."""
    return [
        {"path": _below(file, folder), "count": str(int(m[1]))}
        for file in sorted((folder / "test").glob("*.wav"))
        if (m := COUNT_NAME.match(file.stem))
    ]


def _below(file: Path, folder: Path) -> str:
    """A path relative to the folder, with slashes."""
    return file.relative_to(folder).as_posix()


def _read(file: Path, delimiter: str) -> Rows:
    """The rows of a table."""
    with file.open(newline="", encoding="utf-8-sig") as lines:
        return list(csv.DictReader(lines, delimiter=delimiter))


def _cell(row: dict[str, str], name: str, file: Path) -> str:
    """A cell that must be there."""
    value = row.get(name)
    if value is None:
        raise InputError(
            f"{str(file)!r} without the column {name}", "the table of the set's makers"
        )
    return value

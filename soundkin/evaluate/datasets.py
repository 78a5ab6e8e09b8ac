"""Folders of labelled sound -> clips with columns, and the tasks that they pose.

Layouts, each told by its own files: ``labels.csv`` (a column `path`, the rest is text), ESC-50
(``meta/esc50.csv``), UrbanSound8K (``metadata/UrbanSound8K.csv``), NSynth (``examples.json``), a
HEAR task (``task_metadata.json``), LibriSpeech (``SPEAKERS.TXT``, or speaker/chapter/*.flac), and
those of :mod:`soundkin.evaluate.layouts`. A folder that is none of these is looked into, one floor
down.

A task is a column to tell and a column to keep apart. Which columns of a ``labels.csv`` are which
goes by their names: see :func:`tasks_of`.
"""

from __future__ import annotations

import csv
import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from soundkin.errors import InputError, NotFound
from soundkin.evaluate.layouts import (
    crema_rows,
    fsd50k_rows,
    imitation_rows,
    libricount_rows,
    vivae_rows,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

Texts = npt.NDArray[np.str_]

LEAST = 5
"""Clips that a label must have to take part."""
SPEAKERS = ("speaker", "singer", "player", "artist")
WORDS = ("digit", "word", "text", "phrase", "content")
SOURCES = ("fold", "split", "source_id", "source", "track", "group", "instrument_str")
NO_LABELS = frozenset(
    {"path", "take", "seconds", "duration", "start", "end", "age", "year", "chapter", "part"}
    | set(SOURCES)
)
"""Columns that are never asked for."""
MANY = 2000
"""A set of more clips with a column `take` is judged on the takes divisible by 3."""


@dataclass(frozen=True, slots=True)
class Task:
    """Tell the column `label`; clips with the same `group` never meet. "path": each its own group."""

    label: str
    group: str = "path"
    least: int = LEAST


@dataclass(frozen=True)
class Clips:
    """Labelled clips: `paths` below `root`; `columns` name -> (n,) text, all as long as `paths`."""

    name: str
    root: Path
    paths: tuple[str, ...]
    columns: Mapping[str, Texts]
    tasks: tuple[Task, ...]

    def __len__(self) -> int:
        return len(self.paths)

    def files(self) -> list[Path]:
        """Where the clips are."""
        return [self.root / path for path in self.paths]


@dataclass(frozen=True, slots=True)
class Asked:
    """The part of a set that a task is about: `rows` (m,) of the clips, `labels`, `groups` (m,)."""

    rows: npt.NDArray[np.int64]
    labels: Texts
    groups: Texts


def read_datasets(folder: str | Path) -> list[Clips]:
    """Every set of labelled clips in a folder, or in the folders right below it, by name.

    Raises NotFound when there is none, InputError for tables that do not fit their layout.
    """
    root = Path(folder).expanduser()
    if not root.is_dir():
        raise NotFound(f"no folder {str(root)!r}", "a folder of labelled sound")
    if (clips := _read(root)) is not None:
        return [clips]
    found = [_read(child) for child in sorted(root.iterdir()) if child.is_dir()]
    sets = [clips for clips in found if clips is not None]
    if not sets:
        raise NotFound(
            f"no labelled sound in {str(root)!r}",
            "labels.csv, or the layout of ESC-50, UrbanSound8K, NSynth, HEAR or LibriSpeech",
            "write labels.csv: a column path, then one column a label",
        )
    return sets


def asked(clips: Clips, task: Task) -> Asked:
    """The clips of a task: labelled, with labels of at least `task.least` clips.

    Raises InputError for a column that is not there, or fewer than two labels left.

    Examples
    --------
    >>> column = {"label": np.array(["a", "a", "b", "b", "c"])}
    >>> clips = Clips("toy", Path(), tuple("12345"), column, ())
    >>> asked(clips, Task("label", least=2)).rows
    array([0, 1, 2, 3])
    """
    label, group = (_column(clips, name) for name in (task.label, task.group))
    often = Counter(label.tolist())
    rows = np.array([i for i, at in enumerate(label) if at and often[at] >= task.least], np.int64)
    if len(set(label[rows])) < 2:
        raise InputError(
            f"'{clips.name}' has fewer than two values of {task.label!r} with {task.least} clips",
            "two and more",
            "ask for another column",
        )
    return Asked(rows, label[rows], group[rows])


def with_tasks(clips: Clips, wanted: Sequence[str]) -> Clips:
    """The same clips with other tasks: "label" or "label:group", as `soundkin evaluate --task`.

    Raises InputError for a column that is not there.
    """
    pairs = [text.partition(":") for text in wanted]
    tasks = [Task(label, group or "path") for label, _, group in pairs]
    for name in [name for task in tasks for name in (task.label, task.group)]:
        _column(clips, name)
    return Clips(clips.name, clips.root, clips.paths, clips.columns, tuple(tasks))


def tasks_of(columns: Mapping[str, Texts]) -> tuple[Task, ...]:
    """The tasks of a table by the names of its columns.

    Asked for is every column with two values and more of at least `LEAST` clips, but those of
    `NO_LABELS`. Kept apart is, for a speaker, what is said (a word said by others is no help); for
    all else a column `fold`, else the speaker, else a source; else each clip by itself.

    Examples
    --------
    >>> column = np.array(["0", "1"] * 5)
    >>> [f"{t.label}:{t.group}" for t in tasks_of({"digit": column, "speaker": column})]
    ['digit:speaker', 'speaker:digit']
    """
    tasks = []
    for label, values in columns.items():
        often = Counter(value for value in values.tolist() if value)
        if label not in NO_LABELS and sum(n >= LEAST for n in often.values()) >= 2:
            apart = WORDS if label in SPEAKERS else (*SPEAKERS, *SOURCES)
            apart = apart if label in SPEAKERS or "fold" not in columns else ("fold", *apart)
            group = next((name for name in apart if name in columns and name != label), "path")
            tasks.append(Task(label, group))
    return tuple(tasks)


def _column(clips: Clips, name: str) -> Texts:
    """A column by name, the paths themselves too."""
    if name == "path":
        return np.array(clips.paths)
    if name not in clips.columns:
        known = ", ".join(clips.columns)
        raise InputError(f"'{clips.name}' has no column {name!r}", f"one of {known} or path")
    return clips.columns[name]


def _read(folder: Path) -> Clips | None:
    """The set in a folder by the first layout that it has, else None."""
    for sign, read in _LAYOUTS.items():
        if any(folder.glob(sign)):
            clips = read(folder)
            if not len(clips):
                raise InputError(f"no clips in the tables of {str(folder)!r}", "one and more")
            return clips
    return None


def _table(file: Path, *needed: str) -> list[dict[str, str]]:
    """The rows of a CSV file with the columns `needed`."""
    with file.open(newline="", encoding="utf-8-sig") as lines:
        rows = list(csv.DictReader(lines))
    missing = [name for name in needed if rows and rows[0].get(name) is None]
    if missing or any(None in row.values() or None in row for row in rows):
        found = f"{str(file)!r} without the column {missing[0]}" if missing else f"{str(file)!r}"
        raise InputError(found, f"the columns {', '.join(needed)}, and each row as many cells")
    return rows


def _columns(rows: Sequence[Mapping[str, object]], *names: str) -> dict[str, Texts]:
    """Some columns of rows as text."""
    return {name: np.array([str(row[name]) for row in rows]) for name in names}


def _labels_csv(folder: Path) -> Clips:
    """Our own layout: labels.csv with paths relative to the folder."""
    rows = _table(folder / "labels.csv", "path")
    takes = {row.get("take", "") for row in rows}
    if len(rows) > MANY and all(take.isdigit() for take in takes):
        rows = [row for row in rows if int(row["take"]) % 3 == 0]
    columns = _columns(rows, *(name for name in (rows[0] if rows else {}) if name != "path"))
    paths = tuple(row["path"] for row in rows)
    return Clips(folder.name, folder, paths, columns, tasks_of(columns))


def _esc50(folder: Path) -> Clips:
    """Piczak 2015: five given folds."""
    rows = _table(folder / "meta" / "esc50.csv", "filename", "fold", "category", "src_file")
    columns = _columns(rows, "category", "fold", "src_file")
    paths = tuple(f"audio/{row['filename']}" for row in rows)
    return Clips("ESC-50", folder, paths, columns, (Task("category", "fold"),))


def _urbansound(folder: Path) -> Clips:
    """Salamon et al. 2014: ten given folds, of which clips of one recording share one."""
    file = folder / "metadata" / "UrbanSound8K.csv"
    rows = _table(file, "slice_file_name", "fsID", "fold", "class")
    columns = _columns(rows, "class", "fold", "fsID")
    paths = tuple(f"audio/fold{row['fold']}/{row['slice_file_name']}" for row in rows)
    return Clips("UrbanSound8K", folder, paths, columns, (Task("class", "fold"),))


def _nsynth(folder: Path) -> Clips:
    """Engel et al. 2017: one folder (train, valid or test); no instrument on both sides."""
    notes = json.loads((folder / "examples.json").read_text(encoding="utf-8"))
    kept = {"pitch": "pitch", "instrument_family_str": "family", "instrument_source_str": "source"}
    rows = list(notes.values())
    wanted = [*kept, "instrument_str", "velocity"]
    if any(name not in row for row in rows for name in wanted):
        raise InputError(f"{str(folder / 'examples.json')!r}", f"notes with {', '.join(wanted)}")
    columns = _columns(rows, *wanted)
    columns = {kept.get(name, name): column for name, column in columns.items()}
    tasks = tuple(Task(name, "instrument_str") for name in kept.values())
    paths = tuple(f"audio/{name}.wav" for name in notes)
    return Clips(folder.name, folder, paths, columns, tasks)


def _hear_task(folder: Path) -> Clips:
    """Turian et al. 2022: one label a clip; the given splits are the folds.

    Audio stands in a folder of its rate; the highest rate is taken.
    """
    about = json.loads((folder / "task_metadata.json").read_text(encoding="utf-8"))
    kind = (about.get("embedding_type", "scene"), about.get("prediction_type", "multiclass"))
    if kind != ("scene", "multiclass"):
        found = f"the HEAR task {folder.name!r} with {kind[0]} embeddings and {kind[1]} labels"
        raise InputError(found, "scene embeddings and one label a clip (multiclass)")
    rates = sorted((int(f.name) for f in folder.iterdir() if f.name.isdigit()), reverse=True)
    if not rates:
        raise InputError(f"no sound in {str(folder)!r}", "a folder of its rate, such as 48000")
    rows: list[dict[str, object]] = []
    for name in about["splits"]:
        labels = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
        for file, values in labels.items():
            value = values[0] if isinstance(values, list) else values
            path = f"{rates[0]}/{name}/{file}"
            rows.append({"path": path, "label": value, "split": name})
    columns = _columns(rows, "label", "split")
    paths = tuple(str(row["path"]) for row in rows)
    least = 1 if about.get("split_mode") == "trainvaltest" else LEAST
    return Clips(folder.name, folder, paths, columns, (Task("label", "split", least),))


def _librispeech(folder: Path) -> Clips:
    """Panayotov et al. 2015: [part/]speaker/chapter/*.flac; gender from SPEAKERS.TXT when there."""
    sounds = sorted(folder.rglob("*.flac"))
    rows = [{"path": str(p.relative_to(folder)), "speaker": p.parts[-3]} for p in sounds]
    columns = _columns(rows, "speaker")
    tasks = [Task("speaker")]
    known = _genders(folder / "SPEAKERS.TXT")
    if known:
        columns["gender"] = np.array([known.get(row["speaker"], "") for row in rows])
        tasks.append(Task("gender", "speaker"))
    return Clips(folder.name, folder, tuple(row["path"] for row in rows), columns, tuple(tasks))


def _made_of(
    name: str, rows_of: Callable[[Path], list[dict[str, str]]], *tasks: Task
) -> Callable[[Path], Clips]:
    """What reads a layout of :mod:`soundkin.evaluate.layouts`."""

    def read(folder: Path) -> Clips:
        rows = rows_of(folder)
        columns = _columns(
            rows, *(column for column in (rows[0] if rows else {}) if column != "path")
        )
        return Clips(name, folder, tuple(row["path"] for row in rows), columns, tasks)

    return read


def _genders(file: Path) -> dict[str, str]:
    """Speaker -> gender, by LibriSpeech's table; nothing without one."""
    if not file.is_file():
        return {}
    lines = file.read_text(encoding="utf-8").splitlines()
    rows = [[cell.strip() for cell in line.split("|")] for line in lines if line[:1] != ";"]
    return {row[0]: row[1] for row in rows if len(row) > 1}


_LAYOUTS: dict[str, Callable[[Path], Clips]] = {
    "labels.csv": _labels_csv,
    "meta/esc50.csv": _esc50,
    "metadata/UrbanSound8K.csv": _urbansound,
    "examples.json": _nsynth,
    "task_metadata.json": _hear_task,
    "AudioWAV/[0-9]*_*_*_*.wav": _made_of("CREMA-D", crema_rows, Task("emotion", "speaker")),
    "FSD50K.ground_truth/*.csv": _made_of("FSD50K", fsd50k_rows, Task("label", "split")),
    "vocal_imitations.txt": _made_of("VocalImitation", imitation_rows, Task("reference")),
    "test/[0-9]*_*.json": _made_of("LibriCount", libricount_rows, Task("count")),
    "full_set/S[0-9]*_*_*_*.wav": _made_of("VIVAE", vivae_rows, Task("emotion", "speaker")),
    "S[0-9]*_*_*_[0-9]*.wav": _made_of("VIVAE", vivae_rows, Task("emotion", "speaker")),
    "SPEAKERS.TXT": _librispeech,
    "[0-9]*/[0-9]*/*-*-*.flac": _librispeech,
    "*/[0-9]*/[0-9]*/*-*-*.flac": _librispeech,
}

"""Each layout on a small made-up folder; what is asked for and kept apart; errors."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
import soundfile

from soundkin.errors import InputError, NotFound
from soundkin.evaluate import datasets
from soundkin.evaluate.datasets import Task, asked, read_datasets, with_tasks


def sound(path, seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.random.default_rng(seed).uniform(-0.1, 0.1, 400), 8000)


def table(file, rows):
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", newline="", encoding="utf-8") as out:
        writer = csv.DictWriter(out, rows[0])
        writer.writeheader()
        writer.writerows(rows)


def said(clips):
    return [f"{task.label}:{task.group}" for task in clips.tasks]


def esc50(root):
    rows = [
        {"filename": f"{fold}-{n}-A-{n % 2}.wav", "fold": fold, "target": n % 2,
         "category": ("dog", "rain")[n % 2], "esc10": "True", "src_file": n, "take": "A"}
        for fold in (1, 2, 3) for n in range(4)
    ]  # fmt: skip
    table(root / "meta" / "esc50.csv", rows)
    for row in rows:
        sound(root / "audio" / row["filename"])


def urbansound(root):
    rows = [
        {"slice_file_name": f"{n}-3-0-0.wav", "fsID": n, "start": 0, "end": 1, "salience": 1,
         "fold": n % 10 + 1, "classID": n % 2, "class": ("siren", "drilling")[n % 2]}
        for n in range(20)
    ]  # fmt: skip
    table(root / "metadata" / "UrbanSound8K.csv", rows)
    for row in rows:
        sound(root / "audio" / f"fold{row['fold']}" / row["slice_file_name"])


def nsynth(root):
    notes = {
        f"{family}_acoustic_{n:03}-{pitch:03}-100": {
            "pitch": pitch, "velocity": 100, "instrument_str": f"{family}_acoustic_{n:03}",
            "instrument_family_str": family, "instrument_source_str": "acoustic",
        }
        for family in ("bass", "flute") for n in range(3) for pitch in (40, 52)
    }  # fmt: skip
    root.mkdir(parents=True)
    (root / "examples.json").write_text(json.dumps(notes))
    for name in notes:
        sound(root / "audio" / f"{name}.wav")


def hear_task(root, **changes):
    about = {
        "task_name": "vowels", "embedding_type": "scene", "prediction_type": "multiclass",
        "split_mode": "trainvaltest", "splits": ["train", "valid", "test"], **changes,
    }  # fmt: skip
    root.mkdir(parents=True, exist_ok=True)
    (root / "task_metadata.json").write_text(json.dumps(about))
    for split in about["splits"]:
        labels = {f"{split}{n}.wav": [("a", "e")[n % 2]] for n in range(4)}
        (root / f"{split}.json").write_text(json.dumps(labels))
        for name in labels:
            for rate in ("16000", "48000"):
                sound(root / rate / split / name)


def librispeech(root):
    root.mkdir(parents=True)
    (root / "SPEAKERS.TXT").write_text(
        ";ID |SEX| SUBSET |MINUTES| NAME\n14 | F | train-clean-100 | 25.03 | A\n16 | M | x | 1 | B\n"
    )
    for speaker in ("14", "16"):
        for n in range(5):
            sound(root / "train-clean-100" / speaker / "208" / f"{speaker}-208-{n:04}.flac")


def vivae(root):
    for speaker in ("S01", "S02"):
        for n, emotion in enumerate(("anger", "fear") * 3):
            sound(root / "full_set" / f"{speaker}_{emotion}_low_{n:02}.wav")
    sound(root / "full_set" / "notes.wav")


def crema(root):
    for actor in (1001, 1002):
        for sentence in ("DFA", "IEO", "TIE"):
            for emotion in ("ANG", "SAD"):
                sound(root / "AudioWAV" / f"{actor}_{sentence}_{emotion}_XX.wav")


def fsd50k(root):
    dev = [
        {"fname": n, "labels": ("Bark,Dog,Animal", "Rain,Water")[n % 2], "mids": "/m/1,/m/2",
         "split": ("train", "val")[n // 8]}
        for n in range(10)
    ]  # fmt: skip
    table(root / "FSD50K.ground_truth" / "dev.csv", dev)
    evaluation = [{"fname": 10 + n, "labels": "Bark,Dog,Animal", "mids": "/m/1"} for n in range(2)]
    table(root / "FSD50K.ground_truth" / "eval.csv", evaluation)
    table(root / "FSD50K.ground_truth" / "vocabulary.csv", [{"0": 1, "Bark": "Rain"}])
    for n in range(12):
        sound(root / f"FSD50K.{'dev' if n < 10 else 'eval'}_audio" / f"{n}.wav")


def imitations(root):
    rows = ["imitation_filename\treference_filename\tincluded\tparticipant_id"]
    for n in range(12):
        rows.append(f"{n:03}.wav\t{n % 2}-original.wav\t{n < 10}\tp{n}")
        sound(root / "vocal_imitations" / ("included" if n < 10 else "excluded") / f"{n:03}.wav")
    (root / "vocal_imitations.txt").write_text("\n".join(rows))


def libricount(root):
    for n in range(12):
        sound(root / "test" / f"{n % 2 * 10}_{1000 + n}.wav")
        (root / "test" / f"{n % 2 * 10}_{1000 + n}.json").write_text("[]")


LAYOUTS = {
    "esc50": (esc50, "ESC-50", 12, ["category:fold"]),
    "urban": (urbansound, "UrbanSound8K", 20, ["class:fold"]),
    "nsynth-test": (
        nsynth, "nsynth-test", 12,
        ["pitch:instrument_str", "family:instrument_str", "source:instrument_str"],
    ),
    "vowels": (hear_task, "vowels", 12, ["label:split"]),
    "LibriSpeech": (librispeech, "LibriSpeech", 10, ["speaker:path", "gender:speaker"]),
    "vivae": (vivae, "VIVAE", 12, ["emotion:speaker"]),
    "crema": (crema, "CREMA-D", 12, ["emotion:speaker"]),
    "fsd50k": (fsd50k, "FSD50K", 12, ["label:split"]),
    "imitations": (imitations, "VocalImitation", 10, ["reference:path"]),
    "libricount": (libricount, "LibriCount", 12, ["count:path"]),
}  # fmt: skip


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_layout_is_known_by_its_files(tmp_path, name):
    make, title, n, tasks = LAYOUTS[name]
    make(tmp_path / name)
    [clips] = read_datasets(tmp_path / name)
    assert (clips.name, len(clips), said(clips)) == (title, n, tasks)
    assert all(file.is_file() for file in clips.files())
    assert all(len(column) == n for column in clips.columns.values())
    # the folder above gives the same set
    [above] = read_datasets(tmp_path)
    assert above.paths == clips.paths


def test_columns_hold_what_the_tables_say(tmp_path):
    for name, (make, *_) in LAYOUTS.items():
        make(tmp_path / name)
    sets = {clips.name: clips for clips in read_datasets(tmp_path)}
    assert set(sets) == {title for _, title, *_ in LAYOUTS.values()}
    esc = asked(sets["ESC-50"], sets["ESC-50"].tasks[0])
    assert set(zip(esc.labels, esc.groups, strict=True)) == {
        (label, fold) for label in ("dog", "rain") for fold in "123"
    }
    pitch = asked(sets["nsynth-test"], Task("pitch", "instrument_str"))
    assert set(pitch.labels) == {"40", "52"}
    gender = asked(sets["LibriSpeech"], Task("gender", "speaker"))
    assert [*gender.labels] == ["F"] * 5 + ["M"] * 5
    assert sets["vowels"].paths[0].startswith("48000/train/")
    assert set(sets["CREMA-D"].columns["emotion"]) == {"anger", "sadness"}
    assert set(sets["VIVAE"].columns["speaker"]) == {"S01", "S02"}
    assert set(sets["LibriCount"].columns["count"]) == {"0", "10"}
    clips = sets["FSD50K"]
    assert set(zip(clips.columns["label"], clips.columns["split"], strict=True)) == {
        ("Bark", "train"), ("Rain", "train"), ("Bark", "val"), ("Rain", "val"), ("Bark", "eval"),
    }  # fmt: skip
    assert set(clips.columns["labels"]) == {"Bark,Dog,Animal", "Rain,Water"}
    assert set(sets["VocalImitation"].columns["reference"]) == {"0-original.wav", "1-original.wav"}


def test_a_table_of_makers_without_its_column_is_refused(tmp_path):
    (tmp_path / "vocal_imitations.txt").write_text("name\nx\n")
    with pytest.raises(InputError, match="without the column imitation_filename"):
        read_datasets(tmp_path)


def own(folder, rows):
    table(folder / "labels.csv", rows)
    for row in rows:
        sound(folder / row["path"])


def test_labels_csv_and_what_its_columns_are(tmp_path):
    rows = [
        {"path": f"a/{n}.wav", "digit": n % 2, "speaker": "xy"[n // 5], "take": n, "seconds": 1.5,
         "gender": "fm"[n // 5], "rare": "once" if n else "twice"}
        for n in range(10)
    ]  # fmt: skip
    own(tmp_path, rows)
    [clips] = read_datasets(tmp_path)
    assert said(clips) == ["digit:speaker", "speaker:digit", "gender:speaker"]
    [other] = [with_tasks(clips, ["digit", "speaker:take"])]
    assert said(other) == ["digit:path", "speaker:take"]
    with pytest.raises(InputError, match=r"no column 'mood'; expected one of digit, speaker"):
        with_tasks(clips, ["mood"])
    with pytest.raises(InputError, match="fewer than two values of 'rare' with 5 clips"):
        asked(clips, Task("rare"))


def test_folds_come_before_sources_and_rare_labels_stay_out(tmp_path):
    rows = [
        {"path": f"{n}.wav", "label": ["dog", "cat", "ape"][n % 2 if n < 10 else 2],
         "fold": n % 5, "source_id": n}
        for n in range(12)
    ]  # fmt: skip
    own(tmp_path, rows)
    [clips] = read_datasets(tmp_path)
    assert said(clips) == ["label:fold"]
    part = asked(clips, clips.tasks[0])
    assert part.rows.tolist() == list(range(10))
    assert part.groups.tolist() == [str(n % 5) for n in range(10)]


def test_of_many_takes_every_third_is_judged(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets, "MANY", 10)
    own(tmp_path, [{"path": f"{n}.wav", "label": n % 2, "take": n} for n in range(12)])
    assert read_datasets(tmp_path)[0].paths == ("0.wav", "3.wav", "6.wav", "9.wav")


def test_folders_that_are_none(tmp_path):
    with pytest.raises(NotFound, match="no folder"):
        read_datasets(tmp_path / "nowhere")
    with pytest.raises(NotFound, match=r"no labelled sound in .*; write labels.csv"):
        read_datasets(tmp_path)
    (tmp_path / "labels.csv").write_text("file,label\na.wav,b\n")
    with pytest.raises(InputError, match="without the column path"):
        read_datasets(tmp_path)
    (tmp_path / "labels.csv").write_text("path,label\n")
    with pytest.raises(InputError, match="no clips"):
        read_datasets(tmp_path)
    (tmp_path / "labels.csv").write_text("path,label\na.wav\n")
    with pytest.raises(InputError, match="as many cells"):
        read_datasets(tmp_path)


def test_a_hear_task_of_another_kind_is_refused(tmp_path):
    hear_task(tmp_path, prediction_type="multilabel")
    with pytest.raises(InputError, match=r"multilabel labels; expected scene embeddings"):
        read_datasets(tmp_path)


def test_the_real_sets(data_dir):
    sets = {clips.name: (len(clips), said(clips)) for clips in read_datasets(data_dir)}
    assert sets["esc10"] == (400, ["label:fold"])
    assert sets["fsdd"] == (1020, ["digit:speaker", "speaker:digit"])
    assert sets["speechocean"] == (640, ["speaker:path", "gender:speaker"])
    assert sets["mridangam"] == (138, ["stroke:path"])
    assert sets["sonicpi"] == (195, ["label:path"])
    assert sets["librispeech"] == (290, ["speaker:path"])

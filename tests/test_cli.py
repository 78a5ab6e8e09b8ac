"""The command line as a stranger would use it, wrong arguments included."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import soundfile

from soundkin import Library, cli
from soundkin.cli.app import PANELS
from soundkin.demo import render_demo
from soundkin.facade import Scope


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of varied sounds."""
    folder = tmp_path_factory.mktemp("cli") / "Samples"
    render_demo(folder, n=40, seed=5)
    (folder / "broken.wav").write_text("not a sound")
    return folder


@pytest.fixture(scope="module")
def library(samples: Path) -> Path:
    """A library of that folder, made by the command line."""
    path = samples.parent / "library"
    with pytest.raises(SystemExit) as left:
        cli.main(["index", str(samples), "--library", str(path), "--json"])
    assert not left.value.code
    return path


@pytest.fixture(autouse=True)
def apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody's own library is touched."""
    monkeypatch.setenv("SOUNDKIN_LIBRARY", str(tmp_path / "none"))


def run(*arguments: object) -> int:
    """Run one command line; its exit code."""
    with pytest.raises(SystemExit) as left:
        cli.main([str(argument) for argument in arguments])
    return int(left.value.code or 0)


def answer(capsys: pytest.CaptureFixture[str], *arguments: object) -> object:
    """Run one command line with --json; what it printed."""
    capsys.readouterr()
    assert run(*arguments, "--json") == 0
    return json.loads(capsys.readouterr().out)


def test_index_counts_and_a_second_run_does_nothing(
    samples: Path, library: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    counts = answer(capsys, "index", samples, "-l", library)
    good = sum(path.is_file() for path in samples.rglob("*.*")) - 1
    assert counts["found"] == good + 1
    assert counts["unchanged"] == good
    assert (counts["decoded"], counts["embedded"], counts["failed"]) == (0, 0, 1)


def test_search_answers_with_paths_ranges_and_bands(
    samples: Path, library: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    query = next((samples / "drums" / "kicks").iterdir())
    found = answer(capsys, "search", query, "-l", library, "-k", 3)
    assert [hit["rank"] for hit in found["hits"]] == [1, 2, 3]
    for hit in found["hits"]:
        assert Path(hit["path"]).is_file()
        assert Path(hit["path"]) != query
        assert 0 <= hit["start_s"] < hit["end_s"] <= hit["duration_s"] + 1e-6
        assert hit["band"] in {"near-identical", "close", "related", "far"}
    distances = [hit["distance"] for hit in found["hits"]]
    assert distances == sorted(distances)
    assert found["query"][0]["label"] == query.name


def test_a_copy_elsewhere_is_found_at_distance_zero(
    samples: Path, library: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    original = next((samples / "drums" / "snares").iterdir())
    sound, rate = soundfile.read(original)
    copy = tmp_path / "quieter.wav"
    soundfile.write(copy, sound * 0.5, rate, "FLOAT")
    found = answer(capsys, "search", copy, "-l", library, "-k", 1)
    assert found["hits"][0]["path"] == str(original)
    assert found["hits"][0]["band"] == "near-identical"


def test_scopes_and_words(samples: Path, library: Path, capsys: pytest.CaptureFixture[str]) -> None:
    query = next((samples / "drums" / "kicks").iterdir())
    inside = answer(capsys, "search", query, "-l", library, "--in", "tonal", "-k", 50)
    assert inside["hits"]
    assert all("/tonal/" in hit["path"] for hit in inside["hits"])
    whole = answer(capsys, "search", query, "-l", library, "--in", samples / "tonal", "-k", 50)
    assert [hit["path"] for hit in whole["hits"]] == [hit["path"] for hit in inside["hits"]]
    outside = answer(capsys, "search", query, "-l", library, "--not", "drums", "-k", 50)
    assert not any("/drums/" in hit["path"] for hit in outside["hits"])
    words = answer(capsys, "search", "--text", "kick -01", "-l", library)
    assert words["total"] == len(words["hits"]) > 0
    assert all("kick" in hit["path"] and "01" not in hit["name"] for hit in words["hits"])


def test_a_folder_is_meant_however_it_is_spelled(
    samples: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    root, library = tmp_path / "Samples", tmp_path / "library"
    shutil.copytree(samples / "drums" / "kicks", root / "kicks")
    shutil.copytree(samples / "drums" / "hats", tmp_path / "elsewhere" / "hats")
    (root / "linked").symlink_to(tmp_path / "elsewhere" / "hats")
    (tmp_path / "mine").symlink_to(root)
    answer(capsys, "index", root, "-l", library)
    query = next((root / "kicks").iterdir())

    def inside(folder: object) -> int:
        return len(answer(capsys, "search", query, "-l", library, "--in", folder, "-k", 99)["hits"])

    n_kicks, n_hats = (len(list((samples / "drums" / k).iterdir())) for k in ("kicks", "hats"))
    monkeypatch.chdir(root / "kicks")
    for folder in (root / "linked", tmp_path / "mine" / "linked", "../linked", "linked"):
        assert inside(folder) == n_hats, folder
    for folder in (root / "kicks", tmp_path / "mine" / "kicks", ".", "./", "../kicks", "kicks"):
        assert inside(folder) == n_kicks - 1, folder
    for folder in (root, tmp_path / "mine", "..", "../../mine"):
        assert inside(folder) == n_kicks - 1 + n_hats, folder
    assert inside("./hats") == 0
    with Library.open(library) as opened:
        _, total = opened.sounds(Scope(not_folders=[str(tmp_path / "mine" / "linked")]))
    assert total == n_kicks


def test_several_queries_with_weights(
    samples: Path, library: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    a, b = (next((samples / "drums" / kind).iterdir()) for kind in ("kicks", "hats"))
    toward = answer(capsys, "search", a, b, "-l", library, "-k", 40)
    away = answer(capsys, "search", a, "--unlike", b, "-l", library, "-k", 40)
    assert [part["weight"] for part in away["query"]] == [1.0, -0.5]
    place = {
        which: [hit["path"] for hit in found["hits"]]
        for which, found in (("to", toward), ("off", away))
    }
    hats = [str(path) for path in (samples / "drums" / "hats").iterdir() if path != b]
    mean = {which: np.mean([paths.index(hat) for hat in hats]) for which, paths in place.items()}
    assert mean["to"] < mean["off"]
    assert run("search", a, b, "--weights", "1", "-l", library) == 2
    assert run("search", a, "--weights", "loud", "-l", library) == 2


def test_similar_takes_words_that_only_one_sound_has(
    samples: Path, library: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = next((samples / "drums" / "kicks").iterdir())
    by_path = answer(capsys, "similar", one, "-l", library)
    by_name = answer(capsys, "similar", one.name, "-l", library)
    assert by_path["hits"] == by_name["hits"]
    assert run("similar", "drums", "-l", library) == 2
    assert "sounds go by these words" in capsys.readouterr().err


def test_tags_go_on_and_off(
    samples: Path, library: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    query = next((samples / "drums" / "kicks").iterdir())
    assert run("tags", "add", "low", "--text", "kick", "-l", library) == 0
    assert answer(capsys, "tags", "-l", library) == {
        "low": len(list((samples / "drums" / "kicks").iterdir()))
    }
    tagged = answer(capsys, "search", query, "--tag", "low", "-k", 50, "-l", library)
    assert all("kick" in hit["path"] and hit["tags"] == ["low"] for hit in tagged["hits"])
    untagged = answer(capsys, "search", query, "--not-tag", "low", "-k", 50, "-l", library)
    assert not any("kick" in hit["path"] for hit in untagged["hits"])
    assert run("tags", "remove", "low", "--in", "kicks", "-l", library) == 0
    assert answer(capsys, "tags", "-l", library) == {}
    assert run("tags", "add", "a,b", "--text", "kick", "-l", library) == 2
    assert run("tags", "add", "low", "-l", library) == 2


def test_failures_say_why(library: Path, capsys: pytest.CaptureFixture[str]) -> None:
    [failure] = answer(capsys, "failures", "-l", library)
    assert failure["path"].endswith("broken.wav")
    assert failure["reason"] == "not-sound"


@pytest.mark.parametrize("suffix", ["csv", "json", "parquet", "m3u"])
def test_export_can_be_read_back(
    suffix: str, library: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / f"list.{suffix}"
    count = answer(capsys, "export", file, "-l", library)["exported"]
    if suffix == "csv":
        paths = [row["path"] for row in csv.DictReader(file.read_text().splitlines())]
    elif suffix == "json":
        paths = [row["path"] for row in json.loads(file.read_text())]
    elif suffix == "parquet":
        paths = pq.read_table(file)["path"].to_pylist()
    else:
        paths = [line for line in file.read_text().splitlines() if not line.startswith("#")]
    assert len(paths) == count
    assert all(Path(path).is_file() for path in paths)
    assert run("export", tmp_path / "list.xyz", "-l", library) == 2
    assert not (tmp_path / "list.xyz").exists()


def test_info_and_doctor(library: Path, capsys: pytest.CaptureFixture[str]) -> None:
    held = answer(capsys, "info", "-l", library)
    assert held["failures"] == 1
    assert held["spaces"][0]["vectors"] == held["segments"] > held["sounds"] > 30
    assert run("info", "-l", library) == 0
    checks = {check["name"]: check["ok"] for check in json.loads(_doctor(capsys, library))}
    assert checks["space mfcc"]
    assert checks["library"]
    assert checks["ffmpeg"]


def _doctor(capsys: pytest.CaptureFixture[str], library: Path) -> str:
    """The page may not be built where only this test runs: the exit code is not judged here."""
    capsys.readouterr()
    run("doctor", "-l", library, "--json")
    return capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["index", "no/such/folder"], 2, "there is nothing at"),
        (["index", __file__], 2, "is a file; expected a folder"),
        (["index", ".", "--jobs", "0"], 2, "--jobs is 0"),
        (["search", "kick.wav"], 2, "there is no library at"),
        (["info"], 2, "there is no library at"),
        (["serve", "--host", "0.0.0.0"], 2, "token"),
        (["export"], 2, ""),
        (["nonsense"], 2, ""),
    ],
)
def test_wrong_arguments_get_one_sentence_and_a_code(
    arguments: list[str], code: int, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*arguments) == code
    error = capsys.readouterr().err
    assert says in error
    assert "Traceback" not in error


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("nowhere.wav", "there is nothing at"),
        ("0" * 32, "no sound"),
        ("0" * 32 + "-5", "no sound"),
        ("SAMPLES", "is a folder"),
        ("SAMPLES/broken.wav", "cannot be used as a query"),
        ("KICK@3-2", "the range from 3 s to 2 s"),
        ("SILENCE", "silent"),
    ],
)
def test_wrong_queries_get_one_sentence(
    query: str,
    says: str,
    samples: Path,
    library: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    soundfile.write(tmp_path / "silence.wav", np.zeros(8_000), 8_000)
    kick = next((samples / "drums" / "kicks").iterdir())
    query = query.replace("SAMPLES", str(samples)).replace("KICK", str(kick))
    query = query.replace("SILENCE", str(tmp_path / "silence.wav"))
    assert run("search", query, "-l", library, "--json") in {2, 3}
    printed = capsys.readouterr()
    assert says in json.loads(printed.out)["error"]["message"]
    assert says in printed.err
    assert run("search", kick, "-l", library, "-k", "0") == 2
    assert run("search", kick, "-l", library, "--min-closeness", "7") == 2
    assert run("search", kick, "-l", library, "--space", "smell") == 4
    assert "mfcc" in capsys.readouterr().err


def test_roots_move(
    samples: Path, library: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    elsewhere = samples.parent / "Elsewhere"
    samples.rename(elsewhere)
    try:
        [root] = answer(capsys, "roots", "-l", library)
        assert root["state"] == "offline"
        assert run("roots", "move", samples, tmp_path, "-l", library) == 2
        moved = answer(capsys, "roots", "move", samples, elsewhere, "-l", library)
        assert moved["state"] == "online"
        counts = answer(capsys, "index", elsewhere, "-l", library)
        assert (counts["decoded"], counts["moved"]) == (0, 0)
    finally:
        elsewhere.rename(samples)
        run("roots", "move", elsewhere, samples, "-l", library)


def test_forget_removes_rows_and_never_files(
    samples: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    library = tmp_path / "library"
    files = sorted(samples.rglob("*.*"))
    assert run("index", samples / "drums", "-l", library) == 0
    inside = len(list((samples / "drums" / "kicks").iterdir()))
    assert (
        answer(capsys, "forget", samples / "drums" / "kicks", "-l", library)["forgotten"] == inside
    )
    assert run("forget", tmp_path, "-l", library) == 2
    assert answer(capsys, "forget", samples / "drums", "-l", library)["forgotten"] > 0
    assert answer(capsys, "info", "-l", library)["sounds"] == 0
    assert sorted(samples.rglob("*.*")) == files


def _start(*arguments: object, library: Path) -> subprocess.Popen[str]:
    """Start the command line as a process of its own."""
    environment = os.environ | {"SOUNDKIN_LIBRARY": str(library)}
    return subprocess.Popen(
        [sys.executable, "-m", "soundkin", *map(str, arguments)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_ctrl_c_leaves_a_library_that_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for i in range(400):
        soundfile.write(folder / f"{i:03}.wav", rng.normal(0, 0.1, 30_000), 8_000)
    library = tmp_path / "library"
    process = _start("index", folder, "--jobs", "1", library=library)
    while process.poll() is None and not library.exists():  # from then on it listens to signals
        time.sleep(0.05)
    time.sleep(1.5)
    process.send_signal(signal.SIGINT)
    out, error = process.communicate(timeout=60)
    assert "Traceback" not in error
    if process.returncode == 130:  # else it was done before the signal came
        assert "goes on from here" in out
    assert process.returncode in {0, 130}
    counts = answer(capsys, "index", folder, "-l", library)
    assert counts["found"] == counts["unchanged"] + counts["decoded"] == 400
    assert answer(capsys, "info", "-l", library)["sounds"] == 400


def test_watch_takes_in_what_comes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, library = tmp_path / "in", tmp_path / "library"
    folder.mkdir()
    rng = np.random.default_rng(0)
    soundfile.write(folder / "first.wav", rng.normal(0, 0.1, 8_000), 8_000)
    process = _start("index", folder, "--watch", library=library)
    try:
        assert process.stderr is not None
        assert "Watching" in process.stderr.readline()
        soundfile.write(folder / "second.wav", rng.normal(0, 0.1, 8_000), 8_000)
        for _ in range(120):
            time.sleep(0.25)
            if answer(capsys, "info", "-l", library)["sounds"] == 2:
                break
        else:
            pytest.fail("the second sound did not come in")
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
    assert process.returncode == 0


def test_a_folder_mistyped_makes_no_library(tmp_path: Path) -> None:
    assert run("index", tmp_path / "nowhere", "-l", tmp_path / "lib") == 2
    assert not (tmp_path / "lib").exists()


def test_a_list_of_nothing_says_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Library.open(tmp_path / "lib").close()
    assert run("search", "-l", tmp_path / "lib") == 0
    assert "library is empty: run `soundkin index FOLDER` first" in capsys.readouterr().out


def test_help_is_there_for_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    for command in cli.app.registered_commands:
        name = command.name or command.callback.__name__
        assert run(name, "--help") == 0
        assert "Usage" in capsys.readouterr().out
    assert run("--help") == 0
    listed = capsys.readouterr().out
    ordered = [name for names in PANELS.values() for name in names]
    assert sorted(ordered) == sorted(cli._command().commands)
    places = [listed.index(f"│ {name} ") for name in ordered]
    assert places == sorted(places)
    assert run("--version") == 0
    assert capsys.readouterr().out.startswith("soundkin ")


def test_a_space_of_ones_own_listens_beside_the_first(
    samples: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = json.loads((Path(cli.__file__).parent.parent / "shipped" / "mfcc.json").read_text())
    settings["name"] = "mine"
    settings["card"].pop("bands")
    mine, library = tmp_path / "mine.json", tmp_path / "library"
    mine.write_text(json.dumps(settings))
    kick = next((samples / "drums" / "kicks").iterdir())
    assert answer(capsys, "index", samples / "drums", "-l", library)["embedded"] > 3
    assert run("search", kick, "-l", library, "--space", mine) == 4  # it has not listened yet
    again = answer(capsys, "index", samples / "drums", "-l", library, "--space", mine)
    assert (again["moved"], again["gone"]) == (0, 0)
    held = {
        space["name"]: space["vectors"] for space in answer(capsys, "info", "-l", library)["spaces"]
    }
    assert held["mine"] == held["mfcc"] > 3
    by = {
        name: answer(capsys, "search", kick, "-l", library, "--space", name)
        for name in ("mfcc", mine)
    }
    places = [[hit["segment_id"] for hit in found["hits"]] for found in by.values()]
    assert places[0] == places[1]  # the same sums under another name
    assert by[mine]["space"] != by["mfcc"]["space"]
    region = answer(capsys, "search", f"{kick}@0-0.1", "-l", library, "--space", mine)
    assert region["hits"]
    blend = ("--blend", f"mfcc=0.7,{mine}=0.3")
    both = answer(capsys, "search", kick, "-l", library, *blend)
    assert [hit["segment_id"] for hit in both["hits"]] == places[0]
    assert both["space"] == f"{by['mfcc']['space']} + {by[mine]['space']}"
    heard = answer(capsys, "search", f"{kick}@0-0.1", "-l", library, *blend)
    assert [h["segment_id"] for h in heard["hits"]] == [h["segment_id"] for h in region["hits"]]
    for wrong in ("mfcc", "mfcc=x", "=1", "mfcc=0", "mfcc=1,nonsense=1"):
        assert run("search", kick, "-l", library, "--blend", wrong) in {2, 4}
    assert run("search", kick, "-l", library, *blend, "--space", "mfcc") == 2


def test_tuning_is_told_by_info(
    samples: Path,
    library: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = answer(capsys, "info", "-l", library)["spaces"][0]
    assert (first["index"], first["indexed"]["recall"]) == ("exact", 1.0)
    assert "all are compared with every query" in first["indexed"]["why"]
    found = answer(capsys, "index", "-l", library, "--tune", 0.9)
    assert (found["kind"], found["target"]) == ("exact", 0.9)
    monkeypatch.setattr("soundkin.index.EXACT_BYTES", 0)
    kick = next((samples / "drums" / "kicks").iterdir())
    before = answer(capsys, "search", kick, "-l", library)["hits"]
    assert run("index", "-l", library, "--tune", "0.9") == 0
    said = capsys.readouterr().out
    assert "mfcc: index ann" in said
    assert " segments of your own sounds" in said
    assert run("info", "-l", library) == 0
    assert "recall 1.00 measured on" in capsys.readouterr().out
    assert answer(capsys, "search", kick, "-l", library)["hits"] == before
    assert run("index", "-l", library) == 2
    assert run("index", "-l", library, "--tune", "1.5") == 2

"""Every command and every line of Python in the guide is run, as a reader would run it."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
import soundfile

from soundkin import cli

ROOT = Path(__file__).parent.parent
GUIDE = (ROOT / "docs" / "guide.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two sounds to ask with, and a library of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SOUNDKIN_LIBRARY", str(tmp_path / "library"))
    rng = np.random.default_rng(1)
    for name in ("query.wav", "other.wav"):
        sound = rng.normal(0, 0.2, 22_050) * np.exp(-np.arange(22_050) / 5_000)
        soundfile.write(tmp_path / name, sound, 22_050)
    return tmp_path


def test_the_guide_runs_from_top_to_bottom(
    reader: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_page(GUIDE, capsys)[0] > 15
    assert (reader / "drums.csv").read_text().count("\n") > 5
    assert (reader / "drums.m3u").read_text().startswith("#EXTM3U\n#EXTINF")


@pytest.mark.usefixtures("reader")
def test_the_page_of_spaces_runs_and_its_table_is_true(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SOUNDKIN_DEFAULT_SPACE")
    ran, out = run_page((ROOT / "docs" / "spaces.md").read_text(encoding="utf-8"), capsys)
    assert ran == 17
    found = {line.split()[0]: line for line in out.splitlines() if "'mfcc': " in line}
    for name, kind in {"cowbell_02": "cowbell", "clap_03": "clap", "hum_02": "hum"}.items():
        assert f"'sound': '{kind}_" in found[name], found
        assert f"'mfcc': '{kind}_" not in found[name], found
    assert found["hat_03"].count(": 'hat_") == 2
    music = {line.split()[0]: line for line in out.splitlines() if "'tonal': " in line}
    for name, other in {"bass_02": "bass_01", "pad_02": "pad_01"}.items():
        assert f"'sound': '{other}" in music[name], music
        assert f"'timbre': '{other}" in music[name], music
    assert "'timbre': 'vowel_" in music["vowel_03"]
    assert "'rhythm': 'melody_02" in music["drum_loop_long_01"]
    for name, other in {"bass_02": "pluck_04", "pad_02": "pluck_02", "vowel_03": "melody_"}.items():
        assert f"'tonal': '{other}" in music[name], music


def run_page(text: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """Run a page from top to bottom: how many commands and snippets, and what they printed."""
    ran, printed = 0, []
    names: dict[str, object] = {"__name__": "page"}
    for language, body in BLOCK.findall(text):
        if language == "sh":
            for line in body.splitlines():
                words = shlex.split(line)
                assert words[0] == "soundkin", line
                run(words[1:])
                printed.append(capsys.readouterr().out)
                if "--json" in words:
                    assert json.loads(printed[-1])["hits"]
                ran += 1
        elif language == "python":
            exec(compile(body, "page.md", "exec"), names)
            printed.append(capsys.readouterr().out)
            assert printed[-1].strip()
            ran += 1
        else:
            assert not language, f"a block in {language} that nobody runs"
    return ran, "".join(printed)


def run(arguments: list[str]) -> None:
    """Run one command line; a command may only end well."""
    with pytest.raises(SystemExit) as left:
        cli.main(arguments)
    assert left.value.code in (0, None), arguments


def test_the_readme_names_the_two_commands_and_no_folder_outside() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "make run SOUNDS=folder" in text
    assert "make test" in text
    for document in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")]:
        assert "../" not in re.sub(
            r"\]\(\.\./[\w./-]+\)", "", document.read_text(encoding="utf-8")
        ), document


def test_every_command_is_in_the_guide() -> None:
    names = {command.name or command.callback.__name__ for command in cli.app.registered_commands}
    names |= {group.name for group in cli.app.registered_groups}
    missing = {
        name for name in names if f"soundkin {name}" not in GUIDE and f"`{name}`" not in GUIDE
    }
    assert not missing

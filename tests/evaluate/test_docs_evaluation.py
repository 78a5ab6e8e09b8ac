"""Every command and every line of Python in docs/evaluation.md is run, as a reader would run it."""

from __future__ import annotations

import json
import re
import shlex
import sys
from pathlib import Path

import pytest

from soundkin import cli
from soundkin.evaluate import subjects
from tests.evaluate.sets import labelled
from tests.evaluate.test_graphs import written

TEXT = (Path(__file__).parents[2] / "docs" / "evaluation.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(\w*) ?([\w.]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture
def reader(tmp_path, monkeypatch):
    """A folder with labelled sounds and an ONNX file, and nobody's own library or cache."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    for name in ("SOUNDKIN_LIBRARY", "SOUNDKIN_SPACES", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
    labelled(tmp_path / "sounds")
    out = {"axes": [-1], "keepdims": 1}
    written(tmp_path / "mine.onnx", ["n", "s"], "ReduceMax", ["n", 1], **out)
    yield tmp_path
    sys.modules.pop("my_ears", None)
    subjects._module.cache_clear()
    subjects._hear_model.cache_clear()


def test_the_page_runs_from_top_to_bottom(reader, capsys):
    names, ran = {"__name__": "page"}, 0
    for language, file, body in BLOCK.findall(TEXT):
        ran += 1
        if file:
            (reader / file).write_text(body)
        elif language == "python":
            exec(compile(body, "evaluation.md", "exec"), names)
            assert capsys.readouterr().out.strip()
        else:
            assert language == "sh"
            for line in body.splitlines():
                words = shlex.split(line)
                assert words[0] == "soundkin", line
                with pytest.raises(SystemExit) as left:
                    cli.main(words[1:])
                assert left.value.code in (0, None), line
                out = capsys.readouterr().out
                if "--json" in words:
                    assert json.loads(out)["lines"]
                if "--hear" in words:
                    assert "| my_ears |" in out
                    assert "| my_ears:1 |" in out
                if "--onnx" in words:
                    assert "| mine (samples) |" in out
    assert ran == 11
    assert (reader / "table.md").is_file()
    assert (reader / "report" / "report.html").is_file()

"""The commands of docs/scale.md, run as they stand there; its figures, which are those of the benchmark."""

from __future__ import annotations

import importlib
import re
import shlex
import sys
from pathlib import Path

import pytest

from soundkin import cli
from tests.bucket.s3 import send

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "scale.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.mark.slow
def test_the_commands_of_the_page_run(
    login: None,
    s3: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert send(s3, "PUT", "/sounds")[0] == 200
    ran = 0
    for language, body in BLOCK.findall(TEXT):
        if language == "sh":
            for line in body.splitlines():
                words = shlex.split(line)
                assert words[0] == "soundkin", line
                with pytest.raises(SystemExit) as ended:
                    cli.main(words[1:])
                assert ended.value.code in {0, None}, line
                ran += 1
        else:
            assert language == "text"
    assert ran == 4
    said = capsys.readouterr().out
    assert "300 sounds found, 300 new" in said
    assert "s3://sounds/library" in said


def test_its_tables_are_made_of_what_was_measured_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "bench")
    names = ("scale_plan", "results")
    for name in names:
        monkeypatch.delitem(sys.modules, name, raising=False)
    scale = importlib.import_module("scale_plan")
    for name in names:
        monkeypatch.delitem(sys.modules, name)
    constants = scale.read_back()
    assert scale.into_doc(TEXT, constants) == TEXT, "run `python bench/scale.py` as a whole"
    plan = re.findall(
        r"^\| bucket, .*\| (\S+) GB \| \S+ \w+ \|$", scale.plan(constants), re.MULTILINE
    )
    [gigabytes] = map(float, plan)  # of 10^9 segments
    of_sound = (constants["sound"] + constants["place"]) / 10
    of_segment = constants["segment"] + constants["vector"] + constants["index"]
    assert gigabytes == pytest.approx(of_sound + of_segment, rel=0.06)
    other = {**constants, "memory": 2 * constants["memory"]}
    assert scale.into_doc(TEXT, other) != TEXT

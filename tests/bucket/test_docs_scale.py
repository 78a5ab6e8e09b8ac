"""The commands of docs/scale.md, run as they stand there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from soundkin import cli
from tests.bucket.s3 import send

TEXT = (Path(__file__).parents[2] / "docs" / "scale.md").read_text(encoding="utf-8")
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

"""What every test may ask for."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from collections.abc import Callable

settings.register_profile("suite", deadline=None)  # a busy machine is no failure
settings.load_profile("suite")
os.environ.setdefault("OMP_NUM_THREADS", "1")
"""Before anything that computes is imported: more threads than processors only wait for each other."""

NO_DATA = "SOUNDKIN_DATA is not set: this test needs the folder of real, labelled sound"


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of real sound, or a skip that says so."""
    folder = os.environ.get("SOUNDKIN_DATA", "")
    if not folder or not Path(folder).is_dir():
        pytest.skip(NO_DATA)
    return Path(folder)


@pytest.fixture(scope="session", autouse=True)
def _own_spaces(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Nobody's own spaces are seen or touched; new libraries listen in the space that costs least."""
    os.environ["SOUNDKIN_SPACES"] = str(tmp_path_factory.mktemp("spaces"))
    os.environ["SOUNDKIN_DEFAULT_SPACE"] = "mfcc"


@pytest.fixture
def run(path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """`soundkin ... --library PATH`, as it is typed, on the library of the test's own fixture `path`."""

    from soundkin import cli

    def command(*arguments: str, code: int = 0) -> str:
        with pytest.raises(SystemExit) as left:
            cli.main([*arguments, "--library", str(path)])
        assert (left.value.code or 0) == code, capsys.readouterr()
        said = capsys.readouterr()
        return said.err if code else said.out

    return command


def pytest_xdist_auto_num_workers() -> int:
    """Two processes more than there are cores: many tests wait, for other processes and for the page."""
    return (os.cpu_count() or 1) + 2


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many tests were skipped for want of data, also when it is none."""
    skipped = terminalreporter.stats.get("skipped", [])
    wanting = sum(NO_DATA in str(report.longrepr) for report in skipped)
    terminalreporter.write_line(f"tests skipped for want of data: {wanting}")

"""The command on a real Ray: one machine, then three hosts of which one is lost and the driver is killed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from soundkin.library.store import Store
from tests.cluster.hosts import QUIET
from tests.library.making import column, contents, ledger, wav

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cluster.hosts import Host

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


def typed(folder: Path, library: Path, *options: str) -> list[str]:
    """The command as it is typed."""
    words = ["index", str(folder), "--library", str(library), "--space", "mfcc", "--json"]
    return [sys.executable, "-m", "soundkin", *words, *options]


def said(command: list[str]) -> dict[str, object]:
    """What the command says in the end."""
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env=os.environ | QUIET, timeout=900
    )
    assert done.returncode == 0, done.stderr
    answer: dict[str, object] = json.loads(done.stdout.strip().splitlines()[-1])
    return answer


def when(process: subprocess.Popen[bytes], store: Store, n: int) -> None:
    """Wait until so many sounds are committed."""
    until = time.monotonic() + 300
    while store.count("sounds") < n:
        assert process.poll() is None, f"it ended before {n} sounds were in"
        assert time.monotonic() < until
        time.sleep(0.1)


def test_one_machine(real_ray: None, tmp_path: Path) -> None:
    folder = tmp_path / "S"
    for seed in range(120):
        wav(folder / f"pack {seed % 7}" / f"{seed:03}.wav", seed, 0.1 + seed % 5 / 2)
    shutil.copy(folder / "pack 0" / "000.wav", folder / "again.wav")
    (folder / "no sound.wav").write_text("words")
    said(typed(folder, tmp_path / "alone", "-j", "2"))
    report = said(typed(folder, tmp_path / "library", "-j", "2", "--cluster", "auto"))
    assert (report["embedded"], report["failed"]) == (120, 1)
    store = Store.open(tmp_path / "library")
    assert contents(store) == contents(Store.open(tmp_path / "alone"))
    again = said(typed(folder, tmp_path / "library", "--cluster", "auto"))
    assert (again["unchanged"], again["decoded"]) == (121, 0)
    assert not list(tmp_path.parent.glob("sk-*"))


@pytest.mark.parametrize("lost", ["die", "cut"])
def test_three_hosts(
    three_hosts: list[Host],
    data_dir: Path,
    tmp_path: Path,
    lost: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """One host is switched off, or its cable is taken out; the second case is waited for, not for ever."""
    head, _, third = three_hosts
    said(typed(data_dir, tmp_path / "alone", "-j", "2"))
    alone = Store.open(tmp_path / "alone")
    n = alone.count("sounds")
    library = tmp_path / "library"
    store = Store.open(library)
    command = head.command(*typed(data_dir, library, "--cluster", f"ray://{head.address}:10001"))

    def begun() -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ | QUIET
        )

    with begun() as driver:
        when(driver, store, n // 8)
        driver.kill()
    kept = set(column(store, "sounds", "sound_id"))
    assert kept
    with begun() as driver:
        when(driver, store, max(n // 2, len(kept) + 1))
        getattr(third, lost)()
        then, in_then = time.monotonic(), store.count("sounds")
        out, err = driver.communicate(timeout=900)
        took_s = time.monotonic() - then
    assert driver.returncode == 0, err.decode()
    with capsys.disabled():
        sys.stdout.write(
            f"\n{lost}: {in_then} of {n} sounds were in, the last came {took_s:.0f} s later\n"
        )
    report = json.loads(out.decode().strip().splitlines()[-1])
    assert report["embedded"] < n, "what was committed before the kill is not heard again"
    assert ledger(store) == ledger(alone)
    assert contents(store) == contents(alone)
    again = said(command)
    assert (again["decoded"], again["unchanged"]) == (0, report["found"] - report["failed"])

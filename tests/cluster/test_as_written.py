"""docs/scale.md as a new user types it: a bucket on the first of three hosts, then all three as a cluster."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.cluster.hosts import Terminal
from tests.library.making import wav

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cluster.hosts import Host

TEXT = (Path(__file__).parents[2] / "docs" / "scale.md").read_text(encoding="utf-8")
SOUNDS = 90


def block(beginning: str) -> list[str]:
    """The lines of the block that begins so, those that go on joined; what is installed is there already."""
    [body] = re.findall(
        rf"^```\w*\n({re.escape(beginning)}.*?)^```$", TEXT, re.MULTILINE | re.DOTALL
    )
    lines = body.replace("\\\n", " ").splitlines()
    return [line for line in lines if not line.startswith("pip install")]


def insisting(terminal: Terminal, line: str) -> str:
    """Type what a busy machine may do too slowly for Ray."""
    for _ in range(4):
        status, said = terminal.try_to(line)
        if not status:
            return said
        terminal.try_to("ray stop --force")
    raise AssertionError(said)


@pytest.fixture
def machines(bare_hosts: list[Host], tmp_path: Path) -> Iterator[list[Terminal]]:
    """A terminal on each host."""
    with contextlib.ExitStack() as opened:
        yield [opened.enter_context(Terminal(host, tmp_path / host.name)) for host in bare_hosts]


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_every_command_of_the_page(
    bare_hosts: list[Host], machines: list[Terminal], tmp_path: Path
) -> None:
    head, *others = machines
    address = bare_hosts[0].address
    for line in block("pip install 'moto[server]'"):
        head.type(line)
    said = [head.type(line) for line in block("soundkin demo")]
    assert "300 sounds found, 300 new" in said[1]
    assert "s3://sounds/library" in said[3]

    for line in block("soundkin serve"):
        head.type(f"{line} >>serve.txt 2>&1 &")
    for port in (8765, 8766):
        where = f"http://127.0.0.1:{port}"
        ask = "curl -sS --retry 120 --retry-connrefused --retry-delay 1 --retry-all-errors --fail"
        for route in ("ready", "health", "metrics"):
            answer = head.type(f"{ask} {where}/{route}")
        assert "soundkin_sounds 300" in answer
        found = head.type(f"{ask} '{where}/api/sounds?limit=3'")
        assert found.count('"sound_id"') == 3
    head.type("kill %2 %3; wait %2 %3")

    word = head.type("openssl rand -hex 32").split()[0]
    [secret] = re.findall(r"`(export RAY_AUTH_MODE=token RAY_AUTH_TOKEN=)\.\.\.`", TEXT)
    for machine in machines:
        machine.type(secret + word)
    begin, join = block("ray start --head")
    insisting(head, begin)
    for machine in others:
        insisting(machine, join.replace("HEAD", address))

    folder = tmp_path / "shared sounds"
    for seed in range(SOUNDS):
        wav(folder / f"{seed:02}.wav", 500 + seed)
    [command] = block("soundkin index /shared/sounds")
    command = command.replace("/shared/sounds", f"'{folder}'")
    assert f"{SOUNDS} sounds found, {SOUNDS} new" in head.type(command.replace("HEAD", address))
    more = re.sub(r"--cluster \S+", "--cluster auto", command)
    assert f"{SOUNDS} sounds found" in head.type(more)
    told = head.type("soundkin info --library s3://sounds/library")
    assert f"shared sounds: {SOUNDS} sounds, online" in told
    assert "demo-sounds: 300 sounds, online" in told
    for machine in machines:
        machine.type("ray stop --force")

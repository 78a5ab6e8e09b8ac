"""Hosts on one machine: network namespaces behind a router, each with its own /tmp/ray and /dev/shm.

They share the disk, as machines share a folder, and the kernel. What one of them starts is reached by the
others over the network alone; `die` kills what runs there, `cut` takes its cable out.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shlex
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

NET = "10.177"
START_S = 180
RAY = Path(sys.executable).with_name("ray")
TOKEN = "a token that all hosts of these tests have, and nobody else"
QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AUTH_MODE": "token",
    "RAY_AUTH_TOKEN": hashlib.sha256(TOKEN.encode()).hexdigest(),
    "OMP_NUM_THREADS": "1",
}


def ip(*words: str) -> str:
    """Run one command of `ip`."""
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, (words, done.stderr)
    return done.stdout


@dataclass(frozen=True)
class Host:
    """One host."""

    name: str
    address: str

    def command(self, *words: str) -> list[str]:
        """A command as it is started there."""
        return ["ip", "netns", "exec", self.name, *words]

    def pids(self) -> list[int]:
        """The processes there."""
        return [int(pid) for pid in ip("netns", "pids", self.name).split()]

    def ray(self, *options: str) -> subprocess.Popen[bytes]:
        """Start a node of Ray that stays."""
        options = (*options, f"--node-ip-address={self.address}", "--num-cpus=1", "--block")
        options = (*options, "--object-store-memory=100000000", "--disable-usage-stats")
        start = shlex.join([str(RAY), "start", *options])
        tries = f"for _ in 1 2 3 4; do {start}; done"  # a busy machine starts it too slowly for Ray
        return subprocess.Popen(
            self.command("sh", "-c", f"{OWN} && {tries}"),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=os.environ | QUIET,
        )

    def die(self) -> None:
        """End every process there, as a machine that is switched off by its operating system."""
        end(self)

    def cut(self) -> None:
        """Take its cable out: it works on, and nobody hears of it."""
        ip("-n", self.name, "link", "set", "eth0", "down")


def end(host: Host) -> None:
    """Kill every process of a host."""
    for _ in range(20):
        with contextlib.suppress(AssertionError):
            pids = host.pids()
            if not pids:
                return
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        time.sleep(0.1)


@contextlib.contextmanager
def laid(n: int) -> Iterator[list[Host]]:
    """Lay a router and n hosts; end what runs there and take all away at the end."""
    tag = f"sk{os.getpid() % 10_000}"
    router = Host(f"{tag}-r", f"{NET}.0.1")
    hosts = [Host(f"{tag}-{i}", f"{NET}.{i}.2") for i in range(1, n + 1)]
    try:
        Path("/tmp/ray").mkdir(exist_ok=True)  # stays: to remove it would unmount those of others
        ip("netns", "add", router.name)
        subprocess.run(
            router.command("sysctl", "-qw", "net.ipv4.ip_forward=1"), check=True, timeout=10
        )
        for i, host in enumerate(hosts, 1):
            ip("netns", "add", host.name)
            far = f"{tag}v{i}"
            ip("link", "add", far, "netns", router.name, "type", "veth", "peer", "eth0",
               "netns", host.name)  # fmt: skip
            ip("-n", router.name, "addr", "add", f"{NET}.{i}.1/24", "dev", far)
            ip("-n", router.name, "link", "set", far, "up")
            ip("-n", host.name, "addr", "add", f"{host.address}/24", "dev", "eth0")
            for name in ("lo", "eth0"):
                ip("-n", host.name, "link", "set", name, "up")
            ip("-n", host.name, "route", "add", "default", "via", f"{NET}.{i}.1")
        yield hosts
    finally:
        for host in [*hosts, router]:
            end(host)
            with contextlib.suppress(AssertionError):
                ip("netns", "del", host.name)


@contextlib.contextmanager
def clustered(hosts: list[Host]) -> Iterator[list[Host]]:
    """Make hosts the nodes of one Ray cluster, with one processor each; the first is its head."""
    head = hosts[0]
    nodes = [head.ray("--head", "--port=6379", "--include-dashboard=false")]
    try:
        _wait_for(head, 1)
        for number, host in enumerate(hosts[1:], 2):
            nodes.append(host.ray(f"--address={head.address}:6379"))
            _wait_for(head, number)
        yield hosts
    finally:
        for host in hosts:
            end(host)
        for node in nodes:
            node.wait(10)


class Terminal:
    """A shell on a host, with /tmp/ray, /dev/shm and processes of its own; what is typed there is run.

    Of its own, because `ray stop` ends every Ray whose processes it sees.
    """

    def __init__(self, host: Host, home: Path) -> None:
        pipe = subprocess.PIPE
        home.mkdir(exist_ok=True)
        kept = {name: os.environ[name] for name in ("LANG", "TERM") if name in os.environ}
        where = {"HOME": str(home), "PATH": f"{RAY.parent}:{os.environ['PATH']}"}
        self._shell = subprocess.Popen(
            host.command(*ALONE, "bash", "--norc"),
            stdin=pipe,
            stdout=pipe,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=home,
            env=kept | where,
        )
        self.type(OWN)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        """End the shell, and all that it started."""
        self._shell.kill()
        self._shell.wait(10)
        for end_of_it in (self._shell.stdin, self._shell.stdout):
            assert end_of_it is not None
            with contextlib.suppress(OSError):
                end_of_it.close()

    def try_to(self, line: str) -> tuple[int, str]:
        """Type a line; its exit status, and what it says."""
        shell = self._shell
        assert shell.stdin is not None
        assert shell.stdout is not None
        shell.stdin.write(f"{line}\ndone=$?; echo; echo {END} $done\n")
        shell.stdin.flush()
        said = []
        for one in shell.stdout:
            if one.startswith(END):
                return int(one.split()[1]), "".join(said)
            said.append(one)
        raise AssertionError(f"the shell ended at: {line}\n{''.join(said)}")

    def type(self, line: str) -> str:
        """Type a line that succeeds; what it says."""
        status, said = self.try_to(line)
        if status:
            _, going = self.try_to("jobs -l")
            raise AssertionError(f"{line}\n{said}\nwhat goes on there:\n{going}")
        return said


ALONE = ("unshare", "--pid", "--fork", "--kill-child", "--mount-proc")
OWN = "mount -t tmpfs own /tmp/ray && mount -t tmpfs own /dev/shm"
END = "that-was-it"

ASK = """
import logging, socket, sys, time
host, n, until = sys.argv[1], int(sys.argv[2]), time.monotonic() + float(sys.argv[3])
while time.monotonic() < until:
    try:
        socket.create_connection((host, 10001), 5).close()
        break
    except OSError:
        time.sleep(0.5)
import ray
while time.monotonic() < until:
    try:
        ray.init(f"ray://{host}:10001", logging_level=logging.ERROR, log_to_driver=False)
        break
    except ConnectionError:
        time.sleep(1.0)
while time.monotonic() < until and ray.cluster_resources().get("CPU", 0) < n:
    time.sleep(0.5)
print(int(ray.cluster_resources().get("CPU", 0)))
"""


def _wait_for(head: Host, n: int) -> None:
    """Wait until so many nodes are there."""
    asked = subprocess.run(
        head.command(sys.executable, "-c", ASK, head.address, str(n), str(START_S)),
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | QUIET,
        timeout=2 * START_S,
    )
    assert asked.stdout.strip() == str(n), (
        f"{n} nodes of Ray did not come up: {asked.stdout} {asked.stderr[-3000:]}"
    )

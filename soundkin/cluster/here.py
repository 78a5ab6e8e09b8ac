"""A Ray of this machine alone, until the process that started it ends: `python -m soundkin.cluster.here N`.

It has a process of its own because Ray starts its parts by forking, and a process in which the store is
open must not fork. It prints the address of its head and waits for its input to end; then it takes
everything away. Only who knows its token may use it.
"""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from soundkin.errors import LibraryError
from soundkin.library.slate import last_words, scratch

STORE_BYTES = 256 << 20
"""Memory for answers on their way."""

SOCKET_ROOM = 40
"""Letters of a folder that leave room for the names of Ray's sockets."""

TRIES = 3
"""A start may take longer than Ray waits for, on a busy machine."""

END_S = 60.0

NOTE = Path("/tmp/ray/ray_current_cluster")  # noqa: S108
"""Where Ray keeps the address of the cluster that a machine belongs to."""

MODE, TOKEN = "RAY_AUTH_MODE", "RAY_AUTH_TOKEN"

QUIET: dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False}
"""How Ray is joined: it tells what goes wrong, and nothing else."""


def is_there() -> bool:
    """Say whether this machine seems to belong to a cluster already."""
    ray = sys.modules.get("ray")
    if ray is not None and ray.is_initialized():
        return True
    if "RAY_ADDRESS" in os.environ:
        return True
    try:
        host, _, port = NOTE.read_text().strip().rpartition(":")
        socket.create_connection((host, int(port)), timeout=2.0).close()
    except (OSError, ValueError):
        return False  # there is no note, or it was left behind
    return True


class Here:
    """A cluster of this machine with n processors; `address` is its head's.

    Its token is put into this process's environment, and stays. Raises `LibraryError`.
    """

    def __init__(self, n: int) -> None:
        _make_token()
        prints = scratch()
        command = [sys.executable, "-P", "-m", "soundkin.cluster.here", str(n)]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(  # noqa: S603
            command, stdin=pipe, stdout=pipe, stderr=prints, start_new_session=True
        )
        assert self._process.stdout is not None  # noqa: S101 - asked for
        self.address = self._process.stdout.readline().decode().strip()
        if not self.address:
            self.close()
            raise LibraryError(
                f"Ray did not start here ({last_words(prints)})",
                "a machine with room for it",
                "try again when it is less busy, or index without --cluster",
            )

    def close(self) -> None:
        """End it."""
        for end in (self._process.stdin, self._process.stdout):
            assert end is not None  # noqa: S101 - asked for
            with contextlib.suppress(OSError):
                end.close()
        try:
            self._process.wait(END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _make_token() -> None:
    """Let nobody else use what is started here, unless the user has said how Ray knows its users."""
    if MODE in os.environ:
        return
    os.environ |= {MODE: "token", TOKEN: secrets.token_hex(32)}
    ray = sys.modules.get("ray")
    if ray is not None:  # it has read its settings when it was loaded
        ray._raylet.Config.initialize("")


def main(n: int) -> None:
    """Start Ray, say where, wait, end it."""
    import ray

    folder: str | None = tempfile.mkdtemp(prefix="sk-")
    how = {**QUIET, "num_cpus": n, "num_gpus": 0, "include_dashboard": False}
    how["object_store_memory"] = STORE_BYTES
    try:
        if folder is not None and len(folder) <= SOCKET_ROOM:
            how["_temp_dir"] = folder
        for left in reversed(range(TRIES)):
            try:
                ray.init("local", **how)
                break
            except Exception:  # Ray raises no narrower one
                ray.shutdown()
                if not left:
                    raise
        sys.stdout.write(ray.get_runtime_context().gcs_address + "\n")
        sys.stdout.flush()
        sys.stdin.read()
    finally:
        ray.shutdown()
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main(int(sys.argv[1]))

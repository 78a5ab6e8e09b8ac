"""`run`: one library on one address until it is told to stop."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
from typing import TYPE_CHECKING
from urllib.parse import quote

import uvicorn

from soundkin.errors import InputError, NotFound
from soundkin.serve.app import create_app
from soundkin.serve.security import LOOPBACK_HOSTS, is_loopback
from soundkin.serve.uploads import MAX_UPLOAD_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path
    from types import FrameType

    from soundkin.facade import Library
    from soundkin.serve.wiring import Serving

DEFAULT_PORT = 8765
MIN_TOKEN_CHARS = 16
MAX_PORT = 65_535
GRACE_S = 30
"""How long requests that are being answered may take once the server is told to stop, in seconds."""

TOLD_AFTER_S = 3.0
log = logging.getLogger(__name__)


def run(
    library: Library,
    host: str = "127.0.0.1",
    port: int = DEFAULT_PORT,
    token: str | None = None,
    cert: Path | None = None,
    key: Path | None = None,
    *,
    allowed_hosts: Collection[str] = (),
    max_upload_bytes: int = MAX_UPLOAD_BYTES,
    on_ready: Callable[[str], None] | None = None,
) -> None:
    """Serve until Ctrl-C or SIGTERM, then finish what is being answered.

    on_ready: gets the address to open once the port is taken.
    port 0 takes a free one. Raises `InputError` for an address wider than this machine without a token,
    for a token under 16 characters, for a certificate without its key, and for a port that is taken.
    """
    check_binding(host, port, token, cert, key)
    listening = _listen(host, port)
    try:
        names = {*LOOPBACK_HOSTS, *allowed_hosts, *_own_names(host)}
        app = create_app(
            library, token=token, allowed_hosts=names, max_upload_bytes=max_upload_bytes
        )
        config = uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=GRACE_S,
            ssl_certfile=str(cert) if cert else None,
            ssl_keyfile=str(key) if key else None,
        )
        if on_ready is not None:
            on_ready(
                address(host, listening.getsockname()[1], token=token, secure=cert is not None)
            )
        _Server(config, app.state.serving).run(sockets=[listening])
    finally:
        listening.close()


def check_binding(
    host: str, port: int, token: str | None, cert: Path | None, key: Path | None
) -> None:
    """Raise `InputError` or `NotFound` for a binding that must not or cannot be."""
    if not 0 <= port <= MAX_PORT:
        raise InputError(f"the port {port}", f"0 to {MAX_PORT}", "0 takes a free one")
    if token is None and not is_loopback(host):
        raise InputError(
            f"the address {host!r} can be reached from other machines",
            "a token, so that only those who have it can listen and search",
            "add --token (16 characters or more), or serve on 127.0.0.1",
        )
    if token is not None and len(token) < MIN_TOKEN_CHARS:
        raise InputError(
            f"the token has {len(token)} characters",
            f"{MIN_TOKEN_CHARS} or more",
            "make one with: python -c 'import secrets; print(secrets.token_urlsafe(24))'",
        )
    if (cert is None) != (key is None):
        raise InputError(
            "a certificate without its key", "both --cert and --key", "give both or neither"
        )
    for file in (cert, key):
        if file is not None and not file.is_file():
            raise NotFound(f"there is no file '{file}'", "a PEM file", "check the path")


def address(host: str, port: int, *, token: str | None = None, secure: bool = False) -> str:
    """Return the address to open in a browser.

    >>> address("127.0.0.1", 8765), address("::", 80, token="secret", secure=True)
    ('http://127.0.0.1:8765/', 'https://[::1]:80/?token=secret')
    """
    shown = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - any address, shown as this one
    name = f"[{shown}]" if ":" in shown else shown
    return f"{'https' if secure else 'http'}://{name}:{port}/" + (
        f"?token={quote(token)}" if token else ""
    )


def _listen(host: str, port: int) -> socket.socket:
    """Take the port now, so that a taken one is one clear sentence."""
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=128)
    except OSError as error:
        why = error.strerror or str(error)
        raise InputError(
            f"cannot listen on {host} port {port} ({why})",
            "a free port of this machine",
            "try --port 0",
        ) from error


def _own_names(host: str) -> set[str]:
    """Return the names under which others reach this machine, when it is bound wider than loopback."""
    if is_loopback(host):
        return {host}
    name = socket.gethostname().lower()
    return {host, name, f"{name}.local"}


class _Server(uvicorn.Server):
    """A server that ends its event streams first, so that Ctrl-C does not wait for open pages.

    It returns to its caller instead of raising the signal again, so that the library is closed in order.
    """

    def __init__(self, config: uvicorn.Config, serving: Serving) -> None:
        super().__init__(config)
        self._serving = serving

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 - Uvicorn's form
        """Close the streams and end; a second Ctrl-C does not wait for anything."""
        self._serving.closing = True
        self._serving.library.give_up()
        self.force_exit = self.should_exit and sig == signal.SIGINT
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End; who is still connected after the grace is cut off, so that nobody waits for an answer."""
        telling = asyncio.create_task(self._say_what_is_waited_for())
        await super().shutdown(sockets)
        telling.cancel()
        for connection in list(self.server_state.connections):
            if connection.transport is not None:
                connection.transport.abort()
        await asyncio.sleep(0)

    async def _say_what_is_waited_for(self) -> None:
        """Name the requests that keep the server, when they do so for some seconds."""
        await asyncio.sleep(TOLD_AFTER_S)
        for said in self._serving.meter.waited_for():
            log.warning("ending; still answering %s", said)

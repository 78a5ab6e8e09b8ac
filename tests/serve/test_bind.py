"""Binding: what is refused before anything listens, and a real server from start to Ctrl-C."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import httpx
import pytest

from soundkin.errors import InputError, NotFound
from soundkin.serve import run
from soundkin.serve.bind import address, check_binding

if TYPE_CHECKING:
    from pathlib import Path

    from soundkin.facade import Library

TOKEN = "a-token-of-24-characters"

SERVER = """
import sys
from soundkin.facade import Library
from soundkin.serve import run
with Library.open(sys.argv[1]) as library:
    run(library, port=0, token=sys.argv[2] or None, on_ready=lambda url: print(url, flush=True))
print("closed", flush=True)
"""


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "::", "192.168.1.5", "studio.local", "127.0.0.1.example"]
)
def test_wider_than_this_machine_demands_a_token(host: str) -> None:
    with pytest.raises(InputError, match=r"other machines.*--token"):
        check_binding(host, 0, None, None, None)
    check_binding(host, 0, TOKEN, None, None)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "localhost", "::1"])
def test_this_machine_alone_needs_none(host: str) -> None:
    check_binding(host, 0, None, None, None)


def test_a_short_token_is_refused() -> None:
    with pytest.raises(InputError, match="16 or more"):
        check_binding("127.0.0.1", 0, "short", None, None)


def test_a_certificate_needs_its_key(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--key"):
        check_binding("127.0.0.1", 0, None, tmp_path, None)
    with pytest.raises(NotFound, match=r"missing\.pem"):
        check_binding("127.0.0.1", 0, None, tmp_path / "missing.pem", tmp_path / "key.pem")


def test_a_taken_port_is_one_clear_sentence(library: Library) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match=f"port {port}.*--port 0"):
            run(library, port=port)
    with pytest.raises(InputError, match="70000"):
        run(library, port=70_000)


def test_the_address_to_open() -> None:
    assert address("0.0.0.0", 8765, token="a&b c") == "http://127.0.0.1:8765/?token=a%26b%20c"


@pytest.mark.parametrize(("how", "token"), [(signal.SIGINT, ""), (signal.SIGTERM, TOKEN)])
def test_a_real_server_until_it_is_told_to_stop(
    library: Library, token: str, how: signal.Signals
) -> None:
    """It prints its address, answers, and ends at once although a page holds its event stream open."""
    command = [sys.executable, "-c", SERVER, str(library.path), token]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as server:
        url = server.stdout.readline().strip()
        with httpx.Client(follow_redirects=True, timeout=20) as client:
            page = client.get(url)
            assert page.status_code == 200, page.text
            assert "<title>Soundkin</title>" in page.text
            with client.stream("GET", url.partition("?")[0] + "api/events") as stream:
                lines = stream.iter_lines()
                assert next(lines) == "event: index"
                begun = time.monotonic()
                server.send_signal(how)
                assert list(lines), "the stream ends, it is not torn"
        out, error = server.communicate(timeout=20)
    assert time.monotonic() - begun < 15
    assert "Traceback" not in error, error
    assert server.returncode == 0
    assert out == "closed\n", "the caller closes the library in order"

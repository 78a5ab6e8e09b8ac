"""An S3 server on this machine for the tests, and one in front of it that misbehaves on demand."""

from __future__ import annotations

import http.client
import logging
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

from moto.server import ThreadedMotoServer

if TYPE_CHECKING:
    from collections.abc import Iterator

BUCKET = "sounds"
SIGNED = {
    "Authorization": "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request",
    "Content-Type": "application/octet-stream",
}
SLOW_DOWN = (
    b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"
)
EXPIRED = (
    b"<Error><Code>ExpiredToken</Code><Message>The provided token has expired.</Message></Error>"
)


@contextmanager
def running_s3() -> Iterator[str]:
    """Run moto's S3 on a free port of this machine; gives its address."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    address = f"http://{host}:{port}"
    try:
        send(address, "PUT", f"/{BUCKET}")
        yield address
    finally:
        server.stop()


def send(address: str, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
    """Send one plain request; the server checks no signature."""
    connection = http.client.HTTPConnection(address.removeprefix("http://"), timeout=10)
    try:
        connection.request(method, path, body, SIGNED)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


@dataclass
class Mood:
    """How the server in front behaves: which requests it answers wrongly, and how often still.

    fault: "busy" (503), "expired" (403), "cut" (half of the answer, then the end), "slow", "never" (no
    answer while it lasts). times: how many requests are met so. of: only these methods. keys: access keys
    whose requests are refused as expired. log: every request; bytes_in, bytes_out: of all bodies.
    """

    fault: str = ""
    times: int = 0
    of: frozenset[str] = frozenset({"GET", "PUT", "POST", "HEAD", "DELETE"})
    where: str = ""
    keys: frozenset[str] = frozenset()
    slow_s: float = 0.3
    log: list[tuple[str, str, str]] = field(default_factory=list)
    bytes_in: int = 0
    bytes_out: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def next(self, method: str, path: str) -> str:
        """Return the fault for one request and count it."""
        with self.lock:
            if self.times > 0 and method in self.of and self.where in path:
                self.times -= 1
                return self.fault
            return ""


@contextmanager
def moody_s3(behind: str) -> Iterator[tuple[str, Mood]]:  # noqa: C901 - one handler
    """Run a server that hands requests on to the one behind it, unless its mood says otherwise."""
    mood = Mood()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            mood.log.append((self.command, self.path, self.headers.get("Range", "")))
            fault = mood.next(self.command, self.path)
            if any(
                f"Credential={key}/" in self.headers.get("Authorization", "") for key in mood.keys
            ):
                fault = "expired"
            if fault == "busy":
                self.reply(503, SLOW_DOWN)
                return
            if fault == "expired":
                self.reply(403, EXPIRED)
                return
            if fault == "slow":
                time.sleep(mood.slow_s)
            connection = http.client.HTTPConnection(behind.removeprefix("http://"), timeout=30)
            headers = {k: v for k, v in self.headers.items() if k.lower() != "host"}
            connection.request(self.command, self.path, body, headers)
            there = connection.getresponse()
            data = there.read()
            mood.bytes_in += len(body)
            mood.bytes_out += len(data)
            connection.close()
            if fault == "lost":  # done, but nobody hears of it
                self.connection.close()
                self.close_connection = True
                return
            kept = ("ETag", "Last-Modified", "Content-Type", "Content-Range", "Accept-Ranges")
            headers = {k: v for k in kept if (v := there.getheader(k))}
            if self.command == "HEAD":
                headers["Content-Length"] = there.getheader("Content-Length") or "0"
            self.reply(there.status, data, headers, cut=fault == "cut")

        def reply(
            self,
            status: int,
            data: bytes,
            headers: dict[str, str] | None = None,
            *,
            cut: bool = False,
        ) -> None:
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            if "Content-Length" not in (headers or {}):
                self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(data[: len(data) // 2] if cut else data)
            if cut:
                self.wfile.flush()
                self.connection.close()
                self.close_connection = True

        do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = answer  # noqa: N815

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            pass

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", mood
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)

"""A stand-in for the web on this machine: it answers in the services' shapes, and fails as hosts do."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import re
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, unquote, urlsplit

import numpy as np
import soundfile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

RATE_HZ = 16_000


def sound(seed: int, seconds: float = 0.4, form: str = "WAV") -> bytes:
    """The bytes of a sound file that no other seed makes."""
    rng = np.random.default_rng(seed)
    t = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    wave = sum(np.sin(2 * np.pi * f * t) for f in rng.uniform(80, 6000, 3)) * 0.1
    out = io.BytesIO()
    samples = np.round((wave + rng.normal(0, 0.03, len(t))) * 32767).astype(np.int16)
    soundfile.write(out, samples, RATE_HZ, format=form)
    return out.getvalue()


@dataclass
class Reply:
    """What is said to one request. body may be cut: only `sends` bytes go out, though all are promised."""

    status: int = 200
    body: bytes = b""
    kind: str = "audio/wav"
    headers: dict[str, str] = field(default_factory=dict)
    sends: int | None = None
    promises: bool = True


class StandIn:
    """Pages by path: bytes, a `Reply`, a list of replies to give one after another, or a function."""

    def __init__(self) -> None:
        self.pages: dict[str, object] = {}
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.base = ""

    def paths(self) -> list[str]:
        """The paths that were asked for, in order."""
        return [path for path, _ in self.asked]

    def put(self, path: str, page: object) -> str:
        """Lay a page; gives its address."""
        self.pages[path] = page
        return self.base + path

    def reply(self, target: str, headers: dict[str, str]) -> Reply:
        """Answer one request; sounds know ETags and ranges."""
        parts = urlsplit(target)
        path = unquote(parts.path)
        self.asked.append((path, headers))
        page = self.pages.get(path)
        if isinstance(page, list):
            page = page.pop(0) if len(page) > 1 else page[0]
        if callable(page):
            page = page({k: v[0] for k, v in parse_qs(parts.query).items()}, headers)
        if page is None:
            return Reply(404, b"nothing here", "text/html")
        if isinstance(page, dict):
            return Reply(body=json.dumps(page).encode(), kind="application/json")
        if isinstance(page, str):
            page = Reply(body=page.encode(), kind="application/rss+xml")
        reply = page if isinstance(page, Reply) else Reply(body=page)
        return _whole_or_part(reply, headers) if reply.status == 200 else reply


def _whole_or_part(reply: Reply, headers: dict[str, str]) -> Reply:
    etag = f'"{hashlib.md5(reply.body).hexdigest()}"'
    headers_out = {"ETag": etag, "Accept-Ranges": "bytes", **reply.headers}
    if headers.get("if-none-match") == headers_out["ETag"]:
        return Reply(304, b"", reply.kind, headers_out)
    asked = re.fullmatch(r"bytes=(\d+)-(\d*)", headers.get("range", ""))
    if asked and headers.get("if-range", headers_out["ETag"]) == headers_out["ETag"]:
        first, n = int(asked[1]), len(reply.body)
        last = min(int(asked[2] or n - 1), n - 1)
        headers_out["Content-Range"] = f"bytes {first}-{last}/{n}"
        return Reply(206, reply.body[first : last + 1], reply.kind, headers_out)
    return Reply(200, reply.body, reply.kind, headers_out, reply.sends, reply.promises)


@contextlib.contextmanager
def standing_in() -> Iterator[StandIn]:
    """Serve a stand-in on a free port of this machine."""
    web = StandIn()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            reply = web.reply(self.path, {k.lower(): v for k, v in self.headers.items()})
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            if reply.status != 304:
                self.send_header("Content-Type", reply.kind)
                if reply.promises:
                    self.send_header("Content-Length", str(len(reply.body)))
            self.send_header("Connection", "close")
            self.end_headers()
            with contextlib.suppress(OSError):
                self.wfile.write(reply.body[: reply.sends])
            self.close_connection = True

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    web.base = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
    )
    thread.start()
    try:
        yield web
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def archive(web: StandIn, items: dict[str, dict[str, object]], *, a_page: int = 2) -> None:
    """Answer as the Internet Archive does: a scrape in pages, metadata, downloads.

    items: by identifier, "metadata", "files" (as the service tells them), "bytes" by file name.
    """
    names = sorted(items)

    def scrape(query: dict[str, str], _: object) -> dict[str, object]:
        assert query["q"] == "collection:birds"
        assert int(query["count"]) >= 100, "the service refuses fewer"
        first = int(query.get("cursor", 0))
        rows = [
            {"identifier": name, "oai_updatedate": items[name].get("updated", ["2026-01-01"])}
            for name in names[first : first + a_page]
        ]
        more = {"cursor": str(first + a_page)} if first + a_page < len(names) else {}
        return {"items": rows, "total": len(names), "count": len(rows), **more}

    web.put("/services/search/v1/scrape", scrape)
    for name, item in items.items():
        about = {"metadata": item.get("metadata", {}), "files": item["files"]}
        web.put(f"/metadata/{name}", about)
        for file, data in item["bytes"].items():
            web.put(f"/download/{name}/{file}", data)


def freesound(web: StandIn, rows: list[dict[str, object]], key: str, *, a_page: int = 2) -> None:
    """Answer as Freesound's search does."""

    def search(query: dict[str, str], headers: dict[str, str]) -> object:
        if headers.get("authorization") != f"Token {key}":
            return Reply(401, b'{"detail": "Invalid token"}', "application/json")
        page = int(query.get("page", 1))
        first = (page - 1) * a_page
        more = f"{web.base}/apiv2/search/text/?query={query['query']}&page={page + 1}"
        return {
            "count": len(rows),
            "previous": None,
            "next": more if first + a_page < len(rows) else None,
            "results": rows[first : first + a_page],
        }

    web.put("/apiv2/search/text/", search)


def faults(web: StandIn) -> dict[str, Callable[[], str]]:
    """Every way in which a file cannot be had; each lays its pages and gives an address."""
    wav = sound(99)
    return {
        "not-there": lambda: web.put("/gone.wav", Reply(410, b"", "text/html")),
        "refused": lambda: web.put("/closed.wav", Reply(403, b"", "text/html")),
        "wrong-type": lambda: web.put("/page.wav", Reply(body=b"<html>", kind="text/html")),
        "too-large": lambda: web.put("/huge.wav", Reply(body=wav * 40)),
        "redirects": lambda: web.put("/loop.wav", Reply(302, headers={"Location": "/loop.wav"})),
        "unreachable": lambda: web.put(
            "/cut.wav", Reply(body=wav, headers={"ETag": ""}, sends=500)
        ),
    }

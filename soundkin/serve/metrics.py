"""What a server counts of itself, in the text form that Prometheus reads; no client library is needed."""

from __future__ import annotations

import resource
import sys
import threading
import time
from bisect import bisect_left
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

BORDERS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper ends of the steps of the histogram of answer times, in seconds."""

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Meter:
    """Counts of one server; safe from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: dict[tuple[str, str, int], int] = {}
        self._steps: dict[str, list[int]] = {}
        self._seconds: dict[str, float] = {}
        self._open: dict[int, tuple[str, float]] = {}
        self._last = 0

    def begin(self, what: str) -> int:
        """Note that a request came, as "GET /path"; return its number."""
        with self._lock:
            self._last += 1
            self._open[self._last] = what, time.perf_counter()
            return self._last

    def waited_for(self) -> list[str]:
        """Return what is being answered, and for how long."""
        now = time.perf_counter()
        with self._lock:
            return [f"{what} ({now - begun:.1f} s)" for what, begun in self._open.values()]

    def end(self, number: int, method: str, route: str, status: int, took_s: float) -> None:
        """Note that it was answered; status 0: it was not."""
        with self._lock:
            del self._open[number]
            key = method, route, status
            self._requests[key] = self._requests.get(key, 0) + 1
            steps = self._steps.setdefault(route, [0] * (len(BORDERS_S) + 1))
            steps[bisect_left(BORDERS_S, took_s)] += 1
            self._seconds[route] = self._seconds.get(route, 0.0) + took_s

    def lines(self) -> list[str]:
        """Return everything counted so far."""
        with self._lock:
            out = family("soundkin_requests_in_flight", "gauge", "Requests being answered.")
            out += [sample("soundkin_requests_in_flight", {}, len(self._open))]
            out += family("soundkin_requests_total", "counter", "Requests answered.")
            out += [
                sample(
                    "soundkin_requests_total",
                    {"method": method, "route": route, "status": str(status)},
                    n,
                )
                for (method, route, status), n in sorted(self._requests.items())
            ]
            name = "soundkin_request_seconds"
            out += family(name, "histogram", "Time from request to the end of the answer.")
            for route, steps in sorted(self._steps.items()):
                total = 0
                for border, n in zip((*BORDERS_S, "+Inf"), steps, strict=True):
                    total += n
                    out.append(sample(f"{name}_bucket", {"route": route, "le": str(border)}, total))
                out.append(sample(f"{name}_sum", {"route": route}, self._seconds[route]))
                out.append(sample(f"{name}_count", {"route": route}, total))
            return out


class Metered:
    """ASGI middleware: tells a `Meter` of every request; its route, not its path, so that labels stay few."""

    def __init__(self, app: ASGIApp, *, meter: Meter) -> None:
        self.app = app
        self.meter = meter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        status, begun = 0, time.perf_counter()

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        number = self.meter.begin(f"{scope['method']} {scope['path']}")
        try:
            await self.app(scope, receive, noting)
        finally:
            took_s = time.perf_counter() - begun
            self.meter.end(number, scope["method"], _route(scope), status, took_s)


def _route(scope: Scope) -> str:
    """Return the pattern that a request's path fitted, with its prefix, which not every FastAPI tells."""
    pattern = str(getattr(scope.get("route"), "path", "other"))
    lacking = scope["path"].startswith("/api/") and not pattern.startswith(("/api/", "other"))
    return f"/api{pattern}" if lacking else pattern


def family(name: str, kind: str, what: str) -> list[str]:
    """Return the two lines that introduce a metric."""
    return [f"# HELP {name} {what}", f"# TYPE {name} {kind}"]


def sample(name: str, labels: Mapping[str, str], value: float) -> str:
    r"""Return one line.

    >>> sample("soundkin_sounds", {"library": 'a "b"'}, 3)
    'soundkin_sounds{library="a \\"b\\""} 3'
    """
    inside = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
    return f"{name}{{{inside}}} {value:g}" if inside else f"{name} {value:.17g}"


def gauges(values: Iterable[tuple[str, str, float]]) -> list[str]:
    """Return metrics that have one value each: name, what it is, value."""
    out: list[str] = []
    for name, what, value in values:
        kind = "counter" if name.endswith("_total") else "gauge"
        out += [*family(name, kind, what), sample(name, {}, value)]
    return out


def process() -> list[tuple[str, str, float]]:
    """Return memory and processor time of this process, under the names that Prometheus knows."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    cpu_s = used.ru_utime + used.ru_stime
    return [
        ("process_cpu_seconds_total", "Processor time of this process, seconds.", cpu_s),
        ("process_resident_memory_bytes", "Memory of this process, bytes.", resident_bytes()),
    ]


def resident_bytes() -> int:
    """Return the memory that this process holds; the most it ever held where the system tells only that."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except (OSError, ValueError, IndexError):
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    return pages * resource.getpagesize()


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")

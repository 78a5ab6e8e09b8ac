"""What hosts ask of programs that come by themselves (RFC 9309)."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.robotparser import RobotFileParser

from soundkin.library.sources.net import WebError, host_of

if TYPE_CHECKING:
    from soundkin.library.sources.web import Client

NAME = "Soundkin"
MOST_BYTES = 512 * 1024
LONGEST_GAP_S = 60.0


class Robots:
    """Remembers what each host asks for; safe from several threads."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self._lock = threading.Lock()
        self._gates: dict[str, threading.Lock] = {}
        self._known: dict[str, RobotFileParser] = {}

    def check(self, url: str, trusted: frozenset[str]) -> None:
        """Raise `WebError` for what a host asks not to fetch; keep the pause that it asks for."""
        host = host_of(url)
        with self._lock:
            gate = self._gates.setdefault(host, threading.Lock())
        with gate:
            rules = self._known.get(host)
            if rules is None:
                rules = self._known[host] = self._asked(url, trusted)
        delay = rules.crawl_delay(NAME)
        if delay is not None:
            self.client.gaps[host] = min(float(delay), LONGEST_GAP_S)
        if not rules.can_fetch(NAME, url):
            raise WebError("refused", f"'{host}' asks programs not to fetch it (robots.txt)")

    def _asked(self, url: str, trusted: frozenset[str]) -> RobotFileParser:
        """Read a host's rules; none where it has none. Raises `WebError` for a host that fails just now."""
        parts = urlsplit(url)
        rules = RobotFileParser()
        text = ""
        try:
            at = f"{parts.scheme}://{parts.netloc}/robots.txt"
            data, _ = self.client.read(at, most=MOST_BYTES, trusted=trusted)
            text = data.decode("utf-8", "replace")
        except WebError as error:
            if error.passing:
                raise
        rules.parse(text.splitlines())
        return rules

"""A real browser for the page's tests; what it complains of, or asks elsewhere, fails the test."""

from __future__ import annotations

import contextlib
import os
import shutil
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect, sync_playwright

from tests.serve.page.driver import WIDE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, BrowserContext, Page

FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --host-resolver-rules=MAP*evil.example*127.0.0.1"
)

expect.set_options(timeout=20_000)


@contextlib.contextmanager
def launch(flags: str) -> Iterator[Browser]:
    """Start Chromium with these flags."""
    chromium = os.environ.get("SOUNDKIN_CHROMIUM") or shutil.which("chromium")
    if chromium is None:
        pytest.fail("no Chromium: install Debian's package chromium, or set SOUNDKIN_CHROMIUM")
    args = [flag.replace("*", " ") for flag in flags.split()]
    with sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=chromium, args=args)
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launch(FLAGS) as opened:
        yield opened


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A fresh browser profile; whatever its pages complain of or ask elsewhere fails the test."""
    opened = browser.new_context(viewport=WIDE)
    opened.set_default_timeout(10_000)
    complaints: list[str] = []
    elsewhere: list[str] = []

    def on_page(page: Page) -> None:
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "console",
            lambda m: complaints.append(m.text) if m.type in {"error", "warning"} else None,
        )

    def on_request(address: str) -> None:
        if urlsplit(address).hostname not in {"127.0.0.1", None}:
            elsewhere.append(address)

    opened.on("page", on_page)
    opened.on("request", lambda request: on_request(request.url))
    yield opened
    opened.close()
    # The browser logs every answer of 4xx; those are the server's refusals, asserted in their tests.
    assert [text for text in complaints if "Failed to load resource" not in text] == []
    assert elsewhere == []


@pytest.fixture
def page(context: BrowserContext, base: str) -> Page:
    opened = context.new_page()
    opened.goto(base)
    opened.wait_for_selector(".row")
    return opened

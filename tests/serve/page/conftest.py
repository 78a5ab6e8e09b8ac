"""A real browser for the page's tests; what it complains of, or asks elsewhere, fails the test."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import numpy as np
import pytest
import soundfile
from playwright.sync_api import expect, sync_playwright

from tests.serve.live import RATE_HZ, tone
from tests.serve.page.driver import WIDE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, BrowserContext, Page, Playwright

FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --host-resolver-rules=MAP*evil.example*127.0.0.1 "
    "--use-fake-device-for-media-stream"
)
SPOKEN_HZ = 900
"""What the browser's microphone hears: half a second of this, with a second of silence around it."""

expect.set_options(timeout=40_000)


@pytest.fixture(scope="session")
def driver() -> Iterator[Playwright]:
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="session")
def browser(driver: Playwright, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """One Chromium for all tests but the map's; its microphone hears a file again and again."""
    spoken = tmp_path_factory.mktemp("microphone") / "heard.wav"
    silence = np.zeros(RATE_HZ, np.float32)
    soundfile.write(spoken, np.concatenate([silence, tone(SPOKEN_HZ, 0.5), silence]), RATE_HZ)
    opened = launch(driver, f"{FLAGS} --use-file-for-fake-audio-capture={spoken}")
    yield opened
    opened.close()


def launch(driver: Playwright, flags: str) -> Browser:
    """Start Chromium with these flags; * stands for a space within one."""
    chromium = os.environ.get("SOUNDKIN_CHROMIUM") or shutil.which("chromium")
    if chromium is None:
        pytest.fail("no Chromium: install Debian's package chromium, or set SOUNDKIN_CHROMIUM")
    args = [flag.replace("*", " ") for flag in flags.split()]
    return driver.chromium.launch(executable_path=chromium, args=args)


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A fresh browser profile; whatever its pages complain of or ask elsewhere fails the test."""
    opened = browser.new_context(viewport=WIDE)
    opened.set_default_timeout(40_000)
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

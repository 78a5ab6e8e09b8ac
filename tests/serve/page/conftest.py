"""A real browser for the page's tests; what it complains of, or asks elsewhere, fails the test."""

from __future__ import annotations

import contextlib
import os
import shutil
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import numpy as np
import pytest
import soundfile
from playwright.sync_api import Error, expect, sync_playwright

from tests.serve.live import RATE_HZ, tone
from tests.serve.page.driver import WIDE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import (
        Browser,
        BrowserContext,
        ConsoleMessage,
        Page,
        Playwright,
        Request,
    )

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


@pytest.fixture(scope="module")
def profile(browser: Browser) -> Iterator[BrowserContext]:
    """A browser profile for the tests of one file."""
    opened = browser.new_context(viewport=WIDE)
    opened.set_default_timeout(40_000)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def kept(profile: BrowserContext) -> Page:
    """One page for the tests of a file: going to another address costs a third of a new page."""
    return profile.new_page()


@pytest.fixture
def context(profile: BrowserContext, kept: Page) -> Iterator[BrowserContext]:
    """A clean profile; whatever its pages complain of or ask elsewhere fails the test."""
    complaints: list[str] = []
    elsewhere: list[str] = []

    def on_page(page: Page) -> None:
        page.on("pageerror", on_error)
        page.on("console", on_console)

    def on_error(error: Error) -> None:
        complaints.append(str(error))

    def on_console(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            complaints.append(message.text)

    def on_request(request: Request) -> None:
        if urlsplit(request.url).hostname not in {"127.0.0.1", None}:
            elsewhere.append(request.url)

    profile.on("page", on_page)
    profile.on("request", on_request)
    on_page(kept)
    yield profile
    with contextlib.suppress(Error):  # a page of no address has no storage
        kept.evaluate("localStorage.clear()")
    kept.unroute_all(behavior="ignoreErrors")
    kept.remove_listener("console", on_console)
    kept.remove_listener("pageerror", on_error)
    for page in profile.pages:
        if page is not kept:
            page.close()
    profile.remove_listener("page", on_page)
    profile.remove_listener("request", on_request)
    profile.clear_cookies()
    profile.clear_permissions()
    # The browser logs every answer of 4xx; those are the server's refusals, asserted in their tests.
    # It also tells how a graphics card does, one that a test takes away among them.
    usual = ("Failed to load resource", "GL Driver Message", "CONTEXT_LOST_WEBGL")
    assert [text for text in complaints if not any(one in text for one in usual)] == []
    assert elsewhere == []


@pytest.fixture
def page(context: BrowserContext, kept: Page) -> Page:
    """The page of this file: every test goes to an address of its own."""
    assert context
    kept.bring_to_front()
    return kept


@pytest.fixture
def home(page: Page, base: str) -> None:
    """The page as it opens, its rows there."""
    page.goto(base)
    page.wait_for_selector(".row")

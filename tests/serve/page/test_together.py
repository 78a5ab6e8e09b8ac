"""The page beside others: a second tab, a server that goes and comes back, other programs to drag to."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx
import numpy as np
import soundfile
from playwright.sync_api import expect

from soundkin.facade import Library
from soundkin.serve import create_app
from tests.serve.live import serving
from tests.serve.page.driver import heard_hz, shows, wait

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import BrowserContext, Page


def test_what_one_tab_does_the_other_shows(
    page: Page, context: BrowserContext, library: Library, ids: dict[str, str], base: str
) -> None:
    """Tags and lists; the list that is listened through stands still."""
    sound_id = ids["tone_0622.wav"]
    other = context.new_page()
    other.goto(f"{base}/?q=tone_06&sound={sound_id}")
    shows(other, ["tone_0622.wav"])
    page.goto(f"{base}/?q=tone_06&sound={sound_id}")
    shows(page, ["tone_0622.wav"])
    try:
        page.get_by_label("Add a tag").fill("struck")
        page.get_by_label("Add a tag").press("Enter")
        expect(page.locator(".row .tag")).to_have_text(["struck"])
        expect(other.locator(".row .tag")).to_have_text(["struck"])
        expect(other.get_by_role("button", name="Remove the tag struck")).to_be_visible()
        other.get_by_role("button", name="Remove the tag struck").click()
        expect(page.locator(".row .tag")).to_have_count(0)
        assert library.sound(sound_id).tags == ()
        with Library.open(library.path) as elsewhere:  # another process would do the same
            elsewhere.tag([sound_id], ["struck"])
            expect(page.locator(".row .tag")).to_have_text(["struck"])
    finally:
        library.untag([sound_id], ["struck"])


def test_a_server_that_stops_and_starts_again(context: BrowserContext, library: Library) -> None:
    """The page says what to do, and goes on by itself with what it was asked meanwhile."""
    with serving(create_app(library)) as base:
        page = context.new_page()
        page.goto(f"{base}/?in=tones")
        shows(page, ["tone_0220.wav"])
    away = page.get_by_role("alert").filter(has_text="soundkin serve")
    expect(away.first).to_be_visible()
    page.keyboard.press("/")
    page.keyboard.type("tone_1245")
    expect(page.get_by_role("heading", level=2)).to_have_text("That did not work")
    with serving(create_app(library), port=urlsplit(base).port):
        shows(page, ["tone_1245.wav"])
        wait(page, "it.count === 1")
        expect(page.locator(".away")).to_be_hidden()
        page.keyboard.press("Escape")
        page.keyboard.press("ArrowDown")
        heard_hz(page, 1245)
        page.close()


def test_a_row_can_be_dragged_out_as_its_exact_slice(
    page: Page, base: str, ids: dict[str, str], sounds_dir: Path
) -> None:
    """What the browser hands to the desktop: a kind, a name, an address; there lie the samples."""
    page.goto(f"{base}/?like={ids['tone_0880.wav']}&in=long")
    shows(page, ["field.flac"])
    page.keyboard.press("ArrowDown")
    hit = wait(page, "it.selected !== null")["selected"]
    for place in (".row .who", ".now a.button"):
        offered = page.evaluate(
            """place => {
                const dataTransfer = new DataTransfer();
                const event = new DragEvent('dragstart', { dataTransfer, bubbles: true });
                document.querySelector(place).dispatchEvent(event);
                return dataTransfer.getData('DownloadURL');
            }""",
            place,
        )
        kind, name, address = offered.split(":", 2)
        assert (kind, name) == ("audio/wav", "field.wav")
        got, rate_hz = soundfile.read(io.BytesIO(httpx.get(address).content), dtype="float32")
        whole, _ = soundfile.read(sounds_dir / "long/field.flac", dtype="float32")
        first = round(hit["startS"] * rate_hz)
        assert len(got) == round((hit["endS"] - hit["startS"]) * rate_hz)
        np.testing.assert_allclose(got, whole[first : first + len(got)], atol=2 / 32768)
    assert page.locator(".row .who").get_attribute("draggable") == "true"

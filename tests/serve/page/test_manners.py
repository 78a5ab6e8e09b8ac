"""Keys, looks and safety of the page."""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from soundkin.serve import create_app
from tests.serve.live import serving
from tests.serve.page.driver import (
    NARROW,
    WIDE,
    inspect,
    playing,
    wait,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, BrowserContext, Page

    from soundkin.facade import Library

TOKEN = "a-token-of-24-characters"


@pytest.mark.usefixtures("home")
def test_the_sheet_of_keys_is_the_registry(page: Page) -> None:
    page.keyboard.press("?")
    sheet = page.get_by_role("dialog")
    text = sheet.inner_text()
    for key in ("↓", "J", "↑", "K", "Space", "Esc", "L", "F", "S", "/", "?"):
        assert sheet.get_by_text(key, exact=True).count() >= 1, key
    assert "find similar sounds" in text
    page.keyboard.press("ArrowDown")
    assert inspect(page)["selected"] is None, "an open sheet takes the keys"
    page.keyboard.press("Escape")
    expect(sheet).to_be_hidden()
    page.keyboard.press("s")
    said = page.get_by_role("alert").filter(has_text="Select a sound first")
    expect(said).to_be_visible()


@pytest.mark.usefixtures("home")
def test_letters_in_the_box_are_text(page: Page) -> None:
    page.keyboard.press("/")
    page.keyboard.type("jls")
    expect(page.get_by_role("searchbox")).to_have_value("jls")
    assert inspect(page)["loop"] is False


@pytest.mark.usefixtures("home")
def test_the_focus_stays_with_the_list_when_rows_come_and_go(page: Page) -> None:
    """From the box to rows, to no rows, to what is pressed in their place, and back to rows."""
    grid, results = page.get_by_role("grid"), page.get_by_role("region", name="Results")
    for text, at in (("tones 04", grid), ("zzz", results), ("noise", grid), ("zzz", results)):
        page.keyboard.press("/")
        page.keyboard.type(text)
        page.keyboard.press("Escape")
        wait(page, f"it.view.text === '{text}' && (it.count > 0) === {str(at is grid).lower()}")
        expect(at).to_be_focused()
    again = page.get_by_role("button", name="Clear the filters")
    again.press("Enter")
    wait(page, "it.count === 22")
    expect(grid).to_be_focused()
    page.keyboard.press("ArrowDown")
    wait(page, "it.selected !== null")


def test_the_focus_stays_in_its_group_when_chips_are_made_anew(
    page: Page, base: str, ids: dict[str, str]
) -> None:
    page.goto(f"{base}/?in=tones&nottag=loud")
    page.wait_for_selector(".row")
    chip = page.get_by_role("button", name="Remove the filter: in tones")
    chip.focus()
    page.keyboard.press("ArrowDown")
    page.wait_for_url("**at=*")
    expect(chip).to_be_focused()
    chip.press("Enter")
    expect(page.get_by_role("button", name="Remove the filter: not tag loud")).to_be_focused()
    page.goto(f"{base}/?like={ids['tone_0440.wav']}&like={ids['noise_05.flac']}")
    weight = page.get_by_label("How much noise_05.flac counts")
    weight.focus()
    weight.select_option("2")
    page.wait_for_url(re.compile(r"\*2$"))
    expect(weight).to_be_focused()


def test_everything_that_can_be_pressed_has_a_name(
    page: Page, base: str, ids: dict[str, str]
) -> None:
    page.goto(f"{base}/?like={ids['noise_05.flac']}")
    page.wait_for_selector(".row")
    nameless = page.locator("button, [role=slider], input, select, a").evaluate_all(
        """all => all.filter(one => one.checkVisibility()
            && !(one.textContent.trim() || one.getAttribute('aria-label') || one.labels?.length))
            .map(one => one.outerHTML)"""
    )
    assert nameless == []


def test_tab_goes_through_bar_query_list_and_player(
    page: Page, base: str, ids: dict[str, str]
) -> None:
    page.goto(f"{base}/?like={ids['noise_05.flac']}@0.1-0.9")
    page.wait_for_selector(".row")
    expect(page.get_by_role("button", name="Whole sound")).to_be_visible()
    expect(page.get_by_role("slider", name="End of the range")).to_be_visible()
    stops = []
    for _ in range(28):
        page.keyboard.press("Tab")
        stops.append(
            page.evaluate(
                """(() => { const one = document.activeElement;
                return one.getAttribute('aria-label') || one.textContent.slice(0, 20); })()"""
            )
        )
    order = [
        "Search names, tags and folders", "Choose a sound", "Surprise", "Lists", "Keys",
        "Play the query", "Whole sound", "Clear",
        "Start of the range", "End of the range", "Least closeness", "Most different", "Hear hits",
        "Sounds", "Loop", "Autoplay", "Volume",
    ]  # fmt: skip
    places = [next(i for i, stop in enumerate(stops) if stop.startswith(name)) for name in order]
    assert places == sorted(places), stops


def test_it_fits_and_can_be_read(page: Page, base: str, ids: dict[str, str]) -> None:
    """Nothing sticks out sideways, and text has the contrast of WCAG AA on its ground."""
    page.goto(f"{base}/?like={ids['noise_05.flac']}&in=tones")
    page.wait_for_selector(".row")
    page.keyboard.press("ArrowDown")
    wait(page, "it.selected !== null")
    expect(page.get_by_role("region", name="Query")).to_be_visible()
    for scheme, size in itertools.product(("light", "dark"), (WIDE, NARROW)):
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size(size)
        expect(page.locator("html")).to_have_attribute("data-theme", scheme)
        expect(page.locator(".row").first).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") == size["width"]
        assert page.evaluate(CONTRAST) == [], (scheme, size)
    page.emulate_media(color_scheme=None)
    page.set_viewport_size(WIDE)


CONTRAST = """(() => {
  const parse = (color) => (color.match(/[\\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
    .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, at) => sum + v * [0.2126, 0.7152, 0.0722][at], 0);
  const ground = (one) => {
    for (; one; one = one.parentElement) {
      const color = parse(getComputedStyle(one).backgroundColor);
      if (color.length === 3 || color[3] > 0.99) return color;
    }
    return [255, 255, 255];
  };
  const poor = [];
  for (const one of document.querySelectorAll('body *')) {
    const own = [...one.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (!own || !one.checkVisibility() || one.disabled || one.matches('.favourite')) continue;
    const [a, b] = [light(parse(getComputedStyle(one).color)), light(ground(one))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) poor.push(`${ratio.toFixed(2)} ${one.className || one.tagName} ${one.textContent}`);
  }
  return poor;
})()"""


@pytest.fixture
def stranger(browser: Browser) -> Iterator[Page]:
    """A page that may be refused as loudly as the browser likes."""
    context = browser.new_context()
    yield context.new_page()
    context.close()


def test_a_rebound_name_reaches_nothing(stranger: Page, base: str) -> None:
    """The browser is made to believe that evil.example is this machine: the server does not answer it."""
    page = stranger
    port = urlsplit(base).port
    for path in ("/", "/api/library", "/api/sounds"):
        answer = page.goto(f"http://evil.example:{port}{path}")
        assert answer.status == 403
        assert "refused" in page.content()
        assert "tone_" not in page.content()


def test_a_foreign_page_cannot_read_or_write(stranger: Page, base: str, library: Library) -> None:
    """A page of another port on this machine: what it asks is refused, what it sends does nothing."""
    page = stranger
    page.route(
        "http://127.0.0.1:1/",
        lambda route: route.fulfill(body="<title>other</title>", content_type="text/html"),
    )
    page.goto("http://127.0.0.1:1/")
    tried = page.evaluate(
        """async (base) => {
            const ask = (path, how) => fetch(base + path, { mode: 'no-cors', ...how })
                .then((answer) => answer.type, () => 'blocked');
            const get = await ask('/api/library', {});
            const post = await ask('/api/index', { method: 'POST', body: '{"folder": "/"}' });
            return [get, post];
        }""",
        base,
    )
    assert tried == ["blocked", "blocked"]
    assert library.sounds()[1] == 22


def test_with_a_token_the_page_works_and_hides_it(
    context: BrowserContext, library: Library
) -> None:
    with serving(create_app(library, token=TOKEN)) as base:
        page = context.new_page()
        page.goto(base)
        page.get_by_label("Token").fill(TOKEN)
        page.get_by_role("button", name="Open").click()
        page.wait_for_selector(".row")
        expect(page).to_have_url(f"{base}/")
        page.goto(f"{base}/?q=tone&token={TOKEN}")
        page.wait_for_selector(".row")
        expect(page).to_have_url(f"{base}/?q=tone")
        page.keyboard.press("ArrowDown")
        playing(page, "tone_0220.wav")

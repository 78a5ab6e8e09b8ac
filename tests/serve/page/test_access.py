"""Every view, light and dark: axe-core finds nothing serious."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from soundkin import atlas
from tests.serve.page.driver import NARROW, WIDE, wait

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Page

    from soundkin.facade import Library

FOUND = """async (rules) => (await axe.run(document, {
        resultTypes: ['violations'], ...(rules ? { runOnly: rules } : {}),
    })).violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => `${id}: ${nodes.slice(0, 3).map((node) => node.html).join(' | ')}`)"""
SEEN = ["color-contrast", "scrollable-region-focusable", "aria-hidden-focus"]
"""Rules whose answer can be another when colours and width are."""


@pytest.fixture(scope="module")
def axe(packages: Path) -> str:
    return (packages / "node_modules/axe-core/axe.min.js").read_text()


def check(page: Page, axe: str, view: str) -> None:
    """All rules where there is room and light, those on colours and size in the dark and narrow too."""
    page.evaluate(f"{axe}; null")
    assert page.evaluate(FOUND) == [], view
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size(NARROW)
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    assert page.evaluate(FOUND, SEEN) == [], f"{view}, dark and narrow"
    page.emulate_media(color_scheme="light")
    page.set_viewport_size(WIDE)


def test_nothing_serious_in_any_view(
    page: Page, base: str, ids: dict[str, str], library: Library, axe: str
) -> None:
    atlas.make(library)
    page.emulate_media(color_scheme="light")
    tone, noise = ids["tone_0880.wav"], ids["noise_05.flac"]
    for view in (
        "/",
        "/?q=nothing%20at%20all",
        f"/?like={tone}@0.2-0.9&like={noise}*-1&in=tones&nottag=loud&least=0.1",
        f"/?sound={tone}",
        "/?show=map",
        "/?show=duplicates",
    ):
        page.goto(base + view)
        wait(
            page, "it.view !== null && document.querySelector('.status').textContent !== 'Loading…'"
        )
        page.wait_for_timeout(300)
        check(page, axe, view)
    for press in (".library-button", "[aria-label=Keys]"):
        page.goto(base)
        page.wait_for_selector(".row")
        page.locator(press).click()
        page.wait_for_selector("dialog[open]")
        check(page, axe, press)

"""Every view, light and dark: axe-core finds nothing serious."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from soundkin import atlas
from tests.serve.page.driver import NARROW, WIDE, wait

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser

    from soundkin.facade import Library

FOUND = """async () => (await axe.run(document, { resultTypes: ['violations'] })).violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => `${id}: ${nodes.slice(0, 3).map((node) => node.html).join(' | ')}`)"""


@pytest.mark.parametrize(("scheme", "size"), [("light", WIDE), ("dark", NARROW)])
def test_nothing_serious_in_any_view(
    browser: Browser,
    base: str,
    ids: dict[str, str],
    library: Library,
    packages: Path,
    scheme: str,
    size: dict,
) -> None:
    axe = (packages / "node_modules/axe-core/axe.min.js").read_text()
    atlas.make(library)
    tone, noise = ids["tone_0880.wav"], ids["noise_05.flac"]
    context = browser.new_context(viewport=size, color_scheme=scheme)
    page = context.new_page()
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
        page.evaluate(f"{axe}; null")
        assert page.evaluate(FOUND) == [], view
    for press in (".library-button", "[aria-label=Keys]"):
        page.goto(base)
        page.wait_for_selector(".row")
        page.locator(press).click()
        page.wait_for_selector("dialog[open]")
        page.evaluate(f"{axe}; null")
        assert page.evaluate(FOUND) == [], press
    context.close()

"""What the page's tests say to the browser, and how they wait for what it does."""

from __future__ import annotations

import contextlib
import json
import time
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import Error

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from soundkin.facade import Library

HITS = 200
PATIENCE_S = 40.0
"""So long a busy machine may take for anything that is waited for."""

WIDE = {"width": 1280, "height": 800}
NARROW = {"width": 390, "height": 780}


def inspect(page: Page) -> dict:
    return page.evaluate("soundkin.inspect()")


UNTIL = """async ([argument, ms]) => {
    const end = performance.now() + ms;
    for (;;) {
        const given = (%s)(argument);
        if (given || performance.now() > end) return given;
        await new Promise((then) => setTimeout(then, 15));
    }
}"""
"""Asks within the page, again and again: a word to the browser for every look costs more than the look."""


def until(page: Page, expression: str, argument: object = None) -> Any:
    """Wait until a function of the page gives something true, and return that.

    (The page's policy forbids the driver's own way.)
    """
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        with contextlib.suppress(Error):  # the page has gone to another address meanwhile
            if given := page.evaluate(UNTIL % expression, [argument, 2_000]):
                return given
            continue
        page.wait_for_timeout(50)
    pytest.fail(
        f"never came true: {expression} of {argument}; the page says {json.dumps(inspect(page))}"
    )


def wait(page: Page, condition: str) -> dict:
    """Wait until a condition on `it` (what the page says it does) holds; return that very `it`."""
    return until(page, f"() => (it => ({condition}) && it)(soundkin.inspect())")


def playing(page: Page, name: str) -> dict:
    return wait(page, f"it.playing?.name === {json.dumps(name)} && it.output.rms > 0.01")


def silent(page: Page) -> None:
    wait(page, "it.playing === null && it.output.rms < 1e-4")


def heard_hz(page: Page, expected: float) -> None:
    """The loudest frequency at the audio output, to the width of two bins."""
    wait(page, f"Math.abs(it.output.peakHz - {expected}) < 25 && it.output.rms > 0.01")


def shown(page: Page) -> list[str]:
    """The names of the rows in the document, from top to bottom."""
    rows = page.locator(".row").evaluate_all(
        "rows => rows.map(row => [Number(row.dataset.index), row.querySelector('.name').textContent])"
    )
    return [name for _, name in sorted(rows)]


def shows(page: Page, names: list[str]) -> None:
    """Wait until the first rows bear these names."""
    assert names, "an empty list would be shown by any page"
    until(
        page,
        """names => {
            const place = (row) => Number(row.dataset.index);
            const rows = [...document.querySelectorAll('.row')].sort((a, b) => place(a) - place(b));
            return names.every((name, at) => rows[at]?.querySelector('.name').textContent === name);
        }""",
        names[:10],
    )


def names_of(library: Library, query: object, **how: object) -> list[str]:
    return [hit.name for hit in library.search(query, k=HITS, **how).hits]


def drag(page: Page, selector: str, start: float, end: float) -> None:
    """Drag on a waveform from one share of its width to another."""
    place = page.locator(selector).first
    place.wait_for()
    box = place.bounding_box()
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + start * box["width"], middle)
    page.mouse.down()
    page.mouse.move(box["x"] + (start + end) / 2 * box["width"], middle, steps=4)
    page.mouse.move(box["x"] + end * box["width"], middle, steps=4)
    page.mouse.up()

"""What the page's tests say to the browser, and how they wait for what it does."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from soundkin.facade import Library

HITS = 200
WIDE = {"width": 1280, "height": 800}
NARROW = {"width": 390, "height": 780}


def inspect(page: Page) -> dict:
    return page.evaluate("soundkin.inspect()")


def until(page: Page, expression: str, argument: object = None) -> None:
    """Wait until a function of the page gives true (the page's policy forbids the driver's own way)."""
    for _ in range(500):
        if page.evaluate(expression, argument):
            return
        page.wait_for_timeout(20)
    pytest.fail(
        f"never came true: {expression} of {argument}; the page says {json.dumps(inspect(page))}"
    )


def wait(page: Page, condition: str) -> None:
    """Wait until a condition on `it` (what the page says it does) holds."""
    until(page, f"() => (it => {condition})(soundkin.inspect())")


def playing(page: Page, name: str) -> None:
    wait(page, f"it.playing?.name === {json.dumps(name)} && it.output.rms > 0.01")


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
    box = page.locator(selector).first.bounding_box()
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + start * box["width"], middle)
    page.mouse.down()
    page.mouse.move(box["x"] + (start + end) / 2 * box["width"], middle, steps=4)
    page.mouse.move(box["x"] + end * box["width"], middle, steps=4)
    page.mouse.up()

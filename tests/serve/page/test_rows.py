"""Rows: what is listed, filtered, and how long lists stay light."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from soundkin.facade import Library, Scope
from tests.serve.page.driver import (
    inspect,
    shows,
    wait,
)

if TYPE_CHECKING:
    from playwright.sync_api import Page, Route


@pytest.mark.usefixtures("home")
def test_the_rows_are_the_library(page: Page, library: Library) -> None:
    sounds, total = library.sounds(limit=1000)
    shows(page, [sound.name for sound in sounds])
    expect(page.locator(".status")).to_have_text(f"{total} sounds")
    assert page.get_by_role("grid").get_attribute("aria-rowcount") == str(total)
    assert inspect(page)["playing"] is None, "nothing plays unasked"


@pytest.mark.usefixtures("home")
def test_words_filter_and_clearing_brings_all_back(page: Page, library: Library) -> None:
    page.keyboard.press("/")
    page.keyboard.type("tones 04")
    shows(page, ["tone_0440.wav"])
    wait(page, "it.count === 1")
    assert page.url.endswith("/?q=tones+04")
    page.keyboard.press("Control+a")
    page.keyboard.type("zzz")
    expect(page.get_by_role("heading", level=2)).to_have_text(
        "No sound has “zzz” in its name, tags or folder"
    )
    page.get_by_role("button", name="Clear the filters").click()
    wait(page, f"it.count === {library.sounds()[1]}")
    assert urlsplit(page.url).query == ""


@pytest.mark.usefixtures("home")
def test_filters_that_are_typed_are_chips(page: Page, library: Library) -> None:
    """What the server reads as a filter can be taken off by itself; words stay in the box."""
    page.keyboard.press("/")
    page.keyboard.type("tones -0440 dur<2")
    box = page.get_by_role("searchbox")
    page.get_by_role("button", name="Remove the filter: dur<2").click()
    expect(box).to_have_value("tones -0440")
    page.get_by_role("button", name="Remove the filter: -0440").click()
    expect(box).to_have_value("tones")
    names = [sound.name for sound in library.sounds("tones")[0]]
    wait(page, f"it.count === {len(names)}")
    shows(page, names)
    expect(page.get_by_role("list", name="Filters")).to_be_hidden()


@pytest.mark.usefixtures("home")
def test_a_folder_becomes_a_filter_that_can_be_removed(page: Page, library: Library) -> None:
    page.get_by_role("button", name="Only the folder noises").first.click()
    names = [sound.name for sound in library.sounds(Scope(folders=("noises",)))[0]]
    wait(page, f"it.count === {len(names)}")
    shows(page, names)
    page.get_by_role("button", name="Remove the filter: in noises").click()
    wait(page, f"it.count === {library.sounds()[1]}")


def made_up(at: int) -> dict:
    """A sound that only the page believes in."""
    place = {
        "name": f"sound {at}",
        "path": f"/x/{at}",
        "root": "/x",
        "folder": "",
        "state": "present",
    }
    kind = {"duration_s": 1, "rate_hz": 8000, "channels": 1, "format": "WAV", "n_segments": 1}
    return {"sound_id": f"{at:032x}", "tags": [], "added_at": "2026-01-01T00:00:00Z"} | place | kind


@pytest.mark.parametrize("count", [0, 1, 3, 5000, 1_000_000])
def test_lists_of_any_length(page: Page, base: str, count: int) -> None:
    """A long list is shown whole with little in the document, and its last row is one key away."""

    def answer(route: Route) -> None:
        query = dict(part.split("=") for part in urlsplit(route.request.url).query.split("&"))
        offset, limit = int(query["offset"]), int(query["limit"])
        sounds = [made_up(at) for at in range(offset, min(offset + limit, count))]
        route.fulfill(json={"sounds": sounds, "total": count, "offset": offset})

    page.route("**/api/sounds?*", answer)
    asked: list[int] = []

    def outlines(route: Route) -> None:
        asked.append(len(route.request.post_data_json["sound_ids"]))
        route.fulfill(body=bytes(1600 * asked[-1]))

    page.route("**/api/peaks", outlines)
    page.route("**/slice.wav?*", lambda route: route.fulfill(status=404, json={}))
    page.goto(f"{base}/?q=x")
    wait(page, f"it.count === {count}")
    assert page.locator(".row").count() <= min(count, 60)
    if not count:
        expect(page.get_by_role("heading", level=2)).to_contain_text("No sound")
        return
    page.keyboard.press("End")
    wait(page, f"it.selected?.name === 'sound {count - 1}'")
    expect(page.locator(f"[data-index='{count - 1}']")).to_be_in_viewport()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Home")
    wait(page, "it.selected?.name === 'sound 0'")
    expect(page.locator("[data-index='0']")).to_be_in_viewport()
    assert len(asked) <= 8  # the waveforms of a screen come in one answer, not row by row

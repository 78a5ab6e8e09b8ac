"""Searching from the page: which hits come, what the address says, back and forward."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from soundkin.facade import Library, QueryItem, Scope
from tests.serve.live import EVENT, EVENT_HZ, LONG_S
from tests.serve.page.driver import (
    drag,
    heard_hz,
    inspect,
    names_of,
    playing,
    shows,
    silent,
    until,
    wait,
)

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page


def test_similar_and_back_and_forward(
    page: Page, library: Library, ids: dict[str, str], base: str
) -> None:
    page.goto(f"{base}/?q=tone_0440")
    page.wait_for_selector(".row")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("s")
    expected = names_of(library, ids["tone_0440.wav"])
    shows(page, expected)
    wait(page, f"it.count === {len(expected)}")
    assert f"like={ids['tone_0440.wav']}" in page.url
    expect(page.get_by_role("region", name="Query")).to_be_visible()
    page.go_back()
    shows(page, ["tone_0440.wav"])
    wait(page, "it.count === 1")
    expect(page.get_by_role("region", name="Query")).to_be_hidden()
    page.go_forward()
    shows(page, expected)


@pytest.mark.usefixtures("home")
def test_an_address_brings_everything_back(
    page: Page, context: BrowserContext, library: Library, ids: dict[str, str]
) -> None:
    page.goto(f"{page.url}?like={ids['field.flac']}@40.5-41.5&in=tones")
    expected = names_of(
        library,
        QueryItem(ids["field.flac"], start_s=40.5, end_s=41.5),
        scope=Scope(folders=("tones",)),
    )
    shows(page, expected)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    wait(page, f"it.selected?.name === {json.dumps(expected[1])} && it.view.at === it.selected.key")
    until(page, "() => location.search.includes(soundkin.inspect().view.at)")
    again = context.new_page()
    again.goto(page.url)
    shows(again, expected)
    wait(again, f"it.selected?.name === {json.dumps(expected[1])}")
    assert inspect(again)["playing"] is None
    assert inspect(again)["view"] == inspect(page)["view"]


def test_hits_show_their_range_and_band_and_play_just_that(
    page: Page, library: Library, ids: dict[str, str], base: str
) -> None:
    page.goto(f"{base}/?like={ids['tone_0880.wav']}&in=long")
    (hit,) = library.search(ids["tone_0880.wav"], scope=Scope(folders=("long",))).hits
    row = page.locator(".row")
    expect(row.locator(".band")).to_have_text(hit.band)
    expect(row.locator(".range")).to_contain_text(f"0:{hit.start_s:05.2f}")
    page.keyboard.press("l")
    page.keyboard.press("ArrowDown")
    take = playing(page, "field.flac")["playing"]
    assert (take["startS"], take["endS"]) == (pytest.approx(hit.start_s), pytest.approx(hit.end_s))
    heard_hz(page, EVENT_HZ)
    page.keyboard.press("l")
    silent(page)


def test_further_hits_unfold_and_are_heard(
    page: Page, library: Library, ids: dict[str, str], base: str
) -> None:
    page.goto(f"{base}/?like={ids['noise_05.flac']}&in=long")
    (hit,) = library.search(ids["noise_05.flac"], scope=Scope(folders=("long",))).hits
    button = page.get_by_role("button", name=f"+{len(hit.further)} here")
    expect(button).to_have_attribute("aria-expanded", "false")
    button.click()
    wait(page, f"it.count === {1 + len(hit.further)}")
    page.keyboard.press("ArrowDown")
    it = wait(page, f"it.playing?.key === {json.dumps(hit.further[0].segment_id)}")
    assert it["playing"]["startS"] == pytest.approx(hit.further[0].start_s)
    page.keyboard.press("ArrowLeft")
    wait(page, f"it.count === 1 && it.selected.key === {json.dumps(hit.segment_id)}")
    page.keyboard.press("ArrowRight")
    wait(page, f"it.count === {1 + len(hit.further)}")


def test_dragging_on_a_row_searches_for_that_range(
    page: Page, library: Library, ids: dict[str, str], base: str
) -> None:
    page.goto(f"{base}/?q=field")
    page.wait_for_selector(".row")
    drag(page, ".row .wave", EVENT[0] / LONG_S, EVENT[1] / LONG_S)
    shows(page, ["tone_0880.wav"])
    (item,) = inspect(page)["view"]["like"]
    assert item["soundId"] == ids["field.flac"]
    assert item["startS"] == pytest.approx(EVENT[0], abs=0.4)
    assert item["endS"] == pytest.approx(EVENT[1], abs=0.4)
    query = QueryItem(ids["field.flac"], start_s=item["startS"], end_s=item["endS"])
    shows(page, names_of(library, query))


def test_the_range_of_the_query_moves_by_keyboard(
    page: Page, ids: dict[str, str], base: str
) -> None:
    page.goto(f"{base}/?like={ids['tone_0440.wav']}")
    page.wait_for_selector(".row")
    end = page.get_by_role("slider", name="End of the range")
    end.focus()
    for _ in range(4):
        page.keyboard.press("Shift+ArrowLeft")
    page.wait_for_url(re.compile(r"like=[0-9a-f]{32}@0-0\.96$"))
    assert inspect(page)["selected"] is None, "the arrow moved the handle, not the list"
    page.get_by_role("button", name="Whole sound").click()
    page.wait_for_url(re.compile(r"like=[0-9a-f]{32}$"))
    page.get_by_role("button", name="Clear").click()
    page.wait_for_url(f"{base}/")


def test_nothing_close_is_said(
    page: Page, library: Library, ids: dict[str, str], base: str
) -> None:
    far = library.search(ids["noise_05.flac"], scope=Scope(folders=("tones",)))
    near = library.search(ids["noise_05.flac"], scope=Scope(folders=("noises",)))
    assert far.nothing_close
    assert not near.nothing_close
    page.goto(f"{base}/?like={ids['noise_05.flac']}&in=tones")
    shows(page, [hit.name for hit in far.hits])
    expect(page.locator(".remark")).to_contain_text("Nothing close here")
    page.goto(f"{base}/?like={ids['noise_05.flac']}&in=noises")
    shows(page, [hit.name for hit in near.hits])
    expect(page.locator(".remark")).to_be_hidden()


def test_favourites_are_tags(page: Page, library: Library, ids: dict[str, str], base: str) -> None:
    page.goto(f"{base}/?q=tone_1245")
    page.wait_for_selector(".row")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("f")
    star = page.get_by_role("button", name="Favourite: tone_1245.wav")
    expect(star).to_have_attribute("aria-pressed", "true")
    assert library.sound(ids["tone_1245.wav"]).tags == ("favourite",)
    star.click()
    expect(star).to_have_attribute("aria-pressed", "false")
    assert library.sound(ids["tone_1245.wav"]).tags == ()

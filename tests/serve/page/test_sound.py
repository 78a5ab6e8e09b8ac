"""The page of one sound: what is drawn, played, tagged and opened from it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from soundkin import tagging
from tests.serve.live import EVENT, EVENT_HZ
from tests.serve.page.driver import drag, heard_hz, inspect, playing, until, wait

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from soundkin.facade import Library

BRIGHTEST = """() => {
    const canvas = document.querySelector('.spectrum');
    if (!canvas.width) return null;
    const copy = new OffscreenCanvas(canvas.width, canvas.height)
        .getContext('2d', { willReadFrequently: true });
    copy.drawImage(canvas, 0, 0);
    const { data, width, height } = copy.getImageData(0, 0, canvas.width, canvas.height);
    if (data[3] !== 255) return null;
    const column = Math.floor(width / 2);
    let best = [-1, 0];
    for (let row = 0; row < height; row++) {
        const at = (row * width + column) * 4;
        const far = Math.abs(data[at] - 242) + Math.abs(data[at + 1] - 242) + Math.abs(data[at + 2] - 239);
        if (far > best[1]) best = [1 - row / height, far];
    }
    return best;
}"""


def test_the_spectrogram_shows_the_tone_at_its_height(
    page: Page, ids: dict[str, str], base: str
) -> None:
    heights = []
    for name in ("tone_0220.wav", "tone_1760.wav"):
        page.goto(f"{base}/?sound={ids[name]}")
        expect(page.get_by_role("heading", name=name)).to_be_visible()
        until(page, f"() => ({BRIGHTEST})()?.[1] > 100")
        heights.append(page.evaluate(BRIGHTEST)[0])
    most_hz = 16_000  # the browser decodes at its own rate, above twice that
    octaves = (heights[1] - heights[0]) * math.log2(most_hz / 50)
    assert octaves == pytest.approx(3, abs=0.4), "220 to 1760 Hz are three octaves"


def test_pressing_plays_from_there_and_dragging_searches(
    page: Page, ids: dict[str, str], base: str
) -> None:
    page.goto(f"{base}/?sound={ids['tone_0880.wav']}")
    page.wait_for_selector(".stack canvas")
    expect(page.get_by_role("heading", name="tone_0880.wav")).to_be_visible()
    page.keyboard.press("l")
    box = page.locator(".stack").bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + 40)
    it = wait(page, "it.playing?.name === 'tone_0880.wav'")
    assert it["playing"]["startS"] == pytest.approx(0.6, abs=0.02)
    heard_hz(page, EVENT_HZ)
    drag(page, ".stack", 0.25, 0.75)
    wait(page, "it.view.like.length === 1")
    (item,) = inspect(page)["view"]["like"]
    assert (item["startS"], item["endS"]) == (
        pytest.approx(0.3, abs=0.02),
        pytest.approx(0.9, abs=0.02),
    )


def test_a_sound_that_is_gone_is_said_to_be(page: Page, base: str) -> None:
    page.goto(f"{base}/?sound={'0' * 32}")
    expect(page.get_by_role("heading", name="This sound cannot be shown")).to_be_visible()
    expect(page.locator(".stack")).to_be_hidden()
    page.get_by_role("button", name="Close the sound's page").click()
    expect(page.locator(".sound")).to_be_hidden()


def test_it_follows_the_selection_and_closes(page: Page, library: Library, base: str) -> None:
    page.goto(f"{base}/?in=tones")
    page.wait_for_selector(".row")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    title = page.locator(".sound h2")
    expect(title).to_have_text("tone_0220.wav")
    page.keyboard.press("ArrowDown")
    expect(title).to_have_text("tone_0311.wav")
    nearest = library.search(library.sounds("tone_0311")[0][0].sound_id, k=8)
    names = page.locator(".nearest .name")
    expect(names).to_have_text([hit.name for hit in nearest.hits])
    names.nth(1).click()
    expect(title).to_have_text(nearest.hits[1].name)
    page.go_back()
    expect(title).to_have_text("tone_0311.wav")
    page.keyboard.press("Enter")
    expect(page.locator(".sound")).to_be_hidden()


def test_tags_are_added_and_removed(
    page: Page, library: Library, ids: dict[str, str], base: str
) -> None:
    sound_id = ids["tone_1245.wav"]
    page.goto(f"{base}/?q=tone_1245&sound={sound_id}")
    box = page.get_by_label("Add a tag")
    box.fill("bell, bright one")
    box.press("Enter")
    expect(page.get_by_role("button", name="Remove the tag bright one")).to_be_visible()
    assert set(library.sound(sound_id).tags) == {"bell", "bright one"}
    expect(page.locator(".row .tag")).to_have_text(["bell", "bright one"])
    for tag in ("bell", "bright one"):
        page.get_by_role("button", name=f"Remove the tag {tag}").click()
        expect(page.get_by_role("button", name=f"Remove the tag {tag}")).to_have_count(0)
    assert library.sound(sound_id).tags == ()


def test_tags_of_its_neighbours_are_offered(
    page: Page, library: Library, ids: dict[str, str], base: str
) -> None:
    """Accepted, a tag is on the sound; refused, it is not offered again."""
    bearers = [ids[name] for name in ("noise_03.flac", "noise_04.flac", "noise_06.flac")]
    library.tag(bearers, ["hiss", "bright"])
    try:
        page.goto(f"{base}/?sound={ids['noise_05.flac']}")
        offered = page.get_by_role("list", name="Tags it may bear too")
        expect(offered.get_by_role("listitem")).to_have_count(2)
        expect(offered.get_by_role("listitem").first).to_contain_text("like noise_0")
        offered.get_by_role("button", name="Add the tag hiss").click()
        expect(page.get_by_role("button", name="Remove the tag hiss")).to_be_visible()
        assert library.sound(ids["noise_05.flac"]).tags == ("hiss",)
        offered.get_by_role("button", name="Not bright").click()
        expect(offered).to_be_hidden()
        page.reload()
        expect(page.get_by_role("button", name="Remove the tag hiss")).to_be_visible()
        page.get_by_label("Add a tag").focus()
        expect(offered).to_be_hidden()
        assert tagging.tags_for(library, ids["noise_05.flac"]) == ()
        assert {one.tag for one in tagging.tags_for(library, ids["noise_02.flac"])} >= {"bright"}
    finally:
        library.untag([*bearers, ids["noise_05.flac"]], ["hiss", "bright"])


def test_a_long_sound_is_looked_at_piece_by_piece(
    page: Page, ids: dict[str, str], base: str
) -> None:
    page.goto(f"{base}/?sound={ids['field.flac']}")
    expect(page.locator(".times span").last).to_have_text("0:30.00")
    overview = page.locator(".picture .overview")
    box = overview.bounding_box()
    page.mouse.click(box["x"] + box["width"] * EVENT[0] / 70, box["y"] + 5)
    expect(page.locator(".times span").first).to_have_text("0:25.00")
    stack = page.locator(".stack").bounding_box()
    share = (EVENT[0] + 0.5 - 25) / 30
    page.mouse.click(stack["x"] + share * stack["width"], stack["y"] + 40)
    playing(page, "field.flac")
    heard_hz(page, EVENT_HZ)

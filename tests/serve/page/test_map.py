"""The map in a real WebGL: hovered to hear, clicked to pin, outlined to list, found from a row."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from soundkin import atlas
from tests.serve.page.conftest import FLAGS, launch
from tests.serve.page.driver import WIDE, heard_hz, silent, until, wait

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, BrowserContext, Page, Playwright

    from soundkin.facade import Library

WEBGL = "--use-gl=angle --use-angle=swiftshader --enable-unsafe-swiftshader"
DRAWN = """() => {
    const canvas = document.querySelector('.points');
    const gl = canvas.getContext('webgl');
    const data = new Uint8Array(canvas.width * canvas.height * 4);
    gl.readPixels(0, 0, canvas.width, canvas.height, gl.RGBA, gl.UNSIGNED_BYTE, data);
    return data.filter((value, at) => at % 4 === 3 && value > 60).length;
}"""


@pytest.fixture(scope="module")
def browser(driver: Playwright) -> Iterator[Browser]:
    """A Chromium that draws WebGL in software, which makes all of a page slower."""
    opened = launch(driver, f"{FLAGS.replace('--disable-gpu ', '')} {WEBGL}")
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def made(library: Library) -> int:
    """The map of the served library; how many points it has."""
    return len(atlas.make(library).seq)


@pytest.fixture
def on_map(page: Page, base: str, made: int) -> Page:
    page.goto(f"{base}/?show=map")
    wait(page, f"it.map.points === {made}")
    until(page, f"() => ({DRAWN})() > {made}")
    return page


def spot(page: Page, segment_id: str) -> tuple[float, float]:
    x, y = page.evaluate("id => soundkin.pixelsOf(id)", segment_id)
    return x, y


def lists(page: Page, names: set[str]) -> None:
    """Wait until the rows are those of these sounds, in any order."""
    expect(page.locator(".row .name")).to_have_count(len(names))
    for name in names:
        expect(page.locator(".row .name").filter(has_text=name)).to_have_count(1)


def within(a: tuple[float, float], b: tuple[float, float], reach: float) -> bool:
    return abs(a[0] - b[0]) < reach and abs(a[1] - b[1]) < reach


def test_resting_on_a_dot_is_hearing_it(on_map: Page, ids: dict[str, str]) -> None:
    page = on_map
    page.keyboard.press("l")  # a gesture, before which browsers play nothing; and time to listen
    for hz in (440, 1760):
        segment = f"{ids[f'tone_{hz:04d}.wav']}-0"
        x, y = spot(page, segment)
        page.mouse.move(x + 1, y)
        wait(page, f"it.playing?.key === '{segment}' && it.map.hovered === '{segment}'")
        heard_hz(page, hz)
    page.keyboard.press("s")
    wait(page, f"it.view.like[0]?.soundId === '{ids['tone_1760.wav']}' && it.view.show === 'map'")
    page.go_back()
    wait(page, "it.view.like.length === 0")
    page.mouse.move(5, 300)
    silent(page)
    box = page.locator(".surface").bounding_box()
    page.mouse.move(box["x"] + 3, box["y"] + 3)
    silent(page)


def test_a_click_pins_and_keys_find(on_map: Page, library: Library, ids: dict[str, str]) -> None:
    page = on_map
    sound_id = ids["tone_0622.wav"]
    page.keyboard.press("l")
    page.mouse.click(*spot(page, f"{sound_id}-0"))
    wait(page, f"it.playing?.key === '{sound_id}-0' && it.output.rms > 0.01")
    expect(page.locator(".sound h2")).to_have_text("tone_0622.wav")
    assert f"sound={sound_id}" in page.url
    page.get_by_role("button", name="Close the sound's page").click()
    page.get_by_role("button", name="List", exact=True).click()
    page.get_by_text("tone_0880.wav").click(modifiers=["Control"])
    page.keyboard.press("m")
    wait(page, f"it.view.show === 'map' && it.map.ringed?.startsWith('{ids['tone_0880.wav']}')")
    sound_id = ids["tone_0880.wav"]
    dots = [spot(page, f"{sound_id}-{s.seq}") for s in library.segments(sound_id)]
    box = page.locator(".surface").bounding_box()
    for axis, start, size in ((0, "x", "width"), (1, "y", "height")):
        places = [dot[axis] for dot in dots]
        middle = box[start] + box[size] / 2
        assert (min(places) + max(places)) / 2 == pytest.approx(middle, abs=3)


def test_the_wheel_zooms_where_the_pointer_is(on_map: Page, ids: dict[str, str]) -> None:
    page = on_map
    segment = f"{ids['tone_0440.wav']}-0"
    other = f"{ids['noise_05.flac']}-0"
    x, y = spot(page, segment)
    far = spot(page, other)
    page.mouse.move(x, y)
    page.mouse.wheel(0, -600)
    until(page, "([id, x]) => soundkin.pixelsOf(id)[0] !== x", [other, far[0]])
    before = spot(page, other)
    assert spot(page, segment) == (pytest.approx(x, abs=3), pytest.approx(y, abs=3))
    page.mouse.down()
    page.mouse.move(x + 40, y + 30, steps=5)
    page.mouse.up()
    after = spot(page, other)
    assert (after[0] - before[0], after[1] - before[1]) == (
        pytest.approx(40, abs=1),
        pytest.approx(30, abs=1),
    )


def test_all_is_shown_in_whatever_room_there_is(on_map: Page, ids: dict[str, str]) -> None:
    """A query on top takes room: what was shown whole still is; what was looked at closely stays."""
    page = on_map
    inside = """id => {
        const [x, y] = soundkin.pixelsOf(id);
        const box = document.querySelector('.surface').getBoundingClientRect();
        return x > box.left && x < box.right && y > box.top && y < box.bottom;
    }"""
    segments = [f"{sound_id}-0" for sound_id in ids.values()]
    try:
        page.set_viewport_size({"width": 1280, "height": 420})
        for segment in segments:
            until(page, inside, segment)
        page.get_by_role("button", name="Closer").click()
        near = spot(page, segments[0]), spot(page, segments[1])
        page.set_viewport_size(WIDE)
        until(page, "([id, y]) => soundkin.pixelsOf(id)[1] !== y", [segments[0], near[0][1]])
        far = spot(page, segments[0]), spot(page, segments[1])
        assert math.dist(*near) == pytest.approx(math.dist(*far), abs=1)
    finally:
        page.set_viewport_size(WIDE)


def test_an_outline_lists_what_lies_inside(
    on_map: Page, library: Library, ids: dict[str, str]
) -> None:
    page = on_map
    x, y = spot(page, f"{ids['tone_0440.wav']}-0")
    page.get_by_role("button", name="Lasso").click()
    reach = 9
    inside = {
        name
        for name, sound_id in ids.items()
        for seq in range(len(library.segments(sound_id)))
        if within(spot(page, f"{sound_id}-{seq}"), (x, y), reach)
    }
    page.mouse.move(x - reach, y - reach)
    page.mouse.down()
    for dx, dy in ((reach, -reach), (reach, reach), (-reach, reach), (-reach, -reach + 2)):
        page.mouse.move(x + dx, y + dy, steps=4)
    page.mouse.up()
    wait(page, "it.view.lasso.length > 2 && it.count > 0 && it.count < 22")
    assert "tone_0440.wav" in inside
    lists(page, inside)
    again = page.context.new_page()
    again.goto(page.url)
    lists(again, inside)
    again.get_by_role("button", name="Remove the outline on the map").click()
    wait(again, "it.count === 22")


def test_colours_by_group_and_by_closeness(on_map: Page, ids: dict[str, str], base: str) -> None:
    page = on_map
    page.get_by_label("Colour by").select_option("folder")
    expect(page.locator(".legend li")).to_have_count(4)
    for name in ("long", "noises", "odd", "tones"):
        expect(page.locator(".legend li").filter(has_text=name)).to_have_count(1)
    with page.expect_response("**/api/map/closeness*") as answer:
        page.goto(f"{base}/?show=map&like={ids['tone_0440.wav']}")
    assert answer.value.ok
    expect(page.get_by_label("Colour by")).to_have_value("closeness")


def test_a_path_is_heard_point_by_point(
    on_map: Page, library: Library, ids: dict[str, str]
) -> None:
    """With Alt held dragging plays what lies along the way, in its order, and the map stands still."""
    page = on_map
    page.keyboard.press("l")
    first, last = (f"{ids[f'tone_{hz:04d}.wav']}-0" for hz in (440, 1760))
    a, b = spot(page, first), spot(page, last)
    page.evaluate(
        """() => {
            window.heard = [];
            setInterval(() => {
                const key = soundkin.inspect().playing?.key;
                if (key && key !== window.heard.at(-1)) window.heard.push(key);
            }, 5);
        }"""
    )
    page.mouse.move(*a)
    page.keyboard.down("Alt")
    page.mouse.down()
    wait(page, f"it.playing?.key === '{first}'")
    page.mouse.move(*b, steps=15)
    wait(page, f"it.playing?.key === '{last}'")
    heard_hz(page, 1760)
    page.mouse.up()
    page.keyboard.up("Alt")
    heard = page.evaluate("window.heard")
    assert (heard[0], heard[-1]) == (first, last)
    length = math.hypot(b[0] - a[0], b[1] - a[1])
    for segment in heard:
        x, y = spot(page, segment)
        off = abs((b[0] - a[0]) * (y - a[1]) - (b[1] - a[1]) * (x - a[0])) / length
        assert off < 13, "farther from the path than the pointer reaches"
    assert spot(page, first) == a


def test_the_map_is_that_of_the_space(on_map: Page, base: str) -> None:
    """Which map, which colours and which suggestions: all are asked for in the view's own space."""
    page = on_map
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{base}/?show=map&space=mfcc")
    expect(page.locator(".map header p")).to_contain_text("segments · mfcc")
    page.get_by_label("Colour by").select_option("folder")
    expect(page.locator(".legend li")).to_have_count(4)
    maps = [address for address in asked if "/api/map" in address]
    assert maps
    assert all("space=mfcc" in address for address in maps)


def test_a_lost_graphics_card_leaves_no_blank_map(on_map: Page, made: int) -> None:
    on_map.evaluate("""() => {
        const gl = document.querySelector('.points').getContext('webgl');
        window.card = gl.getExtension('WEBGL_lose_context');
        window.card.loseContext();
    }""")
    until(on_map, "() => document.querySelector('.points').getContext('webgl').isContextLost()")
    on_map.evaluate("card.restoreContext()")
    until(on_map, f"() => ({DRAWN})() > {made}")


def test_without_webgl_the_page_says_so(context: BrowserContext, base: str, made: int) -> None:
    assert made
    page = context.new_page()
    page.add_init_script("HTMLCanvasElement.prototype.getContext = () => null")
    page.goto(f"{base}/?show=map")
    expect(page.locator(".map")).to_contain_text("no WebGL")

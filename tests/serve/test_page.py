"""The page in a real browser: what is shown, what is heard, what the address says.

Every test asserts an effect: which rows, which sound at the audio output, which address, which tag in
the library. Each ends by checking that the browser complained of nothing and asked nobody else.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import numpy as np
import pytest
import soundfile
from playwright.sync_api import expect, sync_playwright

from soundkin.facade import Library, QueryItem, Scope
from soundkin.serve import create_app
from tests.serve.live import EVENT, EVENT_HZ, LONG_S, RATE_HZ, noise, serving, tone

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, BrowserContext, Page, Route

HITS = 200
FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --host-resolver-rules=MAP*evil.example*127.0.0.1"
)
WIDE = {"width": 1280, "height": 800}
NARROW = {"width": 390, "height": 780}
TOKEN = "a-token-of-24-characters"


expect.set_options(timeout=20_000)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    chromium = os.environ.get("SOUNDKIN_CHROMIUM") or shutil.which("chromium")
    if chromium is None:
        pytest.fail("no Chromium: install Debian's package chromium, or set SOUNDKIN_CHROMIUM")
    flags = [flag.replace("*", " ") for flag in FLAGS.split()]
    with sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=chromium, args=flags)
        yield opened
        opened.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A fresh browser profile; whatever its pages complain of or ask elsewhere fails the test."""
    opened = browser.new_context(viewport=WIDE)
    opened.set_default_timeout(10_000)
    complaints: list[str] = []
    elsewhere: list[str] = []

    def on_page(page: Page) -> None:
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "console",
            lambda m: complaints.append(m.text) if m.type in {"error", "warning"} else None,
        )

    def on_request(address: str) -> None:
        if urlsplit(address).hostname not in {"127.0.0.1", None}:
            elsewhere.append(address)

    opened.on("page", on_page)
    opened.on("request", lambda request: on_request(request.url))
    yield opened
    opened.close()
    # The browser logs every answer of 4xx; those are the server's refusals, asserted in their tests.
    assert [text for text in complaints if "Failed to load resource" not in text] == []
    assert elsewhere == []


@pytest.fixture
def page(context: BrowserContext, base: str) -> Page:
    opened = context.new_page()
    opened.goto(base)
    opened.wait_for_selector(".row")
    return opened


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


# -- rows ---------------------------------------------------------------------------------------------


def test_the_rows_are_the_library(page: Page, library: Library) -> None:
    sounds, total = library.sounds(limit=1000)
    shows(page, [sound.name for sound in sounds])
    expect(page.locator(".status")).to_have_text(f"{total} sounds")
    assert page.get_by_role("grid").get_attribute("aria-rowcount") == str(total)
    assert inspect(page)["playing"] is None, "nothing plays unasked"


def test_words_filter_and_clearing_brings_all_back(page: Page, library: Library) -> None:
    page.keyboard.press("/")
    page.keyboard.type("tones 04")
    shows(page, ["tone_0440.wav"])
    wait(page, "it.count === 1")
    assert page.url.endswith("/?q=tones+04")
    page.keyboard.press("Control+a")
    page.keyboard.type("zzz")
    expect(page.get_by_role("heading")).to_have_text(
        "No sound has “zzz” in its name, tags or folder"
    )
    page.get_by_role("button", name="Clear the filters").click()
    wait(page, f"it.count === {library.sounds()[1]}")
    assert urlsplit(page.url).query == ""


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


@pytest.mark.parametrize("count", [0, 1, 3, 300, 5000])
def test_lists_of_any_length(page: Page, base: str, count: int) -> None:
    """A long list is shown whole with little in the document, and its last row is one key away."""

    def answer(route: Route) -> None:
        query = dict(part.split("=") for part in urlsplit(route.request.url).query.split("&"))
        offset, limit = int(query["offset"]), int(query["limit"])
        sounds = [made_up(at) for at in range(offset, min(offset + limit, count))]
        route.fulfill(json={"sounds": sounds, "total": count, "offset": offset})

    page.route("**/api/sounds?*", answer)
    page.route("**/peaks", lambda route: route.fulfill(body=bytes(1600)))
    page.route("**/slice.wav?*", lambda route: route.fulfill(status=404, json={}))
    page.goto(f"{base}/?q=x")
    wait(page, f"it.count === {count}")
    assert page.locator(".row").count() <= min(count, 60)
    if not count:
        expect(page.get_by_role("heading")).to_contain_text("No sound")
        return
    page.keyboard.press("End")
    wait(page, f"it.selected?.name === 'sound {count - 1}'")
    expect(page.locator(f"[data-index='{count - 1}']")).to_be_in_viewport()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Home")
    wait(page, "it.selected?.name === 'sound 0'")
    expect(page.locator("[data-index='0']")).to_be_in_viewport()


# -- hearing ------------------------------------------------------------------------------------------


def test_walking_with_the_keyboard_is_hearing(page: Page, base: str) -> None:
    page.goto(f"{base}/?in=tones")
    page.wait_for_selector(".row")
    for key, hz in (
        ("ArrowDown", 220),
        ("j", 311),
        ("ArrowDown", 440),
        ("k", 311),
        ("ArrowUp", 220),
    ):
        page.keyboard.press(key)
        playing(page, f"tone_{hz:04d}.wav")
        heard_hz(page, hz)
        assert inspect(page)["selected"]["name"] == f"tone_{hz:04d}.wav"
        assert page.locator("[aria-selected=true]").count() == 1
    page.keyboard.press("Escape")
    silent(page)


def test_a_new_sound_stops_the_old_one(page: Page, base: str) -> None:
    """With both in the air, the output would hold the old tone; 30 ms later only the new one is left."""
    page.goto(f"{base}/?in=tones")
    page.wait_for_selector(".row")
    page.keyboard.press("l")
    page.keyboard.press("ArrowDown")
    heard_hz(page, 220)
    page.keyboard.press("End")
    heard_hz(page, 2489)
    for _ in range(5):
        output = inspect(page)["output"]
        assert output["voices"] == 1
        assert abs(output["peakHz"] - 2489) < 25
        page.wait_for_timeout(30)


def test_space_stops_and_plays(page: Page, base: str) -> None:
    page.goto(f"{base}/?q=tone_0440")
    page.wait_for_selector(".row")
    page.keyboard.press("Space")
    playing(page, "tone_0440.wav")
    page.keyboard.press("Space")
    silent(page)
    page.keyboard.press("Space")
    heard_hz(page, 440)
    page.get_by_role("button", name="Stop").click()
    silent(page)


def test_a_sound_ends_by_itself_and_loops_when_told(page: Page, base: str) -> None:
    page.goto(f"{base}/?q=tone_0440")
    page.wait_for_selector(".row")
    page.keyboard.press("ArrowDown")
    playing(page, "tone_0440.wav")
    silent(page)
    page.keyboard.press("l")
    page.keyboard.press("Space")
    wait(page, "it.positionS > 1.0")
    wait(page, "it.positionS < 0.4 && it.output.rms > 0.01")
    wait(page, "it.positionS > 1.0 && it.loop")
    page.keyboard.press("L")
    silent(page)


def test_a_long_sound_goes_on_past_its_first_piece(page: Page, base: str) -> None:
    page.goto(f"{base}/?q=field")
    page.wait_for_selector(".row")
    page.keyboard.press("ArrowDown")
    wait(page, "it.positionS > 5.2 && it.output.rms > 0.005")
    assert inspect(page)["playing"]["endS"] == pytest.approx(LONG_S)
    page.keyboard.press("Escape")
    silent(page)


def test_pressing_a_waveform_plays_from_there(page: Page, base: str) -> None:
    page.goto(f"{base}/?q=field")
    page.wait_for_selector(".row")
    box = page.locator(".row .wave").bounding_box()
    page.mouse.click(box["x"] + box["width"] * 41 / LONG_S, box["y"] + 10)
    playing(page, "field.flac")
    assert inspect(page)["playing"]["startS"] == pytest.approx(41, abs=0.3)
    heard_hz(page, EVENT_HZ)
    assert "like=" not in page.url, "pressing without moving is no region"


def test_click_plays_and_control_click_does_not(page: Page, base: str) -> None:
    page.goto(f"{base}/?in=tones")
    page.get_by_text("tone_0622.wav").click(modifiers=["Control"])
    wait(page, "it.selected?.name === 'tone_0622.wav'")
    page.wait_for_timeout(150)
    assert inspect(page)["playing"] is None
    page.get_by_text("tone_0880.wav").click()
    playing(page, "tone_0880.wav")


# -- searching ----------------------------------------------------------------------------------------


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
    assert page.get_by_role("region", name="Query").is_visible()
    page.go_back()
    shows(page, ["tone_0440.wav"])
    wait(page, "it.count === 1")
    expect(page.get_by_role("region", name="Query")).to_be_hidden()
    page.go_forward()
    shows(page, expected)


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
    page.wait_for_url("**at=*")
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
    page.keyboard.press("ArrowDown")
    playing(page, "field.flac")
    heard_hz(page, EVENT_HZ)
    take = inspect(page)["playing"]
    assert (take["startS"], take["endS"]) == (pytest.approx(hit.start_s), pytest.approx(hit.end_s))
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
    wait(page, f"it.playing?.key === {json.dumps(hit.further[0].segment_id)}")
    assert inspect(page)["playing"]["startS"] == pytest.approx(hit.further[0].start_s)
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


# -- files from outside -------------------------------------------------------------------------------


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A file that the library does not have: a second of 870 Hz, then a second of noise."""
    path = tmp_path / "from outside.wav"
    soundfile.write(path, np.concatenate([tone(870, 1.0), noise(1.0, 1234)]), RATE_HZ)
    return path


def choose(page: Page, path: Path) -> None:
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Choose a sound").click()
    chooser.value.set_files(path)


def test_a_chosen_file_is_searched_and_its_region_again(
    page: Page, library: Library, outside: Path
) -> None:
    data = outside.read_bytes()
    choose(page, outside)
    shows(page, names_of(library, data))
    assert "drop=from+outside.wav" in page.url
    lists = [names_of(library, data)]
    for start, end in ((0.02, 0.48), (0.55, 0.98)):
        drag(page, ".query-wave", start, end)
        until(page, f"() => Math.abs(soundkin.inspect().view.cut?.startS - {2 * start}) < 0.02")
        cut = inspect(page)["view"]["cut"]
        assert cut["endS"] == pytest.approx(2 * end, abs=0.02)
        query = QueryItem(data, start_s=cut["startS"], end_s=cut["endS"])
        lists.append(names_of(library, query))
        shows(page, lists[-1])
    assert lists[0] != lists[1] != lists[2], "tone and noise are unlike"
    page.go_back()
    shows(page, lists[1])
    page.go_back()
    shows(page, lists[0])


def test_the_query_is_heard(page: Page, outside: Path) -> None:
    choose(page, outside)
    page.wait_for_url("**drop=*")
    page.get_by_role("button", name="Play the query").click()
    heard_hz(page, 870)
    assert inspect(page)["playing"]["key"] == "query"
    page.keyboard.press("Escape")
    silent(page)


def test_a_dropped_file(page: Page, library: Library, outside: Path) -> None:
    data = outside.read_bytes()
    transfer = page.evaluate_handle(
        """bytes => {
            const transfer = new DataTransfer();
            transfer.items.add(new File([new Uint8Array(bytes)], 'dropped.wav', { type: 'audio/wav' }));
            return transfer;
        }""",
        list(data),
    )
    page.dispatch_event("body", "dragover", {"dataTransfer": transfer})
    expect(page.locator(".drop-veil")).to_be_visible()
    page.dispatch_event("body", "drop", {"dataTransfer": transfer})
    shows(page, names_of(library, data))
    expect(page.locator(".drop-veil")).to_be_hidden()
    assert "drop=dropped.wav" in page.url


def test_a_dropped_file_cannot_come_back_and_the_page_says_so(page: Page, outside: Path) -> None:
    choose(page, outside)
    page.wait_for_url("**drop=*")
    page.reload()
    expect(page.get_by_role("heading")).to_have_text("Drop the file again")
    expect(page.locator(".empty")).to_contain_text("never kept")
    assert page.locator(".row").count() == 0


def test_a_file_that_is_no_sound_is_one_clear_sentence(page: Page, tmp_path: Path) -> None:
    path = tmp_path / "letter.wav"
    path.write_text("Dear sir")
    choose(page, path)
    expect(page.get_by_role("alert").filter(has_text="letter.wav")).to_be_visible()


def test_a_file_that_is_too_large_is_not_sent(page: Page, tmp_path: Path) -> None:
    path = tmp_path / "big.wav"
    path.write_bytes(bytes(2**20 + 1))
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url))
    choose(page, path)
    expect(page.get_by_role("alert").filter(has_text="larger than 1 MB")).to_be_visible()
    assert not any("upload" in address for address in sent)


# -- the library --------------------------------------------------------------------------------------


def test_an_empty_library_is_filled_from_the_page(context: BrowserContext, tmp_path: Path) -> None:
    folder = tmp_path / "My sounds"
    folder.mkdir()
    for seed in range(4):
        soundfile.write(folder / f"n{seed}.wav", noise(0.5, seed), RATE_HZ)
    (folder / "bad.wav").write_text("text")
    with Library.open(tmp_path / "lib") as library, serving(create_app(library)) as base:
        page = context.new_page()
        page.goto(base)
        expect(page.get_by_role("heading")).to_have_text("This library is empty")
        box = page.get_by_label("Folder to index")
        box.fill("/nowhere/at/all")
        box.press("Enter")
        expect(
            page.get_by_role("alert").filter(has_text="There is no folder '/nowhere/at/all'")
        ).to_be_visible()
        box.fill(str(folder))
        box.press("Enter")
        shows(page, ["n0.wav", "n1.wav", "n2.wav", "n3.wav"])
        expect(page.locator(".progress")).to_contain_text("Indexed My sounds: 5 files · 1 failed")
        page.locator(".library-button").click()
        panel = page.get_by_role("dialog", name="Library")
        expect(panel).to_contain_text("4 sounds · 4 segments")
        expect(panel.locator(".failures")).to_contain_text("bad.wav")
        expect(panel.locator(".failures")).to_contain_text("not-sound")
        expect(panel.locator(".roots")).to_contain_text(str(folder))
        page.keyboard.press("Escape")
        expect(panel).to_be_hidden()
        assert library.sounds()[1] == 4


def test_sounds_of_a_folder_that_is_away_are_badged(
    context: BrowserContext, tmp_path: Path
) -> None:
    folder = tmp_path / "drive"
    folder.mkdir()
    for hz in (300, 320, 2000):
        soundfile.write(folder / f"t{hz}.wav", tone(hz, 0.6), RATE_HZ)
    with Library.open(tmp_path / "lib") as library:
        library.add(folder, jobs=1)
    folder.rename(tmp_path / "unplugged")
    with Library.open(tmp_path / "lib") as library, serving(create_app(library)) as base:
        page = context.new_page()
        page.goto(base)
        shows(page, ["t2000.wav", "t300.wav", "t320.wav"])
        assert page.locator(".row .badge").all_inner_texts() == ["offline"] * 3
        page.get_by_text("t300.wav").click()
        expect(page.get_by_role("alert").filter(has_text="not there now")).to_be_visible()
        silent(page)
        page.keyboard.press("s")
        shows(page, ["t320.wav", "t2000.wav"])


def test_new_sounds_are_offered_not_forced(context: BrowserContext, tmp_path: Path) -> None:
    """While one listens, another process adds sounds: the list stands still until asked."""
    folder = tmp_path / "sounds"
    folder.mkdir()
    soundfile.write(folder / "a.wav", tone(400, 0.6), RATE_HZ)
    with Library.open(tmp_path / "lib") as library, serving(create_app(library)) as base:
        library.add(folder, jobs=1)
        page = context.new_page()
        page.goto(base)
        shows(page, ["a.wav"])
        page.keyboard.press("ArrowDown")
        for name in ("0.wav", "b.wav"):
            soundfile.write(folder / name, tone(500 + len(name) + ord(name[0]), 0.6), RATE_HZ)
        with Library.open(tmp_path / "lib") as other:
            other.add(folder, jobs=1)
        news = page.get_by_role("button", name="2 more since: show")
        expect(news).to_be_visible()
        assert shown(page) == ["a.wav"]
        news.click()
        shows(page, ["0.wav", "a.wav", "b.wav"])
        wait(page, "it.selected?.name === 'a.wav'")


# -- keys, looks, safety ------------------------------------------------------------------------------


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


def test_letters_in_the_box_are_text(page: Page) -> None:
    page.keyboard.press("/")
    page.keyboard.type("jls")
    assert page.get_by_role("searchbox").input_value() == "jls"
    assert inspect(page)["loop"] is False
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.getAttribute('role')") == "grid"


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
    stops = []
    for _ in range(14):
        page.keyboard.press("Tab")
        stops.append(
            page.evaluate(
                """(() => { const one = document.activeElement;
                return one.getAttribute('aria-label') || one.textContent.slice(0, 20); })()"""
            )
        )
    order = [
        "Search names, tags and folders", "Choose a sound", "Keys", "Play the query", "Whole sound", "Clear",
        "Start of the range", "End of the range", "Sounds", "Loop", "Volume",
    ]  # fmt: skip
    places = [next(i for i, stop in enumerate(stops) if stop.startswith(name)) for name in order]
    assert places == sorted(places), stops


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_and_can_be_read(
    browser: Browser, base: str, ids: dict[str, str], size: dict, scheme: str
) -> None:
    """Nothing sticks out sideways, and text has the contrast of WCAG AA on its ground."""
    context = browser.new_context(viewport=size, color_scheme=scheme)
    page = context.new_page()
    page.goto(f"{base}/?like={ids['noise_05.flac']}&in=tones")
    page.wait_for_selector(".row")
    page.keyboard.press("ArrowDown")
    wait(page, "it.selected !== null")
    assert page.evaluate("document.documentElement.scrollWidth") == size["width"]
    poor = page.evaluate(CONTRAST)
    context.close()
    assert poor == []


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
        assert page.url == f"{base}/"
        page.goto(f"{base}/?q=tone&token={TOKEN}")
        page.wait_for_selector(".row")
        assert page.url == f"{base}/?q=tone"
        page.keyboard.press("ArrowDown")
        playing(page, "tone_0220.wav")

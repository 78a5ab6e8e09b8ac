"""Named lists on the page: made, filled, ordered, renamed, taken away, deleted and brought back."""

from __future__ import annotations

import csv
import io
import zipfile
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile
from playwright.sync_api import expect

from soundkin import lists
from tests.serve.page.driver import heard_hz, shows, until, wait

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Locator, Page

    from soundkin.facade import Library


@pytest.fixture(autouse=True)
def none_left(library: Library) -> Iterator[None]:
    """The library is shared: lists that a test made are deleted after it."""
    yield
    for one in lists.lists(library):
        lists.remove(library, one.list_id)


def panel(page: Page) -> Locator:
    return page.get_by_role("dialog", name="Lists")


def put(page: Page, name: str, on: str) -> None:
    """Put a sound on a list with the keyboard alone: the list used last has the focus."""
    page.get_by_text(name).click(modifiers=["Control"])
    page.keyboard.press("p")
    expect(panel(page).get_by_role("button", name=f"Put {name} on {on}")).to_be_focused()
    page.keyboard.press("Enter")
    expect(panel(page)).to_be_hidden()


def kept(library: Library) -> dict[str, list[str]]:
    """The lists as the library has them: names of sounds by name of list."""
    return {
        one.name: [library.sound(item.sound_id).name for item in one.items]
        for one in lists.lists(library)
    }


def test_a_list_is_made_filled_ordered_and_heard(page: Page, library: Library, base: str) -> None:
    page.goto(f"{base}/?in=tones")
    page.get_by_text("tone_0440.wav").click(modifiers=["Control"])
    page.keyboard.press("p")
    page.get_by_label("Name of a new list").fill("Bells")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert").filter(has_text="is on the list “Bells”")).to_be_visible()
    put(page, "tone_0220.wav", "Bells")
    put(page, "tone_1760.wav", "Bells")
    assert kept(library) == {"Bells": ["tone_0440.wav", "tone_0220.wav", "tone_1760.wav"]}

    page.get_by_role("button", name="Lists", exact=True).click()
    panel(page).get_by_role("button", name="Bells", exact=True).click()
    shows(page, ["tone_0440.wav", "tone_0220.wav", "tone_1760.wav"])
    wait(page, "it.count === 3 && it.view.list !== null")
    expect(page.locator(".status")).to_have_text("Bells · 3 sounds")
    page.keyboard.press("End")
    heard_hz(page, 1760)
    page.keyboard.press("[")
    shows(page, ["tone_0440.wav", "tone_1760.wav", "tone_0220.wav"])
    page.locator(".row .who", has_text="tone_0220").drag_to(
        page.locator(".row", has_text="tone_0440"), target_position={"x": 300, "y": 5}
    )
    order = ["tone_0220.wav", "tone_0440.wav", "tone_1760.wav"]
    shows(page, order)
    assert kept(library) == {"Bells": order}
    page.reload()
    shows(page, order)
    page.get_by_text("tone_0440.wav").click(modifiers=["Control"])
    page.keyboard.press("Delete")
    shows(page, ["tone_0220.wav", "tone_1760.wav"])
    wait(page, "it.count === 2")
    assert kept(library) == {"Bells": ["tone_0220.wav", "tone_1760.wav"]}
    page.get_by_role("button", name="Leave the list Bells").click()
    wait(page, "it.count === 22")


def test_a_list_keeps_ranges_and_is_exported(
    page: Page,
    library: Library,
    base: str,
    ids: dict[str, str],
    tmp_path: Path,
    sounds_dir: Path,
) -> None:
    """A hit goes on a list as the range that was found, all rows at once; out comes that very range."""
    (hit,) = library.search(ids["tone_0880.wav"], scope="in:long").hits
    made = lists.create(library, "Takes / one")
    page.goto(f"{base}/?like={ids['tone_0880.wav']}&in=long")
    shows(page, [hit.name])
    page.get_by_label("Take the list away").select_option("list")
    panel(page).get_by_role("button", name="Put 1 sound on Takes / one").click()
    expect(panel(page)).to_be_hidden()
    (item,) = lists.one_list(library, made.list_id).items
    assert (item.start_s, item.end_s) == (pytest.approx(hit.start_s), pytest.approx(hit.end_s))

    page.get_by_role("button", name="Lists", exact=True).click()
    with page.expect_download() as download:
        panel(page).get_by_label("Take Takes / one away").select_option("csv")
    assert download.value.suggested_filename == "Takes   one.csv"
    download.value.save_as(tmp_path / "list.csv")
    (line,) = csv.DictReader((tmp_path / "list.csv").read_text().splitlines())
    assert (line["path"], float(line["start_s"])) == (hit.path, pytest.approx(hit.start_s))
    with page.expect_download() as download:
        panel(page).get_by_label("Take Takes / one away").select_option("zip")
    download.value.save_as(tmp_path / "sounds.zip")
    with zipfile.ZipFile(tmp_path / "sounds.zip") as archive:
        (name,) = archive.namelist()
        got, rate_hz = soundfile.read(io.BytesIO(archive.read(name)), dtype="float32")
    whole, _ = soundfile.read(sounds_dir / "long/field.flac", dtype="float32")
    first = round(hit.start_s * rate_hz)
    np.testing.assert_allclose(got, whole[first : first + len(got)], atol=2 / 32768)
    assert len(got) == round((hit.end_s - hit.start_s) * rate_hz)

    panel(page).get_by_role("button", name="Takes / one", exact=True).click()
    wait(page, f"it.view.list === '{made.list_id}' && it.count === 1")
    shows(page, [hit.name])
    expect(page.locator(".row .range")).not_to_be_empty()
    range_box, length_box = (
        page.locator(f".row .{one}").bounding_box() for one in ("range", "length")
    )
    assert range_box["x"] + range_box["width"] <= length_box["x"]
    with page.expect_download() as download:
        page.get_by_label("Take the list away").select_option("json")
    assert download.value.suggested_filename == "Takes   one.json"
    page.keyboard.press("ArrowDown")
    it = wait(page, "it.playing?.name === 'field.flac'")
    assert it["playing"]["startS"] == pytest.approx(hit.start_s, abs=1e-4)


@pytest.mark.usefixtures("home")
def test_a_list_is_renamed_deleted_and_brought_back(
    page: Page, library: Library, ids: dict[str, str]
) -> None:
    lists.create(library, "Old", [lists.Slice(ids["tone_0311.wav"])])
    page.get_by_role("button", name="Lists", exact=True).click()
    panel(page).get_by_role("button", name="Rename Old").click()
    page.keyboard.type("New")
    page.keyboard.press("Enter")
    expect(panel(page).get_by_role("button", name="New", exact=True)).to_be_visible()
    assert kept(library) == {"New": ["tone_0311.wav"]}
    panel(page).get_by_role("button", name="Delete New").click()
    expect(panel(page)).to_contain_text("Deleted the list “New”")
    assert kept(library) == {}
    panel(page).get_by_role("button", name="Undo").click()
    expect(panel(page).get_by_role("button", name="New", exact=True)).to_be_visible()
    assert kept(library) == {"New": ["tone_0311.wav"]}


@pytest.mark.usefixtures("home")
def test_favourites_stand_among_the_lists(
    page: Page, library: Library, ids: dict[str, str]
) -> None:
    library.tag([ids["tone_2489.wav"]], ["favourite"])
    try:
        page.get_by_role("button", name="Lists", exact=True).click()
        panel(page).get_by_role("button", name="★ Favourites").click()
        shows(page, ["tone_2489.wav"])
        wait(page, "it.count === 1")
    finally:
        library.untag([ids["tone_2489.wav"]], ["favourite"])


def test_a_list_that_is_gone_is_said(page: Page, base: str) -> None:
    page.goto(f"{base}/?list=000000000000")
    expect(page.get_by_role("heading", level=2)).to_have_text("This list is not there any more")
    until(page, "() => soundkin.inspect().count === 0")

"""Tags suggested and lists taken away, from the page."""

from __future__ import annotations

import csv
import io
import zipfile
from typing import TYPE_CHECKING

import numpy as np
import soundfile
from playwright.sync_api import expect

from tests.serve.page.driver import heard_hz, shows, wait

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Page

    from soundkin.facade import Library


def test_a_suggestion_is_heard_accepted_and_taken_back(
    page: Page, library: Library, ids: dict[str, str], base: str
) -> None:
    examples = [ids[name] for name in ("tone_0220.wav", "tone_0311.wav", "tone_0622.wav")]
    library.tag(examples, ["pure"])
    try:
        page.goto(f"{base}/?sound={examples[0]}")
        page.locator(".tag-editor").get_by_role("button", name="pure", exact=True).click()
        panel = page.get_by_role("dialog", name="Suggestions")
        expect(panel).to_contain_text("learned from 3 sounds with the tag")
        panel.get_by_role("button", name="Play tone_0440.wav").click()
        heard_hz(page, 440)
        panel.get_by_role("button", name="Accept tone_0440.wav").click()
        expect(panel).to_contain_text("learned from 4 sounds")
        assert "pure" in library.sound(ids["tone_0440.wav"]).tags
        panel.get_by_role("button", name="Undo").click()
        expect(panel).to_contain_text("learned from 3 sounds")
        assert "pure" not in library.sound(ids["tone_0440.wav"]).tags
    finally:
        library.untag([*examples, ids["tone_0440.wav"]], ["pure"])


def test_the_list_is_taken_away(
    page: Page, library: Library, ids: dict[str, str], base: str, tmp_path: Path, sounds_dir: Path
) -> None:
    page.goto(f"{base}/?like={ids['tone_0880.wav']}&in=long")
    (hit,) = library.search(ids["tone_0880.wav"], scope="in:long").hits
    shows(page, [hit.name])
    menu = page.get_by_label("Take the list away")
    with page.expect_download() as download:
        menu.select_option("csv")
    download.value.save_as(tmp_path / "list.csv")
    (line,) = csv.DictReader((tmp_path / "list.csv").read_text().splitlines())
    assert (line["path"], float(line["start_s"])) == (hit.path, hit.start_s)
    with page.expect_download() as download:
        menu.select_option("zip")
    download.value.save_as(tmp_path / "sounds.zip")
    with zipfile.ZipFile(tmp_path / "sounds.zip") as archive:
        (name,) = archive.namelist()
        got, rate_hz = soundfile.read(io.BytesIO(archive.read(name)), dtype="float32")
    whole, _ = soundfile.read(sounds_dir / "long/field.flac", dtype="float32")
    first = round(hit.start_s * rate_hz)
    np.testing.assert_allclose(got, whole[first : first + len(got)], atol=2 / 32768)
    assert len(got) == round((hit.end_s - hit.start_s) * rate_hz)


def test_a_downloaded_slice_is_the_very_samples(
    page: Page, base: str, tmp_path: Path, sounds_dir: Path, ids: dict[str, str]
) -> None:
    page.goto(f"{base}/?like={ids['tone_0880.wav']}&in=long")
    page.wait_for_selector(".row")
    page.keyboard.press("ArrowDown")
    wait(page, "it.selected !== null")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download slice").click()
    download.value.save_as(tmp_path / "slice.wav")
    start = page.evaluate("soundkin.inspect().selected.startS")
    got, rate_hz = soundfile.read(tmp_path / "slice.wav", dtype="float32")
    whole, _ = soundfile.read(sounds_dir / "long/field.flac", dtype="float32")
    first = round(start * rate_hz)
    np.testing.assert_allclose(got, whole[first : first + len(got)], atol=2 / 32768)


def test_where_else_it_sounds_like_here(page: Page, base: str, ids: dict[str, str]) -> None:
    """Inside the tone the strip lights up at the tone, in the noise around it elsewhere."""
    page.goto(f"{base}/?sound={ids['field.flac']}")
    expect(page.locator(".times span").last).to_have_text("0:30.00")
    with page.expect_response("**/alike?*") as answer:
        box = page.locator(".stack").bounding_box()
        page.mouse.click(box["x"] + 100, box["y"] + 40)
    near = {(s["start_s"], s["end_s"]): s["closeness"] for s in answer.value.json()["segments"]}
    inside = [c for (start, end), c in near.items() if start >= 40 and end <= 42]
    outside = [c for (start, end), c in near.items() if end < 39 or start > 43]
    assert max(inside) < min(outside), "played in the noise"
    page.get_by_role("button", name="Like this moment").click()
    (item,) = wait(page, "it.view.like.length === 1")["view"]["like"]
    assert item["soundId"] == ids["field.flac"]
    assert (item["startS"], item["endS"]) in near

"""The library in the page: filling it, folders that are away, sounds that come meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING

import soundfile
from playwright.sync_api import expect

from soundkin.facade import Library
from soundkin.serve import create_app
from soundkin.shelf import installed_spaces
from tests.serve.live import RATE_HZ, noise, serving, tone
from tests.serve.page.driver import (
    heard_hz,
    inspect,
    shown,
    shows,
    silent,
    wait,
)

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import BrowserContext


def test_an_empty_library_is_filled_from_the_page(context: BrowserContext, tmp_path: Path) -> None:
    folder = tmp_path / "My sounds"
    folder.mkdir()
    for seed in range(4):
        soundfile.write(folder / f"n{seed}.wav", noise(0.5, seed), RATE_HZ)
    (folder / "bad.wav").write_text("text")
    with Library.open(tmp_path / "lib") as library, serving(create_app(library)) as base:
        page = context.new_page()
        page.goto(base)
        expect(page.get_by_role("heading", level=2)).to_have_text("This library is empty")
        page.get_by_role("button", name="Map", exact=True).click()
        expect(page.locator(".map")).to_contain_text("There is nothing to map yet")
        expect(page.get_by_role("button", name="Make the map")).to_be_hidden()
        page.get_by_role("button", name="List", exact=True).click()
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
        page.get_by_role("button", name="Show which").click()
        panel = page.get_by_role("dialog", name="Library")
        expect(panel).to_contain_text("4 sounds · 4 segments")
        expect(panel.locator(".failures")).to_contain_text("bad.wav")
        expect(panel.locator(".failures")).to_contain_text("not-sound")
        expect(panel.locator(".spaces")).to_contain_text("all are compared")
        expect(panel.locator(".disk")).to_contain_text("vectors")
        others = ", ".join(name for name in installed_spaces() if name != "mfcc")
        expect(panel).to_contain_text(f"Installed, but not in this library: {others}.")
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
        shows(page, ["t300.wav", "t320.wav", "t2000.wav"])
        expect(page.locator(".row .badge")).to_have_text(["offline"] * 3)
        page.get_by_text("t300.wav").click()
        expect(page.get_by_role("alert").filter(has_text="not there now")).to_be_visible()
        silent(page)
        page.keyboard.press("s")
        shows(page, ["t320.wav", "t2000.wav"])
        (tmp_path / "unplugged").rename(folder)
        for _ in range(50):  # the disk is asked every two seconds
            page.locator(".row", has_text="t320.wav").click()
            page.wait_for_timeout(200)
            if inspect(page)["playing"]:
                break
        page.keyboard.press("l")
        heard_hz(page, 320)


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
        news = page.get_by_role("button", name="Show 2 new sounds")
        expect(news).to_be_visible()
        assert shown(page) == ["a.wav"]
        news.click()
        shows(page, ["0.wav", "a.wav", "b.wav"])
        wait(page, "it.selected?.name === 'a.wav'")

"""Duplicates in the page: found, heard side by side, told apart for good, taken away as a list."""

from __future__ import annotations

import csv
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import soundfile
from playwright.sync_api import expect

from soundkin import dedupe
from soundkin.facade import Library
from soundkin.serve import create_app
from tests.serve.live import RATE_HZ, noise, serving, tone
from tests.serve.page.driver import heard_hz, wait

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import BrowserContext


@pytest.fixture
def doubled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A library with one sound in two containers, one at two levels, and others that stand alone."""
    folder = tmp_path_factory.mktemp("doubled") / "sounds"
    folder.mkdir()
    whole = np.rint(32_767 * tone(440, 1.0)).astype(np.int16)
    for name in ("same.wav", "same.flac"):
        soundfile.write(folder / name, whole, RATE_HZ, subtype="PCM_16")
    quiet = noise(1.5, 5)
    soundfile.write(folder / "loud.wav", quiet, RATE_HZ)
    soundfile.write(folder / "quiet.wav", 0.5 * quiet, RATE_HZ)
    for hz in (700, 1500, 3000):
        soundfile.write(folder / f"alone_{hz}.wav", tone(hz, 0.8), RATE_HZ)
    with Library.open(tmp_path_factory.mktemp("lib") / "lib") as library:
        library.add(folder, jobs=1)
        with serving(create_app(library)) as address:
            yield address


def test_groups_are_heard_told_apart_and_exported(
    context: BrowserContext, doubled: str, tmp_path: Path
) -> None:
    page = context.new_page()
    page.goto(f"{doubled}/?show=duplicates")
    page.get_by_role("button", name="Look for duplicates").click()
    groups = page.get_by_role("article")
    expect(groups).to_have_count(2)
    exact = page.get_by_role("article", name="Exact")
    assert set(exact.locator(".name").all_inner_texts()) == {"same.wav", "same.flac"}
    near = page.get_by_role("article", name="Near")
    assert set(near.locator(".name").all_inner_texts()) == {"loud.wav", "quiet.wav"}
    expect(near.locator(".reason").last).to_contain_text("dB")
    page.keyboard.press("ArrowDown")
    wait(page, "it.duplicate !== null && it.playing?.name === it.duplicate.name")
    heard = wait(page, "it.duplicate !== null")["duplicate"]["sound_id"]
    page.keyboard.press("s")
    wait(page, f"it.view.show === 'list' && it.view.like[0]?.soundId === '{heard}'")
    page.go_back()
    expect(groups).to_have_count(2)
    exact.get_by_role("button", name="Play").first.click()
    heard_hz(page, 440)
    page.keyboard.press("Escape")
    with page.expect_download() as download:
        page.get_by_role("link", name="Export CSV").click()
    download.value.save_as(tmp_path / "list.csv")
    assert len(list(csv.DictReader((tmp_path / "list.csv").read_text().splitlines()))) == 4
    near.get_by_role("button", name="Not duplicates").click()
    expect(page.get_by_text("Not duplicates: ")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("Not duplicates: ")).to_have_count(0)
    expect(groups).to_have_count(2)
    near.get_by_role("button", name="Not duplicates").click()
    expect(page.get_by_text("Not duplicates: ")).to_be_visible()
    page.reload()
    expect(groups).to_have_count(1)
    expect(exact).to_be_visible()


def test_groups_stand_there_while_the_search_goes_on(
    context: BrowserContext, doubled: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    goes_on, ends = threading.Event(), threading.Event()
    find = dedupe.find

    def slow(library: Library, **how: Any) -> dedupe.Duplicates:
        found = find(library, **how)
        how["on_found"](replace(found, groups=found.groups[:1]))
        assert goes_on.wait(30)
        how["on_found"](found)
        assert ends.wait(30)
        return found

    monkeypatch.setattr(dedupe, "find", slow)
    page = context.new_page()
    page.goto(f"{doubled}/?show=duplicates")
    try:
        page.get_by_role("button", name="Look").click()
        exact = page.get_by_role("article", name="Exact")
        expect(page.get_by_role("status").filter(has_text="1 group so far")).to_be_visible()
        expect(exact).to_be_visible()
        page.keyboard.press("ArrowDown")
        heard = wait(page, "it.duplicate !== null")["duplicate"]["path"]
        goes_on.set()
        near = page.get_by_role("article", name="Near")
        near.get_by_role("button", name="Not duplicates").click()
        assert wait(page, "it.duplicate !== null")["duplicate"]["path"] == heard
        expect(page.get_by_text("Not duplicates: ")).to_be_visible()
        expect(near.get_by_role("button", name="Play")).to_have_count(0)
        page.get_by_role("button", name="Undo").click()
        expect(near.get_by_role("button", name="Play")).to_have_count(2)
        region = page.get_by_role("region", name="Duplicates")
        expect(region.get_by_role("button", name="Stop")).to_be_visible()
    finally:
        goes_on.set()
        ends.set()
    expect(page.get_by_role("button", name="Look again")).to_be_visible()

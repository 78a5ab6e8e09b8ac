"""Hearing: which sound is at the audio output, from where to where."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.serve.live import EVENT_HZ, LONG_S
from tests.serve.page.driver import (
    heard_hz,
    inspect,
    playing,
    silent,
    wait,
)

if TYPE_CHECKING:
    from playwright.sync_api import Page


def test_walking_with_the_keyboard_is_hearing(page: Page, base: str) -> None:
    page.goto(f"{base}/?in=tones")
    page.wait_for_selector(".row")
    page.keyboard.press("l")
    for key, hz in (
        ("ArrowDown", 220),
        ("j", 311),
        ("ArrowDown", 440),
        ("k", 311),
        ("ArrowUp", 220),
    ):
        page.keyboard.press(key)
        it = playing(page, f"tone_{hz:04d}.wav")
        heard_hz(page, hz)
        assert it["selected"]["name"] == f"tone_{hz:04d}.wav"
        expect(page.locator("[aria-selected=true]")).to_have_count(1)
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
    page.keyboard.press("l")
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
    it = wait(page, "it.positionS > 5.2 && it.output.rms > 0.005")
    assert it["playing"]["endS"] == pytest.approx(LONG_S)
    page.keyboard.press("Escape")
    silent(page)


def test_pressing_a_waveform_plays_from_there(page: Page, base: str) -> None:
    page.goto(f"{base}/?q=field")
    page.wait_for_selector(".row")
    box = page.locator(".row .wave").bounding_box()
    page.mouse.click(box["x"] + box["width"] * 41 / LONG_S, box["y"] + 10)
    it = playing(page, "field.flac")
    assert it["playing"]["startS"] == pytest.approx(41, abs=0.3)
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

"""The microphone as a query: Chromium's own fake device plays a file into it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.serve.page.conftest import SPOKEN_HZ
from tests.serve.page.driver import heard_hz, inspect, until, wait

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page


@pytest.mark.usefixtures("home")
def test_a_take_ends_by_itself_and_is_searched(
    page: Page, context: BrowserContext, base: str
) -> None:
    context.grant_permissions(["microphone"])
    page.keyboard.press("r")
    wait(page, "it.microphone.taking")
    wait(page, "it.view.drop === 'Take 1.wav' && it.microphone.takes === 1")
    wait(page, "!it.microphone.open")
    first_two = (
        "[0, 1].map(n => document.querySelector(`.row[data-index='${n}'] .name`)?.textContent)"
    )
    until(page, f"() => {first_two}.sort().join() === 'field.flac,tone_0880.wav'")  # both: 880 Hz
    page.keyboard.press("l")
    page.get_by_role("button", name="Play the query").click()
    length = wait(page, "it.playing?.key === 'query'")["playing"]["endS"]
    assert 0.35 < length < 0.75, "the silence around it was cut off"
    heard_hz(page, SPOKEN_HZ)
    page.get_by_role("button", name="Record again").click()
    wait(page, "it.microphone.takes === 2")
    takes = page.get_by_role("list", name="Takes")
    takes.get_by_role("button", name="Take 1 ").click()
    wait(page, "it.view.drop === 'Take 1.wav'")


@pytest.mark.usefixtures("home")
def test_a_gate_that_nothing_passes_gives_no_take(page: Page, context: BrowserContext) -> None:
    context.grant_permissions(["microphone"])
    page.evaluate("localStorage.setItem('soundkin.gate', '-1')")
    page.reload()
    page.wait_for_selector(".row")
    page.get_by_role("button", name="Record").click()
    wait(page, "it.microphone.open")
    page.wait_for_timeout(1500)
    assert inspect(page)["microphone"]["taking"] is False
    page.get_by_role("button", name="Search now").click()
    expect(page.locator(".microphone")).to_contain_text("Nothing louder than the gate")
    assert inspect(page)["view"]["drop"] is None


@pytest.mark.usefixtures("home")
def test_without_leave_or_security_the_page_says_what_to_do(page: Page) -> None:
    page.get_by_role("button", name="Record").click()
    expect(page.get_by_role("alert")).to_contain_text("Allow it beside the address")
    page.evaluate("Object.defineProperty(navigator, 'mediaDevices', { value: undefined })")
    page.get_by_role("button", name="Record").click()
    expect(page.get_by_role("alert")).to_contain_text("only to secure pages")

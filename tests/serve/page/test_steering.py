"""Steering a query from the page: parts added, subtracted and weighed, how close, how different, by lot."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from soundkin.facade import Library, QueryItem, Scope
from tests.serve.page.driver import (
    drag,
    heard_hz,
    inspect,
    names_of,
    shows,
    until,
    wait,
)

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page


def asked(page: Page, address: str) -> None:
    """Wait until the address ends so, whichever row is selected."""
    until(page, "address => `/${location.search}`.split('&at=')[0] === address", address)


def row(page: Page, name: str) -> Locator:
    return page.locator(".row", has_text=name)


def parts(page: Page) -> list[QueryItem]:
    """The parts of the query as the address names them."""
    return [
        QueryItem(one["soundId"], one["startS"], one["endS"], one["weight"])
        for one in inspect(page)["view"]["like"]
    ]


def test_sounds_are_added_and_subtracted(
    page: Page, library: Library, ids: dict[str, str], base: str
) -> None:
    """Every step changes the query as it says, and the list is the library's own answer to it."""
    tone, low, noise = (ids[n] for n in ("tone_0880.wav", "tone_0220.wav", "noise_05.flac"))
    page.goto(f"{base}/?like={tone}")
    page.wait_for_selector(".row")
    row(page, "tone_0220.wav").first.click(modifiers=["Control"])
    page.keyboard.press("+")
    wait(page, "it.view.like.length === 2")
    first, second = parts(page)
    assert (first, second.source) == (QueryItem(tone), low)
    shows(page, names_of(library, [first, second]))
    row(page, "noise_05.flac").first.hover()
    page.get_by_role("button", name="Subtract noise_05.flac from the query").click()
    wait(page, "it.view.like.length === 3")
    third = parts(page)[2]
    assert (third.source, third.weight) == (noise, -1)
    shows(page, names_of(library, [first, second, third]))
    page.get_by_label("How much tone_0220.wav counts").select_option("4")
    second = replace(second, weight=4)
    shows(page, names_of(library, [first, second, third]))
    assert parts(page) == [first, second, third]
    page.get_by_role("button", name="Add noise_05.flac instead of subtracting it").click()
    third = replace(third, weight=1)
    shows(page, names_of(library, [first, second, third]))
    page.get_by_role("button", name="Remove tone_0880.wav from the query").click()
    shows(page, names_of(library, [second, third]))
    assert parts(page) == [second, third]
    page.go_back()
    shows(page, names_of(library, [first, second, third]))


def test_each_part_has_its_own_range(
    page: Page, library: Library, ids: dict[str, str], base: str
) -> None:
    tone, other = ids["tone_0880.wav"], ids["noise_05.flac"]
    page.goto(f"{base}/?like={tone}&like={other}*-1")
    page.wait_for_selector(".row")
    only = page.get_by_role("button", name="Subtract tone_0880.wav instead of adding it")
    expect(only).to_be_disabled()
    part = page.get_by_role("list", name="Parts of the query").get_by_role("button")
    part.filter(has_text="noise_05").click()
    expect(part.filter(has_text="noise_05")).to_have_attribute("aria-pressed", "true")
    drag(page, ".query-wave", 0.2, 0.7)
    wait(page, "it.view.like[1].startS !== null")
    first, second = inspect(page)["view"]["like"]
    assert first["startS"] is None
    assert (second["startS"], second["endS"]) == (
        pytest.approx(0.2 * 1.3, abs=0.02),
        pytest.approx(0.7 * 1.3, abs=0.02),
    )
    cut = QueryItem(other, start_s=second["startS"], end_s=second["endS"], weight=-1)
    shows(page, names_of(library, [QueryItem(tone), cut]))


def test_least_closeness_and_most_different(
    page: Page, library: Library, ids: dict[str, str], base: str
) -> None:
    tone = ids["tone_0440.wav"]
    page.goto(f"{base}/?like={tone}")
    page.wait_for_selector(".row")
    hits = library.search(tone, k=200).hits
    least = round((hits[3].closeness + hits[4].closeness) / 2, 2)
    close = [hit.name for hit in hits if hit.closeness >= least]
    assert 1 < len(close) < len(hits)
    slider = page.get_by_role("slider", name="Least closeness")
    slider.fill(str(least))
    wait(page, f"it.count === {len(close)}")
    shows(page, close)
    expect(page.locator(".steering output")).to_contain_text(f"{len(close)} sounds")
    asked(page, f"/?like={tone}&least={least:g}")
    slider.focus()
    page.keyboard.press("j")
    wait(page, f"it.selected?.name === {close[0]!r}")
    page.reload()
    wait(page, f"it.count === {len(close)}")
    slider.fill("1")
    expect(page.get_by_role("heading", level=2)).to_have_text("No sound is as close as 1.00")
    page.get_by_role("button", name="Show all").click()
    wait(page, f"it.count === {len(hits)}")
    page.get_by_role("button", name="Most different").click()
    shows(page, names_of(library, tone, most_different=True))
    assert "different=1" in page.url


def test_hits_are_heard_at_the_pitch_and_the_length_of_the_query(
    page: Page, base: str, ids: dict[str, str]
) -> None:
    """622 Hz is heard as 440 and says so; noise has no pitch and says that; unasked all is as it is."""
    how, badge = page.get_by_label("Hear hits"), page.locator(".now .badge")
    page.goto(f"{base}/?like={ids['tone_0440.wav']}&in=tones")
    page.keyboard.press("l")
    how.select_option("pitch")
    row(page, "tone_0622.wav").click()
    wait(page, "it.playing !== null && it.speed !== null && Math.abs(it.speed - 440 / 622) < 0.005")
    heard_hz(page, 440)
    expect(badge).to_have_text("varispeed ×0.71 (−6.0 semitones)")
    how.select_option("none")
    row(page, "tone_0622.wav").click()
    heard_hz(page, 622)
    expect(badge).to_be_hidden()
    page.goto(f"{base}/?like={ids['tone_0440.wav']}&in=noises")
    how.select_option("pitch")
    row(page, "noise_05.flac").click()
    wait(page, "it.playing?.name === 'noise_05.flac' && it.speed === null")
    expect(badge).to_contain_text("no clear pitch")
    how.select_option("length")
    row(page, "noise_00.flac").click()
    wait(page, "it.playing !== null && Math.abs(it.speed - 2 * 0.8 / 1.2) < 0.01")
    expect(badge).to_contain_text("varispeed ×1.33")


def test_a_surprise_is_heard_and_searched(page: Page, base: str, ids: dict[str, str]) -> None:
    page.goto(f"{base}/?in=tones")
    page.wait_for_selector(".row")
    page.keyboard.press("x")
    page.keyboard.press("l")
    it = wait(page, "it.view.like.length === 1 && it.playing?.key === 'query'")
    drawn = it["view"]["like"][0]["soundId"]
    (name,) = [name for name, sound_id in ids.items() if sound_id == drawn]
    assert name.startswith("tone_"), "drawn from what the filters leave"
    assert it["playing"]["name"] == name
    heard_hz(page, int(name[5:9]))


def test_a_filter_is_turned_round(page: Page, library: Library, base: str) -> None:
    page.goto(f"{base}/?in=noises")
    page.wait_for_selector(".row")
    page.get_by_role("button", name="in noises", exact=True).click()
    rest = [s.name for s in library.sounds(Scope(not_folders=("noises",)), limit=100)[0]]
    wait(page, f"it.count === {len(rest)}")
    shows(page, rest)
    assert page.url.endswith("/?notin=noises")
    page.get_by_role("button", name="Remove the filter: not in noises").click()
    wait(page, f"it.count === {library.sounds()[1]}")


def test_without_autoplay_selecting_is_silent(page: Page, base: str) -> None:
    page.goto(f"{base}/?in=tones")
    page.wait_for_selector(".row")
    page.keyboard.press("a")
    page.keyboard.press("ArrowDown")
    wait(page, "it.selected?.name === 'tone_0220.wav'")
    page.wait_for_timeout(150)
    assert inspect(page)["playing"] is None
    page.keyboard.press("Space")
    heard_hz(page, 220)


@pytest.mark.usefixtures("home")
def test_colours_are_chosen_and_kept(page: Page) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    seen = [page.evaluate(ground)]
    for name in ("light", "dark"):
        page.get_by_role("button", name=f"press for {name}").click()
        seen.append(page.evaluate(ground))
    assert seen[0] == seen[1] != seen[2]
    page.reload()
    page.wait_for_selector(".row")
    assert page.evaluate(ground) == seen[2]

"""Several spaces on the page: a slider for each, how close a hit is in each, neighbours in each."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from soundkin.facade import Library
from soundkin.serve import create_app
from soundkin.shelf import SHIPPED
from tests.serve.live import serving
from tests.serve.page.driver import NARROW, WIDE, names_of, shows, until, wait

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page, Route

FIRST, SECOND = "mfcc", "motion"


@pytest.fixture(scope="module")
def library(sounds_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    """Tones and noises in two spaces: as they come, and by how they move alone."""
    settings = json.loads((SHIPPED / "mfcc.json").read_text(encoding="utf-8"))
    scale = settings["head"]["scale"]
    settings["head"]["scale"] = [0.0 if at < len(scale) // 2 else s for at, s in enumerate(scale)]
    shelf = Path(os.environ["SOUNDKIN_SPACES"]) / SECOND
    shelf.mkdir()
    (shelf / f"{SECOND}.json").write_text(json.dumps({**settings, "name": SECOND}))
    folder = tmp_path_factory.mktemp("mixed") / "sounds"
    for kind in ("tones", "noises"):
        shutil.copytree(sounds_dir / kind, folder / kind)
    with Library.open(tmp_path_factory.mktemp("mixed") / "lib") as opened:
        opened.add(folder, jobs=1, spaces=[FIRST, SECOND])
        yield opened
    shutil.rmtree(shelf)


@pytest.fixture(scope="module")
def base(library: Library) -> Iterator[str]:
    with serving(create_app(library)) as address:
        yield address


@pytest.fixture
def tone(library: Library) -> str:
    (sound,), _ = library.sounds("tone_0622")
    return sound.sound_id


def test_sliders_blend_the_spaces(page: Page, library: Library, base: str, tone: str) -> None:
    """While they move the list is the library's answer to that blend; every hit says how close in each."""
    alone = names_of(library, tone)
    mix = {FIRST: 1, SECOND: 0.5}
    blended = library.search(tone, space=mix, k=200)
    assert [hit.name for hit in blended.hits] != alone
    assert len({hit.bands for hit in blended.hits}) > 2
    page.goto(f"{base}/?like={tone}")
    shows(page, alone)
    expect(page.locator(".bands:visible")).to_have_count(0)
    sliders = page.get_by_role("group", name="What counts as similar").get_by_role("slider")
    expect(sliders).to_have_count(2)
    sliders.nth(1).fill("0.5")
    shows(page, [hit.name for hit in blended.hits])
    until(page, "() => location.search.includes('mix=mfcc:1&mix=motion:0.5')")
    for at, hit in enumerate(blended.hits[:5]):
        said = f"{FIRST}: {hit.bands[0]}, {SECOND}: {hit.bands[1]}"
        expect(page.locator(f"[data-index='{at}'] .bands")).to_have_attribute("aria-label", said)
    sliders.nth(0).fill("0")
    shows(page, names_of(library, tone, space=SECOND))
    sliders.nth(1).fill("0")
    expect(sliders.nth(1)).to_have_value("0.5")
    page.get_by_role("button", name=FIRST, exact=True).click()
    shows(page, alone)
    expect(sliders.nth(1)).to_have_value("0")
    page.go_back()
    shows(page, names_of(library, tone, space=SECOND))
    expect(sliders.nth(0)).to_have_value("0")


def test_a_list_is_seen_before_the_next_is_asked_for(
    page: Page, library: Library, base: str, tone: str
) -> None:
    """A slider that moves on faster than answers come: none is given up, the last place is asked for."""
    held: list[Route] = []
    page.goto(f"{base}/?like={tone}")
    shows(page, names_of(library, tone))
    page.route("**/api/search", lambda route: held.append(route))  # noqa: PLW0108 - playwright marks it
    slider = page.get_by_role("group", name="What counts as similar").get_by_role("slider").nth(1)
    for place in ("0.2", "0.4", "0.9"):
        slider.evaluate(
            """(slider, place) => {
                slider.value = place;
                slider.dispatchEvent(new Event('input', { bubbles: true }));
            }""",
            place,
        )
    for place in (0.2, 0.9):
        until(page, "() => soundkin.inspect().busy")
        while not held:
            page.wait_for_timeout(10)
        route = held.pop()
        assert route.request.post_data_json["blend"] == {FIRST: 1, SECOND: place}
        route.continue_()
        shows(page, names_of(library, tone, space={FIRST: 1, SECOND: place}))
    until(page, "() => !soundkin.inspect().busy")
    assert not held
    until(page, "() => location.search.includes('mix=motion:0.9')")


def test_on_a_phone_sliders_are_whole_and_columns_stand(
    page: Page, library: Library, base: str, tone: str
) -> None:
    """No slider sticks out; every row's waveform is as wide as the next one's, whatever stands beside it."""
    page.set_viewport_size(NARROW)
    page.goto(f"{base}/?like={tone}&mix={FIRST}:1&mix={SECOND}:0.5")
    shows(page, names_of(library, tone, space={FIRST: 1, SECOND: 0.5}))
    page.get_by_role("button", name="Steer…").click()
    until(
        page,
        """() => {
            const faders = [...document.querySelectorAll('.fader input')];
            const boxes = faders.map((one) => one.getBoundingClientRect());
            return boxes.length === 2 && boxes.every((box) => box.width >= 60 && box.right <= innerWidth);
        }""",
    )
    page.locator(".row").nth(1).click()
    wait(page, "it.selected !== null")
    until(
        page,
        """() => {
            const waves = [...document.querySelectorAll('.row .wave')];
            const widths = waves.map((one) => one.getBoundingClientRect().width);
            return widths.length > 3 && Math.max(...widths) - Math.min(...widths) < 1;
        }""",
    )
    page.set_viewport_size(WIDE)


def test_neighbours_in_every_space(page: Page, library: Library, base: str, tone: str) -> None:
    page.goto(f"{base}/?sound={tone}")
    nearest = page.locator(".nearest section")
    expect(nearest.locator("h4")).to_have_text([FIRST, SECOND])
    for at, space in enumerate((FIRST, SECOND)):
        hits = library.search(tone, space=space, k=5).hits
        expect(nearest.nth(at).locator(".name")).to_have_text([hit.name for hit in hits])
    page.get_by_role("complementary").get_by_role("button", name="Similar", exact=True).click()
    wait(page, f"it.view.like.length === 1 && it.view.like[0].soundId === '{tone}'")
    shows(page, names_of(library, tone))

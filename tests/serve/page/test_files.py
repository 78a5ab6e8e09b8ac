"""Files from outside: dropped and chosen, cut, heard, refused, never kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile
from playwright.sync_api import expect

from soundkin.facade import Library, QueryItem
from tests.serve.live import RATE_HZ, noise, tone
from tests.serve.page.driver import (
    drag,
    heard_hz,
    inspect,
    names_of,
    shows,
    silent,
    until,
    wait,
)

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Page


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


@pytest.mark.usefixtures("home")
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


@pytest.mark.usefixtures("home")
def test_the_query_is_heard(page: Page, outside: Path) -> None:
    choose(page, outside)
    page.wait_for_url("**drop=*")
    page.get_by_role("button", name="Play the query").click()
    wait(page, "it.playing?.key === 'query'")
    heard_hz(page, 870)
    page.keyboard.press("Escape")
    silent(page)


@pytest.mark.usefixtures("home")
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


@pytest.mark.usefixtures("home")
def test_a_dropped_file_cannot_come_back_and_the_page_says_so(page: Page, outside: Path) -> None:
    choose(page, outside)
    page.wait_for_url("**drop=*")
    page.reload()
    expect(page.get_by_role("heading", level=2)).to_have_text("Drop the file again")
    expect(page.locator(".empty")).to_contain_text("never kept")
    assert page.locator(".row").count() == 0


@pytest.mark.usefixtures("home")
def test_a_file_that_is_no_sound_is_one_clear_sentence(page: Page, tmp_path: Path) -> None:
    path = tmp_path / "letter.wav"
    path.write_text("Dear sir")
    choose(page, path)
    expect(page.get_by_role("alert").filter(has_text="letter.wav")).to_be_visible()


@pytest.mark.usefixtures("home")
def test_a_file_that_is_too_large_is_not_sent(page: Page, tmp_path: Path) -> None:
    path = tmp_path / "big.wav"
    path.write_bytes(bytes(2**20 + 1))
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url))
    choose(page, path)
    expect(page.get_by_role("alert").filter(has_text="larger than 1 MB")).to_be_visible()
    assert not any("upload" in address for address in sent)

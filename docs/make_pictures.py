"""Make the pictures of docs/page.md: the page in a real browser, over the demo library.

    python docs/make_pictures.py

Needs Chromium (or SOUNDKIN_CHROMIUM) and the packages of the extra `dev`; takes about a minute. Pictures
lie in docs/pictures, each of less than 150 kB.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parents[1]))

import soundfile
from playwright.sync_api import sync_playwright

from soundkin import atlas, dedupe, lists
from soundkin.demo import render_demo
from soundkin.facade import Library
from soundkin.serve import create_app
from tests.serve.live import serving

if TYPE_CHECKING:
    from playwright.sync_api import Page, Route

PICTURES = Path(__file__).parent / "pictures"
MOST_BYTES = 150_000
SOUNDS = 400
HOME = "/home/ada/Music"
"""What the pictures show in place of the temporary folder."""

PATHS = re.compile(r"/api/(library|duplicates\?.*|sounds/[0-9a-f]{32})$")
"""Answers with paths that are shown."""

DRAWN = """() => {
    if (document.querySelector('.results')?.getAttribute('aria-busy') === 'true') return false;
    const all = [...document.querySelectorAll('canvas:not(.points, .over)')];
    const seen = all.filter((one) => one.checkVisibility());
    const drawn = seen.every((canvas) => {
        const { width, height } = canvas;
        if (!width || !height) return false;
        const { data } = canvas.getContext('2d').getImageData(0, 0, width, height);
        let filled = 0;
        for (let at = 3; at < data.length; at += 4) filled += data[at] > 0;
        return filled > 1.02 * width;  // more than the line in the middle
    });
    const map = document.querySelector('.map')?.checkVisibility();
    const points = map ? soundkin.inspect().map.points : 0;
    return drawn && seen.length + points > 0 || document.querySelector('.group');
}"""
"""Whether every waveform and spectrogram in sight is drawn, not only its line, and the map has its points."""

SIZES = {"wide": (1080, 675), "phone": (390, 780)}
FLAGS = ["--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]


def main() -> None:
    """Render the demo, serve it, and take every picture."""
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="soundkin-") as folder:
        samples = Path(folder) / "Samples"
        add_copies(render_demo(samples, n=SOUNDS), samples / "old")
        with Library.open(Path(folder) / "Library") as library:
            library.add(samples)
            atlas.make(library)
            app = create_app(library)
            duplicates = app.state.serving.duplicates
            duplicates.start(
                lambda on_progress, stop: dedupe.find(library, on_progress=on_progress, stop=stop)
            )
            while duplicates.state.state == "running":
                time.sleep(0.2)
            with serving(app) as base:
                take_all(base, library, folder)


def add_copies(paths: list[Path], folder: Path) -> None:
    """Put copies of some sounds into a folder: as they are, and 6 dB quieter in another container."""
    folder.mkdir()
    for path in paths[:40:10]:
        shutil.copy(path, folder / f"copy of {path.name}")
        samples, rate_hz = soundfile.read(path)
        soundfile.write(folder / f"{path.stem} quiet.flac", 0.5 * samples, rate_hz)


def neutral(route: Route, folder: str) -> None:
    """Answer as the server does, with a neutral name for the temporary folder."""
    answer = route.fetch()
    route.fulfill(response=answer, body=answer.text().replace(folder, HOME))


def take_all(base: str, library: Library, folder: str) -> None:
    """Take the pictures of a served library, which lies in a temporary folder."""
    sounds = library.sounds(limit=1000)[0]
    kick, pad, talk = (
        next(s.sound_id for s in sounds if word in s.name) for word in ("kick", "pad", "talk")
    )
    library.tag([kick], ["kick", "dry"])
    plucks = [s.sound_id for s in sounds if "pluck" in s.name or "bell" in s.name][:7]
    kept = lists.create(library, "Bells and plucks", [lists.Slice(one) for one in plucks])
    lists.create(library, "For the trailer", [lists.Slice(pad, 0.5, 1.5), lists.Slice(kick)])
    views = {
        "browse": ("wide", "light", "/", ["ArrowDown"]),
        "query": ("wide", "light", f"/?like={pad}&like={kick}*-0.5&least=0.1", ["ArrowDown"]),
        "sound": ("wide", "dark", f"/?like={kick}&sound={kick}", []),
        "map": ("wide", "dark", f"/?show=map&like={talk}", ["ArrowDown"]),
        "duplicates": ("wide", "light", "/?show=duplicates", ["ArrowDown"]),
        "keys": ("wide", "light", "/", ["?"]),
        "library": ("wide", "light", "/", ["click .library-button"]),
        "lists": ("wide", "light", f"/?list={kept.list_id}", ["ArrowDown"]),
        "phone": ("phone", "light", f"/?like={pad}", ["ArrowDown"]),
    }
    chromium = os.environ.get("SOUNDKIN_CHROMIUM") or shutil.which("chromium")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=FLAGS)
        for name, (size, scheme, address, acts) in views.items():
            width, height = SIZES[size]
            page = browser.new_page(
                viewport={"width": width, "height": height}, color_scheme=scheme, bypass_csp=True
            )
            page.route(PATHS, lambda route: neutral(route, folder))
            take(page, base + address, acts, PICTURES / f"page-{name}.png")
            page.unroute_all(behavior="ignoreErrors")
            page.close()
        browser.close()


def take(page: Page, address: str, acts: list[str], path: Path) -> None:
    """Open an address, do what is to be done first, and take one picture when all is drawn."""
    page.goto(address)
    page.wait_for_function(DRAWN)
    for act in acts:
        if act.startswith("click "):
            page.locator(act.removeprefix("click ")).click()
            page.wait_for_selector("dialog[open]")
        else:
            page.keyboard.press(act)
        if act == "ArrowDown":
            page.wait_for_function(
                "() => soundkin.inspect().selected ?? soundkin.inspect().duplicate"
            )
    page.wait_for_timeout(700)
    page.wait_for_function(DRAWN)
    page.screenshot(path=path)
    size = path.stat().st_size
    if size > MOST_BYTES:
        raise SystemExit(f"{path.name} has {size} bytes, more than {MOST_BYTES}")
    print(f"{path.name}: {size} bytes")  # noqa: T201 - the script's own word


if __name__ == "__main__":
    main()

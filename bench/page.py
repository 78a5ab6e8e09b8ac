"""How fast the page is in a real browser, from the address to the first screen, from a key to sound.

    python bench/page.py [--segments 4500 1000000] [--here FOLDER] [--minutes 10] [--pictures FOLDER]

A synthetic library (bench/search.py: clustered vectors, three segments a sound) with two spaces is made and
tuned as `soundkin index` tunes one, with real sound behind its first rows and a map whose places are drawn
by lot, not laid out. It is served by a process of its own; Chromium (or SOUNDKIN_CHROMIUM) draws WebGL in
software. `--here` keeps what was made for the next run; `--pictures` takes every view, light and dark, wide
and narrow. At 4,500 segments half a minute; at a million some two minutes, and some four more to make the
library. After `--minutes` it gives up; what was measured by then is written.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import soundfile
from playwright.sync_api import Browser, Page, sync_playwright
from results import machine, table, write_section
from search import PER_SOUND, clustered, write_batch

from soundkin import Library, atlas, load_space
from soundkin.library.store import SCHEMAS, Store
from soundkin.serve import run

SPACES = ("mfcc", "sound")
BATCH = 20_000
HEARD = 60
RATE_HZ = 44_100
FLAGS = ["--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
POINTS = (4_500, 200_000, 1_000_000)
FIRST = """(() => {
    const look = () => {
        const name = document.querySelector('.row .name')?.textContent ?? '…';
        if (name === '…' || name === '') requestAnimationFrame(look);
        else window.firstMs = performance.now();
    };
    requestAnimationFrame(look);
})()"""
"""Notes when the first row bears its name, in ms since the address was asked for."""

SOON = """const soon = (come) => new Promise((then) => {
    const channel = new MessageChannel();
    const end = performance.now() + 8000;
    channel.port1.onmessage = () => come() || performance.now() > end ? then() : channel.port2.postMessage(0);
    channel.port2.postMessage(0);
});"""

KEY = f"""async () => {{
    {SOON}
    const press = (key) => document.body.dispatchEvent(new KeyboardEvent('keydown', {{ key, bubbles: true }}));
    press('Escape');
    await soon(() => soundkin.inspect().output.rms < 1e-4);
    await new Promise((then) => setTimeout(then, 300));  // its neighbours are fetched meanwhile
    const begun = performance.now();
    press('ArrowDown');
    await soon(() => soundkin.inspect().output.rms > 1e-3);
    return performance.now() - begun;
}}"""
"""From a key press to the first samples at the output, in ms."""

SLIDE = """async (value) => {
    const slider = document.querySelector('.mixer .fader:nth-child(2) input');
    const root = document.querySelector('.results');
    const found = new Promise((then, fail) => {
        setTimeout(() => fail(new Error('no other list within 20 s')), 20_000);
        let asked = false;
        new MutationObserver((_, watch) => {
            const busy = root.getAttribute('aria-busy') === 'true';
            if (asked && !busy) watch.disconnect(), then(performance.now());
            asked ||= busy;
        }).observe(root, { attributeFilter: ['aria-busy'] });
    });
    const begun = performance.now();
    slider.value = String(value);
    slider.dispatchEvent(new Event('input', { bubbles: true }));
    return (await found) - begun;
}"""
"""From a moved slider to other rows in the document, in ms."""

FRAMES = """() => {
    window.frameMs = [];
    let last = performance.now();
    const step = (now) => {
        window.frameMs.push(now - last);
        last = now;
        if (!window.framesEnd) requestAnimationFrame(step);
    };
    window.framesEnd = false;
    requestAnimationFrame(step);
}"""


def make(path: Path, n: int) -> None:
    """Make a library of n segments in two spaces, tuned."""
    spaces = [load_space(name) for name in SPACES]
    rng = np.random.default_rng(0)
    n -= n % PER_SOUND
    X, *others = (clustered(n, space.dim, rng) for space in spaces)
    store = Store.open(path / "library")
    row = {"root_id": "bench", "path": os.fsencode(path / "sounds"), "label": "", "added_at": None}
    store.upsert("roots", pa.Table.from_pylist([row], schema=SCHEMAS["roots"]))
    for low in range(0, n // PER_SOUND, BATCH):
        rows = slice(low * PER_SOUND, min((low + BATCH) * PER_SOUND, n))
        also = {space.id: Y[rows] for space, Y in zip(spaces[1:], others, strict=True)}
        write_batch(store, X[rows], spaces[0].id, first=low, number=low + 1, also=also)
    with Library.open(path / "library") as library:
        for space in SPACES:
            library.tune(space=space)


def lay_sounds(path: Path) -> None:
    """Put a sound behind each of a library's first rows that has none yet."""
    seconds = np.arange(2 * RATE_HZ) / RATE_HZ
    with Library.open(path / "library") as library:
        for number, sound in enumerate(library.sounds(limit=HEARD)[0]):
            place = Path(sound.path)
            if not place.exists():
                place.parent.mkdir(parents=True, exist_ok=True)
                wave = 0.3 * np.sin(2 * np.pi * (200 + 20 * number) * seconds)
                soundfile.write(place, wave.astype(np.float32), RATE_HZ)


def draw_map(path: Path, n: int) -> int:
    """Write a map of n segments whose places are drawn by lot around some centres; return how many."""
    rng = np.random.default_rng(1)
    with Library.open(path / "library") as library:
        look = library.look()
        rows, total = atlas._drawn(look, n)  # private: making a map of a million takes half an hour
        centres = rng.normal(size=(200, 2))
        places = centres[rng.integers(0, 200, len(rows))] + 0.05 * rng.normal(size=(len(rows), 2))
        made = atlas._atlas(look, rows, places.astype(np.float32), total, 0)
        atlas._save(library, made)
    return len(rows)


def ask(base: str, page: Page, sounds: list[str]) -> dict[str, list[float]]:
    """Measure everything but the map, in ms; sounds: what is asked with."""
    found: dict[str, list[float]] = {"first meaningful screen": []}
    page.add_init_script(FIRST)
    for _ in range(5):
        page.goto(base)
        page.wait_for_function("() => window.firstMs")
        found["first meaningful screen"].append(page.evaluate("window.firstMs"))
    page.keyboard.press("ArrowDown")
    page.wait_for_timeout(1500)
    found["key to sound"] = [page.evaluate(KEY) for _ in range(15)]
    assert max(found["key to sound"]) < 8000, "a key gave no sound"
    page.keyboard.press("Escape")
    found["slider to a new list, the first of a query"] = []
    for sound in sounds:
        page.goto(f"{base}?like={sound}")
        page.wait_for_function("() => soundkin.inspect().count > 0")
        page.wait_for_function("() => !document.querySelector('.mixer').hidden")
        page.wait_for_timeout(500)
        found["slider to a new list, the first of a query"].append(page.evaluate(SLIDE, 0.5))
    for _ in range(2):
        page.evaluate(SLIDE, 0.0)
        page.evaluate(SLIDE, 0.6)
    found["slider to a new list"] = [
        page.evaluate(SLIDE, value) for value in (0.3, 0.6, 0.9, 0.2, 0.7, 0.4, 0.8, 0.1, 1, 0.5)
    ]
    return found


def move_map(base: str, page: Page, points: int) -> dict[str, list[float]]:
    """Open the map, pan and zoom it for some seconds; return what took how long, in ms."""
    page.goto(f"{base}?show=map")
    page.wait_for_function(f"() => soundkin.inspect().map.points === {points}", polling=20)
    shown = page.evaluate("performance.now()")
    page.wait_for_timeout(1500)
    box = page.locator(".surface").bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.evaluate(FRAMES)
    page.mouse.down()
    for step in range(60):
        page.mouse.move(x + 2 * (step % 30), y + step)
    page.mouse.up()
    for step in range(40):
        page.mouse.wheel(0, -60 if step < 20 else 60)
    frames = page.evaluate("() => { window.framesEnd = true; return window.frameMs; }")
    return {"from the address to its points": [shown], "a frame, panned and zoomed": frames[1:]}


def serve(library: Path) -> None:
    """Serve a library on a free port; print its address (what `soundkin serve` does)."""
    with Library.open(library) as opened:
        run(opened, port=0, on_ready=lambda base: print(base, flush=True))


def take_pictures(browser: Browser, base: str, first_sound: str, folder: Path) -> None:
    """Take the views of a library as they are seen, light and dark, wide and narrow."""
    folder.mkdir(parents=True, exist_ok=True)
    for scheme in ("light", "dark"):
        for size, width, height in (("wide", 1280, 800), ("narrow", 390, 780)):
            shape = {"width": width, "height": height}
            page = browser.new_page(viewport=shape, color_scheme=scheme)
            for name, address in (
                ("list", ""),
                ("search", f"?like={first_sound}"),
                ("sound", f"?sound={first_sound}"),
                ("map", f"?show=map&like={first_sound}"),
            ):
                page.goto(base + address)
                page.wait_for_timeout(4000)
                page.screenshot(path=folder / f"{name}-{scheme}-{size}.png")
            page.close()


def measure(n: int, path: Path, pictures: Path | None = None) -> None:
    """Measure one size and write its section."""
    begun = time.perf_counter()
    if not (path / "library/soundkin.json").exists():
        make(path, n)
    lay_sounds(path)
    made_s = time.perf_counter() - begun
    with Library.open(path / "library", create=False) as library:
        sounds = [sound.sound_id for sound in library.sounds(limit=6)[0]]
        n_sounds, n_segments = library.info().sounds, library.info().segments
    rows: list[list[object]] = []
    try:
        with sync_playwright() as driver:
            chromium = os.environ.get("SOUNDKIN_CHROMIUM") or shutil.which("chromium")
            browser = driver.chromium.launch(executable_path=chromium, args=FLAGS)
            sizes = [p for p in POINTS if p <= n] or [n]
            for size in sizes:
                points = draw_map(path, size)
                with served(path) as base:
                    page = browser.new_page(
                        viewport={"width": 1280, "height": 800}, bypass_csp=True
                    )
                    page.set_default_timeout(120_000)
                    if size == sizes[0]:
                        rows += [row_of(*one) for one in ask(base, page, sounds).items()]
                    for what, times in move_map(base, page, points).items():
                        rows.append(row_of(f"map of {points:,} points: {what}", times))
                    page.close()
                    if pictures and size == sizes[-1]:
                        take_pictures(browser, base, sounds[0], pictures / str(n))
            browser.close()
    finally:
        if rows:
            write_section(
                f"Page, {n:,} segments",
                f"`python bench/page.py --segments {n}`: {machine(len(os.sched_getaffinity(0)))} "
                f"Load before: {LOAD:.1f}. Chromium with WebGL in software, 1280 by 800, server and "
                f"browser on the same cores; {n_sounds:,} sounds, {n_segments:,} segments, two spaces; "
                f"the library was made in {made_s:.0f} s. Asked for: first screen under 1000 ms, key to "
                "sound under 60, slider under 150, no frame of the map at 200,000 points over 50.\n\n"
                + table(["what", "median ms", "longest ms", "times"], rows),
            )


def row_of(name: str, times: list[float]) -> list[object]:
    """Return a line of the table."""
    return [name, f"{statistics.median(times):.0f}", f"{max(times):.0f}", len(times)]


@contextlib.contextmanager
def served(path: Path) -> Iterator[str]:
    """Serve a library from a process of its own; gives its address once it answers."""
    command = [sys.executable, __file__, "--serve", str(path / "library")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield server.stdout.readline().strip()
        finally:
            server.terminate()


LOAD = os.getloadavg()[2]


def main() -> None:
    """Measure, print and write the sections."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--segments", type=int, nargs="+", default=[4_500, 1_000_000])
    parser.add_argument("--here", type=Path, help="where libraries are kept between runs")
    parser.add_argument("--minutes", type=float, default=10.0, help="give up after so many")
    parser.add_argument("--pictures", type=Path, help="take pictures of every view")
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    how = parser.parse_args()
    if how.serve:
        serve(how.serve)
        return
    signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, 60 * how.minutes)
    for n in how.segments:
        if how.here:
            measure(n, how.here / str(n), how.pictures)
        else:
            with tempfile.TemporaryDirectory() as folder:
                measure(n, Path(folder), how.pictures)


def give_up(*_: object) -> None:
    """End the run: what was measured is written."""
    raise SystemExit("the time is over: see --minutes")


if __name__ == "__main__":
    main()

"""The papers' studies: run what is to do of each, then put their pages into the docs.

    python bench/studies.py --folder FOLDER [--only locality cochlea] [--pages]

Reads labelled sets from SOUNDKIN_DATA. FOLDER keeps a run of `soundkin reproduce` for each study; what was
done there stays, so the command goes on where it was stopped. Every cell has five minutes of one core,
whatever else the machine does: some six hours in all on one core, half of that with two studies at a time.
`--pages` runs nothing. Writes docs/studies/NAME/ (the tables and pictures of whatever cells are done) and
the section of RESULTS.md with what each study was made for.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import sys
from pathlib import Path

from results import machine, write_section

DOCS = Path(__file__).parents[1] / "docs" / "studies"
NAMES = ("doppelganger", "locality", "autodecompose", "cochlea")
CPU_MINUTES = 5.0
TOLD = {
    "doppelganger": ("Synthetic against real sound", "By delta", "By patch"),
    "locality": ("Against no augmentation",),
    "autodecompose": ("Speakers told", "The wrong encoder"),
    "cochlea": ("Against all deformations",),
}
"""Beginnings of the headings of what each study was made for."""


def run(name: str, folder: Path) -> None:
    """Run what is to do of a study."""
    from soundkin.reproduce.run import reproduce

    place = _place(name, folder)
    reproduce(name, place, on_cell=lambda cell, state: print(name, cell, len(state.todo), "to do"))


def page(name: str, folder: Path) -> str | None:
    """A study's page into the docs; of it, what the study was made for. None: nothing is done."""
    from soundkin.reproduce.run import write_page

    if not (folder / name / "cells").is_dir():
        return None
    made = write_page(name, _place(name, folder))
    out = DOCS / name
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    text = made.read_text(encoding="utf-8")
    for file in (made, *(one for one in made.parent.glob("*.svg") if f"({one.name})" in text)):
        shutil.copy(file, out / file.name)
    title, body = re.match(r"# (.*?)\n\n(.*)", text, re.DOTALL).groups()  # type: ignore[union-attr]
    parts = re.split(r"^## ", body, flags=re.MULTILINE)
    about = parts[0].split("\n\n")[0]
    told = [
        f"**{part}".replace("\n", "**\n", 1).strip()
        for head in TOLD[name]
        for part in parts[1:]
        if part.startswith(head)
    ]
    link = f"[All tables and pictures](../docs/studies/{name}/table.md)."
    return "\n\n".join([f"### {title}", f"{about} {link}", *told])


def _place(name: str, folder: Path):
    """Where the run of a study stands."""
    from soundkin.reproduce.run import place_for

    data = os.environ.get("SOUNDKIN_DATA") or sys.exit("SOUNDKIN_DATA names no folder of sets")
    return place_for(
        name, out=folder / name, data=data, cpu_minutes=CPU_MINUTES,
        tell=lambda text: print(text, file=sys.stderr),
    )  # fmt: skip


def main() -> None:
    """Run, then write the pages and the section."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--only", nargs="+", choices=NAMES, default=list(NAMES))
    parser.add_argument("--pages", action="store_true", help="write what is done, run nothing")
    given = parser.parse_args()
    if not given.pages:
        for name in given.only:
            run(name, given.folder)
    found = [text for name in NAMES if (text := page(name, given.folder))]
    about = (
        "`soundkin reproduce`: the papers' own questions at the size that a laptop allows. Every trained cell "
        f"has {CPU_MINUTES:g} CPU-minutes. The papers' figures stand beside ours on the pages."
    )
    write_section("The papers' studies", "\n\n".join([machine(os.cpu_count() or 1), about, *found]))


if __name__ == "__main__":
    main()

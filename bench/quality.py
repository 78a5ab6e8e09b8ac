"""Is a space any good? `SOUNDKIN_DATA=... python bench/quality.py [SPACE ...] [--untrained RECIPE]`

1-NN, mAP and a linear probe of spaces, by name or .json file (default: all that are shipped), on the
development sets by the protocol of `soundkin.evaluate.table`; mfcc always stands beside them, and with
--untrained a recipe's network as it begins, exported in the same way: what training added. The last
column is the difference to mfcc in 1-NN and mAP on the same clips, bold where its interval lies above
0. Vectors are remembered in a temporary folder of this run only. Writes its section of RESULTS.md.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

from results import machine, table, write_section

from soundkin.evaluate.datasets import read_datasets, with_tasks
from soundkin.evaluate.intervals import Interval
from soundkin.evaluate.table import Gap, Line, Table, evaluate
from soundkin.shelf import SHIPPED
from soundkin.space import load_space

TASKS = {
    "esc10": ["label:fold"],
    "sonicpi": ["label"],
    "mridangam": ["stroke"],
    "fsdd": ["digit:speaker", "speaker:digit"],
    "speechocean": ["speaker"],
}


def main(names: list[str], untrained: list[str], sets: list[str], heading: str) -> None:
    folder = Path(os.environ["SOUNDKIN_DATA"])
    found = [one for one in read_datasets(folder) if one.name in sets]
    clips = [with_tasks(one, TASKS[one.name]) for one in found]
    with tempfile.TemporaryDirectory() as kept:
        begun = [str(as_begun(recipe, Path(kept))) for recipe in untrained]
        shipped = sorted(path.stem for path in SHIPPED.glob("*.json"))
        chosen = ["mfcc", *(names or [name for name in shipped if name != "mfcc"]), *begun]
        spaces = list({name: load_space(name) for name in dict.fromkeys(chosen)}.values())
        measured = evaluate(clips, spaces, cache=Path(kept) / "cache", jobs=os.cpu_count())
        gaps = evaluate_gaps(measured)
    body = [machine(os.cpu_count() or 1), "", (__doc__ or "").split("\n\n")[1], ""]
    body.append(table(HEAD, [cells(line, gaps) for line in measured.lines]))
    write_section(heading, "\n".join(body))


HEAD = ["set, label", "clips / classes", "space", "1-NN", "mAP", "linear", "1-NN, mAP against mfcc"]


def as_begun(recipe: str, folder: Path) -> Path:
    """The space of a recipe that was not trained at all: its settings file."""
    import torch

    from soundkin.recipe.assemble import build_model
    from soundkin.recipe.export import export_space
    from soundkin.recipe.load import load_recipe
    from soundkin.recipe.views import draw_views

    chosen = load_recipe(recipe, ["run.batch=64"])
    torch.manual_seed(chosen.run.seed)
    heard = draw_views(chosen, None, torch.Generator().manual_seed(1)).a
    return export_space(build_model(chosen), folder / f"{recipe}-untrained.json", windows=heard)


def evaluate_gaps(measured: Table) -> dict[tuple[str, str, str], Gap]:
    """What there is of differences to mfcc, by set, label and space."""
    return {(g.set, g.label, g.subject): g for g in measured.gaps if g.baseline == "mfcc"}


def cells(line: Line, gaps: dict[tuple[str, str, str], Gap]) -> list[object]:
    """One row of the table."""
    gap = gaps.get((line.set, line.label, line.subject))
    against = ", ".join(signed(one) for one in (gap.first, gap.precision)) if gap else ""
    about = f"{line.set}, {line.label} ({line.group} apart)"
    values = [f"{one.value:.3f}" for one in (line.first, line.precision, line.linear)]
    return [about, f"{line.clips} / {line.classes}", line.subject, *values, against]


def signed(gap: Interval) -> str:
    """A difference with its interval, bold when it lies above 0."""
    text = f"{gap.value:+.3f} ({gap.low:+.3f} to {gap.high:+.3f})"
    return f"**{text}**" if gap.low > 0 else text


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("spaces", nargs="*")
    parser.add_argument("--untrained", action="append", default=[])
    parser.add_argument("--sets", nargs="*", default=list(TASKS))
    parser.add_argument("--heading", default="Quality of the spaces")
    given = parser.parse_args()
    main(given.spaces, given.untrained, given.sets, given.heading)

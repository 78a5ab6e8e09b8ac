"""Which index when: ours and the peers on PyPI, at equal recall, on the same vectors.

    SOUNDKIN_DATA=... python bench/index.py                  all of it: half an hour on two cores
    python bench/index.py --only growth reopening            parts of it, the others stay
    python bench/index.py --sizes 20000 --dry                a small run that writes nothing

Parts: tables, growth, selections, reopening, compiling, trees, tree. Each is written into its
section of RESULTS.md as soon as it is there. Vectors are made once and kept in `--folder`; making
the real ones, from the sounds in SOUNDKIN_DATA, takes minutes, which are counted apart.

The peers are no dependencies of Soundkin:
`pip install annoy faiss-cpu hnswlib voyager usearch pynndescent` (into the environment that runs
this, or into another with NumPy and Numba, named by `--peer-python`). One that is not installed is
named and left out; so is one that takes longer than `--limit` seconds, the slow builders above
200,000 vectors, and whichever peer comes after 60 % of `--minutes`; those that matter most come first. Each runs in a process of its own (peak memory, and libraries that do not bear each
other). Recall@10 is counted by distance, as ann-benchmarks does. It is built with all cores;
"single" asks one query a call with one thread, "batch" all in one call with one thread, "shared"
the same with all cores.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import index_parts
from index_data import prepare
from index_peers import FIRST, PEERS, SLOW, SLOW_ABOVE
from index_plot import draw
from index_run import run
from index_selections import selections
from results import machine, table, write_section

FLOORS = (0.90, 0.95, 0.97)
NAMES = ("tables", "growth", "selections", "reopening", "compiling", "trees", "tree")
SUMMARY = (
    "Queries/s at the cheapest effort of at least that recall@10: single / batch / shared (one query a call "
    "and one thread; all in one call and one thread; all in one call and all cores), in brackets recall and "
    "effort (ann: ef along the graph, n_probe through the lists; peers: their own number). Build s: wall clock "
    "with all cores (CPU seconds). Peak MB: beyond the vectors themselves."
)


def row(result: dict) -> list[object]:
    """One row of the table."""
    build = f"{result['build_s']:.1f} ({result['build_cpu_s']:.1f})"
    cells: list[object] = [result["peer"], build]
    cells += [f"{result['size_mb']:.0f}", f"{result['peak_mb']:.0f}"]
    for floor in FLOORS:
        best = fastest(result, floor, "batch")
        if best is None:
            cells.append("-")
            continue
        shared = f"{best['shared']:,.0f}" if best["shared"] else "-"
        speeds = f"{best['single']:,.0f} / {best['batch']:,.0f} / {shared}"
        effort = f", {best['effort']}" if best["effort"] not in ("", "0") else ""
        cells.append(f"{speeds} ({best['recall']:.3f}{effort})")
    return cells


def fastest(result: dict, floor: float, how: str) -> dict | None:
    """The effort that reaches the floor with the most queries a second."""
    good = [row for row in result["rows"] if row["recall"] >= floor]
    return max(good, key=lambda row: row[how]) if good else None


def against(results: list[dict], ours: str, peers: tuple[str, ...], what: str) -> str:
    """How our index stands beside the fastest of its peers, at each floor."""
    own = next((r for r in results if r["peer"] == ours), None)
    others = [r for r in results if r["peer"].startswith(peers)]
    said = []
    for floor in FLOORS:
        for how in ("single", "batch"):
            best = own and fastest(own, floor, how)
            rivals = [(found[how], r["peer"]) for r in others if (found := fastest(r, floor, how))]
            if best and rivals:
                speed, name = max(rivals)
                said.append(f"{best[how] / speed:.2f}x at {floor:.2f} {how} ({name})")
    return f"{ours} against {what}: " + ("; ".join(said) or "nothing to compare") + "."


def tabled(
    kind: str, n: int, given: argparse.Namespace, turn: list[str], results: list[dict]
) -> str:
    """Some indexes on one set of vectors, added to the results; the text with all that are there."""
    started = time.perf_counter()
    home = prepare(kind, n, given.folder)
    made_s = time.perf_counter() - started
    wanted = [p for p in PEERS if given.peers is None or p.startswith(tuple(given.peers))]
    slow = [name for name in wanted if n > SLOW_ABOVE and name in SLOW]
    for name in slow:
        print(f"{name}: left out above {SLOW_ABOVE:,} vectors", flush=True)
    late = []
    for name in (name for name in wanted if name in turn):
        if time.perf_counter() > given.tables_until:
            print(f"{name}: left out, the tables' time is over", flush=True)
            late.append(name)
            continue
        python = sys.executable if name.split(",")[0] in OURS else given.peer_python
        if name not in slow and (result := run(name, home, given.cores, python, given.limit)):
            results.append(result)
    results.sort(key=lambda result: list(PEERS).index(result["peer"]))
    columns = ["index", "build s", "file MB", "peak MB", *(f"recall >= {f:.2f}" for f in FLOORS)]
    parts = [f"**{kind}, {n:,} vectors**", table(columns, [row(r) for r in results])]
    parts.append(
        " ".join(
            [
                against(
                    results, "exact", ("faiss flat", "faiss SQ8", "usearch exact"), "exact search"
                ),
                against(
                    results,
                    "ann",
                    ("faiss I", "faiss H", "hnsw", "voy", "use", "pynn", "annoy"),
                    "all",
                ),
                against(results, "forest", ("annoy",), "Annoy"),
            ]
        )
    )
    if slow:
        parts.append(f"Too slow to be built or asked at this size: {', '.join(slow)}.")
    if late:
        parts.append(f"Left out, for the time was over: {', '.join(late)}.")
    if made_s > 1:
        print(f"{kind}, {n:,}: vectors made in {made_s:.0f} s", flush=True)
    if not given.dry:
        picture = draw(results, f"{kind}, {n:,} vectors", f"index-{kind}-{n}")
        parts.append(f"![queries a second against recall](pictures/{picture})")
    return "\n\n".join(parts)


OURS = ("exact", "ann", "forest")


def main() -> None:
    """Run what is asked for, and write each part when it is there."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=NAMES, default=list(NAMES))
    parser.add_argument(
        "--data", nargs="+", choices=("clustered", "real"), default=["clustered", "real"]
    )
    parser.add_argument(
        "--sizes",
        type=int,
        nargs="+",
        default=None,
        help="default 200,000, and 1,000,000 clustered",
    )
    parser.add_argument("--peers", nargs="+", default=None, help="beginnings of names; default all")
    parser.add_argument(
        "--peer-python", default=sys.executable, help="interpreter that has the peers"
    )
    parser.add_argument("--limit", type=float, default=300, help="seconds that one index may take")
    parser.add_argument("--cores", type=int, default=os.cpu_count() or 1)
    parser.add_argument(
        "--folder", type=Path, default=Path(tempfile.gettempdir()) / "soundkin-bench"
    )
    parser.add_argument("--note", default="", help="a sentence for the head of the section")
    parser.add_argument("--dry", action="store_true", help="print, do not write")
    parser.add_argument(
        "--minutes", type=float, default=35, help="the tables take no peer after 60 %% of it"
    )
    given = parser.parse_args()
    given.tables_until = time.perf_counter() + 36 * given.minutes
    if "real" in given.data and "SOUNDKIN_DATA" not in os.environ:
        print("real vectors are left out: set SOUNDKIN_DATA to a folder of sounds", flush=True)
        given.data.remove("real")
    given.folder.mkdir(parents=True, exist_ok=True)
    index_parts.DRY = given.dry
    sizes = given.sizes or [200_000]
    sets = [(kind, n) for n in sizes for kind in given.data]
    if given.sizes is None and "clustered" in given.data:
        sets.append(("clustered", 1_000_000))
    kept = given.folder / "parts.json"
    whole = set(given.only) == set(NAMES)
    parts: dict[str, str] = {}
    if kept.exists() and not whole:
        parts = json.loads(kept.read_text(encoding="utf-8"))
    head = f"`python bench/index.py`: {machine(given.cores)} {given.note}".strip()

    def keep(name: str, text: str) -> None:
        parts[name] = text
        if given.dry:
            print(text, flush=True)
            return
        kept.write_text(json.dumps(parts), encoding="utf-8")
        write_section("Indexes", "\n\n".join([head, SUMMARY, *parts.values()]))

    largest = max(n for _, n in sets)
    home_of_trees = ("real" if "real" in given.data else "clustered", sizes[0])
    results: dict[tuple[str, int], list[dict]] = {}
    steps = {
        "growth": lambda: index_parts.growth(given.folder, grown(largest)),
        "selections": lambda: selections(given.folder, sets, given.peer_python),
        "reopening": lambda: index_parts.reopening(given.folder, largest),
        "compiling": index_parts.compiling,
        "trees": lambda: index_parts.accuracy(
            given.folder, *home_of_trees, results.get(home_of_trees, []), given
        ),
        "tree": lambda: index_parts.one_tree(given.folder, *home_of_trees),
    }
    begun = time.perf_counter()
    if "tables" in given.only:
        for turn in (list(FIRST), [name for name in PEERS if name not in FIRST]):
            for kind, n in sets:
                mine = results.setdefault((kind, n), [])
                keep(f"table-{kind}-{n}", tabled(kind, n, given, turn, mine))
    for name in (name for name in NAMES[1:] if name in given.only):
        started = time.perf_counter()
        keep(name, steps[name]())
        print(f"{name}: {time.perf_counter() - started:.0f} s", flush=True)
    print(f"in all {(time.perf_counter() - begun) / 60:.1f} minutes", flush=True)


def grown(largest: int) -> tuple[int, ...]:
    """The sizes of the growth: three doublings up to the largest."""
    return tuple(largest // 2**power for power in (3, 2, 1, 0))


if __name__ == "__main__":
    main()

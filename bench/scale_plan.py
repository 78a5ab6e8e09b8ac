"""The tables of docs/scale.md: what libraries far beyond this machine take, by constants that were measured.

`bench/scale.py` measures them and writes them into RESULTS.md; from there they are read back, so that the
page says what was measured last and nothing else; tests/bucket/test_docs_scale.py sees to it.
"""

from __future__ import annotations

import re
from pathlib import Path

from results import RESULTS, table

DOC = Path(__file__).parents[1] / "docs" / "scale.md"
DIM, PER_SOUND = 128, 10
GRID_S, HEARD_X = 0.5, 500.0
"""Seconds of sound a segment; of sound a second that a core hears of FLAC (`bench/ingest.py`)."""
HEAR_S = GRID_S / HEARD_X
"""Seconds of a core to hear one segment."""
GB_MONTH, REQUEST_S, BYTES_S, AT_ONCE = 0.023, 0.03, 200e6, 64
"""Taken, not measured: dollars for a GB a month, the way to a bucket and back, what comes through, and how
many requests Lance has under way."""
CORE_HOUR, MILLION_READS, MILLION_LISTS = 0.04, 0.4, 5.0
"""Taken, not measured: dollars for an hour of a core, for so many reads, for so many lists or writes."""
PROBES, REFINED = 32, 400
"""Lists opened and rows measured again by the query whose requests and bytes are counted."""
EFFORT = 4
"""How many times more a query opens and measures that finds .95 among 10^6 of the vectors of `scale.py`."""


def rounded(x: float) -> str:
    """Two digits of a number, in words where it is large.

    >>> rounded(138.9), rounded(1388.9), rounded(1.39e6), rounded(0.0179)
    ('140', '1,400', '1.4 million', '0.018')
    """
    if x >= 1e6:
        return f"{float(f'{x / 1e6:.2g}'):,g} million"
    return f"{float(f'{x:.2g}'):,g}"


def four(x: float) -> str:
    """Four digits of a number."""
    return f"{float(f'{x:.4g}'):,g}"


def in_bytes(x: float) -> str:
    """Two digits of so many bytes.

    >>> in_bytes(7.26e11), in_bytes(1.2e6)
    ('730 GB', '1.2 MB')
    """
    unit, name = next(pair for pair in ((1e12, "TB"), (1e9, "GB"), (1e6, "MB")) if x >= pair[0])
    return f"{rounded(x / unit)} {name}"


NAMES = {
    "sound": "bytes of a sound, its outline for drawing included",
    "place": "bytes of a place where a sound lies",
    "segment": "bytes of a segment",
    "vector": f"bytes of its vector of {DIM} numbers",
    "index": "bytes of a segment in the store's own index",
    "memory": "bytes of memory a segment, vectors in memory",
    "in store": "bytes of memory a segment, vectors in the store",
    "write": "microseconds of the process that writes, a segment",
    "build": "microseconds to index a vector in the store, of a core",
    "open": "requests to open a library, beside the bytes of its tables",
    "look": "requests of a look that finds nothing new",
    "commit": "requests of a commit, whatever its size",
    "query": "requests of a query, vectors in the store",
    "row": "bytes that a query reads for a row measured again, what lies between two near ones among them",
}
"""What the formulas take, as RESULTS.md and docs/scale.md name it."""


def shown(c: dict[str, float]) -> str:
    """The constants as a table."""
    return table(["what", "measured"], [[what, four(c[name])] for name, what in NAMES.items()])


def read_back() -> dict[str, float]:
    """The constants of the last run, as they stand in RESULTS.md."""
    text = RESULTS.read_text(encoding="utf-8")
    [section] = re.findall(r"^## Scale\n.*?(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    rows = dict(re.findall(r"^\| (.+?) \| (\S+) \|$", section, re.MULTILINE))
    return {name: float(rows[what].replace(",", "")) for name, what in NAMES.items()}


def plan(c: dict[str, float]) -> str:
    """What libraries far beyond this machine take, by these constants."""
    a_sound = c["sound"] + c["place"]
    beside = c["segment"] + c["vector"] + c["index"]
    bucket = a_sound / PER_SOUND + beside
    hour, ways = HEAR_S / 3600, 1 + EFFORT * c["query"] / AT_ONCE
    lists = f"{EFFORT * PROBES} lists x sqrt(N) x {four(c['index'])} B"
    measured_again = f"{EFFORT * REFINED:,} x {four(c['row'])} B"
    rows: list[tuple[str, str, object]] = [
        ("hours of sound", f"N x {GRID_S:g} s", lambda n: rounded(n * GRID_S / 3600)),
        (
            "bucket, with the store's index",
            f"N x ({four(a_sound)} / {PER_SOUND} + {four(beside)}) B",
            lambda n: in_bytes(n * bucket),
        ),
        (
            "memory, vectors in it",
            f"N x {four(c['memory'])} B",
            lambda n: in_bytes(n * c["memory"]),
        ),
        (
            "memory, vectors in the store",
            f"N x {four(c['in store'])} B",
            lambda n: in_bytes(n * c["in store"]),
        ),
        (
            "core hours to hear it, `mfcc`, FLAC",
            f"N x {GRID_S:g} s / {HEARD_X:g}",
            lambda n: rounded(n * hour),
        ),
        (
            "hours of the process that writes",
            f"N x {four(c['write'])} us",
            lambda n: rounded(n * c["write"] / 3.6e9),
        ),
        (
            "core hours to index it in the store",
            f"N x {four(c['build'])} us, x sqrt(N / 10^7) above 10^7",
            lambda n: rounded(n * c["build"] / 3.6e9 * max(1.0, n / 1e7) ** 0.5),
        ),
        (
            "requests to hear one-shots",
            f"N / {PER_SOUND} reads",
            lambda n: rounded(n / PER_SOUND),
        ),
        (
            "read by a query, vectors in the store",
            f"{lists} + {measured_again}",
            lambda n: in_bytes(read_by_query(n, c)),
        ),
        (
            "its time from a bucket",
            f"(1 + {EFFORT} x {four(c['query'])} / {AT_ONCE}) x {1000 * REQUEST_S:g} ms, {BYTES_S / 1e6:g} MB/s",
            lambda n: f"{rounded(1000 * (ways * REQUEST_S + read_by_query(n, c) / BYTES_S))} ms",
        ),
        (
            "dollars a month for the bucket",
            f"{GB_MONTH:g} a GB",
            lambda n: rounded(n * bucket / 1e9 * GB_MONTH),
        ),
        (
            "dollars once, to hear it",
            f"{CORE_HOUR:g} a core hour, {MILLION_READS:g} a million reads",
            lambda n: rounded(n * hour * CORE_HOUR + n / PER_SOUND / 1e6 * MILLION_READS),
        ),
    ]
    sizes = {"10^6": 1e6, "10^8": 1e8, "10^9": 1e9, "10^10": 1e10}
    cells = [[what, how, *(of(n) for n in sizes.values())] for what, how, of in rows]  # type: ignore[operator]
    return table(["", "formula", *sizes], cells)


def read_by_query(n: float, c: dict[str, float]) -> float:
    """Bytes that one query of the store's index reads, where nothing of it is kept."""
    return EFFORT * (PROBES * n**0.5 * c["index"] + REFINED * c["row"])


def walls(c: dict[str, float]) -> str:
    """Where the first walls stand, by these constants."""
    a_day = 86_400 / 2 * c["look"]
    rows: list[list[object]] = [
        [
            f"segments that a server of {gb} GB holds, vectors {where}",
            rounded(gb * 1e9 / c[name]),
        ]
        for where, name in (("in memory", "memory"), ("in the store", "in store"))
        for gb in (32, 128)
    ]
    rows += [
        [
            "cores that one process which writes keeps busy",
            rounded(1e6 * HEAR_S / c["write"]),
        ],
        [
            "requests a day of a server that is asked all day, a look every two seconds",
            rounded(a_day),
        ],
        ["dollars for them", rounded(a_day / 1e6 * MILLION_LISTS)],
        [
            "dollars for a thousand queries, vectors in the store",
            rounded(EFFORT * c["query"] / 1e3 * MILLION_READS),
        ],
    ]
    return table(["", ""], rows)


def into_doc(text: str, c: dict[str, float]) -> str:
    """The text of docs/scale.md with its tables by these constants."""
    for name, made in (("constants", shown), ("plan", plan), ("walls", walls)):
        mark = rf"(<!-- {name}: bench/scale.py -->\n\n).*?(\n\n<!-- end -->)"
        text, n = re.subn(mark, lambda m, of=made: m[1] + of(c) + m[2], text, flags=re.DOTALL)
        assert n == 1, f"docs/scale.md has no place for {name}"
    return text

"""The pictures of `bench/index.py`, as SVG without a plotting library."""

from __future__ import annotations

import math
from html import escape
from pathlib import Path

PICTURES = Path(__file__).parent / "pictures"
WIDTH, HEIGHT, LEFT, TOP, BOTTOM, RIGHT = 860, 480, 70, 40, 50, 190
COLOURS = [
    "#c2185b",
    "#1565c0",
    "#2e7d32",
    "#ef6c00",
    "#6a1b9a",
    "#00838f",
    "#5d4037",
    "#455a64",
    "#9e9d24",
]


def draw(results: list[dict], title: str, name: str) -> str:
    """Queries/s in batches (logarithmic) against recall; the file's name."""
    curves = [
        (r["peer"], [(row["recall"], row["batch"]) for row in r["rows"]])
        for r in results
        if r["rows"]
    ]
    return chart(curves, title, "recall@10", "queries a second", name, low_x=0.5, high_x=1.0)


def chart(
    curves: list[tuple[str, list[tuple[float, float]]]],
    title: str,
    x_title: str,
    y_title: str,
    name: str,
    *,
    low_x: float,
    high_x: float,
) -> str:
    """Lines with dots over a logarithmic height, written to pictures/`name`.svg."""
    heights = [y for _, points in curves for x, y in points if low_x <= x <= high_x]
    low_y = 10 ** math.floor(math.log10(min(heights, default=1)))
    high_y = 10 ** math.ceil(math.log10(max(heights, default=10) * 1.01))

    def place(x: float, y: float) -> tuple[float, float]:
        across = (x - low_x) / (high_x - low_x)
        up = math.log(y / low_y) / math.log(high_y / low_y)
        return LEFT + across * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - up * (
            HEIGHT - TOP - BOTTOM
        )

    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
            'font-family="sans-serif" font-size="12">'
        ),
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        f'<text x="{LEFT}" y="22" font-size="15">{escape(title)}</text>',
        f'<text x="{LEFT}" y="{HEIGHT - 10}">{escape(x_title)}</text>',
        f'<text x="8" y="{TOP - 6}">{escape(y_title)}</text>',
    ]
    for i in range(6):
        value = low_x + i * (high_x - low_x) / 5
        x, y = place(value, low_y)
        parts.append(f'<text x="{x:.0f}" y="{y + 18:.0f}" text-anchor="middle">{value:.3g}</text>')
        parts.append(f'<line x1="{x:.0f}" x2="{x:.0f}" y1="{y:.0f}" y2="{TOP}" stroke="#ddd"/>')
    for power in range(round(math.log10(low_y)), round(math.log10(high_y)) + 1):
        x, y = place(low_x, 10.0**power)
        end = WIDTH - RIGHT
        parts.append(
            f'<text x="{x - 6:.0f}" y="{y + 4:.0f}" text-anchor="end">{10**power:,}</text>'
        )
        parts.append(f'<line x1="{x:.0f}" x2="{end}" y1="{y:.0f}" y2="{y:.0f}" stroke="#ddd"/>')
    for i, (label, points) in enumerate(curves):
        colour = COLOURS[i % len(COLOURS)]
        dash = ' stroke-dasharray="5 3"' if i >= len(COLOURS) else ""
        seen = [place(x, y) for x, y in sorted(points) if low_x <= x <= high_x]
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in seen)
        parts.append(
            f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>'
        )
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in seen]
        y = TOP + 18 * i
        parts.append(f'<circle cx="{WIDTH - RIGHT + 14}" cy="{y}" r="4" fill="{colour}"/>')
        parts.append(f'<text x="{WIDTH - RIGHT + 24}" y="{y + 4}">{escape(label)}</text>')
    PICTURES.mkdir(exist_ok=True)
    (PICTURES / f"{name}.svg").write_text("\n".join([*parts, "</svg>"]) + "\n", encoding="utf-8")
    return f"{name}.svg"

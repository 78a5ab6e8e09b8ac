"""The pictures of `bench/index.py`, as SVG without a plotting library."""

from __future__ import annotations

import math
from html import escape
from pathlib import Path

import numpy as np

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


def draw_tree(points: np.ndarray, leaf_size: int, name: str) -> str:
    """Points (n, 2) and the planes of one random tree over them, each plane within its node's cell."""
    rng = np.random.default_rng(3)
    low, high = points.min(axis=0), points.max(axis=0)
    frame = np.array([[low[0], low[1]], [high[0], low[1]], [high[0], high[1]], [low[0], high[1]]])
    span = high - low
    size = np.array([WIDTH - 40, HEIGHT - 40])
    parts, stack = [], [(np.arange(len(points)), frame, 0)]
    leaves = 0

    def placed(p: np.ndarray) -> np.ndarray:
        return 20 + (p - low) / span * size

    while stack:
        rows, cell, depth = stack.pop()
        sides = split(points[rows], rng) if len(rows) > leaf_size else None
        if sides is None:
            shade = f"hsl({leaves * 47 % 360},60%,{86 - leaves % 3 * 6}%)"
            corners = " ".join(f"{x:.1f},{y:.1f}" for x, y in placed(cell))
            parts.insert(0, f'<polygon points="{corners}" fill="{shade}"/>')
            leaves += 1
            continue
        normal, offset = sides
        below = points[rows] @ normal <= offset
        cut = crossings(cell, normal, offset)
        if len(cut) == 2:
            (x1, y1), (x2, y2) = placed(np.array(cut))
            width = max(0.6, 3.5 - 0.5 * depth)
            parts.append(
                f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="#333" '
                f'stroke-width="{width:.1f}"/>'
            )
        stack.append((rows[below], clipped(cell, normal, offset), depth + 1))
        stack.append((rows[~below], clipped(cell, -normal, -offset), depth + 1))
    dots = [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="1.2" fill="#222"/>' for x, y in placed(points)]
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}">'
    PICTURES.mkdir(exist_ok=True)
    text = "\n".join([head, *parts, *dots, "</svg>"]) + "\n"
    (PICTURES / f"{name}.svg").write_text(text, encoding="utf-8")
    return f"{name}.svg"


def split(points: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, float] | None:
    """A plane with a random direction through one of the points, neither side without any."""
    for _ in range(50):
        angle = rng.uniform(0, 2 * np.pi)
        normal = np.array([np.cos(angle), np.sin(angle)])
        along = points @ normal
        offset = float(along[rng.integers(len(points))])
        part = float((along <= offset).mean())
        if 0.1 < part < 0.9:
            return normal, offset
    return None


def crossings(cell: np.ndarray, normal: np.ndarray, offset: float) -> list[np.ndarray]:
    """Where a plane meets the border of a convex cell."""
    found = []
    for a, b in zip(cell, np.roll(cell, -1, axis=0), strict=True):
        at_a, at_b = a @ normal - offset, b @ normal - offset
        if at_a * at_b < 0:
            found.append(a + (b - a) * at_a / (at_a - at_b))
    return found


def clipped(cell: np.ndarray, normal: np.ndarray, offset: float) -> np.ndarray:
    """The part of a convex cell at or below a plane."""
    kept = []
    for a, b in zip(cell, np.roll(cell, -1, axis=0), strict=True):
        at_a, at_b = a @ normal - offset, b @ normal - offset
        if at_a <= 0:
            kept.append(a)
        if at_a * at_b < 0:
            kept.append(a + (b - a) * at_a / (at_a - at_b))
    return np.array(kept)


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

"""Pictures as SVG text, without a library: bars with intervals, lines, points.

Every function gives a whole ``<svg>`` that stands in a page or in a file of its own; colours tell
series apart and read in print and by the colour-blind (Okabe and Ito), names stand beside.
"""

from __future__ import annotations

import math
from html import escape
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from soundkin.evaluate.intervals import Interval

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8c6d31", "#555555")
INK, PALE = "#222", "#ddd"
LEFT, ROW, KEY = 190, 15, 18


def bars(
    rows: Mapping[str, Mapping[str, Interval]], *, title: str, most: float = 1.0, width: int = 640
) -> str:
    """Horizontal bars from 0 to `most`: row name -> series name -> value with its interval.

    Examples
    --------
    >>> from soundkin.evaluate.intervals import Interval
    >>> bars({"gain": {"mfcc": Interval(1, 0.9, 1)}}, title="Found again")[:4]
    '<svg'
    """
    names = list(dict.fromkeys(name for row in rows.values() for name in row))
    parts, y = [_text(0, 14, title, bold=True)], 30.0
    parts += _key(names, y)
    y += KEY * _key_rows(names)
    scale = (width - LEFT - 60) / most
    for tick in np.linspace(0, most, 5):
        parts.append(_line(LEFT + tick * scale, y, LEFT + tick * scale, y + 4 + _height(rows)))
        parts.append(_text(LEFT + tick * scale, y + 16 + _height(rows), f"{tick:g}", "middle"))
    y += 4
    for row, series in rows.items():
        parts.append(_text(LEFT - 8, y + ROW * len(series) / 2 + 4, row, "end"))
        for name, value in series.items():
            colour, long = COLOURS[names.index(name) % len(COLOURS)], value.value * scale
            parts.append(_rect(LEFT, y + 2, max(long, 0.5), ROW - 4, colour))
            ends = [LEFT + min(max(end, 0), most) * scale for end in (value.low, value.high)]
            parts.append(_line(ends[0], y + ROW / 2, ends[1], y + ROW / 2, INK))
            parts.append(_text(max(LEFT + long, ends[1]) + 5, y + 11, f"{value.value:.2f}"))
            y += ROW
        y += 6
    return _svg(parts, width, y + 24, title)


def lines(
    series: Mapping[str, tuple[npt.ArrayLike, Sequence[Interval]]],
    *,
    title: str,
    x_label: str,
    y_label: str,
    chance: float | None = None,
    width: int = 480,
    height: int = 300,
) -> str:
    """Curves with bands: name -> (x, values with intervals); x on a logarithmic axis.

    `chance`: a level that is drawn as a dashed line.
    """
    left, top = 46, 44 + KEY * _key_rows(list(series))
    bottom, right = height - 40, width - 12
    xs = np.concatenate([np.asarray(x, float) for x, _ in series.values()])
    tops = [value.high for _, values in series.values() for value in values]
    most = max([*tops, chance or 0.0]) * 1.05 or 1.0
    low, high = math.log(xs.min()), math.log(max(xs.max(), xs.min() * 1.01))

    def at(x: float, y: float) -> tuple[float, float]:
        share = (math.log(x) - low) / (high - low)
        return left + share * (right - left), bottom - y / most * (bottom - top)

    parts = [_text(0, 14, title, bold=True), *_key(list(series), 32)]
    for tick in _ticks(most):
        y = at(float(xs.min()), tick)[1]
        parts += [_line(left, y, right, y), _text(left - 6, y + 4, f"{tick:.3g}", "end")]
    parts += [_text(at(x, 0)[0], bottom + 15, f"{x:g}", "middle") for x in sorted(set(xs.tolist()))]
    parts.append(_text((left + right) / 2, bottom + 32, x_label, "middle"))
    parts.append(_text(0, top - 10, y_label))
    if chance is not None:
        y = at(float(xs.min()), chance)[1]
        parts.append(_line(left, y, right, y, INK, dash=True))
    for n, (x, values) in enumerate(series.values()):
        colour, points = COLOURS[n % len(COLOURS)], np.asarray(x, float).tolist()
        upper = [at(p, v.high) for p, v in zip(points, values, strict=True)]
        lower = [at(p, v.low) for p, v in zip(points, values, strict=True)]
        parts.append(f'<path d="{_path([*upper, *lower[::-1]])}Z" fill="{colour}" opacity="0.15"/>')
        middle = _path([at(p, v.value) for p, v in zip(points, values, strict=True)])
        parts.append(f'<path d="{middle}" fill="none" stroke="{colour}" stroke-width="2"/>')
    return _svg(parts, width, height, title)


def points(
    xy: npt.ArrayLike, labels: Sequence[str], *, title: str, size: int = 420, most: int = 7
) -> str:
    """Points (n, 2) coloured by label; beyond the `most` commonest labels all are grey."""
    place = np.asarray(xy, np.float64)
    names, counts = np.unique(np.asarray(labels), return_counts=True)
    shown = names[np.argsort(-counts, kind="stable")][:most].tolist()
    rest = ["other"] if len(names) > len(shown) else []
    parts = [_text(0, 14, title, bold=True), *_key([*shown, *rest], 32, last_grey=bool(rest))]
    top = 32 + KEY * _key_rows([*shown, *rest])
    low, span = place.min(axis=0), max(float(np.ptp(place, axis=0).max()), 1e-9)
    drawn = (place - low) / span * (size - 20) + 10
    order = np.argsort([label in shown for label in labels], kind="stable")
    for row in order:
        label = labels[row]
        colour = COLOURS[shown.index(label)] if label in shown else "#bbb"
        x, y = drawn[row]
        parts.append(
            f'<circle cx="{x:.1f}" cy="{top + y:.1f}" r="3" fill="{colour}" opacity="0.75">'
            f"<title>{escape(label)}</title></circle>"
        )
    return _svg(parts, max(size, 420), top + size, title)


def histogram(
    counts: npt.ArrayLike, *, title: str, x_label: str, width: int = 420, height: int = 190
) -> str:
    """How often each whole number 0, 1, 2, ... occurs among `counts` (n,), the tail in one bar."""
    x = np.asarray(counts, np.int64)
    last = max(12, int(np.quantile(x, 0.99)) + 1)
    share = np.bincount(np.minimum(x, last), minlength=last + 1) / max(1, len(x))
    left, bottom, top = 40.0, height - 40.0, 24.0
    step = (width - left - 10) / (last + 1)
    parts = [_text(0, 14, title, bold=True)]
    for value, part in enumerate(share):
        tall = part / share.max() * (bottom - top)
        parts.append(_rect(left + value * step, bottom - tall, step - 1, tall, COLOURS[0]))
    for value in np.unique(np.linspace(0, last, 7).round().astype(int)):
        name = f"{value}+" if value == last else str(value)
        parts.append(_text(left + (value + 0.5) * step, bottom + 14, name, "middle"))
    parts.append(_text(left - 5, top + 8, f"{share.max():.0%}", "end"))
    parts.append(_text((left + width) / 2, bottom + 31, x_label, "middle"))
    return _svg(parts, width, height, title)


def densities(
    series: Mapping[str, npt.ArrayLike],
    *,
    title: str,
    x_label: str,
    bounds: tuple[float, float] = (0.0, 2.0),
    width: int = 480,
    height: int = 240,
) -> str:
    """How values spread: name -> (n,), each as shares of 50 equal steps between the bounds, a curve."""
    left, right, bottom = 10.0, width - 12.0, height - 40.0
    top = 36.0 + KEY * _key_rows(list(series))
    edges = np.linspace(*bounds, 51)
    shares = {
        name: np.histogram(np.clip(values, *bounds), edges)[0] / max(1, np.size(values))
        for name, values in series.items()
    }
    most = max((float(share.max()) for share in shares.values()), default=0.0) or 1.0
    xs = left + (np.arange(50) + 0.5) / 50 * (right - left)
    parts = [_text(0, 14, title, bold=True), *_key(list(series), 32)]
    parts.append(_line(left, bottom, right, bottom, INK))
    for at in np.linspace(*bounds, 5):
        x = left + (at - bounds[0]) / (bounds[1] - bounds[0]) * (right - left)
        parts.append(_text(x, bottom + 15, f"{at:g}", "middle"))
    parts.append(_text((left + right) / 2, bottom + 32, x_label, "middle"))
    for n, share in enumerate(shares.values()):
        colour = COLOURS[n % len(COLOURS)]
        ys = bottom - share / most * (bottom - top)
        path = _path([(float(x), float(y)) for x, y in zip(xs, ys, strict=True)])
        parts.append(f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
    return _svg(parts, width, height, title)


def _ticks(most: float) -> list[float]:
    """Round numbers from 0 up to `most`, about five of them.

    Examples
    --------
    >>> _ticks(5.4), _ticks(0.9)
    ([0.0, 1.0, 2.0, 3.0, 4.0, 5.0], [0.0, 0.2, 0.4, 0.6, 0.8])
    """
    rough = most / 5
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(s * power for s in (1, 2, 5, 10) if s * power >= rough * 0.9)
    return [round(n * step, 12) for n in range(int(most / step) + 1)]


def _height(rows: Mapping[str, Mapping[str, Interval]]) -> float:
    return sum(ROW * len(series) + 6 for series in rows.values())


def _key_rows(names: Sequence[str]) -> int:
    return -(-len(names) // 3) if len(names) > 1 else 0


def _key(names: Sequence[str], y: float, *, last_grey: bool = False) -> list[str]:
    """The names of the series in three columns; nothing for one."""
    parts = []
    for n, name in enumerate(names if len(names) > 1 else []):
        colour = "#bbb" if last_grey and n == len(names) - 1 else COLOURS[n % len(COLOURS)]
        x, here = n % 3 * 140, y + n // 3 * KEY
        parts += [_rect(x, here - 9, 10, 10, colour), _text(x + 14, here, name[:20])]
    return parts


def _path(points_: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:.1f},{y:.1f}" for x, y in points_)


def _text(x: float, y: float, text: str, anchor: str = "start", *, bold: bool = False) -> str:
    weight = ' font-weight="bold"' if bold else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{weight}>{escape(text)}</text>'


def _line(
    x1: float, y1: float, x2: float, y2: float, colour: str = PALE, *, dash: bool = False
) -> str:
    dashed = ' stroke-dasharray="5 4"' if dash else ""
    ends = f'x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"'
    return f'<line {ends} stroke="{colour}"{dashed}/>'


def _rect(x: float, y: float, width: float, height: float, colour: str) -> str:
    box = f'x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{max(height, 0):.1f}"'
    return f'<rect {box} fill="{colour}"/>'


def _svg(parts: Sequence[str], width: float, height: float, title: str) -> str:
    size = f'width="{width:.0f}" height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}"'
    font = 'font-family="system-ui, sans-serif" font-size="12"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} {font} fill="{INK}" role="img">'
    return f"{head}<title>{escape(title)}</title>{''.join(parts)}</svg>"

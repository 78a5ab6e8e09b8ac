"""A graph in 8 bits -> the same numbers in fewer and cheaper operations.

The exporter writes down what torch does, operation by operation: masks are made from scratch in every
batch, means and maxima over time go along an axis of seven, and each length is taken several times.
Here the same weights, in the same 8 bits, stand in a graph written for ONNX Runtime: time is the image's
first axis, so that pooling over it goes along whole rows; masks and shares are looked up; the last frame
that a pooling of two leaves over is not convolved. What differs are roundings of 32-bit sums, and so now
and then a step of 8 bits.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from soundkin.encoder.convnet import POOLS
from soundkin.frontend.layers import FLOOR
from soundkin.recipe.nodes import Array, Exported, Written

if TYPE_CHECKING:
    from soundkin.recipe.settings import Recipe

_TERMS = ("weights", "bias")


def suits(recipe: Recipe) -> bool:
    """Whether a recipe's space is made as :func:`lean` knows it: relative frames, convnet, vector.

    Examples
    --------
    >>> from soundkin.recipe.load import load_recipe
    >>> suits(load_recipe("sound")), suits(load_recipe("cochlea"))
    (True, False)
    """
    encoder = recipe.encoder
    return (
        recipe.frontend.relative
        and not recipe.frontend.frames
        and encoder.kind == "convnet"
        and not encoder.dim
        and recipe.vector.dims > 0
    )


def lean(graph: bytes, recipe: Recipe) -> bytes:
    """The graph of a recipe's space in 8 bits, written anew; takes and gives what the graph does.

    `graph`: by :func:`soundkin.recipe.quantise.quantise`, of a recipe that :func:`suits`.
    Raises ValueError for a graph that is not the recipe's.
    """
    onnx = import_module("onnx")
    old = Exported(onnx, onnx.load_from_string(graph))
    taps = sorted(tap % len(recipe.encoder.widths) for tap in recipe.encoder.taps or (-1,))
    new = Written(onnx)
    masks = _Masks(new, old.frames)
    y = _relative(new, masks, centred=recipe.frontend.centred)
    parts = _features(new, masks, old, y, taps)
    columns = [_columns(part) for part in parts]
    embedding = _joined(new, [part.name for part in parts])
    if recipe.vector.statistics:
        embedding.append(_statistics(new, masks, y, recipe.vector.statistics))
        columns.append(np.arange(3 * old.bands))
    widths = [len(part) for part in columns]
    starts = np.cumsum([0, *widths[:-1]])
    order = np.concatenate([at + part for at, part in zip(starts, columns, strict=True)])
    _vectors(new, old, embedding, order)
    return new.serialized(old)


@dataclass(slots=True)
class _Part:
    """Mean and maximum over time after one convolution: (batch, 1, 2 rows * channels)."""

    name: str
    rows: int
    channels: int


class _Masks:
    """Per row of a batch, looked up by its valid frames: 1 for those, and the share of each.

    `inside` (batch, frames, 1), `share` (batch, 1, frames); the same for the steps that some frames
    become by pooling.
    """

    def __init__(self, new: Written, frames: int) -> None:
        self._new, self._frames = new, frames
        self._known: dict[tuple[int, bool], str] = {}

    def inside(self, stride: int = 1) -> str:
        """1 where a step of `stride` frames is sound."""
        return self._of(stride, share=False)

    def share(self, stride: int = 1) -> str:
        """What each such step is of their mean."""
        return self._of(stride, share=True)

    def _of(self, stride: int, *, share: bool) -> str:
        key = (stride, share)
        if key not in self._known:
            table = _table(self._frames, stride, share=share)
            name = f"{'share' if share else 'inside'}_{stride}"
            self._known[key] = self._new.do("Gather", self._new.take(name, table), "valid", axis=0)
        return self._known[key]


def _table(frames: int, stride: int, *, share: bool) -> Array:
    """Row v: which of the steps are sound where v frames are; (frames + 1, steps, 1), or across."""
    steps = frames // stride
    valid = np.maximum(np.arange(frames + 1), 1)[:, None]
    count = np.clip((valid + stride - 1) // stride, 1, steps)
    inside = np.arange(steps) < count
    wide: Array = (inside / count if share else inside).astype(np.float32)
    return np.expand_dims(wide, 1 if share else 2)


def _relative(new: Written, masks: _Masks, *, centred: bool) -> str:
    """:func:`soundkin.frontend.layers.relative_log` of the rows' sound: (batch, frames, bands)."""
    scale = -1 / math.log(FLOOR)
    sound = new.do("Mul", "rows", masks.inside())
    loudest = new.do("ReduceMax", sound, new.axes(1, 2), keepdims=1)
    loudest = new.do("Clip", loudest, new.number("least", 1e-30))
    floor = new.do("Mul", loudest, new.number("floor", FLOOR))
    lifted = new.do("Log", new.do("Add", sound, floor))
    level = new.do("Mul", new.do("Log", loudest), new.number("down", -scale))
    level = new.do("Add", level, new.number("one", 1))
    y = new.do("Mul", lifted, new.number("scale", scale))
    y = new.do("Mul", new.do("Add", y, level), masks.inside())
    if not centred:
        return y
    mean = new.do("MatMul", masks.share(), y)
    return new.do("Mul", new.do("Sub", y, mean), masks.inside())


def _first(new: Written, old: Exported, y: str) -> str:
    """Frames (batch, frames, bands) through the first convolution, which stays in 32 bits; packed."""
    first, second = old.convolutions[:2]
    x = new.do("Reshape", y, new.shape(old.batch, 1, old.frames, old.bands))
    arrays = [old.array(name) for name in first.input[1:]]  # a bias of zeros is left out
    arrays[0] = arrays[0].swapaxes(2, 3)
    kept = [new.take(f"{name}_0", one) for name, one in zip(_TERMS, arrays, strict=False)]
    x = new.do("Relu", new.do("Conv", x, *kept, **_square(old.frames, _pool(0)[0])))
    x = new.do("MaxPool", x, kernel_shape=_pool(0), strides=_pool(0))
    return new.do("QuantizeLinear", x, *_steps(new, 0, old.steps_of(second.input[0])))


def _features(new: Written, masks: _Masks, old: Exported, y: str, taps: list[int]) -> list[_Part]:
    """Mean and maximum over time after those convolutions that are heard."""
    x, parts, stride = _first(new, old, y), [], _pool(0)[0]
    frames, bands = (n // pool for n, pool in zip((old.frames, old.bands), _pool(0), strict=True))
    for place in range(1, len(old.convolutions)):
        pool = _pool(place)
        x = _convolved(new, old, x, place, frames)
        frames, bands, stride = frames // pool[0], bands // pool[1], stride * pool[0]
        if place in taps:
            channels = len(new.arrays[f"weights_{place}_0"])
            shape = (old.batch, frames, bands * channels)
            parts.append(_Part(_over_time(new, masks, x, shape, stride, place), bands, channels))
    return parts


def _convolved(new: Written, old: Exported, x: str, place: int, frames: int) -> str:
    """Through a further convolution and its pooling, in 8 bits."""
    convolution, pool = old.convolutions[place], _pool(place)
    arrays = [old.quantised(name) for name in convolution.input[1:]]
    arrays[0][0] = arrays[0][0].swapaxes(2, 3)
    kept = [new.do("DequantizeLinear", x, *_names(place - 1))]
    for name, one in zip(_TERMS, arrays, strict=False):
        kept.append(new.packed(f"{name}_{place}", one, axis=0))
    x = new.do("Conv", *kept, **_square(frames, pool[0]))
    x = new.do("QuantizeLinear", x, *_steps(new, place, old.steps_to(convolution.output[0])))
    if pool == [1, 1]:
        return x
    # the largest in 8 bits is the largest before them
    return new.do("MaxPool", x, kernel_shape=pool, strides=pool)


def _over_time(
    new: Written, masks: _Masks, x: str, shape: tuple[int, int, int], stride: int, place: int
) -> str:
    """Mean and maximum of packed (batch, channels, frames, bands): (batch, 1, 2 bands * channels)."""
    rows = new.do("Reshape", new.do("Transpose", x, perm=[0, 2, 3, 1]), new.shape(*shape))
    rows = new.do("DequantizeLinear", rows, *_names(place))
    mean = new.do("MatMul", masks.share(stride), rows)
    # after ReLU nothing is below 0, so that what is left out cannot be the maximum
    sound = new.do("Mul", rows, masks.inside(stride))
    most = new.do("ReduceMax", sound, new.axes(1), keepdims=1)
    return new.do("Concat", mean, most, axis=2)


def _columns(part: _Part) -> Array:
    """Where each number of a part stands in what the exporter makes: there channels come first."""
    one = np.arange(part.rows * part.channels).reshape(part.channels, part.rows).T.reshape(-1)
    return np.concatenate([one, one + len(one)])


def _joined(new: Written, parts: list[str]) -> list[str]:
    """Parts, each at length one and then all together."""
    squares = [_square_length(new, part) for part in parts]
    square = new.do("Concat", *squares, axis=2)
    share = _one_over(new, square)
    whole = new.do("Mul", new.do("Mul", share, share), square)
    whole = new.do("ReduceSum", whole, new.axes(2), keepdims=1)
    share = new.do("Mul", share, _one_over(new, whole))
    shares = new.split(share, len(parts), axis=2, to="share_of") if len(parts) > 1 else [share]
    return [new.do("Mul", part, one) for part, one in zip(parts, shares, strict=True)]


def _statistics(new: Written, masks: _Masks, y: str, weight: float) -> str:
    """:func:`soundkin.encoder.convnet.frame_statistics` at the length `weight`: (batch, 1, 3 bands)."""
    mean = new.do("MatMul", masks.share(), y)
    apart = new.do("Sub", y, mean)
    variance = new.do("MatMul", masks.share(), new.do("Mul", apart, apart))
    deviation = new.do("Sqrt", new.do("Clip", variance, new.number("tiny", 1e-12)))
    most = new.do("ReduceMax", y, new.axes(1), keepdims=1)
    found = new.do("Concat", mean, deviation, most, axis=2)
    share = _one_over(new, _square_length(new, found))
    return new.do("Mul", found, new.do("Mul", share, new.number("weight", weight)))


def _vectors(new: Written, old: Exported, columns: list[str], order: Array) -> None:
    """Joined numbers, in this order of the old ones, to unit vectors."""
    given, matrix = old.product.input
    mean, (weights, scale, zero) = old.before(given), old.quantised(matrix)
    if len(order) != len(mean):
        raise ValueError(f"a graph of {len(mean)} numbers; expected the recipe's {len(order)}")
    x = new.do("Concat", *columns, axis=2) if len(columns) > 1 else columns[0]
    x = new.do("Reshape", x, new.shape(old.batch, len(order)))
    x = new.do("Sub", x, new.take("mean", mean[order]))
    for name, steps in (
        ("joined", old.steps_of(given)),
        ("turned", old.steps_to(old.product.output[0])),
    ):
        new.take(f"{name}_scale", steps[0])
        new.take(f"{name}_zero", steps[1])
    x = _through_8_bits(new, x, "joined")
    x = new.do("MatMul", x, new.packed("matrix", [weights[order], scale, zero], axis=1))
    x = _through_8_bits(new, x, "turned")
    square = new.do("ReduceSum", new.do("Mul", x, x), new.axes(1), keepdims=1)
    new.do("Mul", x, _one_over(new, square), to=old.model.graph.output[0].name)


def _through_8_bits(new: Written, x: str, name: str) -> str:
    """Packed and unpacked again."""
    steps = (f"{name}_scale", f"{name}_zero")
    return new.do("DequantizeLinear", new.do("QuantizeLinear", x, *steps), *steps)


def _square_length(new: Written, x: str) -> str:
    """Sum of squares: (batch, 1, n) -> (batch, 1, 1)."""
    return new.do("ReduceSum", new.do("Mul", x, x), new.axes(2), keepdims=1)


def _one_over(new: Written, square: str) -> str:
    """One over the root, of 1e-12 and more."""
    root = new.do("Clip", new.do("Sqrt", square), new.number("tiny", 1e-12))
    return new.do("Reciprocal", root)


def _pool(place: int) -> list[int]:
    """Frames and bands that become one after a convolution."""
    bands, frames = POOLS[place] if place < len(POOLS) else (1, 1)
    return [frames, bands]


def _square(frames: int, pool: int) -> dict[str, Any]:
    """Three by three around every place, but for frames at the end that the pooling leaves over."""
    over = frames % pool
    return {"kernel_shape": [3, 3], "pads": [1, 1, 1 - over, 1]}


def _names(place: int) -> list[str]:
    """Scale and zero of what a convolution gives."""
    return [f"scale_{place}", f"zero_{place}"]


def _steps(new: Written, place: int, steps: list[Array]) -> list[str]:
    """The same, taken into the graph."""
    return [new.take(name, one) for name, one in zip(_names(place), steps, strict=True)]

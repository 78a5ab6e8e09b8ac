"""Eight numbers at once, for compiled loops: what LLVM does not find by itself in a transform.

A `lanes` value is a vector of eight float32. Arrays of them are plain float32 arrays, number i at
places 8 i to 8 i + 7. Every operation does the same in each lane, so that a lane's result does not
depend on the others. Sums of a product may be fused, as the processor has it.

Numba renews what it keeps on disk when the file changes that a function stands in, not when this one
does: after an edit here remove the cached files of :mod:`soundkin.frontend.tiles`.
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call, untyped-decorator"
# ruff: noqa: ANN001, ANN201, ANN202, ARG001, D103, PLW0108 - Numba's protocol; names are the operations
from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

import numba
from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.extending import intrinsic, models, overload, register_model

if TYPE_CHECKING:
    from collections.abc import Callable

LANES = 8
VECTOR = ir.VectorType(ir.FloatType(), LANES)
FUSED = ("contract",)


class Lanes(types.Type):  # type: ignore[misc]
    """Numba's type of eight float32."""

    def __init__(self) -> None:
        super().__init__(name="Lanes")


LANES_TYPE = Lanes()


@register_model(Lanes)
class LanesModel(models.PrimitiveModel):  # type: ignore[misc]
    """It is LLVM's vector."""

    def __init__(self, manager: Any, kind: Any) -> None:  # noqa: ANN401 - Numba's
        super().__init__(manager, kind, VECTOR)


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile on first use, without the interpreter's lock; cached on disk where that is possible."""
    options = {"nogil": True, "error_model": "numpy", "fastmath": {"contract"}}
    try:
        fast: Callable[..., Any] = numba.njit(function, cache=True, **options)
    except RuntimeError:  # no folder for the cache can be written
        fast = numba.njit(function, **options)
    return fast


def _at(context, builder, kind, array, number):
    """A pointer to vector number `number` of an array."""
    data = context.make_array(kind)(context, builder, array).data
    place = builder.mul(number, ir.Constant(number.type, LANES))
    return builder.bitcast(builder.gep(data, [place]), VECTOR.as_pointer())


@intrinsic
def load(typing, array, number):
    """Vector `number` of a float32 array."""

    def code(context, builder, signature, args):
        place = context.cast(builder, args[1], signature.args[1], types.intp)
        value = builder.load(_at(context, builder, signature.args[0], args[0], place))
        value.align = 4
        return value

    return LANES_TYPE(array, number), code


@intrinsic
def store(typing, array, number, value):
    """Put a vector at place `number` of a float32 array."""

    def code(context, builder, signature, args):
        place = context.cast(builder, args[1], signature.args[1], types.intp)
        pointer = _at(context, builder, signature.args[0], args[0], place)
        builder.store(args[2], pointer, align=4)
        return context.get_dummy_value()

    return types.void(array, number, LANES_TYPE), code


@intrinsic
def same(typing, number):
    """One number in all lanes."""

    def code(context, builder, signature, args):
        value = context.cast(builder, args[0], signature.args[0], types.float32)
        none = ir.Constant(VECTOR, ir.Undefined)
        first = builder.insert_element(none, value, ir.Constant(ir.IntType(32), 0))
        zeros = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
        return builder.shuffle_vector(first, none, zeros)

    return LANES_TYPE(number), code


def _operation(name: str):
    """An operation on two vectors."""

    @intrinsic
    def apply(typing, a, b):
        def code(context, builder, signature, args):
            return getattr(builder, name)(*args, flags=FUSED)

        return LANES_TYPE(a, b), code

    return apply


_add, _subtract, _multiply = (_operation(name) for name in ("fadd", "fsub", "fmul"))


@overload(operator.add)
def plus(a, b):
    if isinstance(a, Lanes) and isinstance(b, Lanes):
        return lambda a, b: _add(a, b)
    return None


@overload(operator.sub)
def minus(a, b):
    if isinstance(a, Lanes) and isinstance(b, Lanes):
        return lambda a, b: _subtract(a, b)
    return None


@overload(operator.mul)
def times(a, b):
    if isinstance(a, Lanes) and isinstance(b, Lanes):
        return lambda a, b: _multiply(a, b)
    return None


@intrinsic
def spread(typing, samples, places, first, window, out, width):
    """Samples `first` to `first` + 7 from eight places on, times the window, turned into vectors.

    Of sample n from place l the product with window[n] becomes lane l of vector n // 2 of `out`, or
    of vector `width` + n // 2 where n is odd.
    """

    def code(context, builder, signature, args):
        def data(k):
            return context.make_array(signature.args[k])(context, builder, args[k]).data

        def number(k):
            return context.cast(builder, args[k], signature.args[k], types.intp)

        def read(array, place):
            at = builder.bitcast(builder.gep(array, [place]), VECTOR.as_pointer())
            value = builder.load(at)
            value.align = 4
            return value

        first, width = number(2), number(5)
        shape = read(data(3), first)
        rows = []
        for lane in range(LANES):
            place = builder.load(builder.gep(data(1), [ir.Constant(ir.IntType(64), lane)]))
            rows.append(builder.fmul(read(data(0), builder.add(place, first)), shape))
        half = builder.lshr(first, ir.Constant(first.type, 1))
        for n, row in enumerate(_turned(builder, rows)):
            at = builder.add(half, ir.Constant(half.type, n // 2))
            at = builder.add(at, width) if n % 2 else at
            pointer = _at(context, builder, signature.args[4], args[4], at)
            builder.store(row, pointer, align=4)
        return context.get_dummy_value()

    return types.void(samples, places, first, window, out, width), code


def _turned(builder, rows):
    """Eight rows of eight -> its columns: neighbours woven by ones, by twos and by fours."""
    for step, pairs in ((1, (0, 2, 4, 6)), (2, (0, 1, 4, 5)), (4, (0, 1, 2, 3))):
        woven = list(rows)
        for k in pairs:
            low, high = _masks(step)
            woven[k] = builder.shuffle_vector(rows[k], rows[k + step], low)
            woven[k + step] = builder.shuffle_vector(rows[k], rows[k + step], high)
        rows = woven
    return rows


def _masks(step: int):
    """What two rows give to the first and to the second of the rows that they become."""
    kind = ir.VectorType(ir.IntType(32), LANES)
    starts = range(0, LANES, 2 * step)
    low = [base + n for s in starts for base in (s, LANES + s) for n in range(step)]
    high = [place + step for place in low]
    return ir.Constant(kind, low), ir.Constant(kind, high)

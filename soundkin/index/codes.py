"""int8 codes: a quarter of the bytes to read, and whole-number arithmetic to compare them.

A vector is stored as int8 with one scale, a query as int16 with one scale; the rows are padded
with zeros to a `width`, the next multiple of 16. A product of the two is a whole number, exact in
int32; multiplied by both scales it is near the dot product, and how near is known
(:func:`quantise` gives the largest error of a row), so that an exact search can rely on it.

Importing this module imports Numba. Compiled code is cached beside the module, else in the user's
cache folder; where neither can be written, it is compiled anew in each process. Numba renews what
is cached when the file it stands in changes, not when a file changes that it calls into: after an
edit here remove the cached files of the modules that import this one.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numba
import numpy as np
import numpy.typing as npt
from llvmlite import ir  # type: ignore[import-untyped]
from numba.core import cgutils
from numba.extending import intrinsic

if TYPE_CHECKING:
    from collections.abc import Callable

LANES = 16
"""Numbers multiplied at once; widths are multiples of it."""
QUERY_TOP, SUM_TOP = 32_767, 2**31 - 1
BLOCK = 8192


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile on first use, without the interpreter's lock; cached on disk where that is possible."""
    options = {"nogil": True, "fastmath": {"reassoc", "contract", "nsz", "arcp"}}
    try:
        fast: Callable[..., Any] = numba.njit(function, cache=True, **options)
    except RuntimeError:  # no folder for the cache can be written
        fast = numba.njit(function, **options)
    return fast


def width_of(dim: int) -> int:
    """Length of a padded row.

    >>> width_of(80), width_of(81)
    (80, 96)
    """
    return -(-dim // LANES) * LANES


def quantise(
    X: npt.NDArray[np.float32],
) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.float32], float]:
    """Codes (n, width) int8, scales (n,), and the length of the longest error of a row.

    ``codes[:, :dim] * scales[:, None]`` is nearly `X`.

    >>> codes, scales, error = quantise(np.array([[1.0, -0.5]], np.float32))
    >>> codes[0, :3].tolist(), round(error, 4)
    ([127, -64, 0], 0.0039)
    """
    n, dim = X.shape
    codes, scales = np.zeros((n, width_of(dim)), np.int8), np.empty(n, np.float32)
    error = 0.0
    for start in range(0, n, BLOCK):
        block = X[start : start + BLOCK]
        scale = np.maximum(np.abs(block).max(axis=1), np.float32(1e-30)) / np.float32(127)
        rounded = np.rint(block / scale[:, None])
        scales[start : start + BLOCK] = scale
        codes[start : start + BLOCK, :dim] = rounded
        rounded *= scale[:, None]
        rounded -= block
        error = max(error, float(np.einsum("ij,ij->i", rounded, rounded).max()))
    return codes, scales, error**0.5


@compiled
def narrow(Q: Any, width: Any) -> Any:  # noqa: ANN401 - Numba infers the types
    """Queries as int16 (m, width) and their scales (m,); no sum with a code leaves int32."""
    m, dim = Q.shape
    rows, units = np.zeros((m, width), np.int16), np.empty(m, np.float32)
    top = min(QUERY_TOP, SUM_TOP // (127 * max(dim, 1)))
    for i in range(m):
        largest = np.float32(1e-30)
        for j in range(dim):
            largest = max(largest, abs(Q[i, j]))
        units[i] = largest / np.float32(top)
        for j in range(dim):
            rows[i, j] = np.int16(np.rint(Q[i, j] / units[i]))
    return rows, units


@compiled
def slack_of(error: Any, unit: Any, dim: Any) -> Any:  # noqa: ANN401 - Numba infers the types
    """More than a score differs from the dot product: codes, a narrowed query, rounding."""
    return error + unit * np.sqrt(dim) * 0.51 + 2e-6


def likely_error(error: float, dim: int) -> float:
    """More than a score is nearly ever wrong by, where `error` is the longest error of a code.

    Errors point anywhere, so the part of one along the query is some root of `dim` shorter: four
    standard deviations. An approximate search may rely on it, an exact one must not.

    >>> likely_error(0.01, 100)
    0.004
    """
    return error * min(1.0, 4.0 / math.sqrt(max(dim, 1)))


def writeable(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The same memory as an array of the usual type, so that nothing is compiled twice.

    Compiled code that only reads may be given arrays that must not be written to.
    """
    return array if array.flags.writeable else np.asarray(_Same(array))


class _Same:
    """Shows an array's memory to NumPy without its mark, and keeps it alive."""

    def __init__(self, array: npt.NDArray[Any]) -> None:
        self._array = array
        place = array.__array_interface__["data"][0]
        self.__array_interface__ = {**array.__array_interface__, "data": (place, False)}


@intrinsic  # type: ignore[untyped-decorator]
def dot_at(_: Any, codes: Any, row: Any, query: Any) -> Any:  # noqa: ANN401 - Numba's types
    """Row `row` of int8 codes (n, width) times a query (width,), int16 or int8: an int32, exact.

    Written as vectors of 16 for LLVM, which on its own makes code half as fast of a plain loop.
    The sum of neighbouring products is what x86 does in one instruction; it is right everywhere.
    """
    return numba.types.int32(codes, row, query), _dot_code


def _dot_code(context: Any, builder: Any, signature: Any, args: Any) -> Any:  # noqa: ANN401
    """LLVM's text for `dot_at`."""
    i8, i16, i32 = (ir.IntType(bits) for bits in (8, 16, 32))
    wide, half = ir.VectorType(i32, LANES), ir.VectorType(i32, LANES // 2)
    codes = context.make_array(signature.args[0])(context, builder, args[0])
    query = context.make_array(signature.args[2])(context, builder, args[2])
    row = context.cast(builder, args[1], signature.args[1], numba.types.intp)
    width = builder.extract_value(query.shape, 0)
    start = builder.gep(codes.data, [builder.mul(row, width)])
    entry, loop = builder.block, builder.append_basic_block("dot")
    done = builder.append_basic_block("dotted")
    builder.branch(loop)
    builder.position_at_end(loop)
    place, total = builder.phi(width.type), builder.phi(half)

    def take(data: Any, kind: Any, align: int) -> Any:  # noqa: ANN401
        at = builder.bitcast(builder.gep(data, [place]), ir.VectorType(kind, LANES).as_pointer())
        loaded = builder.load(at)
        loaded.align = align
        return builder.sext(loaded, wide)

    size = signature.args[2].dtype.bitwidth // 8
    products = builder.mul(take(start, i8, 1), take(query.data, i16 if size > 1 else i8, size))
    evens, odds = (
        builder.shuffle_vector(
            products, ir.Constant(wide, ir.Undefined), ir.Constant(half, list(range(k, LANES, 2)))
        )
        for k in (0, 1)
    )
    new_total = builder.add(total, builder.add(evens, odds))
    new_place = builder.add(place, ir.Constant(width.type, LANES))
    place.add_incoming(ir.Constant(width.type, 0), entry)
    place.add_incoming(new_place, loop)
    total.add_incoming(ir.Constant(half, None), entry)
    total.add_incoming(new_total, loop)
    builder.cbranch(builder.icmp_signed("<", new_place, width), loop, done)
    builder.position_at_end(done)
    adds = ir.FunctionType(i32, [half])
    name = f"llvm.vector.reduce.add.v{LANES // 2}i32"
    return builder.call(cgutils.get_or_insert_function(builder.module, adds, name), [new_total])


@intrinsic  # type: ignore[untyped-decorator]
def fetch(_: Any, codes: Any, row: Any) -> Any:  # noqa: ANN401 - Numba's types
    """Ask the processor for the first 128 bytes of a row of codes that is compared soon."""
    return numba.types.void(codes, row), _fetch_code


def _fetch_code(context: Any, builder: Any, signature: Any, args: Any) -> Any:  # noqa: ANN401
    """LLVM's text for `fetch`."""
    codes = context.make_array(signature.args[0])(context, builder, args[0])
    row = context.cast(builder, args[1], signature.args[1], numba.types.intp)
    width = builder.extract_value(codes.shape, 1)
    start = builder.gep(codes.data, [builder.mul(row, width)])
    i32 = ir.IntType(32)
    asks = ir.FunctionType(ir.VoidType(), [start.type, i32, i32, i32])
    prefetch = cgutils.get_or_insert_function(builder.module, asks, "llvm.prefetch.p0")
    for line in (0, 64):
        place = builder.gep(start, [ir.Constant(ir.IntType(64), line)])
        builder.call(prefetch, [place, i32(0), i32(3), i32(1)])
    return context.get_dummy_value()

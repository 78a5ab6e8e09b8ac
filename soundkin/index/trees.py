"""The compiled part of the forest: growing trees, and putting items into their leaves.

Everything is in plain arrays (:class:`Trees`), so that it can be saved and memory-mapped as it
lies. A *row* is an item's place in the code table (the order of the first tree's leaves, so that
neighbours lie side by side); a *child* that is negative is the leaf ``-child - 1``. Vectors and
planes are the codes of :mod:`soundkin.index.codes`. Searching is in :mod:`soundkin.index.walk`.
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"
# ruff: noqa: ANN001, ANN201, ANN202 - Numba infers the types; the docstrings give shapes
from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from soundkin.index.codes import compiled, dot_at

ITERATIONS = 5
SAMPLE = 256
"""Two-means: passes over at most so many items of a node."""
LEAST_PART = 20
"""A plane that leaves less than one part in so many on a side is moved to where it does not."""


class Trees(NamedTuple):
    """All trees of a forest; numbers of nodes and leaves run through all of them."""

    roots: npt.NDArray[np.int32]  # (n_trees,) a child
    planes: npt.NDArray[np.int8]  # (n_nodes, dim) unit normal = plane * plane_scale
    plane_scales: npt.NDArray[np.float32]  # (n_nodes,)
    offsets: npt.NDArray[np.float32]  # (n_nodes,)
    kids: npt.NDArray[np.int32]  # (n_nodes, 2) at or below the plane, above it
    leaf_starts: npt.NDArray[np.int64]  # (n_leaves,) first place in slots
    leaf_counts: npt.NDArray[np.int32]  # (n_leaves,) rows in the leaf
    leaf_rooms: npt.NDArray[np.int32]  # (n_leaves,) places it may use
    slots: npt.NDArray[np.int32]  # rows, leaf after leaf
    codes: npt.NDArray[np.int8]  # (n_rows, dim) vector = code * scale
    scales: npt.NDArray[np.float32]  # (n_rows,)


@compiled
def _random(state):
    """Next 64 bits of a SplitMix64 stream; `state` is an array of one uint64."""
    state[0] += np.uint64(0x9E3779B97F4A7C15)
    z = state[0]
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@compiled
def _normal(state):
    """A standard normal number (Box and Muller)."""
    u = (np.float64(_random(state) >> np.uint64(11)) + 1.0) / 9007199254740993.0
    v = np.float64(_random(state) >> np.uint64(11)) / 9007199254740992.0
    return np.sqrt(-2.0 * np.log(u)) * np.cos(2.0 * np.pi * v)


@compiled
def _narrow_one(vector, out):
    """A vector as int16 into `out`; its scale."""
    largest = np.float32(1e-30)
    for j in range(vector.size):
        largest = max(largest, abs(vector[j]))
    unit = largest / np.float32(min(32767, 2147483647 // (127 * vector.size)))
    for j in range(vector.size):
        out[j] = np.int16(np.rint(vector[j] / unit))
    return unit


@compiled
def _two_means(codes, scales, low, high, state, normal):
    """Into `normal` the line between two means of rows low..high; the plane's offset midway."""
    dim, count = codes.shape[1], high - low
    one, two = np.empty(dim, np.float32), np.empty(dim, np.float32)
    short = np.empty(dim, np.int16)
    sums = np.empty((2, dim), np.float32)
    a = low + np.int64(_random(state) % np.uint64(count))
    b = low + np.int64(_random(state) % np.uint64(count))
    for j in range(dim):
        one[j] = np.float32(codes[a, j]) * scales[a]
        two[j] = np.float32(codes[b, j]) * scales[b]
    taken = min(SAMPLE, count)
    for _ in range(ITERATIONS):
        offset = np.float32(0)
        for j in range(dim):
            normal[j] = two[j] - one[j]
            offset += normal[j] * (one[j] + two[j]) * np.float32(0.5)
        unit = _narrow_one(normal, short)
        sums[:] = 0
        above = 0
        for i in range(taken):
            row = low + i * count // taken
            side = 1 if np.float32(dot_at(codes, row, short)) * (scales[row] * unit) > offset else 0
            above += side
            for j in range(dim):
                sums[side, j] += np.float32(codes[row, j]) * scales[row]
        if above in (0, taken):
            break
        for j in range(dim):
            one[j], two[j] = sums[0, j] / (taken - above), sums[1, j] / above
    offset = np.float32(0)
    for j in range(dim):
        normal[j] = two[j] - one[j]
        offset += normal[j] * (one[j] + two[j]) * np.float32(0.5)
    return offset


@compiled
def _draw(normal, dim, state):
    """A random direction into the first `dim` numbers of `normal`; its length."""
    length = np.float32(0)
    for j in range(dim):
        normal[j] = np.float32(_normal(state))
        length += normal[j] * normal[j]
    return np.sqrt(length)


@compiled
def _norm(vector):
    """Its length."""
    total = np.float32(0)
    for j in range(vector.size):
        total += vector[j] * vector[j]
    return np.sqrt(total)


@compiled
def _choose_plane(codes, scales, dim, low, high, two_means, state, plane, margins):
    """A plane through rows low..high: (found, scale, offset); `margins` are the dots with it.

    The first `dim` numbers of a row count, those behind them are zero.

    Not found when all the rows lie on one spot, as far as the plane can tell.
    """
    width = codes.shape[1]
    normal = np.zeros(width, np.float32)
    offset, length = np.float32(0), np.float32(0)
    if two_means:
        offset = _two_means(codes, scales, low, high, state, normal)
        length = _norm(normal)
    drawn = length < 1e-6
    if drawn:
        length = _draw(normal, dim, state)
    largest = np.float32(0)
    for j in range(width):
        normal[j] /= length
        largest = max(largest, abs(normal[j]))
    scale = largest / np.float32(127)
    for j in range(width):
        plane[j] = np.int8(np.rint(normal[j] / scale))
    for i in range(low, high):
        margins[i] = np.float32(dot_at(codes, i, plane)) * (scales[i] * scale)
    through = margins[low + np.int64(_random(state) % np.uint64(high - low))]
    found, offset = _cut(margins[low:high], through if drawn else offset / length)
    return found, scale, offset


@compiled
def _cut(margins, offset):
    """Where to cut: (found, offset), moved when one side would get too little of the items."""
    count = margins.size
    above = 0
    for margin in margins:
        above += margin > offset
    least = count // LEAST_PART + 1
    if min(above, count - above) >= least:
        return True, offset
    ordered = np.sort(margins)
    low, high = ordered[0], ordered[-1]
    offset = ordered[least - 1] if above > count - above else ordered[count - least - 1]
    if offset == high:
        offset = (low + high) * np.float32(0.5)
    return low < high, offset if offset < high else low


@compiled
def _part(codes, scales, rows, low, high, margins, offset):
    """Rows at or below the plane to the front; where those above it begin."""
    i, k = low, high - 1
    while i <= k:
        if margins[i] <= offset:
            i += 1
        elif margins[k] > offset:
            k -= 1
        else:
            for j in range(codes.shape[1]):
                codes[i, j], codes[k, j] = codes[k, j], codes[i, j]
            scales[i], scales[k] = scales[k], scales[i]
            rows[i], rows[k] = rows[k], rows[i]
            margins[i], margins[k] = margins[k], margins[i]
            i += 1
            k -= 1
    return i


@compiled
def grow(
    codes, scales, dim, leaf_size, two_means, seed, planes, plane_scales, offsets, kids, starts
):
    """One tree over all rows of `codes`, which are put into its order: (rows, nodes, leaves).

    The arrays after `seed` are filled as far as the tree reaches; leaf l holds the rows from
    ``starts[l]`` to ``starts[l + 1]``. Splitting ends at `leaf_size` rows, or where all are equal.
    """
    n = len(codes)
    rows = np.arange(n).astype(np.int32)
    margins = np.empty(n, np.float32)
    state = np.array([seed], np.uint64)
    nodes, leaves = 0, 0
    stack = [(0, n, -1, 0)]
    while len(stack) > 0:
        low, high, parent, side = stack.pop()
        found = False
        if high - low > leaf_size:
            found, scale, offset = _choose_plane(
                codes, scales, dim, low, high, two_means, state, planes[nodes], margins
            )
        child = nodes if found else -leaves - 1
        if parent >= 0:
            kids[parent, side] = child
        if found:
            middle = _part(codes, scales, rows, low, high, margins, offset)
            plane_scales[nodes], offsets[nodes] = scale, offset
            stack.append((middle, high, nodes, 1))
            stack.append((low, middle, nodes, 0))
            nodes += 1
        else:
            starts[leaves] = low
            leaves += 1
    starts[leaves] = n
    return rows, nodes, leaves


@compiled
def insert(trees, tree, dim, first, last, leaf_size, two_means, seed, used):
    """Put rows first..last into one tree; `used` is [nodes, leaves, slots] and is brought forward.

    Ends early, with the first row not put, where an array has no room for the worst case; the
    caller makes room and goes on. A full leaf is split, or, if all in it are equal, doubled.
    """
    for row in range(first, last):
        vector, scale = trees.codes[row], trees.scales[row]
        child, parent, side = trees.roots[tree], -1, 0
        while child >= 0:
            margin = np.float32(dot_at(trees.planes, child, vector))
            margin *= trees.plane_scales[child] * scale
            parent, side = child, 1 if margin > trees.offsets[child] else 0
            child = trees.kids[child, side]
        leaf = -child - 1
        start, count = trees.leaf_starts[leaf], np.int64(trees.leaf_counts[leaf])
        if count < trees.leaf_rooms[leaf]:
            trees.slots[start + count] = row
            trees.leaf_counts[leaf] += 1
            continue
        room = 4 * max(count + 1, leaf_size)
        if (
            used[0] >= len(trees.planes)
            or used[1] >= len(trees.leaf_starts)
            or used[2] + room > len(trees.slots)
        ):
            return row
        members = np.empty(count + 1, np.int32)
        members[:count] = trees.slots[start : start + count]
        members[count] = row
        found = False
        if count >= leaf_size:
            codes, scales = trees.codes[members], trees.scales[members]
            margins = np.empty(count + 1, np.float32)
            state = np.array([seed + np.uint64(row) * np.uint64(0x9E3779B97F4A7C15)], np.uint64)
            node = used[0]
            found, plane_scale, offset = _choose_plane(
                codes, scales, dim, 0, count + 1, two_means, state, trees.planes[node], margins
            )
        if not found:
            _move_leaf(trees, leaf, members, 0, count + 1, leaf_size, used)
            continue
        middle = _part(codes, scales, members, 0, count + 1, margins, offset)
        trees.plane_scales[node], trees.offsets[node] = plane_scale, offset
        other = used[1]
        _move_leaf(trees, leaf, members, 0, middle, leaf_size, used)
        _move_leaf(trees, other, members, middle, count + 1, leaf_size, used)
        trees.kids[node, 0], trees.kids[node, 1] = -leaf - 1, -other - 1
        used[0] += 1
        used[1] += 1
        if parent >= 0:
            trees.kids[parent, side] = node
        else:
            trees.roots[tree] = node
    return last


@compiled
def _move_leaf(trees, leaf, members, low, high, leaf_size, used):
    """Write members low..high as the leaf's rows to the end of the slots, with room for more.

    A leaf doubles up to `leaf_size`; only one that could not be split goes on doubling.
    """
    start, count = used[2], high - low
    room = max(min(2 * count, leaf_size), count) if count <= leaf_size else 2 * count
    trees.leaf_starts[leaf] = start
    trees.leaf_counts[leaf] = count
    trees.leaf_rooms[leaf] = room
    trees.slots[start : start + count] = members[low:high]
    used[2] += room

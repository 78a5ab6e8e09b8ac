"""A forest's trees grown one by one and joined; room made for more."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from soundkin.index.room import longer
from soundkin.index.trees import Trees, grow


def tree_seed(seed: int, tree: int) -> np.uint64:
    """A number of 64 bits for each seed and tree."""
    return np.uint64(
        np.random.SeedSequence([seed & (2**63 - 1), tree]).generate_state(1, np.uint64)[0]
    )


def grow_one(
    codes: npt.NDArray[np.int8],
    scales: npt.NDArray[np.float32],
    dim: int,
    leaf_size: int,
    two_means: bool,
    seed: int,
    tree: int,
) -> tuple[Any, ...]:
    """One tree: rows in its order, planes, scales, offsets, kids, starts (cut to their lengths)."""
    n, width = codes.shape
    planes, kids = np.empty((n, width), np.int8), np.empty((n, 2), np.int32)
    plane_scales, offsets = np.empty(n, np.float32), np.empty(n, np.float32)
    starts = np.empty(n + 2, np.int64)
    rows, nodes, leaves = grow(
        codes.copy(),
        scales.copy(),
        dim,
        leaf_size,
        two_means,
        tree_seed(seed, tree),
        planes,
        plane_scales,
        offsets,
        kids,
        starts,
    )
    node_arrays = (planes, plane_scales, offsets, kids)
    return rows, *(array[:nodes].copy() for array in node_arrays), starts[: leaves + 1].copy()


def join(
    codes: npt.NDArray[np.int8], scales: npt.NDArray[np.float32], planted: list[tuple[Any, ...]]
) -> tuple[Trees, npt.NDArray[np.int32], npt.NDArray[np.int64]]:
    """One numbering for all trees, codes in the order of the first: trees, ids of rows, used."""
    n, order = len(codes), planted[0][0]
    place = np.empty(n, np.int32)
    place[order] = np.arange(n, dtype=np.int32)
    roots, kids, starts, counts, nodes, leaves = [], [], [], [], 0, 0
    for tree, (_, _, _, _, its_kids, its_starts) in enumerate(planted):
        roots.append(nodes if len(its_kids) else -leaves - 1)
        kids.append(np.where(its_kids < 0, its_kids - leaves, its_kids + nodes))
        starts.append(its_starts[:-1] + tree * n)
        counts.append(np.diff(its_starts))
        nodes, leaves = nodes + len(its_kids), leaves + len(its_starts) - 1
    leaf_counts = np.concatenate(counts).astype(np.int32)
    trees = Trees(
        roots=np.array(roots, np.int32),
        planes=np.concatenate([tree[1] for tree in planted]),
        plane_scales=np.concatenate([tree[2] for tree in planted]),
        offsets=np.concatenate([tree[3] for tree in planted]),
        kids=np.concatenate(kids).astype(np.int32),
        leaf_starts=np.concatenate(starts),
        leaf_counts=leaf_counts,
        leaf_rooms=leaf_counts.copy(),
        slots=np.concatenate([place[tree[0]] for tree in planted]),
        codes=codes[order],
        scales=scales[order],
    )
    return trees, order, np.array([nodes, leaves, n * len(planted)], np.int64)


def with_room(trees: Trees, used: npt.NDArray[np.int64], leaf_size: int) -> Trees:
    """The trees with half as much again in the arrays that are nearly full."""
    nodes, leaves, slots = (int(length) for length in used)
    largest = int(trees.leaf_counts[:leaves].max(initial=0))
    more = {
        name: longer(getattr(trees, name)[:nodes], nodes + nodes // 2 + 256)
        for name in ("planes", "plane_scales", "offsets", "kids")
    }
    for name in ("leaf_starts", "leaf_counts", "leaf_rooms"):
        more[name] = longer(getattr(trees, name)[:leaves], leaves + leaves // 2 + 256)
    room = slots + slots // 2 + 8 * max(largest + 1, leaf_size)
    return trees._replace(slots=longer(trees.slots[:slots], room), **more)

"""One vector a sound: the mean of its windows, for what compares whole sounds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from soundkin.library.snapshot import SpaceView

BLOCK = 1 << 16


def centroids(view: SpaceView) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """Return the ords (m,) of a space's living sounds and their mean vectors (m, dim), of unit length.

    Sounds in the order of the view's rows; read some ten thousand rows at a time.
    """
    living = np.flatnonzero(view.segment[view.starts] >= 0) if len(view.starts) else view.starts
    ends = np.append(view.starts, len(view.sound))[1:]
    X = np.empty((len(living), view.index.dim), np.float32)
    first = 0
    while first < len(living):
        low = view.starts[living[first]]
        last = max(int(np.searchsorted(ends[living], low + BLOCK, side="right")), first + 1)
        block = np.asarray(view.index.vectors[int(low) : int(ends[living[last - 1]])])
        X[first:last] = _sums(
            block, view.starts[living[first:last]] - low, ends[living[first:last]] - low
        )
        first = last
    norms = np.linalg.norm(X, axis=1, keepdims=True)
    X /= np.maximum(norms, np.finfo(np.float32).tiny)
    return view.sound[view.starts[living]].astype(np.int64), X


def means_of(
    view: SpaceView, ords: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """Return those of some sounds that a space has (m,), in their order, and their means as `centroids`."""
    runs = np.append(view.run, np.int32(-1))[np.minimum(ords, len(view.run))].astype(np.int64)
    here = runs >= 0
    rows, begins = view.rows_of_runs(runs[here])
    X = np.zeros((len(begins), view.index.dim), np.float32)
    if len(begins):
        X[:] = np.add.reduceat(np.asarray(view.index.vectors[rows]), begins, axis=0)
    X /= np.maximum(np.linalg.norm(X, axis=1, keepdims=True), np.finfo(np.float32).tiny)
    return ords[here], X


def _sums(
    X: npt.NDArray[np.float32], low: npt.NDArray[np.int64], high: npt.NDArray[np.int64]
) -> npt.NDArray[np.float32]:
    """Return the sums of the rows low..high of each run; runs ascend and do not overlap."""
    padded = np.concatenate([X, np.zeros((1, X.shape[1]), np.float32)])
    borders = np.stack([low, high], axis=1).ravel()
    sums: npt.NDArray[np.float32] = np.add.reduceat(padded, borders, axis=0)[::2]
    return sums

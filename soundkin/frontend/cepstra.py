"""Mel frames of a window -> mel-cepstral statistics, without the window's loudness.

Every window's mel power is divided by its largest value, so that gain changes nothing, and lifted
by a soft floor before the logarithm, so that what lies far below the loudest band does not count.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]


def cepstra(mel: Floats, n_coefficients: int, floor: float) -> Floats:
    """Cepstral coefficients of each window's frames: (n, frames, n_coefficients) float32.

    `mel` (n, frames, bands) power, 0 and more; `floor`: share of the window's largest value that is
    added before the logarithm. Orthonormal DCT-II of the natural logarithm over the bands.

    Examples
    --------
    >>> flat = cepstra(np.full((1, 1, 40), 7.0, np.float32), 3, 1e-5)
    >>> bool(np.abs(flat).max() < 1e-3)
    True
    """
    loudest = np.maximum(mel.max(axis=(1, 2), keepdims=True), np.float32(1e-30))
    relative = mel / loudest
    relative += np.float32(floor)
    coefficients: Floats = np.log(relative, out=relative) @ dct_matrix(mel.shape[2], n_coefficients)
    return coefficients


def deltas(frames: Floats, reach: int) -> Floats:
    """Slope per frame of each coefficient over 2 * reach + 1 frames, the ends repeated.

    `frames` (n, frames, coefficients), and so is the result: a linear regression.

    Examples
    --------
    >>> deltas(np.arange(5, dtype=np.float32).reshape(1, 5, 1), 2)[0, :, 0].round(6).tolist()
    [0.5, 0.800000011920929, 1.0, 0.800000011920929, 0.5]
    """
    slopes: Floats = _slope_matrix(frames.shape[1], reach) @ frames
    return slopes


def mean_and_deviation(frames: Floats, valid_frames: npt.NDArray[np.int64]) -> Floats:
    """Mean and standard deviation over each window's valid frames: (n, 2 * coefficients).

    Examples
    --------
    >>> mean_and_deviation(np.array([[[1], [3], [99]]], np.float32), np.array([2]))
    array([[2., 1.]], dtype=float32)
    """
    share = (np.arange(frames.shape[1]) < valid_frames[:, None]) / valid_frames[:, None]
    weight = share.astype(np.float32)[:, None]
    mean = weight @ frames
    spread = frames - mean
    np.square(spread, out=spread)
    return np.concatenate([mean, np.sqrt(weight @ spread)], axis=2)[:, 0]


@cache
def _slope_matrix(n_frames: int, reach: int) -> Floats:
    """Regression over neighbouring frames as a matrix (n_frames, n_frames)."""
    matrix = np.zeros((n_frames, n_frames))
    here = np.arange(n_frames)
    for step in range(1, reach + 1):
        np.add.at(matrix, (here, np.minimum(here + step, n_frames - 1)), step)
        np.add.at(matrix, (here, np.maximum(here - step, 0)), -step)
    result: Floats = (matrix / (reach * (reach + 1) * (2 * reach + 1) / 3)).astype(np.float32)
    result.setflags(write=False)
    return result


@cache
def dct_matrix(n_bands: int, n_coefficients: int) -> Floats:
    """Orthonormal DCT-II as a matrix (n_bands, n_coefficients) float32.

    Examples
    --------
    >>> matrix = dct_matrix(8, 8)
    >>> bool(np.allclose(matrix.T @ matrix, np.eye(8), atol=1e-6))
    True
    """
    band = np.arange(n_bands)[:, None]
    order = np.arange(n_coefficients)
    matrix = np.sqrt(2 / n_bands) * np.cos(np.pi / n_bands * (band + 0.5) * order)
    matrix[:, 0] /= np.sqrt(2)
    result: Floats = matrix.astype(np.float32)
    result.setflags(write=False)
    return result

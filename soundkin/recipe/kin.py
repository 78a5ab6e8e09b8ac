"""Kin and strangers -> directions that tell them apart: linear discriminants without labels.

Fisher's discriminants, with pairs for classes: what differs between the two views of a pair is
noise, whatever else differs is signal (within-class covariance normalisation: Hatch, Kajarekar and
Stolcke 2006). Where the kin share what is said, what differs between recordings is noise too
(nuisance attribute projection: Solomonoff, Campbell and Boardman 2005), and the signal is what
differs between moments of one recording.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Scatter:
    """Second moments of features (n, m): `mean` (m,) and three covariances (m, m).

    `moved`: between the two of a pair, for one of them; `near`: of the pairs of one recording around
    their middle; `far`: of these middles.
    """

    mean: Doubles
    moved: Doubles
    near: Doubles
    far: Doubles


def scatter_of(a: Doubles, b: Doubles, group: int = 1) -> Scatter:
    """Scatter of pairs a, b (n, m), `group` of which in a row are of one recording.

    Examples
    --------
    >>> found = scatter_of(np.array([[0.0], [2.0], [8.0], [6.0]]), np.array([[2.0], [0.0], [8.0], [6.0]]), 2)
    >>> round(found.moved.item(), 6), found.near.item(), found.far.item()
    (1.0, 1.0, 18.0)
    """
    half = (a - b) / np.sqrt(2)
    pairs = (a + b) / 2
    whole = pairs[: len(pairs) // group * group].reshape(-1, group, a.shape[1])
    middles = whole.mean(axis=1)
    around = (whole - middles[:, None]).reshape(-1, a.shape[1])
    centred = middles - middles.mean(axis=0)
    near = around.T @ around / max(1, len(middles) * (group - 1))
    far = centred.T @ centred / max(1, len(middles) - 1)
    return Scatter(pairs.mean(axis=0), half.T @ half / len(half), near, far)


def telling(
    found: Scatter,
    dims: int,
    *,
    whiten: float = 0.0,
    ridge: float = 0.3,
    content: bool = False,
    far: float = 1.0,
) -> Doubles:
    """The `dims` directions in which strangers differ most for what kin do: a matrix (m, dims).

    In each the noise has variance 1; `ridge`: in mean variances within pairs, what is added to the noise
    in every direction; `whiten`: 0 leaves the signal its size, 1 makes all sizes equal.
    `content`: what differs between recordings is noise as well, `far` times, and moments of one
    recording are the strangers. The directions are turned among each other by a fixed
    rotation, so that no number of a vector matters more than another to whoever standardises them.
    """
    from scipy.linalg import eigh  # noqa: PLC0415 - 0.3 s to import

    noise, signal = found.moved, found.near + found.far
    if content:
        noise, signal = found.moved + far * found.far, found.near
    m = len(noise)
    noise = noise + ridge * np.trace(found.moved) / m * np.eye(m)
    kept = min(dims, m)
    values, axes = eigh(signal, noise, subset_by_index=[m - kept, m - 1])
    largest = np.take_along_axis(axes, np.abs(axes).argmax(axis=0)[None], axis=0)
    held = (1 + np.maximum(values, 0)) ** (-whiten / 2)
    matrix: Doubles = axes * np.sign(largest) * held @ rotation(kept)
    return matrix


def rotation(dims: int) -> Doubles:
    """A fixed rotation among `dims` directions, drawn evenly: (dims, dims).

    Examples
    --------
    >>> turned = rotation(5)
    >>> np.allclose(turned @ turned.T, np.eye(5))
    True
    """
    drawn = np.random.default_rng(0).standard_normal((dims, dims))
    q, r = np.linalg.qr(drawn)
    found: Doubles = q * np.sign(np.diag(r))
    return found

"""Triplets: the anchor nearer to its positive than to its negative by a margin.

Jansen et al. 2018, "Unsupervised learning of semantic audio representations" (arXiv 1711.02209).
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import normalize

from soundkin.errors import InputError

Distance = Literal["cosine", "squared-l2"]


def triplet_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    *,
    margin: float = 0.25,
    distance: Distance = "cosine",
) -> Tensor:
    """Mean of max(0, d(anchor, positive) - d(anchor, negative) + margin) over the rows.

    `anchor`, `positive`, `negative` (n, dim); `distance`: "cosine" is 1 - cos, 0 to 2; "squared-l2"
    the squared distance of the rows as they are. Scalar, 0 and more. Raises InputError for shapes
    that differ or another distance.

    Examples
    --------
    >>> x = torch.tensor([[1.0, 0.0]])
    >>> triplet_loss(x, x, -x, margin=0.25).item()
    0.0
    >>> triplet_loss(x, x, x, margin=0.25).item()
    0.25
    """
    if not anchor.shape == positive.shape == negative.shape:
        shapes = [tuple(x.shape) for x in (anchor, positive, negative)]
        raise InputError(f"anchor, positive and negative of shapes {shapes}", "one shape")
    near = _row_distance(anchor, positive, distance)
    far = _row_distance(anchor, negative, distance)
    return (near - far + margin).clamp_min(0).mean()


@torch.no_grad()
def semi_hard_negatives(
    anchor: Tensor,
    positive: Tensor,
    candidates: Tensor,
    *,
    allowed: Tensor | None = None,
    fixed: Tensor | None = None,
    distance: Distance = "cosine",
) -> Tensor:
    """For each anchor the nearest candidate that is still farther than its positive: (n,) int64.

    `anchor`, `positive` (n, dim); `candidates` (m, dim); `allowed` (n, m) bool: which candidates
    are no kin of which anchor (default: all but candidate i for anchor i). Of equally near ones the
    first. Fallback where no allowed candidate is farther than the positive: the farthest allowed.
    `fixed` (n,) int64: the index that a row keeps, -1 to mine; for mixtures, whose negative is part
    of their positive. Raises InputError where a row to be mined has no allowed candidate.

    Examples
    --------
    >>> anchor, positive = torch.tensor([[0.0]]), torch.tensor([[1.0]])
    >>> candidates = torch.tensor([[0.5], [3.0], [2.0]])
    >>> every = torch.ones(1, 3, dtype=torch.bool)
    >>> semi_hard_negatives(anchor, positive, candidates, allowed=every, distance="squared-l2")
    tensor([2])
    """
    if allowed is None:
        index = torch.arange(max(len(anchor), len(candidates)), device=anchor.device)
        allowed = index[: len(anchor), None] != index[None, : len(candidates)]
    mined = allowed if fixed is None else allowed[fixed < 0]
    if not bool(mined.any(dim=1).all()):
        raise InputError(
            "an anchor without any candidate for a negative", "one and more", "use a larger batch"
        )
    near = _row_distance(anchor, positive, distance)
    far = _all_distances(anchor, candidates, distance)
    infinity = float("inf")
    farther = allowed & (far > near[:, None])
    semi_hard = far.masked_fill(~farther, infinity).argmin(dim=1)
    farthest = far.masked_fill(~allowed, -infinity).argmax(dim=1)
    chosen = torch.where(farther.any(dim=1), semi_hard, farthest)
    return chosen if fixed is None else torch.where(fixed < 0, chosen, fixed)


def _row_distance(x: Tensor, y: Tensor, distance: Distance) -> Tensor:
    """Distance of row i to row i: (n,)."""
    if _checked(distance) == "cosine":
        return 1 - (normalize(x, dim=1) * normalize(y, dim=1)).sum(dim=1)
    return (x - y).square().sum(dim=1)


def _all_distances(x: Tensor, y: Tensor, distance: Distance) -> Tensor:
    """Distance of every row to every row: (n, m)."""
    if _checked(distance) == "cosine":
        return 1 - normalize(x, dim=1) @ normalize(y, dim=1).T
    lengths = x.square().sum(dim=1)[:, None] + y.square().sum(dim=1)
    return lengths - 2 * x @ y.T


def _checked(distance: Distance) -> Distance:
    """The distance, or an error that names those there are."""
    if distance not in {"cosine", "squared-l2"}:
        raise InputError(f"distance {distance!r}", "'cosine' or 'squared-l2'")
    return distance

"""Alignment and uniformity on the unit sphere.

Wang and Isola 2020 (arXiv 2005.10242); as used for audio doppelgängers (arXiv 2406.05923).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import normalize

from soundkin.errors import InputError


def align_uniform_loss(
    x: Tensor,
    y: Tensor,
    *,
    align_weight: float = 1.0,
    uniform_weight: float = 1.0,
    t: float = 2.0,
) -> Tensor:
    """Weighted sum of alignment and of the mean uniformity of the two views: a scalar.

    `x`, `y` (n, dim) of any length, two and more rows; brought to unit length here.

    Examples
    --------
    >>> x = torch.tensor([[1.0, 0.0], [-1.0, 0.0]])
    >>> align_uniform_loss(x, 3 * x).item()
    -8.0
    """
    x, y = normalize(x, dim=1), normalize(y, dim=1)
    spread = (uniformity(x, t=t) + uniformity(y, t=t)) / 2
    return align_weight * alignment(x, y) + uniform_weight * spread


def alignment(x: Tensor, y: Tensor) -> Tensor:
    """Mean squared distance of the pairs: a scalar, 0 and more (to 4 on the unit sphere).

    `x`, `y` (n, dim), taken as they are. Raises InputError for shapes that differ.

    Examples
    --------
    >>> alignment(torch.zeros(2, 3), torch.ones(2, 3)).item()
    3.0
    """
    if x.shape != y.shape:
        raise InputError(f"views of shapes {tuple(x.shape)} and {tuple(y.shape)}", "one shape")
    return (x - y).square().sum(dim=1).mean()


def uniformity(x: Tensor, *, t: float = 2.0) -> Tensor:
    """Log mean over i < j of exp(-t ||x_i - x_j||^2): a scalar, 0 and less.

    `x` (n, dim), taken as it is; 0 when all rows are one point, about -4 for t = 2 when they spread
    over a sphere of many dimensions. Raises InputError for fewer than two rows.

    Examples
    --------
    >>> uniformity(torch.ones(4, 3)).item()
    0.0
    """
    n = len(x)
    if n < 2:
        raise InputError(f"{n} rows", "two and more", "use a larger batch")
    lengths = x.square().sum(dim=1)
    squared = (lengths[:, None] + lengths - 2 * x @ x.T).clamp_min(0)
    above = torch.ones(n, n, dtype=torch.bool, device=x.device).triu(1)
    pairs = (-t * squared).masked_fill(~above, float("-inf"))
    return pairs.flatten().logsumexp(dim=0) - math.log(n * (n - 1) / 2)

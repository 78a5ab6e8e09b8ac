"""Barlow Twins: each dimension says the same of both views, and no two say the same; no negatives.

Zbontar et al. 2021 (arXiv 2103.03230), section 2. Beside VICReg, as a comparison.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from soundkin.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor


def barlow_twins_loss(
    x: Tensor, y: Tensor, *, redundancy_weight: float = 5e-3, epsilon: float = 1e-5
) -> Tensor:
    """How far the views' correlations are from the identity matrix: a scalar, 0 and more.

    `x`, `y` (n, dim) as they are, two and more rows; each dimension is standardised over the batch
    (variance + `epsilon`, with n). Diagonal (1 - c)^2, and `redundancy_weight` times the other
    c^2. Raises InputError for other shapes.

    Examples
    --------
    >>> import torch
    >>> x = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
    >>> round(barlow_twins_loss(x, x).item(), 6)
    0.0
    """
    if x.shape != y.shape or len(x) < 2:
        found = f"views of shapes {tuple(x.shape)} and {tuple(y.shape)}"
        raise InputError(found, "one shape with two and more rows")
    a, b = (
        (view - view.mean(dim=0)) / (view.var(dim=0, correction=0) + epsilon).sqrt()
        for view in (x, y)
    )
    correlation = a.T @ b / len(x)
    diagonal = correlation.diagonal()
    others = correlation.square().sum() - diagonal.square().sum()
    return (1 - diagonal).square().sum() + redundancy_weight * others

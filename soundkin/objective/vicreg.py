"""VICReg: pairs together, every dimension alive, no dimension the copy of another; no negatives.

Bardes, Ponce and LeCun 2022 (arXiv 2105.04906). Here as the comparison beside the papers' losses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from soundkin.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor


def vicreg_loss(
    x: Tensor,
    y: Tensor,
    *,
    invariance_weight: float = 25.0,
    variance_weight: float = 25.0,
    covariance_weight: float = 1.0,
) -> Tensor:
    """Weighted sum of the three terms: a scalar, 0 and more.

    `x`, `y` (n, dim) as they are, two and more rows. Raises InputError for other shapes.

    Examples
    --------
    >>> import torch
    >>> round(vicreg_loss(torch.zeros(4, 3), torch.zeros(4, 3)).item(), 2)  # collapsed: not 0
    24.75
    """
    if x.shape != y.shape or len(x) < 2:
        found = f"views of shapes {tuple(x.shape)} and {tuple(y.shape)}"
        raise InputError(found, "one shape with two and more rows")
    invariance = (x - y).square().mean()
    return (
        invariance_weight * invariance
        + variance_weight * (variance_hinge(x) + variance_hinge(y)) / 2
        + covariance_weight * (covariance_penalty(x) + covariance_penalty(y))
    )


def variance_hinge(x: Tensor, *, target: float = 1.0, epsilon: float = 1e-4) -> Tensor:
    """Mean over dimensions of how far each deviation stays below `target`: a scalar.

    `x` (n, dim); the deviation is sqrt(variance + epsilon), with n - 1.

    Examples
    --------
    >>> import torch
    >>> variance_hinge(torch.tensor([[-5.0], [5.0]])).item()
    0.0
    """
    return (target - (x.var(dim=0) + epsilon).sqrt()).clamp_min(0).mean()


def covariance_penalty(x: Tensor) -> Tensor:
    """Sum of squared covariances of different dimensions, divided by dim: a scalar.

    Examples
    --------
    >>> import torch
    >>> covariance_penalty(torch.tensor([[-1.0, -1.0], [1.0, 1.0]])).item()
    4.0
    """
    centred = x - x.mean(dim=0)
    covariance = centred.T @ centred / (len(x) - 1)
    return (covariance.square().sum() - covariance.diagonal().square().sum()) / x.shape[1]

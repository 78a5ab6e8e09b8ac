"""NT-Xent: the partner must be found among all others of both views.

Chen et al. 2020, SimCLR (arXiv 2002.05709); MULE (arXiv 2210.03799) uses a temperature of 0.1.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, normalize

from soundkin.errors import InputError


def nt_xent_loss(x: Tensor, y: Tensor, *, temperature: float = 0.1, group: int = 0) -> Tensor:
    """Mean cross-entropy of picking the partner among the other 2 n - 1 rows: a scalar above 0.

    `x`, `y` (n, dim) of any length, brought to unit length here; cosine / `temperature` are the
    logits. `group`: rows stand in groups of so many, and the partner is picked among those of its
    own alone (0: among all). Raises InputError for shapes that differ and a temperature that is not
    above 0.

    Examples
    --------
    >>> x = torch.eye(2)
    >>> round(nt_xent_loss(x, x, temperature=0.1).item(), 6)
    9.1e-05
    """
    if x.shape != y.shape:
        raise InputError(f"views of shapes {tuple(x.shape)} and {tuple(y.shape)}", "one shape")
    if temperature <= 0:
        raise InputError(f"a temperature of {temperature}", "more than 0, often 0.1")
    n = len(x)
    z = normalize(torch.cat([x, y]), dim=1)
    out = torch.eye(2 * n, dtype=torch.bool, device=z.device)
    if group:
        whose = (torch.arange(n, device=z.device) // group).repeat(2)
        out |= whose[:, None] != whose
    logits = (z @ z.T / temperature).masked_fill(out, float("-inf"))
    partner = torch.arange(2 * n, device=z.device).roll(n)
    return cross_entropy(logits, partner)

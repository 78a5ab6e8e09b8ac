"""What was learnt -> what is searched: a linear map behind the network, fitted on drawn sound.

Embedding, and statistics of the frames beside it if the recipe wants them, each brought to length
one; then the principal components over sound drawn from the recipe's own synthesizer, large ones
held down. No recording is looked at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Generator, Tensor, nn
from torch.nn.functional import normalize

from soundkin.encoder.convnet import frame_statistics, sounding_frames
from soundkin.recipe.views import draw_views

if TYPE_CHECKING:
    from soundkin.recipe.assemble import PairModel

WINDOWS = 2048
"""Drawn for the components."""
LEAST = 1e-3
"""Share of the mean variance that is added to each before it is held down."""


class Vector(nn.Module):
    """(embedding, frames, valid frames) -> (n, dims), of any length.

    `weight` of the statistics beside the embedding; `mean` (m,), `matrix` (m, dims).
    """

    mean: Tensor
    matrix: Tensor

    def __init__(self, weight: float, mean: Tensor, matrix: Tensor) -> None:
        super().__init__()
        self.weight = weight
        self.register_buffer("mean", mean)
        self.register_buffer("matrix", matrix)

    def forward(self, embedding: Tensor, frames: Tensor, valid: Tensor) -> Tensor:
        """Joined, centred, turned: (n, dims)."""
        return (joined(embedding, frames, valid, self.weight) - self.mean) @ self.matrix


def joined(embedding: Tensor, frames: Tensor, valid: Tensor, weight: float) -> Tensor:
    """Embedding (n, dim) of length one and, of length `weight`, the statistics of its frames."""
    parts = [normalize(embedding, dim=1)]
    if weight:
        parts.append(weight * normalize(frame_statistics(frames, valid), dim=1))
    return torch.cat(parts, dim=1)


@torch.no_grad()
def fit_vector(model: PairModel) -> Vector:
    """The map of a trained model, from sound that its recipe draws with a seed of its own."""
    recipe = model.recipe
    model.eval()
    draws = Generator().manual_seed(recipe.run.seed + 2)
    found: list[Tensor] = []
    while sum(len(part) for part in found) < WINDOWS:
        for part in torch.split(draw_views(recipe, None, draws).a, 64):
            frames = model.frames(part)
            valid = sounding_frames(frames)
            embedding = model.encoder(frames, valid)
            found.append(joined(embedding, frames, valid, recipe.vector.statistics))
    mean, matrix = principal(torch.cat(found), recipe.vector.dims, recipe.vector.whiten)
    return Vector(recipe.vector.statistics, mean, matrix)


def principal(x: Tensor, dims: int, whiten: float) -> tuple[Tensor, Tensor]:
    """Mean (m,) and matrix (m, dims) of the rows (n, m): components divided by deviation ** whiten.

    The largest number of each column stands above 0, so that the signs are not the machine's choice.

    Examples
    --------
    >>> mean, matrix = principal(torch.tensor([[1.0, 0.0], [3.0, 0.0], [2.0, 0.5]]), 1, 0.0)
    >>> matrix.T
    tensor([[1., 0.]])
    """
    wide = x.double()
    mean = wide.mean(dim=0)
    _, sizes, turned = torch.linalg.svd(wide - mean, full_matrices=False)
    axes, variance = turned[:dims], sizes[:dims].square() / max(1, len(x) - 1)
    largest = axes.gather(1, axes.abs().argmax(dim=1, keepdim=True))
    held = (variance + LEAST * variance.mean()) ** (-whiten / 2)
    return mean.float(), (axes * largest.sign() * held[:, None]).T.float().contiguous()

"""What was learnt -> what is searched: a linear map behind the network, fitted on drawn sound.

Embedding, and statistics of the frames beside it if the recipe wants them, each brought to length
one; then, over sound that the recipe itself draws, the principal components, large ones held down,
or the directions that tell kin from strangers (:mod:`soundkin.recipe.kin`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Generator, Tensor, nn
from torch.nn.functional import normalize

from soundkin.encoder.convnet import frame_statistics, sounding_frames
from soundkin.frontend.layers import centred
from soundkin.recipe.kin import Scatter, scatter_of, telling
from soundkin.recipe.views import draw_views

if TYPE_CHECKING:
    from collections.abc import Callable

    from soundkin.recipe.assemble import PairModel
    from soundkin.recipe.views import Views

    Draw = Callable[[Generator], Views]

WINDOWS = 2048
"""Drawn for the components."""
PAIRS = 4096
"""Drawn to tell kin from strangers."""
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
def fit_vector(model: PairModel, draw: Draw | None = None) -> Vector:
    """The map of a trained model, from sound that its recipe draws with a seed of its own.

    `draw` makes the batches, for recipes whose sound lies in a folder.
    """
    recipe = model.recipe
    how = recipe.vector
    draws = draw or (lambda generator: draw_views(recipe, None, generator))
    if how.fit == "kin":
        found = scatter(model, draws)
        content = recipe.data.kin == "content"
        matrix = telling(found, how.dims, whiten=how.whiten, ridge=how.ridge, content=content)
        mean, turned = (torch.from_numpy(x).float() for x in (found.mean, matrix))
        return Vector(how.statistics, mean, turned.contiguous())
    generator = Generator().manual_seed(recipe.run.seed + 2)
    rows: list[Tensor] = []
    while sum(len(part) for part in rows) < WINDOWS:
        rows.append(heard(model, draws(generator).a))
    return Vector(how.statistics, *principal(torch.cat(rows), how.dims, how.whiten))


def scatter(model: PairModel, draw: Draw) -> Scatter:
    """How the features of kin and of strangers lie, over pairs drawn with the recipe's own seed."""
    generator = Generator().manual_seed(model.recipe.run.seed + 2)
    both: tuple[list[Tensor], list[Tensor]] = ([], [])
    while sum(len(part) for part in both[0]) < PAIRS:
        views = draw(generator)
        for rows, samples in zip(both, (views.a, views.b), strict=True):
            rows.append(heard(model, samples))
    a, b = (torch.cat(rows).double().numpy() for rows in both)
    return scatter_of(a, b, model.recipe.data.moments)


@torch.no_grad()
def heard(model: PairModel, samples: Tensor) -> Tensor:
    """What the map is given, of waveforms (n, window): (n, m)."""
    model.eval()
    found: list[Tensor] = []
    for part in torch.split(samples, 64):
        frames = model.frames(part)
        valid = sounding_frames(frames)
        if model.recipe.frontend.centred:
            frames = centred(frames, valid)
        embedding = model.encoder(frames, valid)
        found.append(joined(embedding, frames, valid, model.recipe.vector.statistics))
    return torch.cat(found)


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

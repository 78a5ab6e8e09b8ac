"""Is it learning, or collapsing? Numbers to watch while a network trains."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn.functional import normalize

from soundkin.audio.decode import read_sound
from soundkin.errors import InputError
from soundkin.objective.align_uniform import alignment, uniformity

LEAST_RANK = 4.0
"""An effective rank below this, or ..."""
LEAST_SPREAD = -0.1
"""... a uniformity above this is called a collapse: 0 is one point."""


@dataclass(frozen=True, slots=True)
class Health:
    """`effective_rank` 1 to dim; `alignment` 0 to 4, lower is closer; `uniformity` 0 and less."""

    effective_rank: float
    alignment: float
    uniformity: float

    @property
    def warning(self) -> str:
        """One sentence when the embeddings collapse, else nothing."""
        if self.effective_rank < LEAST_RANK or self.uniformity > LEAST_SPREAD:
            return (
                f"the embeddings are collapsing: effective rank {self.effective_rank:.1f}, "
                f"uniformity {self.uniformity:.2f}; a lower optimiser.lr or another objective helps"
            )
        return ""


@torch.no_grad()
def health(x: Tensor, y: Tensor) -> Health:
    """How the embeddings (n, dim) of two views lie on the sphere."""
    x, y = normalize(x.float(), dim=1), normalize(y.float(), dim=1)
    rank = effective_rank(torch.cat([x, y]))
    return Health(rank, float(alignment(x, y)), float(uniformity(x)))


@torch.no_grad()
def effective_rank(x: Tensor) -> float:
    """Of how many dimensions the rows (n, dim) make use: 1 to min(n, dim), 0 for one point.

    The exponential of the entropy of the centred rows' singular values (Roy and Vetterli 2007).

    Examples
    --------
    >>> round(effective_rank(torch.eye(4).repeat(5, 1)), 3)
    3.0
    """
    values = torch.linalg.svdvals((x - x.mean(dim=0)).double())
    if float(values.sum()) < 1e-9:
        return 0.0
    share = values / values.sum()
    return float(torch.exp(-torch.special.xlogy(share, share).sum()))


@torch.no_grad()
def knn_accuracy(x: Tensor, labels: npt.NDArray[np.int64], *, k: int = 1) -> float:
    """Share of rows (n, dim) whose `k` nearest others, by cosine, vote for their own label.

    Of labels with equally many votes the nearest one's.

    Examples
    --------
    >>> knn_accuracy(torch.tensor([[1.0, 0], [1, 0.1], [0, 1], [0.1, 1]]), np.array([0, 0, 1, 1]))
    1.0
    """
    x = normalize(x.float(), dim=1)
    cosine = (x @ x.T).fill_diagonal_(-2)
    near = labels[cosine.topk(k, dim=1).indices.numpy()]
    votes = (near[:, :, None] == near[:, None, :]).sum(axis=2)
    won = near[np.arange(len(near)), votes.argmax(axis=1)]
    return float((won == labels).mean())


def labelled_windows(
    folder: str | Path, *, rate_hz: int, window: int, most: int = 400
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """One window of each labelled sound: (n, window) float32 with its peak at 1, and labels (n,).

    `folder` holds a labels.csv with a column `path` and one `label` (or else the column after
    `path`); of more than `most` sounds an even share. The window is the loudest of each sound.
    Raises InputError for a folder without labels.
    """
    file = Path(folder) / "labels.csv"
    if not file.is_file():
        raise InputError(f"no labels.csv in {str(folder)!r}", "columns path and label")
    with file.open(newline="", encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle))
    if len(rows) < 2 or "path" not in rows[0] or len(rows[0]) < 2:
        raise InputError(f"{file} without two labelled sounds", "columns path and label")
    rows = rows[:: -(-len(rows) // most)]
    names = [name for name in rows[0] if name != "path"]
    column = "label" if "label" in rows[0] else names[0]
    known = sorted({row[column] for row in rows})
    labels = np.array([known.index(row[column]) for row in rows], np.int64)
    windows = np.zeros((len(rows), window), np.float32)
    for out, row in zip(windows, rows, strict=True):
        samples, _ = read_sound(Path(folder) / row["path"], rate_hz=rate_hz)
        part = _loudest(samples, window)
        out[: len(part)] = part / max(1e-9, float(np.abs(part).max(initial=0)))
    return windows, labels


def _loudest(samples: npt.NDArray[np.float32], window: int) -> npt.NDArray[np.float32]:
    """The window with the most energy."""
    if len(samples) <= window:
        return samples
    energy = np.concatenate([[0.0], np.cumsum(np.square(samples, dtype=np.float64))])
    start = int((energy[window:] - energy[:-window]).argmax())
    return samples[start : start + window]

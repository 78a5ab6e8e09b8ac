"""Frames (n, bands, frames) -> frames of the same shape: time and frequency moved and masked.

Autodecompose's two deformations are here: time scrambled, so that the content goes and the voice
stays, and frequency stretched and masked, so that the voice goes and the content stays.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from soundkin.errors import InputError

if TYPE_CHECKING:
    from soundkin.augment.waveform import Strength


def rotate_time(x: Tensor, frames: int | Tensor) -> Tensor:
    """Turn each row by that many frames, later when above 0: (n, bands, frames) -> same.

    As Autodecompose publishes its scramble: halves swapped at a random pivot, many times over. Each
    swap is a rotation, and so are all of them together; :func:`permute_time` truly scrambles.

    Examples
    --------
    >>> rotate_time(torch.tensor([[[1.0, 2.0, 3.0]]]), 1)
    tensor([[[3., 1., 2.]]])
    """
    shift = torch.as_tensor(frames, device=x.device, dtype=torch.long).expand(len(x))
    place = torch.arange(x.shape[2], device=x.device) - shift[:, None]
    return _take_frames(x, place % x.shape[2])


def permute_time(
    x: Tensor, segments: int | Tensor, *, generator: torch.Generator | None = None
) -> Tensor:
    """Cut time at random places and shuffle the pieces: (n, bands, frames) -> same.

    `segments`: how many pieces, one number or (n,); 0 and 1 are the identity, as many as frames
    shuffle every frame. Raises InputError for fewer than 0 or more than there are frames.

    Examples
    --------
    >>> x = torch.arange(4.0).reshape(1, 1, 4)
    >>> permute_time(x, 1).equal(x), permute_time(x, 4).sort().values.equal(x)
    (True, True)
    """
    n, _, length = x.shape
    count = torch.as_tensor(segments, device=x.device).expand(n)
    if not bool(((count >= 0) & (count <= length)).all()):
        raise InputError(f"segments {count.tolist()}", f"0 to {length}, the number of frames")
    drawn = torch.rand(n, length, generator=generator, device=x.device)
    drawn[:, 0] = -1  # the first piece begins at the first frame
    rank = drawn.argsort(dim=1).argsort(dim=1)
    piece = (rank < count.clamp_min(1)[:, None]).cumsum(dim=1) - 1
    order = torch.rand(n, length, generator=generator, device=x.device)
    key = order.gather(1, piece)
    return _take_frames(x, key.argsort(dim=1, stable=True))


def mask_time(
    x: Tensor,
    masks: int | Tensor,
    *,
    longest: int,
    value: float = 0.0,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Silence `masks` stretches of 1 to `longest` frames: (n, bands, frames) -> same.

    `masks`: one number or (n,); 0 is the identity, and so is a `longest` of 0.

    Examples
    --------
    >>> mask_time(torch.ones(1, 2, 4), 1, longest=1).sum().item()
    6.0
    """
    hidden = _stretches(len(x), x.shape[2], masks, longest, x.device, generator)
    return x.masked_fill(hidden[:, None, :], value)


def mask_frequency(
    x: Tensor,
    masks: int | Tensor,
    *,
    widest: int,
    lowest: int = 0,
    value: float = 0.0,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Silence `masks` runs of 1 to `widest` bands: (n, bands, frames) -> same.

    `masks`: one number or (n,); 0 is the identity; bands below `lowest` are never touched.

    Examples
    --------
    >>> mask_frequency(torch.ones(1, 4, 2), 9, widest=2, lowest=3)[0, :3].sum().item()
    6.0
    """
    hidden = _stretches(len(x), x.shape[1] - lowest, masks, widest, x.device, generator)
    spared = torch.zeros(len(x), lowest, dtype=torch.bool, device=x.device)
    return x.masked_fill(torch.cat([spared, hidden], dim=1)[:, :, None], value)


def stretch_frequency(x: Tensor, factor: Strength) -> Tensor:
    """Stretch the axis of bands, the lowest in its place: (n, bands, frames) -> same.

    `factor`: one number or (n,), above 0: at 1.1 what was in band 50 is in band 55; cubic curves
    between bands, the highest band repeated where shrinking leaves a gap. 1 is the identity.

    Examples
    --------
    >>> x = torch.eye(6)[2].reshape(1, 6, 1)
    >>> stretch_frequency(x, 2.0).argmax().item()
    4
    """
    how = torch.as_tensor(factor, device=x.device, dtype=x.dtype).expand(len(x))
    if not bool((how > 0).all()):
        raise InputError(f"a factor of {float(how.min()):g}", "above 0, for instance 0.8 to 1.2")
    highest = x.shape[1] - 1
    place = (torch.arange(x.shape[1], device=x.device) / how[:, None]).clamp(max=highest)
    first = place.floor()
    t = (place - first)[:, :, None]
    index = first.long()
    a, b, c, d = (_take_bands(x, (index + k).clamp(0, highest)) for k in (-1, 0, 1, 2))
    curve = b + t / 2 * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)))
    return torch.where((how == 1)[:, None, None], x, curve)


def _take_frames(x: Tensor, place: Tensor) -> Tensor:
    """Frames at the places (n, frames) of each row."""
    return x.gather(2, place[:, None].expand(-1, x.shape[1], -1))


def _take_bands(x: Tensor, place: Tensor) -> Tensor:
    """Bands at the places (n, bands) of each row."""
    return x.gather(1, place[:, :, None].expand(-1, -1, x.shape[2]))


def _stretches(
    n: int,
    length: int,
    masks: int | Tensor,
    longest: int,
    device: torch.device,
    generator: torch.Generator | None,
) -> Tensor:
    """Random runs of 1 to `longest` places: (n, length) bool, true inside a run."""
    count = torch.as_tensor(masks, device=device).expand(n)
    most = int(count.max()) if n else 0
    drawn = torch.rand(2, n, most, generator=generator, device=device)
    size = (drawn[0] * min(longest, length)).long() + (min(longest, length) > 0)
    start = (drawn[1] * (length - size + 1)).long()
    size = size * (torch.arange(most, device=device) < count[:, None])
    place = torch.arange(length, device=device)
    inside = (place >= start[..., None]) & (place < (start + size)[..., None])
    return inside.any(dim=1)

"""Autodecompose: a sound taken apart into voice and content, proved by putting it together again.

Two encoders see two deformations of one sound: the voice encoder one whose content is scrambled,
the content encoder one whose voice is altered. Their codes are laid side by side frame by frame,
and a decoder must give the sound back (Bonyadi).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from soundkin.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor


def decompose_loss(
    encode_voice: Callable[[Tensor], Tensor],
    encode_content: Callable[[Tensor], Tensor],
    decode: Callable[[Tensor], Tensor],
    *,
    scrambled: Tensor,
    altered: Tensor,
    target: Tensor,
) -> Tensor:
    """Mean squared error of what the decoder makes of both codes: a scalar.

    `scrambled` (content gone, voice kept), `altered` (voice gone, content kept) and `target` (n,
    bands, frames); encoders: that -> (n, frames, dim); decoder: (n, frames, 2 dim) -> (n, bands,
    frames). The text has the plain sound as `target`; the published notebook a deformed one.

    Examples
    --------
    >>> half = lambda x: x.transpose(1, 2) / 2
    >>> add = lambda code: (code[..., :3] + code[..., 3:]).transpose(1, 2)
    >>> x = torch.ones(2, 3, 5)
    >>> decompose_loss(half, half, add, scrambled=x, altered=x, target=x).item()
    0.0
    """
    codes = join_codes(encode_voice(scrambled), encode_content(altered))
    return reconstruction_loss(decode(codes), target)


def join_codes(voice: Tensor, content: Tensor) -> Tensor:
    """Codes side by side, frame by frame: two (n, frames, dim) -> (n, frames, 2 dim).

    A code that holds for the whole sound, (n, 1, dim), is repeated over the frames of the other.

    Examples
    --------
    >>> join_codes(torch.zeros(1, 1, 2), torch.ones(1, 3, 2)).shape
    torch.Size([1, 3, 4])
    """
    frames = max(voice.shape[1], content.shape[1])
    return torch.cat([x.expand(-1, frames, -1) for x in (voice, content)], dim=2)


def reconstruction_loss(
    rebuilt: Tensor, target: Tensor, *, valid_frames: Tensor | None = None
) -> Tensor:
    """Mean squared error over all bands of the valid frames: a scalar.

    `rebuilt`, `target` (n, bands, frames); `valid_frames` (n,) int: how many frames of each are
    sound (default: all). Raises InputError for shapes that differ.

    Examples
    --------
    >>> x, y = torch.zeros(1, 2, 4), torch.tensor([1.0, 1.0, 9.0, 9.0]).expand(1, 2, 4)
    >>> reconstruction_loss(x, y, valid_frames=torch.tensor([2])).item()
    1.0
    """
    if rebuilt.shape != target.shape:
        shapes = f"{tuple(rebuilt.shape)} and {tuple(target.shape)}"
        raise InputError(f"rebuilt and target of shapes {shapes}", "one shape")
    squared = (rebuilt - target).square()
    if valid_frames is None:
        return squared.mean()
    valid = torch.arange(target.shape[2], device=target.device) < valid_frames[:, None]
    return (squared * valid[:, None]).sum() / (valid.sum() * target.shape[1])

"""The patches of oscillators on the CPU, compiled: the same sounds as `plain`, many times faster.

No gradients. The batch is shared out over as many threads as torch may use; a sound does not
depend on its neighbours or on their number.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from soundkin.synth.patches import CONTROL_HZ, NORMALISE
from soundkin.synth.plain import parts_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from soundkin.synth.patches import Normalise, OscillatorPatch

Floats = npt.NDArray[np.float32]

WAVES = {"sine": 0, "square_saw": 1}


@cache
def has_numba() -> bool:
    """Whether the compiled path can be taken at all."""
    return find_spec("numba") is not None


def can_render(u: Tensor) -> bool:
    """On the CPU, in float32, no gradient asked for, numba there."""
    wants_gradient = u.requires_grad and torch.is_grad_enabled()
    return (
        u.device.type == "cpu" and u.dtype == torch.float32 and not wants_gradient and has_numba()
    )


@cache
def blocks(frames: int, samples: int) -> tuple[npt.NDArray[np.int64], Floats, np.float32]:
    """The first sample at or after each frame, how far behind the frame it is, frames per sample."""
    slope = (frames - 1) / max(samples - 1, 1)
    starts = np.ceil(np.arange(frames) / slope - 1e-9).astype(np.int64)
    offsets = (starts * slope - np.arange(frames)).astype(np.float32)
    starts[-1] = samples
    return starts, offsets, np.float32(slope)


def render(
    patch: OscillatorPatch, u: Tensor, seeds: Tensor, *, normalise: Normalise = "peak"
) -> Tensor:
    """Parameters (batch, parameters) in [0, 1] and int64 seeds (batch,) -> (batch, samples)."""
    from soundkin.synth import kernels  # noqa: PLC0415 - compiling takes seconds at the first call

    with torch.no_grad():
        parts = parts_of(patch, u.detach())
    by_module = [
        np.ascontiguousarray(part.numpy())
        for part in (
            parts.keyboards,
            parts.envelopes,
            parts.lfos,
            parts.oscillators,
            parts.carriers,
            parts.matrix,
            parts.levels,
            seeds.long().cpu(),
        )
    ]
    waves = np.array([WAVES[oscillator.wave] for oscillator in patch.oscillators])
    driving = np.array([oscillator.drives_carrier for oscillator in patch.oscillators])
    settings = (
        waves,
        driving,
        *blocks(patch.frames, patch.samples),
        np.float32(patch.rate_hz),
        np.float32(CONTROL_HZ),
        NORMALISE.index(normalise),
    )
    out = torch.empty(len(u), patch.samples)
    share_out(lambda *rows: kernels.render_rows(*rows, *settings), [out.numpy(), *by_module])
    return out


def share_out(render_rows: Callable[..., None], arrays: list[npt.NDArray[Any]]) -> None:
    """Call with the rows of all arrays, split over as many threads as torch may use."""
    threads = min(torch.get_num_threads(), max(1, len(arrays[0]) // 4))
    if threads == 1:
        render_rows(*arrays)
        return
    shares = zip(*(np.array_split(array, threads) for array in arrays), strict=True)
    with ThreadPoolExecutor(threads) as pool:
        for done in [pool.submit(render_rows, *share) for share in shares]:
            done.result()

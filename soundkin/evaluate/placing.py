"""Where a model of others looks in a chunk of sound."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from soundkin.audio.windows import Chunk

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]


def place(chunk: Chunk, rate_hz: int, window_samples: int) -> tuple[Floats, Ints, Ints]:
    """A chunk's sound at a rate; first sample and length (k,) of its segments, cut to a window."""
    from soundkin.audio.decode import resample  # noqa: PLC0415 - its codecs are slow to import

    samples = resample(chunk.samples, chunk.rate_hz, rate_hz)
    starts_s, ends_s = chunk.segments.start_s, chunk.segments.end_s
    valid = np.rint((ends_s - starts_s) * rate_hz).astype(np.int64)
    valid = np.clip(valid, 1, min(window_samples, len(samples)))
    starts = np.rint((starts_s - chunk.origin_s) * rate_hz).astype(np.int64)
    return samples, np.clip(starts, 0, len(samples) - valid), valid

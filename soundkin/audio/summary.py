"""What one pass over a sound finds: who it is, how long and loud, and its outline."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class SoundSummary:
    """What one pass over a sound found.

    `sample_hash` is 32 hex digits over rate, channels and native samples; `peak_db` the highest
    magnitude of the mono sound in dBFS (-200 for digital silence); `peaks` (800, 2) int8 its
    outline, 127 = full scale.
    """

    sample_hash: str
    duration_s: float
    rate_hz: int
    channels: int
    format: str
    subtype: str
    peak_db: float
    peaks: npt.NDArray[np.int8]

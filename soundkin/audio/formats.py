"""What an open sound says of itself, and which file names are worth opening.

A *track* is one open sound, whatever decodes it: it hands out native frames in order, can step to
a frame, and is closed. :mod:`soundkin.audio.libsndfile` and :mod:`soundkin.audio.ffmpeg` make them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

# fmt: off
AUDIO_SUFFIXES = frozenset({
    ".wav", ".wave", ".bwf", ".rf64", ".w64", ".flac", ".ogg", ".oga", ".opus", ".mp3",
    ".mp2", ".aif", ".aiff", ".aifc", ".au", ".snd", ".caf",
    ".m4a", ".m4b", ".m4r", ".aac", ".adts", ".wma", ".wv", ".ape", ".tta", ".ac3", ".eac3",
    ".dts", ".amr", ".mka", ".spx",
    ".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".wmv", ".asf", ".flv", ".mpg", ".mpeg",
    ".mts", ".m2ts", ".3gp", ".3g2", ".ogv",
})
# fmt: on
"""Lower-case endings, dot included, of the files that a scan considers: sound, and video for it."""

MIN_RATE_HZ = 1_000
MAX_RATE_HZ = 6_144_000


@dataclass(frozen=True, slots=True)
class SoundInfo:
    """What the header says: native rate, channels, frames (None: unknown), format, subtype."""

    rate_hz: int
    channels: int
    frames: int | None
    format: str
    subtype: str


class Track(Protocol):
    """One open sound, read once from front to back.

    `promised` is the number of frames that a trustworthy header promises (None when there is none).
    `preroll` is how many frames before the wanted one a step must land so that what follows is the
    same as when decoded from the start; None when only decoding from the start will do.
    """

    info: SoundInfo
    promised: int | None
    preroll: int | None

    def read_into(self, out: npt.NDArray[np.float32]) -> int:
        """Fill `out` (frames, channels) from the front; return the frames written, 0 at the end.

        Raises
        ------
        DecodeError
            corrupt or truncated, when the decoder gives up.
        """
        ...

    def seek(self, frame: int) -> None:
        """Step to a frame; only when `preroll` is a number."""
        ...

    def close(self) -> None:
        """Let go of the decoder, not of the source."""
        ...

"""Tracks decoded by libsndfile: WAV in all its kinds, FLAC, OGG, Opus, MP3, AIFF, AU, CAF and more.

Conventions: native rate and channels, float32 with full scale at 1.0, whole numbers divided by
their full scale (so 16 bits give the same samples from WAV and from FLAC).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import soundfile

from soundkin.audio import headers
from soundkin.audio.formats import SoundInfo
from soundkin.errors import DecodeError

if TYPE_CHECKING:
    import numpy.typing as npt

    from soundkin.audio.source import Source

ENDLESS = 1 << 62
INT16_STEP = np.float32(1 / 32768)
NAMES = {"WAVEX": "WAV"}
PREROLL = {"VORBIS": 1 << 21, "OPUS": 1 << 16, "MPEG_LAYER_III": 1 << 16}
"""Frames to step short of the wanted one. Vorbis: no step may land in the last page, of at most 255
packets of 4,096 frames. Opus and MP3: the decoder needs what came before; MP3 then equals decoding
from the start to 1e-6, all else exactly."""


class _Forward(soundfile.SoundFile):  # type: ignore[misc]
    """A file that soundfile does not step in by itself.

    After each read soundfile steps to where the file already stands. In MP3 that restarts the
    decoder and puts wrong samples at a block's beginning; in a cut FLAC it loses the last block.
    """

    def seekable(self) -> bool:
        """Say no, whatever the file can do; `seek` still works."""
        return False

    def can_step(self) -> bool:
        """What `seekable` would say."""
        return bool(super().seekable())


class SndfileTrack:
    """One sound opened by libsndfile; see :class:`soundkin.audio.formats.Track`."""

    def __init__(self, source: Source, file: _Forward, promised: int | None) -> None:
        self._source = source
        self._file = file
        self._in_int16 = file.subtype == "PCM_16" and file.format != "FLAC"
        self._int16 = np.empty((0, file.channels), np.int16)
        self.info = _info(file)
        self.promised = promised
        can_step = file.can_step() and self.info.frames is not None
        self.preroll = PREROLL.get(file.subtype, 0) if can_step else None

    def read_into(self, out: npt.NDArray[np.float32]) -> int:
        """Fill `out` (frames, channels); return the frames written, 0 at the end."""
        try:
            return self._read_int16(out) if self._in_int16 else len(self._file.read(out=out))
        except soundfile.SoundFileError as error:
            raise self._gave_up(error) from error

    def seek(self, frame: int) -> None:
        """Step to a frame."""
        try:
            self._file.seek(frame)
        except soundfile.SoundFileError as error:
            raise self._gave_up(error) from error

    def close(self) -> None:
        """Close libsndfile's handle."""
        self._file.close()

    def _read_int16(self, out: npt.NDArray[np.float32]) -> int:
        """Four times as fast as libsndfile's own conversion, and equal to the bit."""
        if len(self._int16) < len(out):
            self._int16 = np.empty(out.shape, np.int16)
        n = len(self._file.read(out=self._int16[: len(out)]))
        np.multiply(self._int16[:n], INT16_STEP, out=out[:n])
        return n

    def _gave_up(self, error: Exception) -> DecodeError:
        name = self._source.name
        if self._source.tell() >= self._source.size:
            return DecodeError(
                "truncated", f"'{name}' ends in the middle of its sound", "a whole file"
            )
        return DecodeError(
            "corrupt", f"'{name}' stops making sense midway ({error})", "a whole file"
        )


def open_sndfile(source: Source) -> SndfileTrack | None:
    """Open a source with libsndfile; None when it does not know it or sees no frames in it."""
    data = headers.data_bytes(source)
    counted = data is None and headers.counts_frames(source)
    source.rewind()
    try:
        file = _Forward(source.stream if source.fd is None else source.fd, closefd=False)
    except soundfile.SoundFileError:
        return None
    if file.frames == 0:
        file.close()
        return None
    return SndfileTrack(source, file, _promised(file, data, counted=counted))


def _info(file: _Forward) -> SoundInfo:
    name = "OPUS" if file.subtype == "OPUS" else NAMES.get(file.format, file.format)
    frames = None if file.frames >= ENDLESS else int(file.frames)
    return SoundInfo(int(file.samplerate), int(file.channels), frames, str(name), str(file.subtype))


def _promised(file: _Forward, data: tuple[int, int] | None, *, counted: bool) -> int | None:
    """The frames a trustworthy header promises; libsndfile cuts its figure to what is there."""
    frames = int(file.frames)
    if data is not None and data[1] > 0:
        promised, there = data
        return max(frames, frames * promised // there)
    trusted = counted if file.format == "MP3" else file.format == "FLAC" and frames < ENDLESS
    return frames if trusted else None

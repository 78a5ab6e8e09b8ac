"""Whole FLAC files decoded by dr_flac: the samples of libsndfile in less than two thirds of its time.

It reads files that lie on a disk; what comes as a stream, a machine for which there is no build of it,
and files that it makes nothing of are left to libsndfile.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from soundkin.audio.formats import MIN_RATE_HZ, SoundInfo
from soundkin.audio.libsndfile import open_sndfile
from soundkin.errors import DecodeError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from soundkin.audio.formats import Track
    from soundkin.audio.source import Source

HEAD_BYTES = 26
"""The mark, the first block's head, and of that block all that tells what the samples are."""
SUBTYPES = {16: "PCM_16", 24: "PCM_24"}
DESCRIPTORS = "/dev/fd"
"""Where a file that is open has a path of its own, whatever its name."""


class FlacTrack:
    """One FLAC file opened by dr_flac; see :class:`soundkin.audio.formats.Track`.

    dr_flac passes over frames that are damaged. So when frames are missing at the end, libsndfile reads
    the file once more up to there, and says what is wrong or goes on.
    """

    def __init__(
        self, source: Source, library: tuple[Any, Any], decoder: object, info: SoundInfo
    ) -> None:
        self._source = source
        self._ffi, self._lib = library
        self._decoder = decoder
        self._rest: Track | None = None
        self._at = 0
        self.info = info
        self.promised = info.frames
        self._frames = info.frames or 0
        self.preroll: int | None = 0

    def read_into(self, out: npt.NDArray[np.float32]) -> int:
        """Fill `out` (frames, channels); return the frames written, 0 at the end."""
        if self._rest is not None:
            return self._rest.read_into(out)
        out = out[: self._frames - self._at]  # dr_flac also decodes what lies behind the last frame
        if not len(out):
            return 0
        place = self._ffi.from_buffer("float[]", out, require_writable=True)
        n = int(self._lib.ma_dr_flac_read_pcm_frames_f32(self._decoder, len(out), place))
        self._at += n
        return n or self._second_opinion(out)

    def seek(self, frame: int) -> None:
        """Step to a frame."""
        if not self._lib.ma_dr_flac_seek_to_pcm_frame(self._decoder, frame):
            self._rest = self._by_sndfile()
            self._rest.seek(frame)
        self._at = frame

    def close(self) -> None:
        """Close the decoders."""
        self._lib.ma_dr_flac_close(self._decoder)
        if self._rest is not None:
            self._rest.close()

    def _second_opinion(self, out: npt.NDArray[np.float32]) -> int:
        """Let libsndfile find its own way up to here, and what comes next."""
        self._rest = self._by_sndfile()
        left = self._at
        while left:
            n = self._rest.read_into(out[:left])
            if not n:
                return 0
            left -= n
        return self._rest.read_into(out)

    def _by_sndfile(self) -> Track:
        track = open_sndfile(self._source)
        if track is None:
            raise DecodeError(
                "corrupt", f"'{self._source.name}' stops making sense midway", "a whole file"
            )
        return track


def open_flac(source: Source) -> FlacTrack | None:
    """Open a FLAC file on a disk with dr_flac; None when it is anything else."""
    info = _info(source.read_at(0, HEAD_BYTES)) if source.fd is not None else None
    if info is None or (library := _library()) is None:
        return None
    ffi, lib = library
    source.rewind()
    decoder = lib.ma_dr_flac_open_file(f"{DESCRIPTORS}/{source.fd}".encode(), ffi.NULL)
    return FlacTrack(source, library, decoder, info) if decoder else None


def _info(head: bytes) -> SoundInfo | None:
    """What the first block of a FLAC file says; None when it is none or leaves something open."""
    if head[:4] != b"fLaC" or len(head) < HEAD_BYTES or head[4] & 0x7F:
        return None
    # 20 bits of rate, 3 of channels less one, 5 of bits a sample less one, 36 of frames
    fields = int.from_bytes(head[18:26], "big")
    rate_hz, channels = fields >> 44, (fields >> 41 & 7) + 1
    bits, frames = (fields >> 36 & 31) + 1, fields & ((1 << 36) - 1)
    if bits not in SUBTYPES or not frames or rate_hz < MIN_RATE_HZ:
        return None
    return SoundInfo(rate_hz, channels, frames, "FLAC", SUBTYPES[bits])


@cache
def _library() -> tuple[Any, Any] | None:
    """dr_flac, from the package miniaudio; None without a build, or without a way to hand it a file."""
    if not Path(DESCRIPTORS).is_dir():
        return None
    try:
        import _miniaudio  # noqa: PLC0415 - not on every machine; its package also loads what opens web pages
    except ImportError:
        return None
    return _miniaudio.ffi, _miniaudio.lib

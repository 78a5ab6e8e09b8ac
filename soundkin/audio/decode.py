"""Any file -> mono blocks, checked on the way; never the whole file in memory.

What comes out is mono float32 (frames,), the mean of the channels, at the native rate, full scale
at 1.0, finite. A sound's identity is the hash of its native samples, so that the same sound in WAV
and in FLAC, or with other tags, is the same sound.
"""

from __future__ import annotations

import math
import re
import struct
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import soxr
import xxhash

from soundkin.audio.flac import open_flac
from soundkin.audio.formats import AUDIO_SUFFIXES, MAX_RATE_HZ, MIN_RATE_HZ, SoundInfo, Track
from soundkin.audio.libsndfile import open_sndfile
from soundkin.audio.peaks import PeakMeter
from soundkin.audio.source import Openable, Source, byte_hash
from soundkin.audio.summary import SoundSummary
from soundkin.errors import DecodeError, InputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

__all__ = [
    "AUDIO_SUFFIXES",
    "SoundInfo",
    "SoundReader",
    "SoundSummary",
    "byte_hash",
    "open_track",
    "read_range",
    "read_sound",
    "resample",
    "to_mono",
]

Float32 = npt.NDArray[np.float32]

BLOCK_FRAMES = 1 << 16
BLOCK_SAMPLES = 1 << 20  # with very many channels, shorter blocks
PROBE_FRAMES = 1 << 8
"""What is asked for behind the last frame that the header names."""
FLOOR_DB = -200.0
MIN_DURATION_S = 0.001
SLACK, SLACK_S = 0.02, 0.1
KNOWN_HEADS = re.compile(
    rb"RIFF|RIFX|RF64|riff|FORM|fLaC|OggS|ID3|\.snd|caff|....ftyp|\x1aE\xdf\xa3|0&\xb2u", re.DOTALL
)
"""How files of sound begin; one that does and does not decode is corrupt, not some other kind of file."""


class SoundReader:
    """One pass over one sound: mono blocks out, hash, level and outline on the way.

    `source` is a path (text, raw bytes, path object) or a binary file that can seek and stays the
    caller's; `name` is what messages call it. Use it as a context manager.

    Raises
    ------
    DecodeError
        empty, unreadable, not-sound, no-audio-track, corrupt or too-long, on opening.
    """

    def __init__(
        self, source: Openable, *, name: str | None = None, max_duration_s: float = 172_800
    ) -> None:
        self._source = Source(source, name=name)
        self.name = self._source.name
        self._max_duration_s = max_duration_s
        try:
            self._track = open_track(self._source)
        except BaseException:
            self._source.close()
            raise
        self.info = self._track.info
        self._frames = 0
        self._meter = PeakMeter()
        self._hash = xxhash.xxh3_128(struct.pack("<II", self.info.rate_hz, self.info.channels))
        self._done = False
        try:
            self._demand_length(self.info.frames or 0)
        except DecodeError:
            self.close()
            raise

    def blocks(self) -> Iterator[Float32]:
        """Mono blocks (frames,) of about 65,536 frames at the native rate, float32 and finite.

        Raises
        ------
        DecodeError
            corrupt, truncated, not-finite or too-long.
        """
        for native in _native_blocks(self._track, math.inf):
            self._frames += len(native)
            self._demand_length(self._frames)
            self._hash.update(native.data)
            mono = to_mono(native)
            self._meter.add(mono)
            self._demand_finite()
            yield mono
        self._done = True

    def summary(self) -> SoundSummary:
        """What the pass found; call it after the last block.

        Raises
        ------
        DecodeError
            empty, truncated, too-short (under 1 ms) or constant (one value other than 0).
        InputError
            when blocks are left to be read.
        """
        if not self._done:
            raise InputError(
                "the sound is not read to its end", "its last block", "read all blocks"
            )
        self._demand_sound()
        high = max(-self._meter.low, self._meter.high)
        return SoundSummary(
            sample_hash=self._hash.hexdigest(),
            duration_s=self._frames / self.info.rate_hz,
            rate_hz=self.info.rate_hz,
            channels=self.info.channels,
            format=self.info.format,
            subtype=self.info.subtype,
            peak_db=max(FLOOR_DB, 20 * math.log10(high)) if high > 0 else FLOOR_DB,
            peaks=self._meter.peaks(),
        )

    def close(self) -> None:
        """Close the decoder, and the file if it was opened here."""
        self._track.close()
        self._source.close()

    def __enter__(self) -> SoundReader:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _demand_length(self, frames: int) -> None:
        if frames > self._max_duration_s * self.info.rate_hz:
            limit = f"at most {self._max_duration_s / 3600:.4g} hours"
            raise DecodeError(
                "too-long", f"'{self.name}' goes on for longer than can be taken", limit
            )

    def _demand_finite(self) -> None:
        if not (math.isfinite(self._meter.low) and math.isfinite(self._meter.high)):
            raise DecodeError(
                "not-finite",
                f"'{self.name}' has samples that are no numbers or infinite",
                "finite samples",
            )

    def _demand_sound(self) -> None:
        rate_hz, promised = self.info.rate_hz, self._track.promised
        if promised is not None and promised - self._frames > max(
            SLACK * promised, SLACK_S * rate_hz
        ):
            found = f"'{self.name}' has {self._frames / rate_hz:.3f} s of sound"
            raise DecodeError(
                "truncated",
                found,
                f"the {promised / rate_hz:.3f} s its header promises",
                "copy it again",
            )
        if not self._frames:
            raise DecodeError("empty", f"'{self.name}' has a header and no samples", "a sound")
        if self._frames < MIN_DURATION_S * rate_hz:
            found = f"'{self.name}' has {self._frames} samples"
            raise DecodeError("too-short", found, f"{MIN_DURATION_S * 1000:g} ms or more")
        if self._meter.low == self._meter.high != 0:
            found = f"'{self.name}' is the value {self._meter.high:.4g} from end to end"
            raise DecodeError("constant", found, "a sound that moves")


def open_track(source: Source) -> Track:
    """Open a source with dr_flac or libsndfile, else with FFmpeg's libraries.

    Raises
    ------
    DecodeError
        not-sound, no-audio-track or corrupt.
    """
    track: Track | None = open_flac(source)
    track = track or open_sndfile(source)
    if track is None:
        from soundkin.audio.ffmpeg import open_ffmpeg  # noqa: PLC0415 - 0.3 s, and rarely needed

        track = open_ffmpeg(
            source, looks_like_sound=KNOWN_HEADS.match(source.read_at(0, 12)) is not None
        )
    if not MIN_RATE_HZ <= track.info.rate_hz <= MAX_RATE_HZ:
        track.close()
        found = f"'{source.name}' gives a sampling rate of {track.info.rate_hz} Hz"
        raise DecodeError("corrupt", found, f"{MIN_RATE_HZ} to {MAX_RATE_HZ} Hz")
    return track


def read_sound(
    source: Openable,
    *,
    rate_hz: int | None = None,
    start_s: float = 0.0,
    end_s: float | None = None,
) -> tuple[Float32, int]:
    """A sound, or its part from `start_s` to `end_s`: mono float32 (frames,), and the rate in Hz.

    The part is cut at native frames and then resampled to `rate_hz` when one is given; an end
    behind the sound's is the sound's.

    Raises
    ------
    DecodeError
        as :class:`SoundReader`.
    InputError
        when the part lies outside the sound or is empty.
    """
    if start_s == 0 and end_s is None:
        samples, native_hz = _read_whole(source)
    else:
        native, info = read_range(source, start_s, end_s)
        samples, native_hz = to_mono(native), info.rate_hz
    to_hz = rate_hz or native_hz
    return resample(samples, native_hz, to_hz), to_hz


def read_range(
    source: Openable, start_s: float, end_s: float | None = None, *, name: str | None = None
) -> tuple[Float32, SoundInfo]:
    """The native frames (frames, channels) from `start_s` to `end_s`, and the sound's info.

    Long files are stepped into where the format allows it exactly, else decoded up to the place.

    Raises
    ------
    DecodeError
        as :class:`SoundReader`; not-finite when the part is.
    InputError
        when the part lies outside the sound or is empty.
    """
    if not 0 <= start_s < (math.inf if end_s is None else end_s):
        raise InputError(f"the range {start_s} to {end_s} s", "0 <= start < end")
    with Source(source, name=name) as opened:
        track = open_track(opened)
        try:
            native = _read_frames(track, start_s, end_s)
        finally:
            track.close()
        if not len(native):
            raise InputError(
                f"'{opened.name}' ends before {start_s} s",
                "a start within the sound",
                "choose an earlier one",
            )
        if not np.isfinite(native).all():
            raise DecodeError(
                "not-finite", f"'{opened.name}' has samples that are no numbers", "finite samples"
            )
    return native, track.info


def resample(samples: Float32, from_hz: float, to_hz: float) -> Float32:
    """Mono float32 (n,) from one rate to another by soxr's HQ filter; untouched when they agree.

    Examples
    --------
    >>> resample(np.zeros(44_100, np.float32), 44_100, 16_000).shape
    (16000,)
    """
    if from_hz == to_hz or not len(samples):
        return samples
    resampled: Float32 = soxr.resample(samples, from_hz, to_hz, quality="HQ")
    return resampled


def to_mono(native: Float32) -> Float32:
    """The mean (frames,) of the channels of native frames (frames, channels).

    Examples
    --------
    >>> to_mono(np.array([[0.0, 1.0], [0.5, 0.5]], np.float32))
    array([0.5, 0.5], dtype=float32)
    """
    channels = native.shape[1]
    if channels == 1:
        return native[:, 0]
    # sums of columns: 30 times as fast as a mean over the short axis, and the same on every machine
    with np.errstate(invalid="ignore", over="ignore"):
        mono: Float32 = native[:, 0] + native[:, 1]
        for channel in range(2, channels):
            mono += native[:, channel]
        mono *= np.float32(1 / channels)
    return mono


def _native_blocks(track: Track, n_frames: float) -> Iterator[Float32]:
    """The next `n_frames` frames in blocks (frames, channels), each good until the next."""
    channels = track.info.channels
    size = max(1, min(BLOCK_FRAMES, BLOCK_SAMPLES // channels))
    expected = track.info.frames
    shared = np.empty((0, channels), np.float32)
    taken = 0
    while n_frames > 0:
        room = size
        if expected is not None and taken <= expected:  # a short sound needs no long block
            room = min(size, max(PROBE_FRAMES, expected - taken))
        if channels == 1 or len(shared) < room:
            # a mono block is handed out as it is, so it must not be written over
            shared = np.empty((room, channels), np.float32)
        n = track.read_into(shared[: int(min(room, n_frames))])
        if not n:
            return
        n_frames -= n
        taken += n
        yield shared[:n]


def _read_frames(track: Track, start_s: float, end_s: float | None) -> Float32:
    rate_hz, channels = track.info.rate_hz, track.info.channels
    first = round(start_s * rate_hz)
    last = math.inf if end_s is None else round(end_s * rate_hz)
    at = 0
    if track.preroll is not None and first > track.preroll:
        at = max(0, min(first, track.info.frames or 0) - track.preroll)
        track.seek(at)
    kept = []
    for block in _native_blocks(track, last - at):
        skip = min(len(block), max(0, first - at))
        kept.append(block[skip:].copy())
        at += len(block)
    return np.concatenate([np.empty((0, channels), np.float32), *kept])


def _read_whole(source: Openable) -> tuple[Float32, int]:
    with SoundReader(source) as reader:
        samples = np.concatenate([np.empty(0, np.float32), *reader.blocks()])
        reader.summary()
    return samples, reader.info.rate_hz

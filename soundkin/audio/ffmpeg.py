"""Tracks decoded by FFmpeg's libraries (PyAV): AAC, ALAC, WMA, AC-3, WavPack, the sound of videos.

Only what libsndfile does not know comes here; importing PyAV takes 0.3 s, so this module is
imported late. Containers are named one by one and nothing but the given bytes is ever opened: a
playlist that names other files or addresses is no sound.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import av
import av.error
import numpy as np

from soundkin.audio.formats import SoundInfo
from soundkin.errors import DecodeError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt
    from av import AudioFrame, AudioStream
    from av.container import InputContainer

    from soundkin.audio.source import Source

CONTAINERS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,asf,avi,flv,mpeg,mpegts,ogg,aac,ac3,eac3,dts,amr,mp3,flac,"
    "wav,w64,xwma,aiff,au,caf,wv,ape,tta"
)
TRUSTED = frozenset({"mov", "wav", "w64", "aiff", "caf", "flac", "wv", "ape", "tta"})
"""Containers whose audio track says exactly how long it is."""
TRUSTED_ALONE = frozenset({"matroska", "asf"})
"""Containers that say how long the longest track is: right when there is no video beside the sound."""

CODEC_NAMES = {"mp3float": "MP3", "vorbis": "OGG", "wmav1": "WMA", "wmav2": "WMA", "wmapro": "WMA"}
PCM_NAMES = {"s16": "PCM_16", "s24": "PCM_24", "s32": "PCM_32", "u8": "PCM_U8", "f32": "FLOAT"}
SCALES = {"u8": 1 / 128, "s16": 1 / (1 << 15), "s32": 1 / (1 << 31), "s64": 1 / (1 << 63)}
BAD_PACKETS = 0.02


class FfmpegTrack:
    """One sound opened by FFmpeg; see :class:`soundkin.audio.formats.Track`.

    It is read from the front only: `preroll` is None. Rate and channels are those of the first
    decoded frame (an AAC header may say half the rate); frames that differ later are converted.
    """

    def __init__(self, source: Source, container: InputContainer, stream: AudioStream) -> None:
        self._name = source.name
        self._container = container
        self._frames = self._decode(stream)
        first = next(self._frames, None)
        if first is None:
            reason = "truncated" if stream.duration else "empty"
            raise DecodeError(
                reason, f"'{self._name}' has a sound track with nothing in it", "a sound"
            )
        self._left = _samples(first)
        self._format = (first.format.name, first.layout.name, first.rate)
        self._converter = av.AudioResampler(*self._format)
        self.info = _info(container, stream, first)
        self.promised = _promised(container, self.info)
        self.preroll: int | None = None

    def read_into(self, out: npt.NDArray[np.float32]) -> int:
        """Fill `out` (frames, channels); return the frames written, 0 at the end."""
        n = 0
        while n < len(out):
            if not len(self._left) and not self._decode_more():
                break
            part = self._left[: len(out) - n]
            out[n : n + len(part)] = part
            self._left = self._left[len(part) :]
            n += len(part)
        return n

    def seek(self, frame: int) -> None:
        """Refuse: containers step to packets, not to frames."""
        raise NotImplementedError(f"decode '{self._name}' up to frame {frame} instead")

    def close(self) -> None:
        """Close FFmpeg's handles."""
        self._container.close()

    def _decode_more(self) -> bool:
        frame = next(self._frames, None)
        if frame is None:
            return False
        if (frame.format.name, frame.layout.name, frame.rate) == self._format:
            self._left = _samples(frame)
        else:
            converted = [_samples(one) for one in self._converter.resample(frame)]
            self._left = np.concatenate([self._left, *converted])
        return True

    def _decode(self, stream: AudioStream) -> Iterator[AudioFrame]:
        """Frames in order; 2 % of the packets may make no sense, as where a broadcast begins."""
        packets = bad = 0
        try:
            for packet in self._container.demux(stream):
                packets += 1
                try:
                    yield from packet.decode()
                except av.error.InvalidDataError:
                    bad += 1
        except av.error.FFmpegError as error:
            raise _corrupt(self._name, error) from error
        if bad > max(1, BAD_PACKETS * packets):
            raise _corrupt(self._name, f"{bad} of {packets} packets")


class _Bytes:
    """A source as the file object that PyAV asks for, without a name to guess from."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def read(self, n_bytes: int) -> bytes:
        return self._source.read(n_bytes)

    def tell(self) -> int:
        return self._source.tell()

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._source.tell(), os.SEEK_END: self._source.size}[
            whence
        ]
        if base + offset < 0:  # a header that points before the file
            return -1
        self._source.rewind(base + offset)
        return base + offset


def open_ffmpeg(source: Source, *, looks_like_sound: bool) -> FfmpegTrack:
    """Open a source with FFmpeg's libraries.

    Raises
    ------
    DecodeError
        not-sound, or corrupt when its first bytes look like sound; no-audio-track; empty.
    """
    source.rewind()
    try:
        container = av.open(
            _Bytes(source),
            mode="r",
            metadata_errors="replace",
            options={"format_whitelist": CONTAINERS, "protocol_whitelist": "none"},
        )
    except (av.error.FFmpegError, ValueError) as error:
        if looks_like_sound:
            raise _corrupt(source.name, error) from error
        raise DecodeError(
            "not-sound", f"'{source.name}' is in no known sound format", "a sound file"
        ) from error
    try:
        return FfmpegTrack(source, container, _audio_stream(source.name, container))
    except BaseException:
        container.close()
        raise


def _audio_stream(name: str, container: InputContainer) -> AudioStream:
    for stream in container.streams.audio:
        if stream.codec_context is not None:
            stream.codec_context.thread_type = "NONE"
            stream.codec_context.thread_count = 1
            return stream
    if container.streams.video:
        raise DecodeError("no-audio-track", f"'{name}' is a video without sound", "a sound track")
    raise DecodeError("not-sound", f"'{name}' holds no sound that can be decoded", "a sound file")


def _info(container: InputContainer, stream: AudioStream, first: AudioFrame) -> SoundInfo:
    name, subtype = _names(stream.codec_context.codec.canonical_name, _family(container))
    frames = None
    if stream.duration and stream.time_base is not None:
        frames = round(stream.duration * stream.time_base * first.rate)
    return SoundInfo(
        rate_hz=first.rate,
        channels=first.layout.nb_channels,
        frames=frames,
        format=name,
        subtype=subtype,
    )


def _promised(container: InputContainer, info: SoundInfo) -> int | None:
    """The frames a trustworthy header promises."""
    family = _family(container)
    if family in TRUSTED_ALONE and not container.streams.video and container.duration:
        return container.duration * info.rate_hz // av.time_base
    return info.frames if family in TRUSTED else None


def _names(codec: str, family: str) -> tuple[str, str]:
    """Format and subtype: the codec's name and its container's; PCM the other way round."""
    if codec.startswith("pcm_"):
        return family.upper(), PCM_NAMES.get(codec[4:7].rstrip("lb"), codec.upper())
    return CODEC_NAMES.get(codec, codec).upper(), family.upper()


def _family(container: InputContainer) -> str:
    return container.format.name.split(",")[0]


def _samples(frame: AudioFrame) -> npt.NDArray[np.float32]:
    """Native frames (frames, channels) float32, full scale at 1.0, scaled as libsndfile does."""
    native = frame.to_ndarray()
    channels = frame.layout.nb_channels
    native = native.T if frame.format.is_planar else native.reshape(-1, channels)
    kind = frame.format.name.removesuffix("p")
    if kind == "u8":
        native = native.astype(np.int16) - 128
    scale = np.float32(SCALES.get(kind, 1.0))
    return np.ascontiguousarray(native.astype(np.float32) * scale)


def _corrupt(name: str, why: object) -> DecodeError:
    told = getattr(why, "strerror", None) or why
    return DecodeError("corrupt", f"'{name}' does not decode ({told})", "a whole file")

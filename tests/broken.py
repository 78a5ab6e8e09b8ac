"""A folder with a file of every kind that has broken other tools, and good neighbours between them."""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING

import av
import numpy as np
import soundfile

if TYPE_CHECKING:
    from pathlib import Path

RATE_HZ = 22_050


def make_broken(folder: Path) -> dict[str, str | None]:
    """Write the files; name in the folder -> the reason it must fail with, None if it must be indexed.

    "silent" is found by the windows, not by the decoder. `folder.wav` is a folder, which a scan walks
    into; opened as a file it is "unreadable". `endless.wav` is a pipe that nobody writes to.
    """
    tone = make_tone()
    wav, flac, mp3 = (encoded(tone, kind) for kind in ("WAV", "FLAC", "MP3"))
    data = wav.index(b"data") + 4
    files: dict[str, tuple[bytes, str | None]] = {
        "good.wav": (wav, None),
        "good.flac": (flac, None),
        "good.mp3": (mp3, None),
        "empty.wav": (b"", "empty"),
        "header_only.wav": (encoded(tone[:0], "WAV"), "empty"),
        "cut.wav": (wav[: len(wav) // 2], "truncated"),
        "cut.flac": (flac[: len(flac) // 2], "truncated"),
        "cut.mp3": (mp3[: len(mp3) // 2], "truncated"),
        "cut_in_header.wav": (wav[:30], "corrupt"),
        "cut_in_header.flac": (flac[:30], "corrupt"),
        "scrambled.flac": (_scrambled(flac), "corrupt"),
        "flac_inside.wav": (encoded(tone * 0.9, "FLAC"), None),
        "wav_inside.mp3": (encoded(tone * 0.8, "WAV"), None),
        "mp3_inside.flac": (encoded(tone * 0.7, "MP3"), None),
        "text.wav": (b"This is no sound, whatever it is called.\n" * 50, "not-sound"),
        "playlist.wav": (b"#EXTM3U\n#EXTINF:1,\ngood.wav\n", "not-sound"),
        "concat.wav": (b"ffconcat version 1.0\nfile good.wav\n", "not-sound"),
        "noise_bytes.mp3": (np.random.default_rng(5).bytes(20_000), "not-sound"),
        "claims_more.wav": (_with(wav, data, (len(wav) * 10).to_bytes(4, "little")), "truncated"),
        "claims_unknown.wav": (_with(wav * 1, data, b"\xff\xff\xff\xff"), None),
        "claims_nothing.wav": (_with(encoded(tone * 0.6, "WAV"), data, bytes(4)), None),
        "claims_less.wav": (_with(wav, data, (2 * RATE_HZ).to_bytes(4, "little")), None),
        "no_channels.wav": (_with(wav, 22, bytes(2)), "corrupt"),
        "no_rate.wav": (_with(wav, 24, bytes(4)), "corrupt"),
        "slow_rate.wav": (_with(wav, 24, b"\x07\x00\x00\x00"), "corrupt"),
        "nan.wav": (_floats(tone, np.nan), "not-finite"),
        "inf.wav": (_floats(tone, np.inf), "not-finite"),
        "one_sample.wav": (encoded(tone[300:301], "WAV"), "too-short"),
        "silence.wav": (encoded(tone * 0, "WAV"), "silent"),
        "constant.wav": (encoded(tone * 0 + 0.25, "WAV"), "constant"),
        "eight_channels.wav": (
            encoded(np.stack([tone / (k + 1) for k in range(8)], 1), "WAV"),
            None,
        ),
        "rate_8000.wav": (encoded(tone, "WAV", 8_000), None),
        "rate_192000.wav": (encoded(tone, "WAV", 192_000), None),
        "for_days.flac": (_days_of_flac(), "too-long"),
        "mute.mp4": (_mute_video(), "no-audio-track"),
        "folder.wav/inside.wav": (encoded(tone * 0.5, "WAV"), None),
    }
    (folder / "folder.wav").mkdir(parents=True)
    for name, (content, _) in files.items():
        (folder / name).write_bytes(content)
    os.mkfifo(folder / "endless.wav")
    reasons = {name: reason for name, (_, reason) in files.items()}
    return reasons | {"folder.wav": "unreadable", "endless.wav": "unreadable"}


def make_tone(seconds: float = 1.5, rate_hz: int = RATE_HZ, seed: int = 1) -> np.ndarray:
    """A decaying tone with a little noise: mono float32, peak below 0.6."""
    t = np.arange(round(seconds * rate_hz)) / rate_hz
    noise = np.random.default_rng(seed).normal(0, 0.02, len(t))
    return (0.5 * np.sin(2 * np.pi * 330 * t) * np.exp(-t) + noise).astype(np.float32)


def encoded(
    samples: np.ndarray, kind: str, rate_hz: int = RATE_HZ, subtype: str | None = None
) -> bytes:
    """The bytes of a file in one of libsndfile's formats, written in pieces (long writes crash Vorbis)."""
    import io

    out = io.BytesIO()
    channels = 1 if samples.ndim == 1 else samples.shape[1]
    with soundfile.SoundFile(out, "w", rate_hz, channels, format=kind, subtype=subtype) as file:
        for at in range(0, len(samples), 4096):
            file.write(samples[at : at + 4096])
    return out.getvalue()


def _with(content: bytes, at: int, patch: bytes) -> bytes:
    return content[:at] + patch + content[at + len(patch) :]


def _floats(tone: np.ndarray, value: float) -> bytes:
    spoilt = tone.copy()
    spoilt[len(spoilt) // 2] = value
    return encoded(spoilt, "WAV", subtype="FLOAT")


def _scrambled(flac: bytes) -> bytes:
    middle = len(flac) // 3
    return _with(flac, middle, np.random.default_rng(3).bytes(len(flac) // 3))


@cache
def _days_of_flac(rate_hz: int = 1_000, hours: int = 49) -> bytes:
    """Frames of one value each, 65,535 samples in some 14 bytes, and a header that leaves the length open."""
    block = 65_535
    fields = (
        (block << 112) | (block << 96) | (rate_hz << 44) | (15 << 36)
    )  # mono, 16 bits, length 0
    head = b"fLaC" + bytes([0x80, 0, 0, 34]) + fields.to_bytes(18, "big") + bytes(16)
    frames = (_flac_frame(k, block, k % 2) for k in range(1 + hours * 3600 * rate_hz // block))
    return head + b"".join(frames)


def _flac_frame(number: int, block: int, value: int) -> bytes:
    head = b"\xff\xf8\x70\x08" + chr(number).encode() + (block - 1).to_bytes(2, "big")
    body = head + bytes([_crc(head, 8, 0x07)]) + b"\x00" + value.to_bytes(2, "big")
    return body + _crc(body, 16, 0x8005).to_bytes(2, "big")


def _crc(content: bytes, bits: int, polynomial: int) -> int:
    top, mask, crc = 1 << (bits - 1), (1 << bits) - 1, 0
    for byte in content:
        crc ^= byte << (bits - 8)
        for _ in range(8):
            crc = (crc << 1 ^ (polynomial if crc & top else 0)) & mask
    return crc


def _mute_video() -> bytes:
    import io

    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
        for _ in range(3):
            frame = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), format="rgb24")
            for packet in stream.encode(frame):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return out.getvalue()

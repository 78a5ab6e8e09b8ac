"""Pairs on disk: what is written, that it can be heard and seen again, what cannot be."""

from __future__ import annotations

import io
import struct
import zlib
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile
import torch

from soundkin.errors import InputError, StorageError
from soundkin.synth import audition
from soundkin.synth.doppelganger import pairs
from soundkin.synth.patches import PATCHES, make_patch

if TYPE_CHECKING:
    from pathlib import Path


def pixels_of(data: bytes) -> np.ndarray:
    """A reader of the one kind of PNG that is written."""
    stream = io.BytesIO(data)
    assert stream.read(8) == b"\x89PNG\r\n\x1a\n"
    body, shape = b"", (0, 0)
    while head := stream.read(8):
        (size,) = struct.unpack(">I", head[:4])
        chunk, (check,) = stream.read(size), struct.unpack(">I", stream.read(4))
        assert check == zlib.crc32(head[4:] + chunk)
        if head[4:] == b"IHDR":
            width, height, depth, kind = struct.unpack(">IIBB", chunk[:10])
            assert (depth, kind) == (8, 2)
            shape = (height, width)
        if head[4:] == b"IDAT":
            body += chunk
    rows = np.frombuffer(zlib.decompress(body), np.uint8).reshape(shape[0], -1)
    assert not rows[:, 0].any()
    return rows[:, 1:].reshape(*shape, 3)


@pytest.mark.parametrize("patch", PATCHES)
def test_pairs_are_written_as_sounds_and_a_picture(patch: str, tmp_path: Path) -> None:
    done = audition.write_pairs(tmp_path / "out", patch=patch, n=3, delta=0.1, seed=5)
    assert [path.name for path in done.sounds] == [
        f"{patch}-{number:03d}-{view}.wav" for number in range(3) for view in "ab"
    ]
    made = pairs(make_patch(patch), 3, delta=0.1, generator=torch.Generator().manual_seed(5))
    for i, path in enumerate(done.sounds):
        sound, rate_hz = soundfile.read(path, dtype="float32")
        assert rate_hz == 16_000
        expected = (made.a, made.b)[i % 2][i // 2].numpy()
        assert np.abs(sound - expected).max() < 1e-4
    picture = pixels_of(done.picture.read_bytes())
    assert picture.shape == (2 * 70 + 6, 2 * 338 + 6, 3)
    assert (picture[6:70, 6:166] != 255).any()


def test_a_picture_survives_its_file() -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (7, 5, 3)).astype(np.uint8)
    assert np.array_equal(pixels_of(audition.png(pixels)), pixels)


def test_a_tone_is_a_bright_line_at_its_height_and_silence_is_dark() -> None:
    t = torch.arange(16_000) / 16_000
    tone = torch.sin(2 * torch.pi * 1000 * t)
    shown = audition.spectrogram(torch.stack([tone, 0 * tone]), 16_000)
    top = 700 * np.expm1(np.arange(65) / 64 * np.log1p(8000 / 700))
    band = int(np.searchsorted(top, 1000) - 1)
    assert abs(int(shown[0, :, 80].argmax()) - band) <= 1
    assert shown[1].max() == 0
    assert audition.spectrogram(torch.zeros(2, 16_000), 16_000).max() < 0.1
    assert (
        np.diff(audition.colours(np.linspace(0, 1, 6, dtype=np.float32)).sum(-1).astype(int)).min()
        > 0
    )


def test_more_pairs_than_are_drawn_are_all_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audition, "ROWS", 2)
    done = audition.write_pairs(tmp_path, n=5, duration_s=0.1)
    assert len(done.sounds) == len(set(done.sounds)) == 10
    assert len(list(tmp_path.glob("*.wav"))) == 10


def test_what_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="0 pairs; expected one pair and more"):
        audition.write_pairs(tmp_path, n=0)
    with pytest.raises(InputError, match="no patch 'organ'"):
        audition.write_pairs(tmp_path, patch="organ")
    with pytest.raises(InputError, match="a delta of 2; expected 0 to 1"):
        audition.write_pairs(tmp_path, delta=2)
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot be written"):
        audition.write_pairs(tmp_path / "file" / "out", n=1, duration_s=0.1)

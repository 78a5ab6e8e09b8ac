"""Near-identical copies: each deformation does what it says, and nothing at strength 0."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soundkin.audio import deform
from soundkin.errors import InputError
from tests.audio.coders import reference_sound
from tests.broken import make_tone

sounds = st.tuples(st.integers(0, 2**32 - 1), st.integers(1, 4_000)).map(
    lambda drawn: np.random.default_rng(drawn[0]).normal(0, 0.3, drawn[1]).astype(np.float32)
)
exact = settings(max_examples=50, deadline=None, derandomize=True)


@exact
@given(x=sounds)
def test_strength_0_is_the_identity(x: np.ndarray) -> None:
    for same in (
        deform.gain(x, 0.0),
        deform.trim(x, 44_100, 0.0, 0.0),
        deform.add_noise(x, np.inf, 3),
        deform.varispeed(x, 1.0),
    ):
        assert same.dtype == np.float32
        assert np.array_equal(same, x)


@exact
@given(x=sounds, db=st.floats(-60, 60))
def test_gain_is_a_level(x: np.ndarray, db: float) -> None:
    louder = deform.gain(x, db)
    assert louder.dtype == np.float32
    measured = 20 * np.log10(np.linalg.norm(louder.astype(float)) / np.linalg.norm(x.astype(float)))
    assert measured == pytest.approx(db, abs=1e-4)
    assert np.allclose(deform.gain(louder, -db), x, rtol=1e-5)


@exact
@given(x=sounds, head=st.integers(0, 4_000), tail=st.integers(0, 4_000))
def test_trim_takes_from_both_ends(x: np.ndarray, head: int, tail: int) -> None:
    if head + tail >= len(x):
        with pytest.raises(InputError, match="expected a shorter cut"):
            deform.trim(x, 8_000, head / 8_000, tail / 8_000)
    else:
        kept = deform.trim(x, 8_000, head / 8_000, tail / 8_000)
        assert kept.tolist() == [x[at] for at in range(head, len(x) - tail)]


@pytest.mark.parametrize("snr_db", [-10.0, 0.0, 20.0, 40.0])
def test_noise_is_as_far_below_as_asked(snr_db: float) -> None:
    x = make_tone(4.0)
    noisy = deform.add_noise(x, snr_db, 7)
    noise = noisy.astype(np.float64) - x
    measured = 10 * np.log10(np.mean(x.astype(np.float64) ** 2) / np.mean(noise**2))
    assert measured == pytest.approx(snr_db, abs=0.15)
    spectrum = np.abs(np.fft.rfft(noise)) ** 2
    assert spectrum[: len(spectrum) // 2].sum() == pytest.approx(
        spectrum[len(spectrum) // 2 :].sum(), rel=0.1
    )


def test_noise_takes_a_seed_and_spares_silence() -> None:
    x = make_tone()
    assert np.array_equal(deform.add_noise(x, 20, 1), deform.add_noise(x, 20, 1))
    assert not np.array_equal(deform.add_noise(x, 20, 1), deform.add_noise(x, 20, 2))
    assert not deform.add_noise(np.zeros(500, np.float32), 20, 1).any()
    assert len(deform.add_noise(x[:0], 20, 1)) == 0


@pytest.mark.parametrize("ratio", [0.5, 0.94, 1.06, 2.0])
def test_varispeed_moves_pitch_and_length_together(ratio: float) -> None:
    rate_hz = 22_050
    x = np.sin(2 * np.pi * 500 * np.arange(2 * rate_hz) / rate_hz).astype(np.float32)
    played = deform.varispeed(x, ratio)
    assert played.dtype == np.float32
    assert len(played) == pytest.approx(len(x) / ratio, abs=1)
    spectrum = np.abs(np.fft.rfft(played * np.hanning(len(played)), 1 << 18))
    assert np.argmax(spectrum) * rate_hz / (1 << 18) == pytest.approx(500 * ratio, rel=1e-3)


def test_varispeed_wants_a_ratio_above_0() -> None:
    for ratio in (0.0, -1.0, float("nan")):
        with pytest.raises(InputError, match="expected a number above 0"):
            deform.varispeed(make_tone(), ratio)


@pytest.mark.parametrize("codec", ["mp3", "ogg", "opus", "pcm8"])
@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 44_100, 96_000])
def test_a_coded_copy_is_near_in_place_and_as_long(codec: str, rate_hz: int) -> None:
    x = reference_sound(rate_hz)[:, 0]
    copy = deform.reencode(x, rate_hz, codec)
    assert copy.dtype == np.float32
    assert len(copy) == len(x)
    assert not np.array_equal(copy, x)
    likeness = (
        np.dot(copy.astype(float), x)
        / np.linalg.norm(copy.astype(float))
        / np.linalg.norm(x.astype(float))
    )
    assert likeness > 0.98
    assert np.array_equal(deform.reencode(x, rate_hz, codec), copy)


@pytest.mark.parametrize("codec", ["mp3", "ogg", "opus", "pcm8"])
def test_coded_copies_of_very_short_long_and_silent_sounds(codec: str) -> None:
    for x in (make_tone()[:30], np.zeros(5_000, np.float32), np.full(5_000, 0.001, np.float32)):
        assert len(deform.reencode(x, 44_100, codec)) == len(x)
    long = np.tile(make_tone(10.0), 6 if codec == "opus" else 12)
    assert len(deform.reencode(long, 22_050, codec)) == len(long)


def test_8_bits_are_256_steps() -> None:
    copy = deform.reencode(make_tone(), 22_050, "pcm8")
    assert np.array_equal(copy * 128, np.round(copy * 128))
    assert np.abs(copy - make_tone()).max() <= 1 / 128


def test_an_unknown_codec() -> None:
    with pytest.raises(InputError, match="codec 'aac'; expected one of mp3, ogg, opus, pcm8"):
        deform.reencode(make_tone(), 22_050, "aac")

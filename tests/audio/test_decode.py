"""Reading any file: identity, blocks, ranges, names, and the folder of broken files."""

from __future__ import annotations

import contextlib
import io
import os
import struct
import sys
import tempfile
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import scipy.signal
import soundfile
import xxhash
from hypothesis import given, settings
from hypothesis import strategies as st

from soundkin.audio import decode, libsndfile
from soundkin.audio.decode import (
    SoundReader,
    SoundSummary,
    byte_hash,
    read_range,
    read_sound,
    resample,
    to_mono,
)
from soundkin.errors import DecodeError, InputError
from tests.audio.coders import encoded, encoded_by_ffmpeg, reference_sound, steps
from tests.broken import make_broken, make_tone

RATE_HZ = 48_000


def whole(source: object, **more: object) -> tuple[np.ndarray, SoundSummary]:
    with SoundReader(source, **more) as reader:
        mono = np.concatenate([np.empty(0, np.float32), *reader.blocks()])
        return mono, reader.summary()


def hash_of(native: np.ndarray, rate_hz: int) -> str:
    """The definition of identity, written once more: rate, channels, interleaved little-endian floats."""
    head = struct.pack("<II", rate_hz, native.shape[1])
    return xxhash.xxh3_128_hexdigest(head + native.astype("<f4").tobytes())


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    """One sound of 7 s in each kind of format, so that it spans several blocks."""
    sound = reference_sound(RATE_HZ, 7.0)
    whole_steps = steps(sound)
    return {
        "WAV": encoded(whole_steps, "WAV", RATE_HZ, "PCM_16"),
        "FLAC": encoded(whole_steps, "FLAC", RATE_HZ, "PCM_16"),
        "AIFF": encoded(sound, "AIFF", RATE_HZ, "PCM_24"),
        "OGG": encoded(sound, "OGG", RATE_HZ, "VORBIS"),
        "OPUS": encoded(sound, "OGG", RATE_HZ, "OPUS"),
        "MP3": encoded(sound, "MP3", RATE_HZ),
        "ADPCM": encoded(sound, "WAV", RATE_HZ, "IMA_ADPCM"),
        "GSM": encoded(sound[:, 0], "WAV", 8_000, "GSM610"),
        "ALAC": encoded_by_ffmpeg(sound, RATE_HZ, "ipod", "alac"),
        "AAC": encoded_by_ffmpeg(sound, RATE_HZ, "mp4", "aac"),
    }


KINDS = ["WAV", "FLAC", "AIFF", "OGG", "OPUS", "MP3", "ADPCM", "GSM", "ALAC", "AAC"]


class TestBlocks:
    @pytest.mark.parametrize("channels", [1, 2, 3, 8])
    @pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "FLOAT"])
    def test_mono_is_the_mean_of_the_channels(self, channels: int, subtype: str) -> None:
        native = np.random.default_rng(channels).normal(0, 0.2, (70_000, channels))
        content = encoded(native, "WAV", RATE_HZ, subtype)
        mono, summary = whole(io.BytesIO(content))
        kept, _ = soundfile.read(io.BytesIO(content), dtype="float64", always_2d=True)
        assert mono.dtype == np.float32
        assert np.abs(mono - kept.mean(axis=1)).max() < 1e-7
        assert (summary.channels, summary.rate_hz, summary.duration_s) == (
            channels,
            RATE_HZ,
            70_000 / RATE_HZ,
        )
        assert summary.peak_db == pytest.approx(20 * np.log10(np.abs(mono).max()), abs=1e-4)

    @pytest.mark.parametrize("kind", KINDS)
    def test_nothing_depends_on_the_block_size(
        self, kind: str, files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        mono, summary = whole(io.BytesIO(files[kind]))
        for frames in (1_000, 4_096, 1 << 20):
            monkeypatch.setattr(decode, "BLOCK_FRAMES", frames)
            other, other_summary = whole(io.BytesIO(files[kind]))
            assert np.array_equal(mono, other)
            assert other_summary.sample_hash == summary.sample_hash
            assert np.array_equal(other_summary.peaks, summary.peaks)

    @pytest.mark.parametrize("kind", ["FLAC", "OGG", "OPUS", "MP3"])
    def test_blocks_are_what_libsndfile_reads_at_once(
        self, kind: str, files: dict[str, bytes]
    ) -> None:
        at_once, _ = soundfile.read(io.BytesIO(files[kind]), dtype="float32", always_2d=True)
        native, _ = read_range(io.BytesIO(files[kind]), 0.0)
        assert np.array_equal(native, at_once)

    @pytest.mark.parametrize("kind", KINDS)
    def test_a_kept_block_is_not_written_over(self, kind: str, files: dict[str, bytes]) -> None:
        with SoundReader(io.BytesIO(files[kind])) as reader:
            kept, copies = [], []
            for block in reader.blocks():
                kept.append(block)
                copies.append(block.copy())
        assert all(np.array_equal(one, other) for one, other in zip(kept, copies, strict=True))

    def test_a_long_file_takes_little_memory(self, tmp_path: Path) -> None:
        path = tmp_path / "long.wav"
        with soundfile.SoundFile(path, "w", 8_000, 2, subtype="FLOAT") as file:
            for _ in range(40):
                file.write(np.random.default_rng(0).normal(0, 0.1, (100_000, 2)).astype(np.float32))
        tracemalloc.start()
        with SoundReader(path) as reader:
            frames = sum(len(block) for block in reader.blocks())
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert frames == 4_000_000  # 32 MB of samples
        assert most < 2_500_000

    def test_whole_is_what_the_blocks_are(self, files: dict[str, bytes]) -> None:
        for content in files.values():
            assert np.array_equal(read_sound(io.BytesIO(content))[0], whole(io.BytesIO(content))[0])

    def test_the_summary_comes_last(self, files: dict[str, bytes]) -> None:
        with SoundReader(io.BytesIO(files["WAV"])) as reader:
            next(reader.blocks())
            with pytest.raises(InputError, match="not read to its end; expected its last block"):
                reader.summary()

    def test_opposite_channels_cancel_to_silence(self) -> None:
        tone = make_tone()
        mono, summary = whole(
            io.BytesIO(encoded(np.stack([tone, -tone], 1), "WAV", subtype="FLOAT"))
        )
        assert not mono.any()
        assert summary.peak_db == -200


class TestIdentity:
    @settings(max_examples=40, deadline=None, derandomize=True)
    @given(
        seed=st.integers(0, 2**32 - 1),
        frames=st.integers(30, 5_000),
        channels=st.integers(1, 8),
        rate_hz=st.sampled_from([8_000, 22_050, 44_100, 96_000]),
    )
    def test_wav_flac_and_aiff_are_the_same_sound(
        self, seed: int, frames: int, channels: int, rate_hz: int
    ) -> None:
        frames = max(frames, rate_hz // 1_000 + 1)
        whole_steps = (
            np.random.default_rng(seed).integers(-32768, 32768, (frames, channels)).astype(np.int16)
        )
        wanted = hash_of(whole_steps / np.float32(32768), rate_hz)
        for kind in ("WAV", "FLAC", "AIFF", "RF64"):
            _, summary = whole(io.BytesIO(encoded(whole_steps, kind, rate_hz, "PCM_16")))
            assert summary.sample_hash == wanted

    def test_rate_channels_and_samples_all_count(self) -> None:
        tone = steps(make_tone())
        changed = tone.copy()
        changed[700] ^= 1
        both = np.stack([tone, tone], 1)
        files = [
            encoded(tone, "WAV", 22_050),
            encoded(tone, "WAV", 44_100),
            encoded(changed, "WAV", 22_050),
            encoded(tone[:-1], "WAV", 22_050),
            encoded(both, "WAV", 22_050),
            encoded(both.reshape(-1), "WAV", 22_050),
        ]
        assert len({whole(io.BytesIO(content))[1].sample_hash for content in files}) == len(files)

    @pytest.mark.parametrize("kind", ["WAV", "FLAC", "OGG", "MP3"])
    def test_another_tag_is_the_same_sound(self, kind: str, tmp_path: Path) -> None:
        for title in ("one", "another, longer title"):
            with soundfile.SoundFile(tmp_path / title, "w", RATE_HZ, 1, format=kind) as file:
                file.title = title
                file.write(make_tone())
        paths = [tmp_path / "one", tmp_path / "another, longer title"]
        assert len({byte_hash(path) for path in paths}) == 2
        assert len({whole(path)[1].sample_hash for path in paths}) == 1

    def test_byte_hash_is_that_of_the_bytes(self, tmp_path: Path) -> None:
        content = np.random.default_rng(0).bytes(3_000_001)
        (tmp_path / "x.bin").write_bytes(content)
        assert byte_hash(tmp_path / "x.bin") == xxhash.xxh3_128_hexdigest(content)
        assert byte_hash(os.fsencode(tmp_path / "x.bin")) == xxhash.xxh3_128_hexdigest(content)

    def test_byte_hash_refuses_what_cannot_be_read(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe")
        for name in ("pipe", "missing"):
            with pytest.raises(DecodeError) as caught:
                byte_hash(tmp_path / name)
            assert caught.value.reason == "unreadable"


class TestRanges:
    @pytest.mark.parametrize("kind", KINDS)
    def test_a_range_is_cut_to_the_frame(self, kind: str, files: dict[str, bytes]) -> None:
        native, info = read_range(io.BytesIO(files[kind]), 0.0)
        seconds = len(native) / info.rate_hz
        off = 1e-6 if kind == "MP3" else 0.0
        for start_s, end_s in (
            (0.0, 0.5),
            (0.1234567, 1.7654321),
            (3.0, 3.001),
            (5.5, 6.9),
            (6.95, None),
        ):
            part, _ = read_range(
                io.BytesIO(files[kind]), start_s * seconds / 7, end_s and end_s * seconds / 7
            )
            first = round(start_s * seconds / 7 * info.rate_hz)
            last = len(native) if end_s is None else round(end_s * seconds / 7 * info.rate_hz)
            assert part.shape == (last - first, native.shape[1])
            assert np.abs(part - native[first:last]).max() <= off

    @settings(max_examples=60, deadline=None, derandomize=True)
    @given(
        kind=st.sampled_from(["WAV", "FLAC", "OGG", "OPUS", "MP3"]),
        first=st.integers(0, 335_000),
        n=st.integers(1, 900),
    )
    def test_any_range_of_any_format(
        self, files: dict[str, bytes], kind: str, first: int, n: int
    ) -> None:
        native, _ = read_range(io.BytesIO(files[kind]), 0.0)
        part, _ = read_range(io.BytesIO(files[kind]), first / RATE_HZ, (first + n) / RATE_HZ)
        assert np.allclose(
            part, native[first : first + n], rtol=0, atol=1e-6 if kind == "MP3" else 0
        )

    @pytest.mark.parametrize("kind", ["OGG", "OPUS", "MP3"])
    def test_ranges_of_sparse_sound_in_lossy_files(self, kind: str) -> None:
        """Clicks in silence: tiny packets, huge pages, full use of MP3's bit reservoir."""
        clicks = np.zeros((60 * RATE_HZ, 1), np.float32)
        clicks[::24_000] = 0.9
        content = encoded(
            clicks,
            "MP3" if kind == "MP3" else "OGG",
            RATE_HZ,
            {"OGG": "VORBIS"}.get(kind, kind if kind == "OPUS" else None),
        )
        native, _ = read_range(io.BytesIO(content), 0.0)
        rng = np.random.default_rng(0)
        for first in [*rng.integers(0, len(native) - 3_000, 15), len(native) - 3_000]:
            part, _ = read_range(io.BytesIO(content), first / RATE_HZ, (first + 3_000) / RATE_HZ)
            assert np.abs(part - native[first : first + 3_000]).max() <= (
                2e-6 if kind == "MP3" else 0
            )

    @pytest.mark.parametrize("kind", ["WAV", "FLAC", "AIFF"])
    def test_formats_that_step_exactly_are_not_decoded_from_the_start(
        self, kind: str, files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        read = []
        original = libsndfile.SndfileTrack.read_into
        monkeypatch.setattr(
            libsndfile.SndfileTrack,
            "read_into",
            lambda track, out: read.append(original(track, out)) or read[-1],
        )
        read_range(io.BytesIO(files[kind]), 6.0, 6.5)
        assert sum(read) == RATE_HZ // 2

    def test_read_sound_gives_the_mono_part_at_the_wanted_rate(
        self, files: dict[str, bytes]
    ) -> None:
        native, _ = read_range(io.BytesIO(files["FLAC"]), 1.0, 2.5)
        part, rate_hz = read_sound(io.BytesIO(files["FLAC"]), start_s=1.0, end_s=2.5)
        assert rate_hz == RATE_HZ
        assert np.array_equal(part, to_mono(native))
        low, rate_hz = read_sound(io.BytesIO(files["FLAC"]), rate_hz=16_000, start_s=1.0, end_s=2.5)
        assert (rate_hz, low.shape, low.dtype) == (16_000, (24_000,), np.float32)
        assert np.array_equal(low, resample(part, RATE_HZ, 16_000))

    def test_an_end_behind_the_sound_is_the_sounds_end(self, files: dict[str, bytes]) -> None:
        for content in files.values():
            native, info = read_range(io.BytesIO(content), 0.0)
            at_s = len(native) / info.rate_hz - 0.25
            part, _ = read_range(io.BytesIO(content), at_s, 100.0)
            assert len(part) == pytest.approx(0.25 * info.rate_hz, abs=1)

    @pytest.mark.parametrize(
        ("start_s", "end_s"), [(-0.1, 1.0), (2.0, 2.0), (2.0, 1.0), (float("nan"), 1.0)]
    )
    def test_a_range_that_cannot_be(
        self, files: dict[str, bytes], start_s: float, end_s: float
    ) -> None:
        with pytest.raises(InputError, match="expected 0 <= start < end"):
            read_range(io.BytesIO(files["WAV"]), start_s, end_s)

    @pytest.mark.parametrize("kind", KINDS)
    def test_a_range_outside_the_sound(self, kind: str, files: dict[str, bytes]) -> None:
        with pytest.raises(
            InputError, match=r"ends before 200\.0 s; expected a start within the sound"
        ):
            read_range(io.BytesIO(files[kind]), 200.0, 201.0)


def opened_files() -> list[str]:
    """What this process has open: other tests' servers open and close theirs meanwhile."""
    names = []
    for number in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            names.append(os.readlink(f"/proc/self/fd/{number}"))
    return names


class TestBrokenFiles:
    def test_each_fails_with_its_reason_and_harms_no_neighbour(self, tmp_path: Path) -> None:
        wanted = make_broken(tmp_path)
        found = {name: reason_of(tmp_path / name) for name in wanted}
        # silence is for the windows to judge
        assert found == {
            name: None if reason == "silent" else reason for name, reason in wanted.items()
        }
        if sys.platform == "linux":
            assert [name for name in opened_files() if name.startswith(str(tmp_path))] == []

    def test_what_claims_less_or_nothing_is_read_as_it_stands(self, tmp_path: Path) -> None:
        make_broken(tmp_path)
        assert len(read_sound(tmp_path / "claims_less.wav")[0]) == 22_050
        assert len(read_sound(tmp_path / "claims_nothing.wav")[0]) == len(make_tone())
        assert len(read_sound(tmp_path / "claims_unknown.wav")[0]) == len(make_tone())

    def test_messages_say_what_was_found_and_expected(self, tmp_path: Path) -> None:
        make_broken(tmp_path)
        for name, text in {
            "cut.wav": r"has 0\.749 s of sound; expected the 1\.500 s its header promises",
            "endless.wav": "is a pipe; expected a regular file",
            "folder.wav": "is a folder; expected a regular file",
            "text.wav": "is in no known sound format; expected a sound file",
            "slow_rate.wav": "a sampling rate of 7 Hz; expected 1000 to",
            "missing.wav": r"cannot be read \(No such file or directory\)",
            "constant.wav": "is the value 0.25 from end to end",
        }.items():
            with pytest.raises(DecodeError, match=text):
                read_sound(tmp_path / name)

    @pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
    @pytest.mark.parametrize("at", [0, 100_000, 199_999])
    @pytest.mark.parametrize("channels", [1, 2])
    def test_one_bad_sample_anywhere(self, value: float, at: int, channels: int) -> None:
        native = np.random.default_rng(0).normal(0, 0.1, (200_000, channels)).astype(np.float32)
        native[at, channels - 1] = value
        content = encoded(native, "WAV", subtype="FLOAT")
        assert reason_of(io.BytesIO(content)) == "not-finite"
        with pytest.raises(DecodeError, match="no numbers"):
            read_range(io.BytesIO(content), 0.0, 100.0)

    def test_infinities_that_cancel(self) -> None:
        native = np.full((30_000, 2), 0.1, np.float32)
        native[500] = np.inf, -np.inf
        assert reason_of(io.BytesIO(encoded(native, "WAV", subtype="FLOAT"))) == "not-finite"

    def test_longer_than_allowed(self, files: dict[str, bytes]) -> None:
        for content in files.values():
            whole(io.BytesIO(content), max_duration_s=50.0)
            with pytest.raises(DecodeError, match="goes on for longer than can be taken") as caught:
                whole(io.BytesIO(content), max_duration_s=2.0)
            assert caught.value.reason == "too-long"

    def test_a_decoder_of_playlists_is_never_asked(self, tmp_path: Path) -> None:
        (tmp_path / "good.wav").write_bytes(encoded(make_tone(), "WAV"))
        for text in (
            f"ffconcat version 1.0\nfile {tmp_path}/good.wav\n",
            f"#EXTM3U\n#EXTINF:1,\n{tmp_path}/good.wav\n",
        ):
            (tmp_path / "list.m4a").write_text(text)
            assert reason_of(tmp_path / "list.m4a") == "not-sound"

    @settings(max_examples=150, deadline=None, derandomize=True)
    @given(
        kind=st.sampled_from(["WAV", "FLAC", "AIFF", "ALAC", "AAC"]),
        patches=st.lists(
            st.tuples(st.integers(0, 400), st.integers(0, 255)), min_size=1, max_size=8
        ),
        keep=st.floats(0.001, 1.0),
    )
    def test_any_damage_gives_sound_or_a_reason(
        self, files: dict[str, bytes], kind: str, patches: list[tuple[int, int]], keep: float
    ) -> None:
        content = bytearray(files[kind])
        for at, byte in patches:
            content[at] = byte
        del content[max(1, int(keep * len(content))) :]
        try:
            mono, summary = whole(io.BytesIO(content), max_duration_s=600)
        except DecodeError:
            return
        assert np.isfinite(mono).all()
        assert summary.duration_s == len(mono) / summary.rate_hz > 0


class TestSources:
    @pytest.mark.parametrize(
        "name",
        [
            b"kick\xff\xfe.wav",
            "décomposé.wav".encode(),
            "de\u0301compose\u0301.wav".encode(),
            "🥁 snare.wav".encode(),
            b"LOUD.WAV",
            b"trailing space.wav ",
            b"new\nline.wav",
            b"-dash.wav",
            b"%s {0} ~ $HOME.wav",
            b"a" * 246 + b".wav",
        ],
    )
    def test_any_name_a_disk_can_hold(self, name: bytes, tmp_path: Path) -> None:
        raw = os.path.join(os.fsencode(tmp_path), name)
        with open(raw, "wb") as file:
            file.write(encoded(make_tone(), "FLAC"))
        samples, _ = read_sound(raw)
        assert len(samples) == len(make_tone())
        for spelling in (os.fsdecode(raw), Path(os.fsdecode(raw))):
            assert np.array_equal(read_sound(spelling)[0], samples)
        with SoundReader(raw) as reader:
            assert reader.name.encode()  # can be shown

    def test_a_path_of_300_characters_and_more(self, tmp_path: Path) -> None:
        folder = tmp_path / ("d" * 150) / ("e" * 150)
        folder.mkdir(parents=True)
        (folder / "x.m4a").write_bytes(
            encoded_by_ffmpeg(reference_sound(seconds=0.5), RATE_HZ, "ipod", "alac")
        )
        assert len(str(folder)) > 300
        assert len(read_sound(folder / "x.m4a")[0]) == RATE_HZ // 2

    def test_a_name_that_no_disk_can_hold(self) -> None:
        with pytest.raises(DecodeError, match="cannot be read"):
            SoundReader("x\0y.wav")

    @pytest.mark.parametrize("kind", ["WAV", "FLAC", "MP3", "AAC"])
    def test_open_files_stay_the_callers(
        self, kind: str, files: dict[str, bytes], tmp_path: Path
    ) -> None:
        content = files[kind]
        wanted = read_sound(io.BytesIO(content))[0]
        (tmp_path / "x").write_bytes(content)
        with (tmp_path / "x").open("rb") as file, tempfile.SpooledTemporaryFile() as spooled:
            spooled.write(content)  # and left at its end
            for stream in (file, spooled):
                assert np.array_equal(read_sound(stream)[0], wanted)
                assert not stream.closed

    def test_an_upload_has_the_name_it_is_given(self) -> None:
        with pytest.raises(DecodeError, match="'take 3' is in no known sound format"):
            SoundReader(io.BytesIO(b"no sound" * 100), name="take 3")
        with pytest.raises(DecodeError, match="'the uploaded sound' has no bytes"):
            SoundReader(io.BytesIO())


class TestResample:
    @pytest.mark.parametrize(
        ("from_hz", "to_hz"),
        [(44_100, 16_000), (8_000, 16_000), (48_000, 32_000), (192_000, 16_000)],
    )
    def test_a_tone_stays_itself(self, from_hz: int, to_hz: int) -> None:
        tone = np.sin(2 * np.pi * 1_000 * np.arange(from_hz) / from_hz).astype(np.float32)
        wanted = np.sin(2 * np.pi * 1_000 * np.arange(to_hz) / to_hz)
        found = resample(tone, from_hz, to_hz)
        assert found.dtype == np.float32
        assert len(found) == to_hz
        inner = slice(to_hz // 10, -to_hz // 10)
        assert np.abs(found[inner] - wanted[inner]).max() < 1e-4

    def test_against_another_resampler(self) -> None:
        low = scipy.signal.butter(8, 5_000, fs=44_100)  # away from both filters' edges
        noise = scipy.signal.lfilter(*low, np.random.default_rng(0).normal(0, 0.1, 44_100))
        ours = resample(noise.astype(np.float32), 44_100, 22_050)
        theirs = scipy.signal.resample_poly(noise, 1, 2, window=("kaiser", 12.0))
        n = min(len(ours), len(theirs))
        error = np.linalg.norm(ours[:n] - theirs[:n]) / np.linalg.norm(theirs)
        assert error < 1e-3

    def test_the_same_rate_is_the_identity(self) -> None:
        tone = make_tone()
        assert resample(tone, 16_000, 16_000) is tone
        assert len(resample(tone[:0], 44_100, 16_000)) == 0


class TestRealSound:
    def test_every_hundredth_real_file(self, data_dir: Path) -> None:
        paths = sorted(path for path in data_dir.rglob("*") if path.suffix in {".flac", ".ogg"})[
            ::100
        ]
        assert len(paths) > 20
        for path in paths:
            native, rate_hz = soundfile.read(path, dtype="float32", always_2d=True)
            mono, summary = whole(path)
            assert summary.sample_hash == hash_of(native, rate_hz)
            assert np.abs(mono - native.mean(axis=1, dtype=np.float64)).max() < 1e-7
            first = len(native) // 3
            part, _ = read_range(path, first / rate_hz, (first + 500) / rate_hz)
            assert np.array_equal(part, native[first : first + 500])


def reason_of(source: object) -> str | None:
    try:
        whole(source)
    except DecodeError as error:
        return error.reason
    return None

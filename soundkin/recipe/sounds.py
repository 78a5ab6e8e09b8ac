"""A folder of sound -> one flat file of samples at one rate, decoded once, bounded on disk.

The cache holds 16-bit mono, every sound's peak at full scale, one after the other, with an index of
where each begins. It is named by what went into it - files, sizes, times, rate, bound - so that a
changed folder is decoded anew; older caches give way when the bound is reached.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from soundkin.audio.decode import AUDIO_SUFFIXES, SoundReader, resample
from soundkin.errors import DecodeError, InputError, NotFound

if TYPE_CHECKING:
    from collections.abc import Callable

Floats = npt.NDArray[np.float32]
SHORTEST_S = 0.02
"""What is shorter says nothing to a network."""
FORMAT = 1


@dataclass(frozen=True, slots=True)
class Sounds:
    """Decoded sounds: `samples` (all,) int16, sound k from `begins[k]` to `begins[k + 1]`.

    `names` of the files below the folder; `left_out`: files that did not fit the bound; `failed`:
    files that gave no usable sound.
    """

    samples: npt.NDArray[np.int16]
    begins: npt.NDArray[np.int64]
    names: list[str]
    rate_hz: int
    left_out: int
    failed: int

    def __len__(self) -> int:
        return len(self.names)

    @property
    def lengths(self) -> npt.NDArray[np.int64]:
        """Samples of each sound."""
        return np.diff(self.begins)

    def read(self, which: npt.NDArray[np.int64], starts: npt.NDArray[np.int64], n: int) -> Floats:
        """Windows of `n` samples: (len(which), n) float32, peak at 1, silence behind the end.

        `which` sounds, from `starts` on. A silent window stays silent.
        """
        out = np.zeros((len(which), n), np.float32)
        for row, sound, start in zip(out, which, starts, strict=True):
            first = self.begins[sound] + start
            part = self.samples[first : min(first + n, self.begins[sound + 1])]
            row[: len(part)] = part
        out /= np.maximum(np.abs(out).max(axis=1, keepdims=True), np.float32(1e-9))
        return out


def open_sounds(
    folder: str | Path,
    *,
    rate_hz: int,
    cache: str | Path,
    cache_gb: float = 4.0,
    on_progress: Callable[[int, int], None] | None = None,
) -> Sounds:
    """The sounds below a folder, from the cache or decoded into it.

    `cache`: the folder of caches; `cache_gb`: the most they may take together; of a folder that is
    larger an even share of its files is taken, the same ones every time. `on_progress` hears files
    done and in all. Raises NotFound for a folder that is not there and InputError for one without
    usable sound.
    """
    root = Path(folder)
    if not root.is_dir():
        raise NotFound(f"no folder {str(root)!r}", "a folder of sound", "check --data")
    files = sorted(p for p in root.rglob("*") if p.suffix.lower() in AUDIO_SUFFIXES and p.is_file())
    if not files:
        raise InputError(f"no sound in {str(root)!r}", f"files such as {_SOME}", "check --data")
    cache = Path(cache)
    base = cache / f"{_key(files, rate_hz, cache_gb)}-{rate_hz}"
    if not base.with_suffix(".json").is_file():
        _make_space(cache, keep=base.stem)
        _decode_all(root, files, base, rate_hz, int(cache_gb * 1e9), on_progress)
    return _open(base, root)


def wanting(sounds: Sounds, window: int) -> list[str]:
    """What a folder lacks for windows of so many samples, in sentences.

    Raises InputError where no sound is as long as a window.
    """
    lengths, seconds = sounds.lengths, f"{window / sounds.rate_hz:.3g} s"
    short = int((lengths < window).sum())
    if short == len(sounds):
        half = max(400, int(np.median(lengths)))
        raise InputError(
            f"none of the {short} sounds is as long as the window of {seconds}",
            "some that are",
            f"choose another folder, or set data.window={half}, which half of them fill",
        )
    said = {
        f"{sounds.failed} of the files gave no usable sound and are passed over": sounds.failed,
        f"{sounds.left_out} of the files do not fit data.cache_gb": sounds.left_out,
        f"{short} of {len(sounds)} sounds are shorter than the window of {seconds}: silence fills it": short,
    }
    return [sentence for sentence, count in said.items() if count]


_SOME = ".wav, .flac, .ogg, .mp3"


def _key(files: list[Path], rate_hz: int, cache_gb: float) -> str:
    """A name for exactly these files at this rate within this bound."""
    stats = [(str(p), p.stat().st_size, p.stat().st_mtime_ns) for p in files]
    text = json.dumps([FORMAT, rate_hz, cache_gb, stats])
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:16]


def _make_space(cache: Path, *, keep: str) -> None:
    """Take the other caches away: one folder of sound at a time is within the bound."""
    cache.mkdir(parents=True, exist_ok=True)
    for old in [*cache.glob("*.i16"), *cache.glob("*.json"), *cache.glob("*.part")]:
        if old.stem != keep:
            old.unlink(missing_ok=True)


def _decode_all(
    root: Path,
    files: list[Path],
    base: Path,
    rate_hz: int,
    most_bytes: int,
    on_progress: Callable[[int, int], None] | None,
) -> None:
    """Write the samples, then the index: the index is the mark that the cache is whole."""
    order = list(range(len(files)))
    random.Random(0).shuffle(order)  # noqa: S311 - an even share, not a secret
    begins, names, failed, left_out = [0], [], 0, 0
    part = base.with_suffix(".part")
    with part.open("wb") as out:
        for done, k in enumerate(order):
            if on_progress:
                on_progress(done, len(files))
            samples = _decode(files[k], rate_hz, (most_bytes - out.tell()) // 2)
            if samples is None:
                failed += 1
            elif out.tell() + samples.nbytes > most_bytes:
                left_out += 1
            else:
                out.write(samples.tobytes())
                begins.append(begins[-1] + len(samples))
                names.append(os.fspath(files[k].relative_to(root)))
    index = {
        "format": FORMAT, "rate_hz": rate_hz, "begins": begins, "names": names, "failed": failed,
        "left_out": left_out,
    }  # fmt: skip
    part.replace(base.with_suffix(".i16"))
    beside = base.with_suffix(".json.part")
    beside.write_text(json.dumps(index, ensure_ascii=True), encoding="ascii")
    beside.replace(base.with_suffix(".json"))


def _decode(path: Path, rate_hz: int, room: int) -> npt.NDArray[np.int16] | None:
    """One sound as 16-bit with its peak at full scale; None when unusable.

    Decoding stops when there is no `room` (samples) for it.
    """
    try:
        with SoundReader(path) as reader:
            blocks, total = [], 0
            for block in reader.blocks():
                blocks.append(block.copy())
                total += len(block)
                if total * rate_hz > (room + rate_hz) * reader.info.rate_hz:
                    break
            samples = resample(np.concatenate(blocks), reader.info.rate_hz, rate_hz)
    except (DecodeError, ValueError):
        return None
    peak = float(np.abs(samples).max(initial=0.0))
    if peak < 1e-4 or len(samples) < SHORTEST_S * rate_hz:
        return None
    scaled: npt.NDArray[np.int16] = np.rint(samples * (32_767 / peak)).astype(np.int16)
    return scaled


def _open(base: Path, root: Path) -> Sounds:
    """A finished cache."""
    index = json.loads(base.with_suffix(".json").read_text(encoding="ascii"))
    if not index["names"]:
        raise InputError(
            f"none of the files in {str(root)!r} gives sound that fits",
            "sound of 20 ms and more within data.cache_gb",
            "choose another folder, or raise data.cache_gb",
        )
    return Sounds(
        samples=np.memmap(base.with_suffix(".i16"), np.int16, mode="r"),
        begins=np.array(index["begins"], np.int64),
        names=index["names"],
        rate_hz=index["rate_hz"],
        left_out=index["left_out"],
        failed=index["failed"],
    )

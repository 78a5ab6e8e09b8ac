"""One process that hears files; `main` takes two file descriptors and the names of spaces.

It takes groups of jobs from the pipe on the first and answers each with the outcomes. On the slate on
the second it notes, with every sign of progress, what is known of the file at hand. Trimmed windows of
all files of a group are embedded together; windows of long sounds share their frames.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from io import BufferedReader, BytesIO
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, BinaryIO, cast

import numpy as np
import numpy.typing as npt

from soundkin.audio.decode import SoundReader, SoundSummary, byte_hash, read_sound
from soundkin.audio.peaks import PeakMeter
from soundkin.audio.source import fetching
from soundkin.audio.windows import QUIET_DB, Chunk, chunks
from soundkin.bucket import is_address
from soundkin.errors import DecodeError, InputError
from soundkin.library.errands import errand
from soundkin.library.outcome import Heard, Job, Outcome, pack
from soundkin.library.slate import Slate
from soundkin.space import Space, load_space

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from soundkin.audio.source import Openable
    from soundkin.space_windows import Gathered

Samples = npt.NDArray[np.float32]
At = Callable[[Outcome | None], None]
"""Takes what is known of the file at hand; None between files."""

BEAT_S = 0.5
GATHERED = 256
"""Windows that are embedded at one go: few batches of a network are then not full."""
BEATLESS_BYTES = 1 << 26
"""A file below this is hashed at one go."""

_PRINTS, _PRINTED_BYTES = 2, 1 << 16
"""Where decoders print to, a file; and how much of that is kept."""


@dataclass(slots=True)
class _Pending:
    """A sound decoded but not yet embedded in full."""

    outcome: Outcome
    summary: SoundSummary
    chunks: list[Chunk] = field(default_factory=list)
    vectors: dict[str, list[npt.NDArray[np.float32]]] = field(default_factory=dict)


class _Gatherer:
    """Windows of one space from several sounds, embedded in full batches."""

    def __init__(self, space: Space) -> None:
        self.space = space
        self._parts: list[Gathered] = []
        self._outs: list[npt.NDArray[np.float32]] = []
        self._n = 0

    def take(self, chunk: Chunk, heard: dict[int, Samples]) -> npt.NDArray[np.float32]:
        """Return the array that will hold the vectors of a chunk once `flush` has run.

        heard: the chunk's samples by rate, resampled once for all spaces.
        """
        out = np.empty((len(chunk.segments.seq), self.space.dim), np.float32)
        self._parts.append(self.space.gather_chunk(chunk, heard))
        self._outs.append(out)
        self._n += len(out)
        if self._n >= GATHERED:
            self.flush()
        return out

    def flush(self) -> None:
        """Embed what was gathered."""
        if self._n:
            done = self.space.embed_gathered(self._parts)
            for out, vectors in zip(self._outs, done, strict=True):
                out[:] = vectors
        self._parts, self._outs, self._n = [], [], 0


def hear_group(
    jobs: Sequence[Job], spaces: Sequence[Space], at: At = lambda _: None
) -> list[Outcome]:
    """Decode, window and embed a group of files; one outcome a job, failures with their reason."""
    gatherers = [_Gatherer(space) for space in spaces]
    heard = [_hear(job, gatherers, at) for job in jobs]
    at(None)
    for gatherer in gatherers:
        gatherer.flush()
    return [_finish(item) if isinstance(item, _Pending) else item for item in heard]


def _hear(  # noqa: PLR0911 - one for each way to fail
    job: Job, gatherers: list[_Gatherer], at: At
) -> _Pending | Outcome:
    """Decode one file and gather its windows; whatever goes wrong costs this file alone."""
    outcome = Outcome(job.key)

    def known(now: Outcome | None) -> None:
        nonlocal outcome
        outcome = now or outcome
        at(now)

    known(outcome)
    try:
        with _opened(job, known) as source:
            if job.task == "hear":
                return _decode(job, source, outcome, gatherers, at)
            return errand(job, source, outcome, [gatherer.space for gatherer in gatherers])
    except DecodeError as error:
        return _failed(outcome, error.reason, str(error))
    except InputError as error:  # a range outside the sound, a rate that no space takes
        return _failed(outcome, "corrupt" if job.start_s is None else "too-short", str(error))
    except OSError as error:
        return _failed(outcome, "unreadable", f"it cannot be read ({error.strerror or error}).")
    except MemoryError:
        return _failed(outcome, "too-long", "it does not fit into memory.")
    except Exception as error:  # noqa: BLE001 - whatever a decoder throws costs one file
        return _failed(outcome, "corrupt", f"decoding failed ({type(error).__name__}: {error}).")


@contextmanager
def _opened(job: Job, known: At) -> Iterator[Openable]:
    """Give what decoders read; `known` is told of the file's size, time and hash."""
    if job.is_upload:
        known(Outcome(job.key, size=len(job.source)))
        yield BytesIO(job.source)
    elif is_address(job.source):
        facts = Outcome(job.key)
        with fetching(job.source, lambda: known(facts)) as file:
            what = file.what
            facts = Outcome(job.key, what.size, what.mtime_ns, what.byte_hash)
            known(facts)
            yield cast("BinaryIO", file)
    else:
        status = os.stat(job.source)
        facts = Outcome(job.key, status.st_size, status.st_mtime_ns)
        known(facts)
        if job.task == "hear":
            known(replace(facts, byte_hash=_hash(job.source, lambda: known(facts))))
        yield job.source


def _hash(path: bytes, beat: Callable[[], None]) -> str:
    """Hash a file with a sign of life now and then: a long one on a slow drive takes minutes."""
    if os.path.getsize(path) < BEATLESS_BYTES:
        return byte_hash(path)
    with open(path, "rb") as file:
        return byte_hash(_Beating(file, beat))


class _Beating(BufferedReader):
    """A file that gives a sign of life while it is read."""

    def __init__(self, file: BufferedReader, beat: Callable[[], None]) -> None:
        super().__init__(file.raw)
        self._beat = beat
        self._last = time.monotonic()

    def read(self, size: int | None = -1, /) -> bytes:
        """Read as any file does."""
        if time.monotonic() - self._last > BEAT_S:
            self._beat()
            self._last = time.monotonic()
        return super().read(size)


def _failed(outcome: Outcome, reason: str, message: str) -> Outcome:
    """Return the outcome of a file that gives no sound."""
    return replace(outcome, reason=reason, message=message)


def _decode(
    job: Job, source: Openable, outcome: Outcome, gatherers: list[_Gatherer], at: At
) -> _Pending:
    """Run one file through decoder, grid and front-ends in one pass."""
    margin_s = max(gatherer.space.margin_s for gatherer in gatherers)
    found: list[Chunk] = []
    vectors: dict[str, list[npt.NDArray[np.float32]]] = {g.space.id: [] for g in gatherers}

    def gather(blocks: Iterable[Samples], rate_hz: int) -> None:
        for chunk in chunks(_with_beats(blocks, outcome, at), rate_hz, margin_s=margin_s):
            heard: dict[int, Samples] = {}
            for gatherer in gatherers:
                vectors[gatherer.space.id].append(gatherer.take(chunk, heard))
            found.append(_without_samples(chunk))

    if job.start_s is None and job.end_s is None:
        with SoundReader(source) as reader:
            gather(reader.blocks(), reader.info.rate_hz)
            summary = reader.summary()
    else:
        samples, rate_hz = read_sound(source, start_s=job.start_s or 0.0, end_s=job.end_s)
        gather([samples], rate_hz)
        summary = _summary_of_range(samples, rate_hz)
    if not any(len(chunk.segments.seq) for chunk in found):
        raise DecodeError(
            "silent",
            f"nothing in {summary.duration_s:.2f} s is louder than {QUIET_DB:g} dBFS",
            "something to hear",
        )
    return _Pending(outcome, summary, found, vectors)


def _without_samples(chunk: Chunk) -> Chunk:
    """Keep what was found in a chunk and let its samples go."""
    return Chunk(
        samples=np.empty(0, np.float32),
        rate_hz=chunk.rate_hz,
        origin_s=chunk.origin_s,
        end_s=chunk.end_s,
        segments=chunk.segments,
        n_silent=chunk.n_silent,
    )


def _with_beats(blocks: Iterable[Samples], outcome: Outcome, at: At) -> Iterator[Samples]:
    """Pass blocks on and give a sign of life now and then."""
    last = time.monotonic()
    for block in blocks:
        yield block
        now = time.monotonic()
        if now - last > BEAT_S:
            at(outcome)
            last = now


def _summary_of_range(samples: Samples, rate_hz: int) -> SoundSummary:
    """Describe a range of a sound; it has no identity of its own."""
    meter = PeakMeter()
    meter.add(samples)
    peak = float(np.abs(samples).max(initial=0.0))
    return SoundSummary(
        sample_hash="",
        duration_s=len(samples) / rate_hz,
        rate_hz=rate_hz,
        channels=1,
        format="",
        subtype="",
        peak_db=20 * float(np.log10(max(peak, 1e-10))),
        peaks=meter.peaks(),
    )


def _finish(item: _Pending) -> Outcome:
    """Put a sound together once all its windows are embedded."""
    summary, segments = item.summary, [chunk.segments for chunk in item.chunks]
    heard = Heard(
        sample_hash=summary.sample_hash,
        duration_s=summary.duration_s,
        rate_hz=summary.rate_hz,
        channels=summary.channels,
        format=summary.format,
        subtype=summary.subtype,
        peak_db=summary.peak_db,
        peaks=summary.peaks,
        seq=np.concatenate([s.seq for s in segments]),
        start_s=np.concatenate([s.start_s for s in segments]),
        end_s=np.concatenate([s.end_s for s in segments]),
        centre_s=np.concatenate([s.centre_s for s in segments]),
        energy_db=np.concatenate([s.energy_db for s in segments]),
        n_silent=sum(chunk.n_silent for chunk in item.chunks),
        vectors={space: np.concatenate(parts) for space, parts in item.vectors.items()},
    )
    return replace(item.outcome, heard=heard)


def main(arguments: Sequence[str]) -> None:
    """Serve one parent until its end of the pipe closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    pipe, slate = Connection(int(arguments[0])), Slate(int(arguments[1]))
    spaces = [load_space(name) for name in arguments[2:]]

    def at(outcome: Outcome | None) -> None:
        slate.note(outcome)
        if os.fstat(_PRINTS).st_size > _PRINTED_BYTES:
            os.ftruncate(_PRINTS, 0)

    try:
        at(None)  # ready
        while True:
            pipe.send(pack(hear_group(pipe.recv(), spaces, at)))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return

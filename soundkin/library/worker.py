"""One process that hears files: ``python -m soundkin.library.worker FD SPACE...``.

It takes groups of jobs from the pipe on file descriptor FD and answers ("at", key) with every sign of
progress and ("done", outcomes) after each group. Trimmed windows of all files of a group are embedded
together; windows of long sounds share their frames.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from dataclasses import dataclass, field
from io import BytesIO
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from soundkin.audio.decode import SoundReader, SoundSummary, byte_hash, read_sound
from soundkin.audio.peaks import PeakMeter
from soundkin.audio.windows import QUIET_DB, Chunk, chunks
from soundkin.errors import DecodeError
from soundkin.library.workers import Heard, Job, Outcome
from soundkin.space import Space, load_space

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

Samples = npt.NDArray[np.float32]
BEAT_S = 0.5


@dataclass(slots=True)
class _Pending:
    """A sound decoded but not yet embedded in full."""

    outcome: Outcome
    summary: SoundSummary
    chunks: list[Chunk] = field(default_factory=list)
    vectors: dict[str, list[npt.NDArray[np.float32]]] = field(default_factory=dict)


class _Gatherer:
    """Windows of one space from several sounds, embedded in full batches."""

    def __init__(self, space: Space, batch: int = 64) -> None:
        self.space = space
        self.batch = batch
        self._windows: list[Samples] = []
        self._valid: list[npt.NDArray[np.int64]] = []
        self._targets: list[tuple[npt.NDArray[np.float32], npt.NDArray[np.intp]]] = []
        self._n = 0

    def take(self, chunk: Chunk) -> npt.NDArray[np.float32]:
        """Return the array that will hold the vectors of a chunk once `flush` has run."""
        gathered = self.space.gather_chunk(chunk)
        out = np.empty((len(chunk.segments.seq), self.space.dim), np.float32)
        out[gathered.full_rows] = gathered.full_vectors
        if len(gathered.rows):
            self._windows.append(gathered.windows)
            self._valid.append(gathered.valid)
            self._targets.append((out, gathered.rows))
            self._n += len(gathered.rows)
            if self._n >= self.batch:
                self.flush()
        return out

    def flush(self) -> None:
        """Embed what was gathered."""
        if self._n:
            vectors = self.space.embed(np.concatenate(self._windows), np.concatenate(self._valid))
            at = 0
            for out, rows in self._targets:
                out[rows] = vectors[at : at + len(rows)]
                at += len(rows)
        self._windows, self._valid, self._targets, self._n = [], [], [], 0


def hear_group(
    jobs: Sequence[Job], spaces: Sequence[Space], at: Callable[[int | None], None] = lambda _: None
) -> list[Outcome]:
    """Decode, window and embed a group of files; one outcome a job, failures with their reason."""
    gatherers = [_Gatherer(space) for space in spaces]
    heard = [_hear(job, gatherers, at) for job in jobs]
    at(None)
    for gatherer in gatherers:
        gatherer.flush()
    return [_finish(item) if isinstance(item, _Pending) else item for item in heard]


def _hear(
    job: Job, gatherers: list[_Gatherer], at: Callable[[int | None], None]
) -> _Pending | Outcome:
    """Decode one file and gather its windows."""
    at(job.key)
    outcome = Outcome(job.key)
    try:
        if job.is_upload:
            outcome = Outcome(job.key, size=len(job.source))
        else:
            status = os.stat(job.source)
            outcome = Outcome(job.key, size=status.st_size, mtime_ns=status.st_mtime_ns)
            outcome = Outcome(job.key, status.st_size, status.st_mtime_ns, byte_hash(job.source))
        return _decode(job, outcome, gatherers, at)
    except DecodeError as error:
        return _failed(outcome, error.reason, str(error))
    except OSError as error:
        return _failed(outcome, "unreadable", f"it cannot be read ({error.strerror or error}).")
    except MemoryError:
        return _failed(outcome, "too-long", "it does not fit into memory.")


def _failed(outcome: Outcome, reason: str, message: str) -> Outcome:
    """Return the outcome of a file that gives no sound."""
    return Outcome(
        outcome.key,
        outcome.size,
        outcome.mtime_ns,
        outcome.byte_hash,
        reason=reason,
        message=message,
    )


def _decode(
    job: Job, outcome: Outcome, gatherers: list[_Gatherer], at: Callable[[int | None], None]
) -> _Pending:
    """Run one file through decoder, grid and front-ends in one pass."""
    margin_s = max([1.0, *(gatherer.space.window_s for gatherer in gatherers)])
    found: list[Chunk] = []
    vectors: dict[str, list[npt.NDArray[np.float32]]] = {g.space.id: [] for g in gatherers}

    def gather(blocks: Iterable[Samples], rate_hz: int) -> None:
        for chunk in chunks(_with_beats(blocks, job.key, at), rate_hz, margin_s=margin_s):
            for gatherer in gatherers:
                vectors[gatherer.space.id].append(gatherer.take(chunk))
            found.append(_without_samples(chunk))

    source: BytesIO | bytes = BytesIO(job.source) if job.is_upload else job.source
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


def _with_beats(
    blocks: Iterable[Samples], key: int, at: Callable[[int | None], None]
) -> Iterator[Samples]:
    """Pass blocks on and give a sign of life now and then."""
    last = time.monotonic()
    for block in blocks:
        yield block
        now = time.monotonic()
        if now - last > BEAT_S:
            at(key)
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
    done = item.outcome
    return Outcome(done.key, done.size, done.mtime_ns, done.byte_hash, heard=heard)


def main(arguments: Sequence[str]) -> None:
    """Serve one parent until its end of the pipe closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    pipe = Connection(int(arguments[0]))
    spaces = [load_space(name) for name in arguments[1:]]

    def at(key: int | None) -> None:
        pipe.send(("at", key))

    try:
        while True:
            pipe.send(("done", hear_group(pipe.recv(), spaces, at)))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return


if __name__ == "__main__":
    main(sys.argv[1:])

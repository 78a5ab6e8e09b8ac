"""What a process that hears files is asked besides: how far copies lie, and slices."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from soundkin.audio.decode import read_sound

if TYPE_CHECKING:
    from collections.abc import Sequence

    from soundkin.audio.source import Openable
    from soundkin.library.outcome import Job, Outcome
    from soundkin.space import Space


def errand(job: Job, source: Openable, outcome: Outcome, spaces: Sequence[Space]) -> Outcome:
    """Do what a job asks for and add it to what is known of its file. Raises as the decoders do."""
    if job.task == "slice":
        from soundkin.audio.encode import slice_wav  # rarely needed

        wav = slice_wav(source, job.start_s or 0.0, job.end_s)
        return replace(outcome, wav=wav)
    from soundkin.library.calibrate import copy_distances  # rarely needed

    heard = read_sound(source, start_s=job.start_s or 0.0, end_s=job.end_s)
    copies = {space.id: copy_distances(space, [heard], seed=job.key).tolist() for space in spaces}
    return replace(outcome, copies=copies)

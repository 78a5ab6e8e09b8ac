"""One sound's content spoken with another's voice: the generative half of Autodecompose.

What is needed is a file NAME.swap with two graphs beside it, written by a training of the recipe
`autodecompose`: `voice` (frames -> the code of a voice) and `speak` (frames and a voice -> frames
with that voice). Both run in ONNX Runtime; no PyTorch.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from soundkin.errors import InputError, SpaceError, UnknownSpace
from soundkin.frontend.invert import sound_of_mel
from soundkin.frontend.log_mel import MelSettings, mel_at
from soundkin.shelf import place, spaces_folder

Floats = npt.NDArray[np.float32]

FORMAT = 1
QUIET = 1e-4
"""A window with a lower peak stays silence."""


@dataclass(frozen=True)
class Swapper:
    """A voice and a content taken apart and put together; made by :func:`load_swapper`.

    `settings`: the mel frames, compressed to dB; `frames`: how many the graphs take at a time.
    """

    name: str
    settings: MelSettings
    frames: int
    voice_graph: Any
    speak_graph: Any

    def voice(self, samples: Floats) -> Floats:
        """The code of a voice, its mean over the sound: (samples,) -> (1, dim).

        Raises InputError for silence.
        """
        codes = [
            self.voice_graph.run(None, {"rows": rows[None], "valid": np.array([valid], np.int64)})
            for _, rows, valid, _ in self._windows(samples, self.frames)
        ]
        if not codes:
            raise InputError("a voice that is silent", "sound", "choose another one")
        mean: Floats = np.mean([code for [code] in codes], axis=0)
        return mean

    def speak(self, samples: Floats, voice: Floats) -> Floats:
        """The content of a sound with a voice (1, dim): (samples,) -> (frames, bands) mel power.

        Windows overlap by half and fade into each other. Raises InputError for silence.
        """
        count = max(1, -(-len(samples) // self.settings.hop))
        total = np.zeros((count + self.frames, self.settings.bands))
        weight = np.full(len(total), 1e-9)
        ramp = (
            np.minimum(np.arange(1, self.frames + 1), np.arange(self.frames, 0, -1)) / self.frames
        )
        heard = False
        for first, rows, _, level_db in self._windows(samples, self.frames // 2):
            [made] = self.speak_graph.run(None, {"rows": rows[None], "voice": voice})
            power = 10 ** ((200 * made[0] - 100 + level_db) / 10)
            total[first : first + self.frames] += ramp[:, None] * power
            weight[first : first + self.frames] += ramp
            heard = True
        if not heard:
            raise InputError("a content that is silent", "sound", "choose another one")
        mel: Floats = (total / weight[:, None])[:count].astype(np.float32)
        return mel

    def swap(self, content: Floats, voice: Floats) -> Floats:
        """A's content with B's voice: two sounds (samples,) at the rate -> one as long as A."""
        mel = self.speak(content, self.voice(voice))
        sound = sound_of_mel(mel, self.settings, like=content)[: len(content)]
        peak = float(np.abs(sound).max(initial=0))
        loudest = float(np.abs(content).max(initial=0))
        return sound * np.float32(loudest / max(peak, 1e-9))

    def _windows(self, samples: Floats, hop: int) -> list[tuple[int, Floats, int, float]]:
        """Windows at a peak of 1: first frame, frames (frames, bands), how many are sound, level."""
        size = self.settings.hop
        count = max(1, -(-len(samples) // size))
        padded = np.zeros((count + self.frames) * size + self.settings.win, np.float32)
        padded[: len(samples)] = samples
        found = []
        for first in range(0, count, hop):
            part = padded[first * size : (first + self.frames - 1) * size + self.settings.win]
            peak = float(np.abs(part).max())
            if peak >= QUIET:
                places = np.arange(self.frames) * size
                rows = mel_at(part / np.float32(peak), places, self.settings)
                valid = min(self.frames, count - first)
                found.append((first, rows, valid, 20 * np.log10(peak)))
        return found


def load_swapper(name: str | Path = "autodecompose") -> Swapper:
    """Open what swaps, by its name or the path of its .swap file.

    Raises UnknownSpace when it is not there, SpaceError when it cannot be read.
    """
    file = Path(name) if str(name).endswith(".swap") else place(str(name), ".swap")
    if not file.is_file():
        raise UnknownSpace(
            f"no trained swap {str(name)!r} in {spaces_folder()}",
            "one that a training wrote",
            "run `soundkin train autodecompose --data FOLDER` first, or give a .swap file",
        )
    try:
        settings = json.loads(file.read_text(encoding="utf-8"))
        made_by = {FORMAT: settings["graphs"]}[settings["format"]]
        graphs = {part: _session(file, made_by[part]) for part in ("voice", "speak")}
        return Swapper(
            settings["name"], MelSettings(**settings["frontend"]), settings["frames"],
            graphs["voice"], graphs["speak"],
        )  # fmt: skip
    except (ValueError, KeyError, TypeError) as error:
        raise SpaceError(f"{file} is no swap ({error})", f"format {FORMAT}") from error


def _session(file: Path, graph: dict[str, str]) -> Any:  # noqa: ANN401 - has no types
    """One of its graphs, ready to run on one thread."""
    path = file.parent / Path(graph["file"]).name
    if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != graph["sha256"]:
        raise SpaceError(f"{path} is missing or another graph", "that of the .swap", "train again")
    runtime = import_module("onnxruntime")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

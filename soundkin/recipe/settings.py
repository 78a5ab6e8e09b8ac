"""A recipe as a value: sections of plain settings, each with what it means and where it is off."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Range = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Data:
    """Where sound comes from.

    `source`: "synth" draws it fresh, "folder" reads windows of recordings; `rate_hz`; `window` in
    samples. For synth:
    `patch`, `delta` 0 to 1, `prior`; `patches`: several in even shares instead (one named twice has
    two); `deltas`: each pair's own between two bounds, evenly by logarithm
    ((0, 0): `delta` for all); `shares`: how much of their delta pitch, timbre and envelope go;
    `spare_s`: so much more is rendered, and each view cut anywhere in it; `layers`: share of pairs
    over another pair, 3 to 18 dB down; `shorten`: share of the views that end early; `instruments`:
    share of the pairs that are one made-up instrument playing other notes. For folders: `cache_gb`,
    the most that decoded sound may take on disk; `kin`: what makes two windows of speech kin, see
    :mod:`soundkin.recipe.speech` ("": what `deform` says), `moments` rows of a batch from one
    recording, `speeds` that it is played at, `drawn`: share of rows from synthesized voices.
    """

    source: Literal["synth", "folder"] = "folder"
    rate_hz: int = 16_000
    window: int = 16_000
    patch: Literal["voice", "voice-fm", "parametric", "world"] = "voice"
    delta: float = 0.25
    prior: Literal["uniform-human", "uniform-unit"] = "uniform-human"
    patches: tuple[str, ...] = ()
    deltas: Range = (0.0, 0.0)
    shares: tuple[float, float, float] = (1.0, 1.0, 1.0)
    spare_s: float = 0.0
    layers: float = 0.0
    shorten: float = 0.0
    instruments: float = 0.0
    cache_gb: float = 4.0
    kin: Literal["", "voice", "content"] = ""
    moments: int = 1
    speeds: Range = (1.0, 1.0)
    drawn: float = 0.0


@dataclass(frozen=True, slots=True)
class Deform:
    """How one view is made from another; a strength of 0 is off.

    `nearby_s`: the other view is cut within so many seconds of the first; ranges are (low, high):
    `pitch_semitones`, `speed_semitones` (pitch and tempo at once, as a tape does; synthesized sound
    only, the second view only), `stretch` (1 = off), `noise` (deviation against full scale), `equaliser_db`
    (knobs, evenly), `high_pass_hz`, `low_pass_hz`, `reverberation_s`; `shift`: share of the window;
    `mixture`: energy of another sound. `probability` that a row has one of them, or, with
    `one_a_batch`, one of them is drawn for the whole batch.
    """

    nearby_s: float = 0.0
    pitch_semitones: Range = (0.0, 0.0)
    speed_semitones: Range = (0.0, 0.0)
    stretch: Range = (1.0, 1.0)
    noise: Range = (0.0, 0.0)
    equaliser_db: Range = (0.0, 0.0)
    high_pass_hz: Range = (0.0, 0.0)
    low_pass_hz: Range = (0.0, 0.0)
    reverberation_s: Range = (0.0, 0.0)
    shift: float = 0.0
    mixture: float = 0.0
    probability: float = 1.0
    one_a_batch: bool = False


@dataclass(frozen=True, slots=True)
class Scramble:
    """Autodecompose's two deformations of frames.

    Content gone: `time` "permute" or "rotate" by `pivots` (low, high), then `time_masks` of up to
    `time_mask_frames`. Voice gone: bands stretched or shrunk by `band_stretch` (low, high), then up
    to `band_masks` of up to `band_mask_width`, none below `band_lowest`. `target`: "plain" or
    "deformed". `share`: for pairs of speech, how many of them are deformed so.
    """

    time: Literal["permute", "rotate"] = "permute"
    pivots: tuple[int, int] = (5, 20)
    time_masks: int = 2
    time_mask_frames: int = 3
    band_stretch: Range = (0.06, 0.21)
    band_masks: int = 15
    band_mask_width: int = 5
    band_lowest: int = 10
    target: Literal["plain", "deformed"] = "plain"
    share: float = 0.0


@dataclass(frozen=True, slots=True)
class Frontend:
    """Samples -> frames: `preset` names mel settings or "morlet"; `relative`: without loudness.

    `centred`: then every band without its mean over the window; `frames`: how many are kept (0:
    all); `learnable`: its filters are trained too; `hop` and `pool` of the Morlet bank.
    """

    preset: str = "soundkin"
    relative: bool = False
    centred: bool = False
    frames: int = 0
    learnable: bool = False
    hop: int = 8
    pool: int = 32


@dataclass(frozen=True, slots=True)
class Encoder:
    """Frames -> embedding.

    `dim` numbers (0: as many as the features are); `width` of resnet and cochlea, `widths` of
    convnet, `taps` of convnet: after which convolutions it is heard (none: the last), `fixed`: its
    first convolution is not trained; `size` of sequence; `projection`: length of a head that only
    the loss sees (0: none).
    """

    kind: Literal["resnet", "convnet", "cochlea", "sequence"] = "convnet"
    dim: int = 0
    width: int = 64
    widths: tuple[int, ...] = (16, 32, 64, 128, 256)
    taps: tuple[int, ...] = ()
    fixed: bool = False
    size: str = "large"
    projection: int = 0


@dataclass(frozen=True, slots=True)
class Vector:
    """What is searched, made of what was learnt; only when exported.

    `dims`: directions that are kept (0: the embedding as it is), measured on sound that the recipe
    draws; `fit`: "principal" components, or those that tell "kin" from strangers; `ridge` of the
    latter, higher is more cautious; `whiten`: 0 keeps their sizes, 1 makes them equal;
    `statistics`: weight beside the embedding of each band's mean, deviation and maximum (0: none).
    """

    dims: int = 0
    fit: Literal["principal", "kin"] = "principal"
    ridge: float = 0.3
    whiten: float = 0.5
    statistics: float = 0.0


@dataclass(frozen=True, slots=True)
class Objective:
    """What is made small; each kind reads its own numbers.

    `within`: nt-xent tells rows of one recording apart (`data.moments` of them) and no others.
    """

    kind: Literal[
        "triplet", "align-uniform", "nt-xent", "vicreg", "barlow-twins", "autodecompose"
    ] = "nt-xent"
    margin: float = 0.25
    distance: Literal["cosine", "squared-l2"] = "cosine"
    mining: bool = True
    align_weight: float = 1.0
    uniform_weight: float = 1.0
    temperature: float = 0.1
    within: bool = False


@dataclass(frozen=True, slots=True)
class Optimiser:
    """How weights move.

    `schedule`: "constant", "cosine" to 0, or "step": times `decay` at each of `milestones` (shares
    of the training); `warmup`: share of the training in which the rate rises; `clip`: largest norm
    of the gradient (0: none); `ema`: share that the averaged weights keep at each step (0: none).
    """

    kind: Literal["sgd", "adam", "adamw"] = "adamw"
    lr: float = 2e-3
    weight_decay: float = 0.0
    momentum: float = 0.0
    schedule: Literal["constant", "cosine", "step"] = "cosine"
    milestones: tuple[float, ...] = ()
    decay: float = 0.1
    warmup: float = 0.0
    clip: float = 0.0
    ema: float = 0.0


@dataclass(frozen=True, slots=True)
class Run:
    """`batch` pairs a step, `steps` in all; every how many steps to log, minutes to checkpoint."""

    batch: int = 256
    steps: int = 10_000
    log_steps: int = 10
    checkpoint_minutes: float = 5.0
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Recipe:
    """A recipe with all its settings; made by :func:`soundkin.recipe.load.load_recipe`."""

    name: str
    title: str = ""
    paper: str = ""
    data: Data = field(default_factory=Data)
    deform: Deform = field(default_factory=Deform)
    scramble: Scramble = field(default_factory=Scramble)
    frontend: Frontend = field(default_factory=Frontend)
    encoder: Encoder = field(default_factory=Encoder)
    vector: Vector = field(default_factory=Vector)
    objective: Objective = field(default_factory=Objective)
    optimiser: Optimiser = field(default_factory=Optimiser)
    run: Run = field(default_factory=Run)

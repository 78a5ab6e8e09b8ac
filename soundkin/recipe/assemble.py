"""Settings -> a network that knows its front-end and its loss.

Both models take waveforms (n, window) at the recipe's rate. `embed` gives what becomes the space;
`loss` gives the scalar to make small, with the two views' embeddings beside it for watching.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Generator, Tensor, nn
from torch.nn.functional import normalize

from soundkin.augment.spectrogram import (
    mask_frequency,
    mask_time,
    permute_time,
    rotate_time,
    stretch_frequency,
)
from soundkin.encoder.cochlea import CochleaNet
from soundkin.encoder.convnet import ConvNet, projection_head, sounding_frames
from soundkin.encoder.resnet import ResNet18
from soundkin.encoder.sequence import SequenceDecoder, SequenceEncoder
from soundkin.frontend.layers import MelFrames, MorletFrames, centred
from soundkin.objective.align_uniform import align_uniform_loss
from soundkin.objective.autodecompose import decompose_loss
from soundkin.objective.barlow_twins import barlow_twins_loss
from soundkin.objective.nt_xent import nt_xent_loss
from soundkin.objective.triplet import semi_hard_negatives, triplet_loss
from soundkin.objective.vicreg import vicreg_loss

if TYPE_CHECKING:
    from soundkin.recipe.settings import Encoder, Objective, Recipe, Scramble
    from soundkin.recipe.views import Views


def build_model(recipe: Recipe) -> PairModel | DecomposeModel:
    """The network of a recipe, freshly initialised from torch's own generator."""
    return DecomposeModel(recipe) if recipe.encoder.kind == "sequence" else PairModel(recipe)


class PairModel(nn.Module):
    """Front-end, encoder and, for the loss alone, a projection head."""

    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        self.recipe = recipe
        self.frontend = build_frontend(recipe)
        self.encoder = build_encoder(recipe.encoder, bands=_bands(self.frontend))
        projection = recipe.encoder.projection
        self.head: nn.Module = nn.Identity()
        if projection:
            self.head = projection_head(self.encoder.dim, projection)

    def frames(self, samples: Tensor) -> Tensor:
        """Waveforms (n, window) -> frames (n, bands, frames) as the encoder takes them."""
        return cut_frames(self.frontend(samples), self.recipe.frontend.frames)

    def embed(self, samples: Tensor) -> Tensor:
        """Waveforms (n, window) -> embeddings (n, dim)."""
        return self.embed_frames(self.frames(samples))

    def embed_frames(self, frames: Tensor) -> Tensor:
        """Frames (n, bands, frames) -> embeddings (n, dim)."""
        embedding: Tensor
        if isinstance(self.encoder, ConvNet) and self.recipe.frontend.relative:
            valid = sounding_frames(frames)
            if self.recipe.frontend.centred:
                frames = centred(frames, valid)
            embedding = self.encoder(frames, valid)
        else:
            embedding = self.encoder(frames)
        return embedding

    def loss(self, views: Views, generator: Generator) -> tuple[Tensor, Tensor, Tensor]:
        """The loss of a batch, and both views' embeddings (n, dim)."""
        frames = self.frames(torch.cat([views.a, views.b]))
        if self.recipe.scramble.share:
            frames = self._estranged(frames, generator)
        x, y = self.embed_frames(frames).chunk(2)
        a, b = self.head(torch.cat([x, y])).chunk(2)
        how = self.recipe.objective
        group = self.recipe.data.moments if how.within else 0
        loss = pair_loss(a, b, views.mixed, how, group=group)
        return loss, x.detach(), y.detach()

    def _estranged(self, frames: Tensor, generator: Generator) -> Tensor:
        """Some rows without what the kin do not share: Autodecompose's deformations."""
        how = self.recipe.scramble
        change = without_content if self.recipe.data.kin == "voice" else without_voice
        on = torch.rand(len(frames), generator=generator) < how.share
        frames = frames.clone()
        frames[on.to(frames.device)] = change(frames[on.to(frames.device)], how, generator)
        return frames


class DecomposeModel(nn.Module):
    """Autodecompose: an encoder of the voice, one of the content, and a decoder of both."""

    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        self.recipe = recipe
        how, bands = recipe.encoder, 80
        self.frontend = build_frontend(recipe)
        self.voice = SequenceEncoder(how.size, bands=bands, dim=how.dim)
        self.content = SequenceEncoder(how.size, bands=bands, dim=how.dim)
        self.decoder = SequenceDecoder(how.size, bands=bands, dim=how.dim)

    def frames(self, samples: Tensor) -> Tensor:
        """Waveforms (n, window) -> frames (n, 80, frames)."""
        return cut_frames(self.frontend(samples), self.recipe.frontend.frames)

    def embed(self, samples: Tensor) -> Tensor:
        """Waveforms (n, window) -> voices (n, dim): the mean of the frames' codes."""
        codes: Tensor = self.voice(self.frames(samples))
        return codes.mean(dim=1)

    def loss(self, views: Views, generator: Generator) -> tuple[Tensor, Tensor, Tensor]:
        """The loss of a batch, and the voices of both views (n, dim), which here are one sound."""
        frames, how = self.frames(views.a), self.recipe.scramble
        if how.target == "deformed":
            frames = stretch_frequency(frames, _stretch_factors(len(frames), how, generator))
        scrambled = without_content(frames, how, generator)
        altered = without_voice(frames, how, generator)
        loss = decompose_loss(
            self.voice,
            self.content,
            self.decoder,
            scrambled=scrambled,
            altered=altered,
            target=frames,
        )
        with torch.no_grad():
            x = self.voice(frames).mean(dim=1)
            y = self.voice(scrambled).mean(dim=1)
        return loss, x, y


def build_frontend(recipe: Recipe) -> nn.Module:
    """Waveforms -> frames."""
    how = recipe.frontend
    if how.preset == "morlet":
        rate = recipe.data.rate_hz
        return MorletFrames(rate_hz=rate, hop=how.hop, pool=how.pool, learnable=how.learnable)
    return MelFrames(how.preset, relative=how.relative, learnable=how.learnable)


def build_encoder(how: Encoder, *, bands: int = 64) -> ResNet18 | ConvNet | CochleaNet:
    """Frames -> embeddings, for the recipes of pairs."""
    if how.kind == "resnet":
        return ResNet18(how.dim or 512, how.width)
    if how.kind == "cochlea":
        return CochleaNet(how.dim or 128, how.width)
    taps, dim = how.taps, how.dim or None
    return ConvNet(how.widths, bands=bands, dim=dim, taps=taps, fixed=how.fixed)


def pair_loss(x: Tensor, y: Tensor, mixed: Tensor, how: Objective, *, group: int = 0) -> Tensor:
    """The objective on two views (n, dim): a scalar.

    `mixed` as in Views, for the triplets; `group` of rows that nt-xent tells apart (0: all).
    """
    if how.kind == "align-uniform":
        weights = {"align_weight": how.align_weight, "uniform_weight": how.uniform_weight}
        return align_uniform_loss(x, y, **weights)
    if how.kind == "nt-xent":
        return nt_xent_loss(x, y, temperature=how.temperature, group=group)
    if how.kind == "vicreg":
        return vicreg_loss(x, y)
    if how.kind == "barlow-twins":
        return barlow_twins_loss(x, y)
    return triplet_loss(
        x, y, _negatives(x, y, mixed, how), margin=how.margin, distance=how.distance
    )


def without_content(frames: Tensor, how: Scramble, generator: Generator) -> Tensor:
    """Time scrambled, so that what is said goes and who says it stays: same shape."""
    n, _, length = frames.shape
    low, high = how.pivots
    pivots = torch.randint(low, high + 1, (n,), generator=generator)
    if how.time == "rotate":
        frames = rotate_time(frames, _drawn(n, 0, length - 1, generator, frames))
    else:
        segments = (pivots + 1).clamp(max=length).to(frames.device)
        frames = permute_time(frames, segments, generator=_on(frames, generator))
    return mask_time(
        frames, how.time_masks, longest=how.time_mask_frames, generator=_on(frames, generator)
    )


def without_voice(frames: Tensor, how: Scramble, generator: Generator) -> Tensor:
    """Bands stretched and masked, so that who speaks goes and what is said stays: same shape."""
    frames = stretch_frequency(frames, _stretch_factors(len(frames), how, generator))
    return mask_frequency(
        frames,
        _drawn(len(frames), 0, how.band_masks, generator, frames),
        widest=how.band_mask_width,
        lowest=how.band_lowest,
        generator=_on(frames, generator),
    )


def unit(x: Tensor) -> Tensor:
    """Rows to length one."""
    return normalize(x, dim=1)


def cut_frames(frames: Tensor, count: int) -> Tensor:
    """The first `count` frames (0: all)."""
    return frames[:, :, :count] if count else frames


def _bands(frontend: nn.Module) -> int:
    """Bands of its frames."""
    if isinstance(frontend, MelFrames):
        return frontend.settings.bands
    return frontend.gain.numel() if isinstance(frontend, MorletFrames) else 64


def _negatives(x: Tensor, y: Tensor, mixed: Tensor, how: Objective) -> Tensor:
    """A negative for every anchor: mined, or the next row; that which was mixed in, for mixtures."""
    n = len(x)
    following = (torch.arange(n, device=x.device) + 1) % n
    fixed = mixed.to(x.device)
    if not how.mining:
        return x[torch.where(fixed < 0, following, fixed)]
    others = ~torch.eye(n, dtype=torch.bool, device=x.device)
    candidates = torch.cat([x, y])
    chosen = semi_hard_negatives(
        x, y, candidates, allowed=torch.cat([others, others], 1), fixed=fixed, distance=how.distance
    )
    return candidates[chosen]


def _stretch_factors(n: int, how: Scramble, generator: Generator) -> Tensor:
    """1 plus or minus a share between the two bounds: (n,)."""
    low, high = how.band_stretch
    share = low + (high - low) * torch.rand(n, generator=generator)
    sign = torch.where(torch.rand(n, generator=generator) < 0.5, -1.0, 1.0)
    return 1 + sign * share


def _drawn(n: int, low: int, high: int, generator: Generator, like: Tensor) -> Tensor:
    """Whole numbers from low to high, on the device of `like`: (n,)."""
    return torch.randint(low, high + 1, (n,), generator=generator).to(like.device)


def _on(x: Tensor, generator: Generator) -> Generator:
    """A generator on the device of `x` that goes on from the CPU's."""
    if x.device.type == "cpu":
        return generator
    seed = int(torch.randint(1 << 62, (1,), generator=generator))
    return torch.Generator(x.device).manual_seed(seed)

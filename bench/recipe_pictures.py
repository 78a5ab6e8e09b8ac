"""The pictures of docs/recipes.md, drawn by the code that they explain.

    python bench/recipe_pictures.py [--out docs/pictures]

Spectrograms are PNG, curves SVG; neither needs a plotting library. The sounds are the synthesizer's
and the demo library's, so that everyone gets the same pictures.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
import torch

from soundkin.demo import render_demo
from soundkin.frontend.layers import LAYER_PRESETS, MelFrames
from soundkin.frontend.morlet import cochlea_bank, morlet_centres
from soundkin.recipe.assemble import build_frontend, without_content, without_voice
from soundkin.recipe.load import load_recipe
from soundkin.recipe.sounds import open_sounds
from soundkin.recipe.views import draw_views
from soundkin.synth.audition import FRAMES, GAP, colours, contact_sheet, png, spectrogram

OUT = Path(__file__).parent.parent / "docs" / "pictures"
PAIRS = 4
SPOKEN = ("voice", "content")
FOLDER_RECIPES = ("cochlea", "music", "music-pitch", "music-tempo", "music-equaliser")
WAVES = (4, 20, 36, 52, 68, 84, 100, 116)
INK = "#37474f"
STEPS = 48
"""Levels that are drawn: fewer make smaller files."""


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--out", type=Path, default=OUT)
    out = asked.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    write(out / "morlet-bank.png", png(bank_picture()))
    write(out / "morlet-filters.svg", filters_picture().encode())
    recipe = load_recipe("doppelganger", [f"run.batch={PAIRS}"])
    views = draw_views(recipe, None, torch.Generator().manual_seed(7))
    write(out / "doppelganger.png", pairs_picture(views, recipe.data.rate_hz))
    write(out / "mel-presets.png", png(presets_picture(views.a[1:2])))
    for name in ("sound", "timbre"):
        own = load_recipe(name, [f"run.batch={PAIRS}"])
        drawn = draw_views(own, None, torch.Generator().manual_seed(5))
        write(out / f"{name}.png", pairs_picture(drawn, own.data.rate_hz))
    with tempfile.TemporaryDirectory() as folder:
        render_demo(Path(folder) / "demo", n=30, seed=3)
        for name in FOLDER_RECIPES:
            write(out / f"{name}.png", folder_picture(name, Path(folder)))
        for name in SPOKEN:
            write(out / f"{name}.png", spoken_picture(name, Path(folder)))
        write(out / "autodecompose.png", png(scramble_picture(Path(folder))))


def write(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    print(f"{path.name}: {len(data) / 1000:.0f} kB")


def pairs_picture(views, rate_hz: int) -> bytes:
    """Pairs side by side, two pairs to a row."""
    tiles = [
        tile(torch.stack([a, b]), rate_hz)
        for a, b in zip(views.a[:PAIRS], views.b[:PAIRS], strict=True)
    ]
    return png(contact_sheet(tiles))


def tile(pair: torch.Tensor, rate_hz: int) -> np.ndarray:
    """A pair's spectrograms in few levels."""
    return np.round(spectrogram(pair, rate_hz) * STEPS) / STEPS


def folder_picture(name: str, folder: Path) -> bytes:
    """Pairs of a recipe that reads a folder; of Cochlea's deformations one for each pair."""
    recipe = load_recipe(name, [f"run.batch={PAIRS}", "deform.probability=1.0"])
    rate = recipe.data.rate_hz
    sounds = open_sounds(folder / "demo", rate_hz=rate, cache=folder / f"cache-{rate}")
    if name != "cochlea":
        return pairs_picture(draw_views(recipe, sounds, torch.Generator().manual_seed(2)), rate)
    off = {"nearby_s": "0.0", "stretch": "[1.0, 1.0]", "pitch_semitones": "[0.0, 0.0]",
           "noise": "[0.0, 0.0]", "mixture": "0.0"}  # fmt: skip
    tiles = []
    for k, kept in enumerate(("stretch", "pitch_semitones", "noise", "mixture")):
        changes = [f"deform.{key}={value}" for key, value in off.items() if key != kept]
        alone = load_recipe(name, [*changes, "run.batch=2"])
        views = draw_views(alone, sounds, torch.Generator().manual_seed(20 + k))
        tiles.append(tile(torch.stack([views.a[0], views.b[0]]), rate))
    return png(contact_sheet(tiles))


def spoken_picture(name: str, folder: Path) -> bytes:
    """Pairs of synthesized voices, as `data.drawn` has them, without any deformation."""
    changes = [f"run.batch={PAIRS}", "data.drawn=1.0", "data.moments=1", "deform.probability=0.0"]
    recipe = load_recipe(name, [*changes, "data.shorten=0.0"])
    sounds = open_sounds(folder / "demo", rate_hz=16_000, cache=folder / "cache-16000")
    views = draw_views(recipe, sounds, torch.Generator().manual_seed(1))
    return pairs_picture(views, recipe.data.rate_hz)


def scramble_picture(folder: Path) -> np.ndarray:
    """One sound's mel frames, then without its content, then without its voice, for three sounds."""
    recipe = load_recipe("autodecompose", ["run.batch=3"])
    sounds = open_sounds(folder / "demo", rate_hz=16_000, cache=folder / "cache-16000")
    generator = torch.Generator().manual_seed(11)
    views = draw_views(recipe, sounds, generator)
    frames = build_frontend(recipe)(views.a)[:, :, : recipe.frontend.frames]
    shown = [
        frames,
        without_content(frames, recipe.scramble, generator),
        without_voice(frames, recipe.scramble, generator),
    ]
    rows = [
        [stretched(part[k].numpy(), 0.2, 0.55, wide=3) for part in shown]
        for k in range(len(frames))
    ]
    return sheet(rows)


def presets_picture(sound: torch.Tensor) -> np.ndarray:
    """One sound as the front-ends see it: vggish, mule, autodecompose, soundkin."""
    row = []
    for name in ("vggish", "mule", "autodecompose", "soundkin"):
        mel = MelFrames(LAYER_PRESETS[name], relative=name == "soundkin")(sound)[0].numpy()
        part = stretched(mel, float(mel.min()), float(mel.max()))
        wide = max(1, round(FRAMES / part.shape[1]))
        row.append(np.repeat(part, wide, axis=1))
    return sheet([row])


def bank_picture() -> np.ndarray:
    """All filters, one a row, the lowest at the bottom: time to the right, bright above zero."""
    bank = cochlea_bank()
    shown = bank / np.abs(bank).max(axis=1, keepdims=True)
    return colours(np.repeat(np.round((shown[::-1] + 1) / 2 * STEPS) / STEPS, 2, axis=0))


def filters_picture() -> str:
    """Eight of the 128 wavelets, and what each lets pass."""
    bank, centres = cochlea_bank(), morlet_centres(128, 80.0, 5300.0)
    parts, height = [], 46
    for row, k in enumerate(WAVES):
        middle = 30 + row * height
        wave = bank[k] / np.abs(bank[k]).max()
        response = np.abs(np.fft.rfft(bank[k], 4096))[:2048]
        parts += [
            line(np.linspace(90, 470, len(wave)), middle - 18 * wave),
            line(np.linspace(500, 880, 512), middle + 16 - 34 * response[::4] / response.max()),
            f'<text x="8" y="{middle + 4}">{centres[k]:.0f} Hz</text>',
        ]
    bottom = 30 + len(WAVES) * height
    labels = "".join(
        f'<text x="{x}" y="{bottom}" text-anchor="middle">{text}</text>'
        for x, text in ((90, "0"), (280, "512 samples at 11,025 Hz: 46 ms"), (470, "46 ms"),
                        (500, "0"), (690, "what it lets pass"), (880, "5.5 kHz"))
    )  # fmt: skip
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 900 {bottom + 12}" '
        f'font-family="sans-serif" font-size="12" fill="{INK}"><rect width="900" '
        f'height="{bottom + 12}" fill="white"/>{"".join(parts)}{labels}</svg>\n'
    )


def line(x: np.ndarray, y: np.ndarray) -> str:
    """A curve."""
    points = " ".join(f"{a:.0f},{b:.1f}" for a, b in zip(x, y, strict=True))
    return f'<polyline points="{points}" fill="none" stroke="#1565c0" stroke-width="1"/>'


def stretched(frames: np.ndarray, low: float, high: float, *, wide: int = 1) -> np.ndarray:
    """Frames (bands, frames) between two values -> colours, the lowest band at the bottom."""
    shown = np.clip((frames[::-1] - low) / max(high - low, 1e-9), 0, 1).astype(np.float32)
    return np.repeat(colours(shown), wide, axis=1)


def sheet(rows: list[list[np.ndarray]]) -> np.ndarray:
    """Pictures in rows on white, those of a row at their bottoms."""
    height = sum(max(part.shape[0] for part in row) + GAP for row in rows) + GAP
    width = max(sum(part.shape[1] + GAP for part in row) for row in rows) + GAP
    out = np.full((height, width, 3), 255, np.uint8)
    bottom = 0
    for row in rows:
        bottom += max(part.shape[0] for part in row) + GAP
        left = GAP
        for part in row:
            out[bottom - part.shape[0] : bottom, left : left + part.shape[1]] = part
            left += part.shape[1] + GAP
    return out


if __name__ == "__main__":
    main()

"""Is everything here that Soundkin needs? One check a row, each with what to do when it fails."""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass
from functools import partial
from importlib import metadata
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from soundkin.errors import NotFound, SoundkinError
from soundkin.facade import Library
from soundkin.library.storage import library_path
from soundkin.shelf import installed_spaces
from soundkin.space import load_space

if TYPE_CHECKING:
    from collections.abc import Callable

LITTLE_ROOM = 1_000_000_000
PARTS = ("numpy", "soundfile", "soxr", "av", "lancedb", "pyarrow", "fastapi")


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at: its name, whether it is well, what was found, what to do otherwise."""

    name: str
    ok: bool
    found: str
    todo: str = ""


def examine(library: str | Path | None = None) -> list[Check]:
    """Run every check; none raises."""
    return [
        _guard("python", _python),
        _guard("packages", _packages),
        _guard("libsndfile", _libsndfile),
        _guard("ffmpeg", _ffmpeg),
        *(_guard(f"space {name}", partial(_space, name)) for name in installed_spaces()),
        _guard("page", _page),
        _guard("library", lambda: _library(library)),
        _guard("disk", lambda: _disk(library)),
    ]


def _guard(name: str, check: Callable[[], Check]) -> Check:
    """Turn an error of a check into its finding."""
    try:
        return check()
    except (SoundkinError, ImportError, OSError, RuntimeError, ValueError) as error:
        return Check(
            name,
            ok=False,
            found=str(error),
            todo="reinstall with `pip install --force-reinstall soundkin`",
        )


def _python() -> Check:
    version = ".".join(map(str, sys.version_info[:3]))
    return Check("python", sys.version_info >= (3, 11), version, "install Python 3.11 or newer")


def _packages() -> Check:
    return Check(
        "packages", ok=True, found=", ".join(f"{part} {metadata.version(part)}" for part in PARTS)
    )


def _libsndfile() -> Check:
    import soundfile

    wanted = {"WAV", "FLAC", "OGG", "AIFF", "MP3"}
    missing = wanted - set(soundfile.available_formats())
    found = f"{soundfile.__libsndfile_version__}: {', '.join(sorted(wanted - missing))}"
    return Check(
        "libsndfile",
        not missing,
        found,
        f"it cannot read {', '.join(missing)}: upgrade the package soundfile",
    )


def _ffmpeg() -> Check:
    import av

    wanted = {"aac", "alac", "wmav2", "opus", "vorbis"}
    missing = wanted - av.codecs_available
    version = ".".join(map(str, av.library_versions["libavcodec"]))
    return Check(
        "ffmpeg",
        not missing,
        f"libavcodec {version}",
        f"it cannot read {', '.join(missing)}: upgrade av",
    )


def _space(name: str) -> Check:
    """Embed a known sound twice; the vectors must be equal bit for bit and of unit length."""
    space = load_space(name)
    rng = np.random.default_rng(0)
    windows = rng.uniform(-0.5, 0.5, (2, space.window_samples)).astype(np.float32)
    first, second = space.embed(windows), space.embed(windows)
    ok = np.array_equal(first, second) and np.allclose(np.linalg.norm(first, axis=1), 1, atol=1e-4)
    return Check(
        f"space {name}",
        ok,
        f"{space.id}, {space.dim} numbers a window",
        "report this, with your processor's name",
    )


def _page() -> Check:
    ok = (files("soundkin.serve") / "static" / "index.html").is_file()
    return Check(
        "page",
        ok,
        "built" if ok else "not built",
        "install from a wheel, or run `pip install .` in the source",
    )


def _library(path: str | Path | None) -> Check:
    where = library_path(path)
    try:
        with Library.open(where, create=False) as library:
            held = library.info()
    except NotFound:
        return Check("library", ok=True, found=f"none yet at {where}")
    return Check(
        "library", ok=True, found=f"{held.sounds} sounds, {held.failures} failures at {held.path}"
    )


def _disk(path: str | Path | None) -> Check:
    asked = library_path(path)
    where = Path.home() if isinstance(asked, str) else asked  # a bucket's caches are in the home
    while not where.exists():
        where = where.parent
    free = shutil.disk_usage(where).free
    return Check(
        "disk",
        free > LITTLE_ROOM,
        f"{free / 1e9:.1f} GB free",
        "make room: a million segments take about 1 GB",
    )

"""One library, indexed once, for all tests of the server and the page."""

from __future__ import annotations

import fcntl
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

import hatch_build
from soundkin.facade import Library
from soundkin.serve import create_app
from tests.serve.live import serving, write_sounds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastapi import FastAPI

UPLOAD_BYTES = 2**20
WEB = Path(__file__).parents[2] / "web"


@pytest.fixture(scope="session")
def packages() -> Path:
    """The page's folder with the packages that its checks need, fetched once by one process of the tests."""
    with (WEB / "package-lock.json").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not hatch_build.has_packages(WEB, dev=True):
            hatch_build.run_node(["npm", "ci", "--ignore-scripts"], WEB)
    return WEB


@pytest.fixture(scope="session")
def sounds_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("served") / "sounds"
    write_sounds(folder)
    return folder


@pytest.fixture(scope="session")
def library(sounds_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    with Library.open(tmp_path_factory.mktemp("library") / "lib") as opened:
        opened.add(sounds_dir, jobs=2)
        yield opened


@pytest.fixture(scope="session")
def ids(library: Library) -> dict[str, str]:
    """Sound ids by file name."""
    return {sound.name: sound.sound_id for sound in library.sounds(limit=1000)[0]}


@pytest.fixture(scope="session")
def app(library: Library) -> FastAPI:
    return create_app(library, max_upload_bytes=UPLOAD_BYTES)


@pytest.fixture(scope="session")
def base(library: Library) -> Iterator[str]:
    """The address of a live server."""
    with serving(create_app(library, max_upload_bytes=UPLOAD_BYTES)) as address:
        yield address


@pytest.fixture(scope="session")
def client(base: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=base, timeout=30) as opened:
        yield opened

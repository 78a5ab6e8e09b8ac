"""A library of one's own for every test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from soundkin.library import ingest
from soundkin.library.store import Store
from tests.library.making import InlineWorkers

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """An empty library."""
    return Store.open(tmp_path / "library")


@pytest.fixture
def inline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hear files in this process: a second a test less."""
    monkeypatch.setattr(ingest, "Workers", InlineWorkers)

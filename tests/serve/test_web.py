"""The page's own checks: strict types, and the unit tests in web/tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import hatch_build

if TYPE_CHECKING:
    from pathlib import Path


def test_types(packages: Path) -> None:
    assert hatch_build.run_node(["npm", "run", "--silent", "check"], packages) == ""


def test_units(packages: Path) -> None:
    said = hatch_build.run_node(["npm", "run", "--silent", "test"], packages)
    assert "passed" in said

"""The page's own checks: strict types, and the unit tests in web/tests."""

from __future__ import annotations

from pathlib import Path

import pytest

import hatch_build

WEB = Path(__file__).parents[2] / "web"


@pytest.fixture(scope="module")
def packages() -> None:
    """The packages that the checks need, fetched once."""
    if not hatch_build.has_packages(WEB, dev=True):
        hatch_build.run_node(["npm", "ci", "--ignore-scripts"], WEB)


@pytest.mark.usefixtures("packages")
def test_types() -> None:
    assert hatch_build.run_node(["npm", "run", "--silent", "check"], WEB) == ""


@pytest.mark.usefixtures("packages")
def test_units() -> None:
    said = hatch_build.run_node(["npm", "run", "--silent", "test"], WEB)
    assert "passed" in said

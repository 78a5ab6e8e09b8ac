"""Ray where it is installed, and hosts of their own where this user may lay them."""

from __future__ import annotations

import os
import shutil
from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest

from tests.cluster.hosts import clustered, laid

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cluster.hosts import Host


@pytest.fixture
def real_ray() -> None:
    """A skip that says what to install, where Ray is not."""
    if find_spec("ray") is None or find_spec("grpc") is None:
        pytest.skip("Ray is not installed: pip install 'soundkin[cluster]'")


@pytest.fixture
def bare_hosts(real_ray: None) -> Iterator[list[Host]]:
    """Three hosts with a network between them, on which nothing runs."""
    if os.geteuid() != 0 or not all(map(shutil.which, ("ip", "unshare"))):
        pytest.skip("hosts of their own need root and the commands `ip` and `unshare`")
    with laid(3) as hosts:
        yield hosts


@pytest.fixture
def three_hosts(bare_hosts: list[Host]) -> Iterator[list[Host]]:
    """Three hosts, each a node of one Ray cluster with one processor."""
    with clustered(bare_hosts) as hosts:
        yield hosts

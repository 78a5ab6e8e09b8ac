"""Memory that a training frees stays with it, and goes back to the system afterwards."""

# ruff: noqa: E402
from __future__ import annotations

import platform

import pytest

torch = pytest.importorskip("torch")
resource = pytest.importorskip("resource")

from soundkin.recipe.memory import kept_memory


def faults():
    """New pages that ten tensors of 64 MB ask the system for, one after the other."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        torch.ones(16 << 20)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="memory of glibc alone is kept")
def test_freed_memory_is_kept_within_and_given_back_afterwards():
    before = faults()
    with kept_memory():
        faults()
        within = faults()
    assert 4 * within < before
    assert 4 * within < faults()

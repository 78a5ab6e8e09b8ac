"""Memory that a training frees stays with it, and goes back to the system afterwards."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

pytest.importorskip("torch")
pytest.importorskip("resource")

COUNTED = """
import resource, torch
from soundkin.recipe.memory import kept_memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        torch.ones(16 << 20)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

before = faults()
with kept_memory():
    faults()
    within = faults()
print(before, within, faults())
"""
"""New pages that ten tensors of 64 MB ask the system for, one after the other: before, within, after."""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="memory of glibc alone is kept")
def test_freed_memory_is_kept_within_and_given_back_afterwards():
    # In a process of its own: after an allocation that failed (other tests ask for too much), glibc
    # serves the thread from an arena that cannot hold blocks of 64 MB, and nothing can be kept.
    run = subprocess.run(
        [sys.executable, "-c", COUNTED], capture_output=True, text=True, check=True
    )
    before, within, afterwards = map(int, run.stdout.split())
    assert 4 * within < before
    assert 4 * within < afterwards

"""Compile the kernels and the tests, and keep them, so that no test process has to.

`python -m tests.compile_ahead`; it writes where Python and Numba keep what they compile: __pycache__.
"""

from __future__ import annotations

import contextlib
import io

import numpy as np
import pytest
import torch

from soundkin.index import build, exact
from soundkin.synth.doppelganger import pairs
from soundkin.synth.patches import make_patch


def main() -> None:
    """Compile all there is, the larger part first."""
    compile_kernels()
    compile_tests()


def compile_tests() -> None:
    """Read every test as a test process does: rewriting assertions takes a third of the reading."""
    with contextlib.redirect_stdout(io.StringIO()):
        pytest.main(["--collect-only", "-qq", "-n", "0", "-p", "no:cacheprovider"])


def compile_kernels() -> None:
    """Build and ask every kind of index, draw from every patch."""
    X = np.random.default_rng(0).standard_normal((3000, 32)).astype(np.float32)
    exact.CODED_BYTES = 0
    for kind, given in (("exact", {}), ("forest", {}), ("ann", {}), ("ann", {"graph": True})):
        index = build(kind, X, seed=0, **given)
        index.query(X[:4], k=3)
        index.query(X[:1], k=3)
        index.add(X[:5] + 0.5)
        index.query(X[:4], k=3, mask=np.arange(0, len(X), 3))
    for patch in ("voice", "voice-fm", "parametric", "world"):
        pairs(make_patch(patch), 2, delta=0.1, generator=torch.Generator().manual_seed(0))


if __name__ == "__main__":
    main()

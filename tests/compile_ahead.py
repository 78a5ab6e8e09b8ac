"""Compile the kernels and keep them, so that no test process has to: `python -m tests.compile_ahead`."""

from __future__ import annotations

import numpy as np
import torch

from soundkin.index import build, exact
from soundkin.synth.doppelganger import pairs
from soundkin.synth.patches import make_patch


def main() -> None:
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

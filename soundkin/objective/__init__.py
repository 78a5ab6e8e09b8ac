"""Embeddings -> one number to make small; one paper per file, every one a pure function.

Conventions: embeddings are (n, dim) float tensors, row i of two views belongs together; a loss is a
scalar tensor that carries the gradient; mining returns indices and carries none. Losses that speak
of angles bring their rows to unit length themselves, so what the encoder gives may have any length.

- :mod:`~soundkin.objective.triplet`         a sound nearer to its kin than to another by a margin
- :mod:`~soundkin.objective.align_uniform`   pairs together, all of them spread over the sphere
- :mod:`~soundkin.objective.nt_xent`         find the partner among all others
- :mod:`~soundkin.objective.vicreg`          pairs together, no dimension dead, none the copy of another
- :mod:`~soundkin.objective.barlow_twins`    the same aims by correlations of the two views
- :mod:`~soundkin.objective.autodecompose`   rebuild the sound from its voice and its content
"""

from __future__ import annotations

"""How much a query of `ann` looks at: what the caller gives, else what was measured, else what is usual.

`settings` are those of an index: `error` of a code, `tuned` as :func:`soundkin.index.tuning.measured`
gives it, and once something was tuned `more` and `reach`; `n_probe` where the effort tuned is one of links.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from soundkin.index.codes import likely_error
from soundkin.index.opening import Plan, Walk

if TYPE_CHECKING:
    from collections.abc import Mapping

EFFORT = ("n_probe", "n_measured", "reach", "threads")
"""What a query through the lists may be given."""
EFFORT_LINKED = (*EFFORT, "ef")
"""What a query of an index with links may be given."""
STEPS = (
    1, 2, 3, 4, 6, 8, 10, 12, 14, 16, 20, 24, 28, 32, 40, 48, 64, 80, 96, 128, 160, 192,
    256, 320, 384, 512, 768, 1024,
)  # fmt: skip
"""Lists opened, from the cheapest effort to the dearest."""
EFS = (12, 16, 20, 24, 32, 40, 48, 64, 80, 96, 128, 160, 192, 256, 384, 512, 768, 1024)
"""Rows whose links are followed, from the cheapest effort to the dearest."""
REACH_PER_ROOT = 1.2
"""Reach that was not measured, times the root of the dimension."""
USUAL_EF, LEAST_EF, SPARE_EF = 64.0, 1.5, 2.0
"""Rows whose links are followed where that was not measured; the least, times k; times what was measured.

An index is measured on its own items, which their links lead to straight: 12 found .96 of the neighbours
of items in 200,000 real vectors, and .90 of those of other queries; 24 found .95 of these.
"""
WALK_WHERE = 0.5
"""The links are followed while no more than this part of the items has been removed."""


def ladder_of_lists(n_lists: int) -> list[dict[str, float]]:
    """Efforts through so many lists, from the cheapest to the dearest, which opens them all.

    >>> ladder_of_lists(3)
    [{'n_probe': 1.0}, {'n_probe': 2.0}, {'n_probe': 3.0}]
    """
    return [{"n_probe": float(step)} for step in [*(s for s in STEPS if s < n_lists), n_lists]]


def ladder_of_links() -> list[dict[str, float]]:
    """Efforts along links, from the cheapest to the dearest.

    >>> ladder_of_links()[0]
    {'ef': 12.0}
    """
    return [{"ef": float(step)} for step in EFS]


def plan_of(
    k: int,
    effort: Mapping[str, float],
    settings: Mapping[str, Any],
    *,
    n: int,
    n_lists: int,
    dim: int,
) -> Plan:
    """The effort of a query for `k` of `n` items, of `dim` numbers each, through `n_lists` lists.

    >>> settings = {"error": 0.01, "tuned": {"effort": {"n_probe": 12.0}}}
    >>> plan_of(40, {}, settings, n=9000, n_lists=256, dim=16)[:3]
    (24, 8, 100)
    >>> plan_of(40, {"n_probe": 5}, settings, n=9000, n_lists=256, dim=16)[:3]
    (5, 0, 100)
    """
    tuned = settings["tuned"].get("effort", {})
    usual = settings.get("n_probe", tuned.get("n_probe", 1 + n_lists / 32))
    n_probe = int(effort.get("n_probe", usual * max(1.0, k / 10) ** 0.5))
    return Plan(
        n_probe=max(1, min(n_lists, n_probe)),
        more=0 if "n_probe" in effort else int(settings.get("more", 8)),
        wanted=min(max(k, int(effort.get("n_measured", 20 + 2 * k))), max(n, 1)),
        reach=np.float32(effort.get("reach", settings.get("reach", REACH_PER_ROOT / dim**0.5))),
        error=likely_error(settings["error"], dim),
        threads=int(effort.get("threads", 1)),
    )


def walk_of(
    k: int,
    effort: Mapping[str, float],
    settings: Mapping[str, Any],
    *,
    n: int,
    n_alive: int,
    dim: int,
) -> Walk | None:
    """The effort of a query for `k` of `n` items along the links; None: the lists are opened.

    `n_alive` of the items have not been removed: the fewer, the more links are followed.

    >>> walk_of(10, {}, {"error": 0.01, "tuned": {}}, n=9000, n_alive=6000, dim=16).ef
    96
    >>> walk_of(10, {"n_probe": 3}, {"error": 0.01, "tuned": {}}, n=9000, n_alive=6000, dim=16)
    """
    if "n_probe" in effort or n_alive < WALK_WHERE * n or not n_alive:
        return None
    ef = effort.get("ef")
    if ef is None:
        tuned = settings["tuned"]
        usual = SPARE_EF * tuned["effort"].get("ef", 0.0) if tuned else USUAL_EF
        if not usual:
            return None
        ef = max(usual * max(1.0, k / 10) ** 0.5, LEAST_EF * k)
    ef = min(n, math.ceil(max(ef, k) * n / n_alive))
    return Walk(ef, likely_error(settings["error"], dim), int(effort.get("threads", 1)))

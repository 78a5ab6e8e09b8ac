"""About what a query costs, in nanoseconds of one core: counted, not timed, so that builds are the same.

Estimates that choose between two ways of searching; only their ratios matter.
"""

from __future__ import annotations

QUERY_NS, CENTRE_NS, LIST_NS, ROW_NS, GATHER_NS = 20_000.0, 5.0, 500.0, 8.0, 12.0
"""Cost of any query, a centre compared, a list opened, a row compared, one fetched from anywhere."""
LINK_NS, LEAST_LINKS = 30.0, 300
"""Cost of a row compared that a link leads to, and how many any query compares."""
FAR_BYTES, FAR = 64 << 20, 2.0
"""Codes and links of more bytes are seldom in the processor's cache, and a row costs so many times that."""


def entry_ns(n_centres: int) -> float:
    """Cost of a query before it looks at rows: the call, and the centres or entries compared.

    >>> entry_ns(1000)
    25000.0
    """
    return QUERY_NS + centres_ns(n_centres)


def centres_ns(n_centres: int) -> float:
    """Cost of so many centres compared.

    >>> centres_ns(1000)
    5000.0
    """
    return CENTRE_NS * n_centres


def rows_ns(n: int, n_lists: int, n_probe: int) -> float:
    """Cost of the rows in `n_probe` of `n_lists` lists of `n` items.

    >>> rows_ns(100_000, 1000, 2)
    2600.0
    """
    return n_probe * (LIST_NS + ROW_NS * n / n_lists)


def link_ns(n: int, row_bytes: int) -> float:
    """Cost of a row compared that a link leads to, among `n` of so many bytes each.

    >>> link_ns(1000, 256), link_ns(1_000_000, 256)
    (30.0, 60.0)
    """
    return LINK_NS * (FAR if n * row_bytes > FAR_BYTES else 1.0)

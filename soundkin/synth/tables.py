"""The parameters of every patch, printed into a page of the docs.

    python -m soundkin.synth.tables docs/synth.md

A table stands between `<!-- table: NAME -->` and `<!-- end -->`; a test holds the page to the code.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from soundkin.synth.patches import make_patch

_PLACE = re.compile(r"(<!-- table: ([\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def renewed(page: str) -> str:
    """The page with every table as the code has it now.

    Examples
    --------
    >>> print(renewed("<!-- table: voice --><!-- end -->"))
    <!-- table: voice --><!-- end -->
    """

    def fill(place: re.Match[str]) -> str:
        return f"{place[1]}{make_patch(place[2]).table.markdown()}{place[3]}"

    return _PLACE.sub(fill, page)


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        path = Path(argument)
        path.write_text(renewed(path.read_text(encoding="utf-8")), encoding="utf-8")

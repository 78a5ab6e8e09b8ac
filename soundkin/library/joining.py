"""A space joins a library: its sounds are heard once more, for that space alone.

Each folder is brought up to date as `index` does it; sounds that have no vectors in the space get them.
A run that is stopped or killed goes on where its last commit ended, by the same call or by any `index`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from soundkin.bucket import is_address
from soundkin.errors import InputError, NotFound, Offline
from soundkin.library.ingest import index_folder
from soundkin.library.scan import display
from soundkin.library.tables import vectors_table
from soundkin.space import load_space

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from soundkin.library.progress import IndexReport, Progress
    from soundkin.library.store import Store


@dataclass(slots=True)
class Joined:
    """What came of it: a report a folder, the folders that are not there now, all vectors there are."""

    space_id: str
    reports: dict[str, IndexReport] = field(default_factory=dict)
    offline: list[str] = field(default_factory=list)
    vectors: int = 0
    stopped: bool = False


def add_space(
    store: Store,
    source: str,
    *,
    beside: Sequence[str],
    jobs: int | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    stop: Callable[[], bool] | None = None,
) -> Joined:
    """Hear every sound of a library in one more space.

    source: how the space is opened; beside: how those are that new files are heard in too. Raises as
    :func:`soundkin.library.ingest.index_folder`, and `InputError` for a library without a folder.
    """
    joined = Joined(load_space(source).id)
    roots = sorted(store.read("roots", ["path"])["path"].to_pylist())
    if not roots:
        raise InputError(
            f"the library at '{store.path}' has no folder yet",
            "sounds to hear",
            f"run `soundkin index FOLDER --space {source}`",
        )
    for root in roots:
        if not is_address(root) and not os.path.isdir(root):
            joined.offline.append(display(root))
            continue
        try:
            report = index_folder(
                store,
                root,
                spaces=[*(name for name in beside if name != source), source],
                jobs=jobs,
                on_progress=on_progress,
                stop=stop,
            )
        except (NotFound, Offline):  # it went a moment ago, or its drive did
            joined.offline.append(display(root))
            continue
        joined.reports[display(root)] = report
        if report.stopped:
            joined.stopped = True
            break
    if joined.space_id in store.spaces():
        joined.vectors = store.count(vectors_table(joined.space_id))
    return joined

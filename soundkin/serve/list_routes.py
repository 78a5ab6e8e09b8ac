"""Named lists over HTTP."""

from __future__ import annotations

# ruff: noqa: TC001 - FastAPI reads the annotations at run time
from typing import TYPE_CHECKING

from fastapi import APIRouter

from soundkin import lists as kept
from soundkin.serve.models_steer import ListChange, ListIn, ListOut, SliceIn
from soundkin.serve.wiring import Lib

if TYPE_CHECKING:
    from collections.abc import Sequence

router = APIRouter(tags=["lists"])


@router.get("/lists")
def all_lists(library: Lib) -> list[ListOut]:
    """Return all named lists, by name."""
    return [ListOut.model_validate(one) for one in kept.lists(library)]


@router.post("/lists", status_code=201)
def new_list(asked: ListIn, library: Lib) -> ListOut:
    """Make a list."""
    return ListOut.model_validate(kept.create(library, asked.name, slices(asked.items)))


@router.get("/lists/{list_id}")
def one_list(list_id: str, library: Lib) -> ListOut:
    """Return one list."""
    return ListOut.model_validate(kept.one_list(library, list_id))


@router.patch("/lists/{list_id}")
def change_list(list_id: str, asked: ListChange, library: Lib) -> ListOut:
    """Rename a list, replace its items, or add some at the end; equal slices stand once."""
    changed = kept.change(
        library,
        list_id,
        name=asked.name,
        items=None if asked.items is None else slices(asked.items),
        more=slices(asked.more),
    )
    return ListOut.model_validate(changed)


@router.delete("/lists/{list_id}")
def remove_list(list_id: str, library: Lib) -> ListOut:
    """Delete a list; its sounds stay. Returns what it was, so that it can be made again."""
    return ListOut.model_validate(kept.remove(library, list_id))


def slices(items: Sequence[SliceIn]) -> list[kept.Slice]:
    """Return items as the library keeps them."""
    return [kept.Slice(item.sound_id, item.start_s, item.end_s) for item in items]

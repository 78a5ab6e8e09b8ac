"""Tags from examples over HTTP: suggestions with their evidence, accepted or rejected, and taken back."""

from __future__ import annotations

# ruff: noqa: TC001 - FastAPI reads the annotations at run time
from contextlib import suppress
from typing import Annotated

from fastapi import APIRouter, Query

from soundkin import tagging
from soundkin.errors import InputError, NotFound
from soundkin.serve.models import MAX_PAGE, SoundIds, Tag, TagsOut
from soundkin.serve.models_steer import ChangeOut, DecisionIn, SuggestionsOut, TagGuessOut
from soundkin.serve.wiring import Lib, SoundId

router = APIRouter(tags=["tags"])


@router.post("/tags/of")
def tags_of(asked: SoundIds, library: Lib) -> list[TagsOut]:
    """Return the tags of many sounds at once; sounds that are not there are left out."""
    found = []
    for sound_id in asked.sound_ids:
        with suppress(NotFound):
            found.append(TagsOut.model_validate(library.sound(sound_id)))
    return found


@router.get("/suggestions")
def suggestions(
    library: Lib,
    tag: Annotated[Tag, Query()],
    space: str | None = None,
    k: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 50,
    text: Annotated[str, Query(max_length=500)] = "",
    least: Annotated[float, Query(ge=0, le=1)] = 0.0,
) -> SuggestionsOut:
    """Return sounds that may bear a tag which some already bear; `text`: a query they must meet."""
    found = tagging.suggest(library, tag, space=space, k=k, scope=text or None, least=least)
    return SuggestionsOut.model_validate(found)


@router.get("/sounds/{sound_id}/tags/perhaps")
def tags_perhaps(sound_id: SoundId, library: Lib, space: str | None = None) -> list[TagGuessOut]:
    """Return tags that a sound may bear too, with the sounds near to it that do."""
    found = tagging.tags_for(library, sound_id, space=space)
    return [TagGuessOut.model_validate(guess) for guess in found]


@router.post("/suggestions/decisions")
def decide(asked: DecisionIn, library: Lib) -> list[ChangeOut]:
    """Accept and reject suggestions, one or many; each of the two is a change that can be taken back."""
    if not asked.accept and not asked.reject:
        raise InputError("no sounds", "sounds to accept or to reject", "choose some")
    if both := set(asked.accept) & set(asked.reject):
        raise InputError(f"'{min(both)}' is accepted and rejected", "one of the two", "decide")
    made = []
    if asked.accept:
        made.append(tagging.accept(library, asked.tag, asked.accept))
    if asked.reject:
        made.append(tagging.reject(library, asked.tag, asked.reject))
    return [ChangeOut.model_validate(change) for change in made]


@router.get("/suggestions/decisions")
def decisions(library: Lib) -> list[ChangeOut]:
    """Return the latest changes, the last one first."""
    return [ChangeOut.model_validate(change) for change in tagging.changes(library)]


@router.delete("/suggestions/decisions/{change_id}")
def take_back(change_id: str, library: Lib) -> ChangeOut:
    """Take one change back; `last` is the last one."""
    return ChangeOut.model_validate(
        tagging.undo(library, None if change_id == "last" else change_id)
    )

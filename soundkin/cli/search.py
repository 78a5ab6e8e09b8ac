"""`soundkin search` and `soundkin similar`: ask."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from soundkin.cli.app import app
from soundkin.cli.options import (
    After,
    AsJson,
    Before,
    Count,
    InFolder,
    LibraryPath,
    MaxSeconds,
    MinSeconds,
    NotInFolder,
    SpaceName,
    Text,
    WithoutTag,
    WithTag,
    scope_of,
)
from soundkin.cli.printing import plain_table, print_json, print_table, printable
from soundkin.errors import InputError

if TYPE_CHECKING:
    from soundkin.facade import Library, Scope, SearchResult


@app.command()
def search(
    queries: Annotated[
        list[str] | None,
        typer.Argument(
            help="Files, file@start-end (seconds), sound ids, segment ids, or words and tags.",
            metavar="[QUERY]...",
        ),
    ] = None,
    unlike: Annotated[
        list[str] | None, typer.Option("--unlike", help="Not like this; repeatable.")
    ] = None,
    weights: Annotated[
        str, typer.Option("--weights", help="One number a QUERY, as in 1,0.5,-1.")
    ] = "",
    library: LibraryPath = None,
    space: SpaceName = None,
    k: Count = 10,
    text: Text = "",
    in_folder: InFolder = None,
    not_folder: NotInFolder = None,
    tag: WithTag = None,
    not_tag: WithoutTag = None,
    min_s: MinSeconds = None,
    max_s: MaxSeconds = None,
    after: After = None,
    before: Before = None,
    min_closeness: Annotated[
        float | None, typer.Option("--min-closeness", help="Least cosine similarity, -1 to 1.")
    ] = None,
    most_different: Annotated[
        bool, typer.Option("--most-different", help="Farthest first.")
    ] = False,
    blend: Annotated[
        str,
        typer.Option("--blend", help="Several spaces with weights, as in sound=0.7,mfcc=0.3."),
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Find sounds like the QUERY sounds; with several, like all of them; or by words, tags and lengths.

    soundkin search kick.wav
    soundkin search take.wav@1.2-1.8 --in Drums --not Loops -k 20
    soundkin search piano.wav violin.wav --unlike hiss.wav
    soundkin search "kick -808 tag:vinyl dur<1 in:Drums"
    soundkin search take.wav "dur<2 -tag:loop"
    """
    from soundkin.facade import Library, QueryItem

    written = [query for query in queries or [] if _is_written(query)]
    queries = [query for query in queries or [] if query not in written]
    spaces = _blend(blend, space)
    text = " ".join([text, *written]).strip()
    scope = scope_of(text, in_folder, not_folder, tag, not_tag, min_s, max_s, after, before)
    with Library.open(library, create=False) as opened:
        if not queries:
            if unlike or weights:
                raise InputError(
                    "only what the sounds should be unlike",
                    "at least one QUERY to be like",
                    "add one",
                )
            _list_sounds(opened, scope, k, as_json=as_json)
            return
        items = [
            QueryItem(query, weight=weight)
            for query, weight in zip(queries, _weights(weights, len(queries)), strict=True)
        ]
        items += [QueryItem(query, weight=-0.5) for query in unlike or []]
        result = opened.search(
            items,
            space=spaces,
            k=k,
            scope=scope,
            min_closeness=min_closeness,
            most_different=most_different,
        )
        _show_hits(result, as_json=as_json)


@app.command()
def similar(
    what: Annotated[
        str, typer.Argument(help="A sound of the library: path, id, or words of its name.")
    ],
    library: LibraryPath = None,
    space: SpaceName = None,
    k: Count = 10,
    as_json: AsJson = False,
) -> None:
    """Show the neighbours of one sound of the library."""
    from soundkin.facade import Library, Scope
    from soundkin.listen import SEGMENT_ID, SOUND_ID

    with Library.open(library, create=False) as opened:
        query = what
        if not (
            SEGMENT_ID.fullmatch(what)
            or SOUND_ID.fullmatch(what)
            or Path(what.rpartition("@")[0] or what).exists()
        ):
            found, total = opened.sounds(Scope(words=what.split()), limit=5)
            if total != 1:
                names = ", ".join(sound.path for sound in found)
                raise InputError(
                    f"'{what}' is no file or id, and {total} sounds go by these words",
                    "exactly one",
                    f"be more precise: {names}" if names else "try `soundkin search --text ...`",
                )
            query = found[0].sound_id
        _show_hits(opened.search(query, space=space, k=k), as_json=as_json)


def _is_written(query: str) -> bool:
    """Say whether a query is in words: no file, no id, and nothing that is meant to be a path."""
    from soundkin.listen import RANGE, SEGMENT_ID, SOUND_ID
    from soundkin.query import terms

    ranged = RANGE.fullmatch(query)
    if SOUND_ID.fullmatch(query) or SEGMENT_ID.fullmatch(query) or ranged is not None:
        return False
    if Path(query).expanduser().exists():
        return False
    found = terms(query)
    if len(found) == 1 and found[0].field == "word" and not found[0].negated:
        return "/" not in query and not Path(query).suffix
    return bool(found)


def _weights(text: str, n: int) -> list[float]:
    """Parse --weights: one number a query, all 1 when left out."""
    if not text:
        return [1.0] * n
    try:
        values = [float(part) for part in text.split(",")]
    except ValueError as error:
        raise InputError(
            f"--weights {text!r}", "numbers with commas between them", "for example 1,0.5,-1"
        ) from error
    if len(values) != n:
        raise InputError(f"{len(values)} weights for {n} queries", "one weight a QUERY", "")
    return values


def _blend(text: str, space: str | None) -> str | dict[str, float] | None:
    """Parse --blend: spaces with weights; without it the one space that --space names."""
    if not text:
        return space
    if space is not None:
        raise InputError("both --space and --blend", "one of them", "name all spaces in --blend")
    weights: dict[str, float] = {}
    for part in text.split(","):
        name, _, weight = part.strip().rpartition("=")
        try:
            weights[name] = float(weight)
        except ValueError:
            name = ""
        if not name:
            raise InputError(
                f"--blend {text!r}", "spaces with weights", "for example sound=0.7,mfcc=0.3"
            )
    return weights


def _show_hits(result: SearchResult, *, as_json: bool) -> None:
    """Print hits, best first."""
    if as_json:
        print_json(asdict(result))
        return
    if result.nothing_close and result.hits:
        typer.secho("Nothing close here; these are the least far:", fg="yellow")
    if not result.hits:
        typer.echo("No sound in this scope.")
    table = plain_table("", "distance", "band", "range", "sound")
    for hit in result.hits:
        more = f"  (+{len(hit.further)} more here)" if hit.further else ""
        state = "" if hit.state == "present" else f"  [{hit.state}]"
        table.add_row(
            str(hit.rank),
            f"{hit.distance:.3f}",
            hit.band,
            f"{hit.start_s:.2f}-{hit.end_s:.2f} s",
            printable(hit.path) + more + state,
        )
    print_table(table)


def _list_sounds(library: Library, scope: Scope, k: int, *, as_json: bool) -> None:
    """Print the sounds of a scope, by name."""
    sounds, total = library.sounds(scope, limit=k)
    if as_json:
        print_json(
            {
                "query": {"text": scope.text},
                "total": total,
                "hits": [asdict(sound) for sound in sounds],
            }
        )
        return
    table = plain_table("id", "length", "tags", "sound")
    for sound in sounds:
        table.add_row(
            sound.sound_id,
            f"{sound.duration_s:.2f} s",
            ", ".join(sound.tags),
            printable(sound.path),
        )
    print_table(table)
    if total:
        typer.echo(f"{len(sounds)} of {total} sounds.")
    elif library.sounds(limit=1)[1]:
        typer.echo("No sound in this scope.")
    else:
        typer.echo("The library is empty: run `soundkin index FOLDER` first.")

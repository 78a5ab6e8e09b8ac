"""`soundkin map`: the library in the plane, as coordinates or as a picture."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from soundkin.cli.app import app
from soundkin.cli.options import AsJson, LibraryPath, SpaceName
from soundkin.cli.printing import print_json, printable
from soundkin.errors import InputError

if TYPE_CHECKING:
    from soundkin.atlas import Atlas
    from soundkin.facade import Library

SUFFIXES = (".csv", ".json", ".svg")


@app.command("map")
def map_(
    out: Annotated[
        Path | None, typer.Argument(help="Write it to this file: .csv, .json or .svg (a picture).")
    ] = None,
    library: LibraryPath = None,
    space: SpaceName = None,
    anew: Annotated[bool, typer.Option("--anew", help="Compute the whole layout again.")] = False,
    seed: Annotated[int, typer.Option("--seed", help="Of a layout computed anew.")] = 0,
    most: Annotated[int, typer.Option("--most", help="Draw at most so many segments.")] = 1_000_000,
    as_json: AsJson = False,
) -> None:
    """Lay the library out in the plane, neighbours near each other; what has a place keeps it.

    soundkin map
    soundkin map map.csv
    soundkin map map.svg
    """
    from soundkin import atlas as maps
    from soundkin.facade import Library

    if out is not None and out.suffix.lower() not in SUFFIXES:
        raise InputError(f"the file '{out}'", f"one of {', '.join(SUFFIXES)}", "name it so")
    with Library.open(library, create=False) as opened:
        atlas = maps.make(opened, space=space, most=most, anew=anew, seed=seed)
        if out is not None:
            _write(atlas, opened, out)
    if as_json:
        print_json(
            {
                "space": atlas.space_id,
                "points": len(atlas.seq),
                "sounds": len(atlas.sounds),
                "total": atlas.total,
                "sampled": atlas.sampled,
                "version": atlas.version,
                "clusters": atlas.clusters,
            }
        )
        return
    for cluster in atlas.clusters:
        typer.echo(f"{cluster.points:8}  {printable(cluster.label) or '(no words)'}")
    of = f" (a sample of {atlas.total})" if atlas.sampled else ""
    typer.echo(f"{len(atlas.seq)} segments{of} of {len(atlas.sounds)} sounds are on the map.")


def _write(atlas: Atlas, library: Library, out: Path) -> None:
    """Write coordinates as CSV or JSON, or the picture."""
    kind = out.suffix.lower()
    if kind == ".svg":
        out.write_text(_picture(atlas), encoding="utf-8")
        return
    ids = [atlas.sound_id(number) for number in range(len(atlas.sounds))]
    names = [library.sound(sound_id).path for sound_id in ids]
    rows = [
        {
            "segment_id": f"{ids[sound]}-{seq}",
            "path": names[sound].encode("utf-8", "surrogateescape").decode("utf-8", "replace"),
            "x": round(x, 4),
            "y": round(y, 4),
            "cluster": atlas.clusters[cluster].label,
        }
        for sound, seq, (x, y), cluster in zip(
            atlas.sound.tolist(),
            atlas.seq.tolist(),
            atlas.places.tolist(),
            atlas.cluster.tolist(),
            strict=True,
        )
    ]
    with out.open("w", encoding="utf-8", newline="") as file:
        if kind == ".json":
            json.dump(rows, file, ensure_ascii=False)
        else:
            writer = csv.DictWriter(file, ["segment_id", "path", "x", "y", "cluster"])
            writer.writeheader()
            writer.writerows(rows)


def _picture(atlas: Atlas, size: int = 1000) -> str:
    """Return the map as SVG: a dot a segment, coloured by cluster, the clusters' words over it."""
    from html import escape

    low = atlas.places.min(axis=0)
    scale = (size - 40) / max(float((atlas.places.max(axis=0) - low).max()), 1e-6)

    def at(x: float, y: float) -> tuple[float, float]:
        return round(20 + (x - low[0]) * scale, 1), round(20 + (y - low[1]) * scale, 1)

    n = max(len(atlas.clusters), 1)
    hues = [f"hsl({360 * i // n} 60% 45%)" for i in range(n)]
    radius = 3 if len(atlas.seq) < 5_000 else 1
    dots = [
        f'<circle cx="{x}" cy="{y}" r="{radius}" fill="{hues[c]}"/>'
        for (x, y), c in zip(
            (at(*place) for place in atlas.places.tolist()), atlas.cluster.tolist(), strict=True
        )
    ]
    words = [
        '<text x="{}" y="{}" text-anchor="middle">{}</text>'.format(*at(c.x, c.y), escape(c.label))
        for c in atlas.clusters
    ]
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size} {size}" font-family="sans-serif">'
    return "\n".join([head, '<g fill-opacity="0.7">', *dots, "</g>", *words, "</svg>", ""])

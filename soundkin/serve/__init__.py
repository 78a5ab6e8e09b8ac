"""HTTP and the page: one library behind a small typed API, and the built page beside it.

- :mod:`soundkin.serve.app`             `create_app`: the routes put together
- :mod:`soundkin.serve.bind`            `run`: address, port, certificate, shutdown
- :mod:`soundkin.serve.security`        who may ask: Host, Origin, token; the headers of every answer
- :mod:`soundkin.serve.models`          what goes over the wire, typed
- :mod:`soundkin.serve.problems`        every error as one JSON body
- :mod:`soundkin.serve.uploads`         a dropped file as a query: size-limited, never kept
- :mod:`soundkin.serve.search_routes`   more like this
- :mod:`soundkin.serve.sound_routes`    one sound: its card, segments, peaks, audio, slices, tags
- :mod:`soundkin.serve.picture_routes` one sound drawn: spectrogram, where else it sounds like here, reveal
- :mod:`soundkin.serve.query_routes`    the query language taken apart
- :mod:`soundkin.serve.map_routes`      the map: points, colours, closeness
- :mod:`soundkin.serve.duplicate_routes` duplicates: found, told apart, exported
- :mod:`soundkin.serve.tag_routes`      tags suggested from examples
- :mod:`soundkin.serve.list_routes`     named lists
- :mod:`soundkin.serve.export_routes`   slices in a zip; lists as CSV, JSON, M3U
- :mod:`soundkin.serve.library_routes`  the library: counts, folders, failures, indexing, events
- :mod:`soundkin.serve.health_routes`   alive, ready, metrics (counted by `metrics`)
- :mod:`soundkin.serve.streaming`       a sound in a bucket, handed on by ranges
- :mod:`soundkin.serve.indexing`        one indexing run in the background
- :mod:`soundkin.serve.jobs`            work that takes a while, one of a kind
- :mod:`soundkin.serve.events`          its progress as server-sent events

Conventions: sounds are asked for by id, never by path; times are seconds; every error has the body
``{"error": {"code", "found", "expected", "todo", "message"}}``. `static/` is built from `web/`.
"""

from __future__ import annotations

from soundkin.serve.app import create_app
from soundkin.serve.bind import run

__all__ = ["create_app", "run"]

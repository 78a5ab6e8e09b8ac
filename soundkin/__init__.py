"""Soundkin finds sounds by how they sound.

The map of the house; sound flows down, a file imports only what stands above it:

- :mod:`soundkin.errors`    everything a user can do wrong, with what to do about it
- :mod:`soundkin.bucket`    object storage: S3 and what speaks like it, Google Cloud Storage, Azure
- :mod:`soundkin.audio`     any file -> mono blocks -> windows on the common grid; slices, peaks
- :mod:`soundkin.frontend`  samples -> log-mel frames
- :mod:`soundkin.space`     a notion of similar: windows -> unit vectors, named and versioned
  (:mod:`soundkin.shelf`: where spaces stand; `space_onnx`, `space_graph`, `weighing`: networks;
  `space_pitch`, `space_beat`: by hand)
- :mod:`soundkin.index`     vectors -> nearest neighbours
- :mod:`soundkin.library`   a collection on disk: tables, scan, ingest, export
- :mod:`soundkin.cluster`   the same pipeline on many machines (Ray hears, one process writes)
- :mod:`soundkin.query`     the query language: text -> a scope, and back
- :mod:`soundkin.scope`     which sounds may answer
- :mod:`soundkin.chosen`    the spaces that a question is asked in, their weights and bands
- :mod:`soundkin.search`    query vectors -> hits grouped by sound, with bands one can trust
- :mod:`soundkin.listen`    what a person asks with -> query vectors
- :mod:`soundkin.listing`   what is in a library, page by page
- :mod:`soundkin.noting`    notes on sounds and ranges of them
- :mod:`soundkin.marked`    tags and notes of a library's sounds, behind one object
- :mod:`soundkin.facade`    :class:`Library`: all of it behind one object
- :mod:`soundkin.dedupe`    duplicates: exact, copies, versions (`overlays`, `aligned`: one over another)
- :mod:`soundkin.tagging`   a few examples -> suggestions, with their evidence (`likeness`: how probable)
- :mod:`soundkin.atlas`     the map of a library (`layout`: neighbours -> the plane; `crowds`: their names)
- :mod:`soundkin.lists`     named lists
- :mod:`soundkin.gathering` sounds of the web into a library, and whom they are from
- :mod:`soundkin.evaluate`  is a space any good? Labelled sound, questions, how sure the answers are
- :mod:`soundkin.report`    a library's quality on one page, without labels
- :mod:`soundkin.hear`      the HEAR benchmark's API over any space
- :mod:`soundkin.doctor`    is everything here that Soundkin needs?
- :mod:`soundkin.demo`      a small library of varied sounds, made by NumPy alone
- :mod:`soundkin.serve`     HTTP and the page
- :mod:`soundkin.cli`       the command line

With the extra `train` (PyTorch), and never imported by the rooms above:

- :mod:`soundkin.synth`     sound out of nothing: patches and doppelgänger pairs
- :mod:`soundkin.augment`   a sound -> another sound of the same kind
- :mod:`soundkin.encoder`   frames -> embeddings
- :mod:`soundkin.objective` embeddings -> one scalar, one paper a file
- :mod:`soundkin.recipe`    which of these, with which numbers; one TOML a paper
- :mod:`soundkin.train`     the loop; :mod:`soundkin.train_space` makes a space of what it learnt
- :mod:`soundkin.adapt`     a space fitted to one's own sounds
- :mod:`soundkin.swap`      one sound's content with another's voice
- :mod:`soundkin.reproduce` the four papers' own studies, at the size at hand

Public names are imported when first used, so that ``import soundkin`` costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

__version__ = "0.1.0"
__all__ = ["Library", "SoundkinError", "__version__", "load_space"]

if TYPE_CHECKING:
    from soundkin.errors import SoundkinError
    from soundkin.facade import Library
    from soundkin.space import load_space

_HOMES = {
    "Library": "soundkin.facade",
    "SoundkinError": "soundkin.errors",
    "load_space": "soundkin.space",
}


def __getattr__(name: str) -> object:
    """Import a public name from its home when it is first asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module 'soundkin' has no attribute {name!r}; it has {__all__}")
    from importlib import import_module  # noqa: PLC0415 - lazy by design

    return getattr(import_module(_HOMES[name]), name)

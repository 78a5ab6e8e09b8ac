"""Sound in and out: any file -> mono blocks at its native rate -> windows on the common grid.

Conventions of this stage: samples are float32 with full scale at 1.0; mono is (frames,), the mean of
the channels; native sound is (frames, channels); rates end in `_hz`, times in `_s` count from the
first sample, levels in `_db` are relative to full scale. Nothing reads a whole file into memory
unless it is asked for a whole sound.

- :mod:`~soundkin.audio.decode`     a file -> blocks, its hash, level and outline; or a part of it
- :mod:`~soundkin.audio.encode`     samples -> WAV and FLAC bytes; the exact slice of a file
- :mod:`~soundkin.audio.deform`     a sound -> a near-identical copy
- :mod:`~soundkin.audio.windows`    blocks -> windows on the common grid
- :mod:`~soundkin.audio.peaks`      the outline for drawing
- :mod:`~soundkin.audio.source`     paths and open files -> bytes, and their hash
- :mod:`~soundkin.audio.headers`    what a header promises
- :mod:`~soundkin.audio.formats`    what an open sound says of itself; file endings
- :mod:`~soundkin.audio.flac`, :mod:`~soundkin.audio.libsndfile`, :mod:`~soundkin.audio.ffmpeg`   decoders

Import names from these modules: the decoders are slow to load, and drawing a grid needs none.
"""

from __future__ import annotations

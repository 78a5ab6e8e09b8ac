"""A collection of sounds on disk.

- :mod:`soundkin.library.store`      the tables and their versions (Lance)
- :mod:`soundkin.library.scan`       what is on disk now against what the tables know
- :mod:`soundkin.library.workers`    decoding and embedding in processes of their own
- :mod:`soundkin.library.ingest`     the pipeline: scan, decode, embed, commit; resumable
- :mod:`soundkin.library.calibrate`  where "close" ends and "far" begins, measured on this library
- :mod:`soundkin.library.export`     CSV, JSON, Parquet, M3U

Conventions: a sound is named by the hash of its decoded samples (32 hex characters), a segment by its
sound and its number on the common grid, a place by its root and the raw bytes of its relative path.
"""

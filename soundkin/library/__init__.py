"""A collection of sounds on disk.

On disk:

- :mod:`soundkin.library.tables`     columns and keys
- :mod:`soundkin.library.store`      reading and writing them, in an order that a kill cannot hurt (Lance)
- :mod:`soundkin.library.storage`    a folder, or a part of a bucket (`storage_bucket`, `leases`, `room`)
- :mod:`soundkin.library.sweep`      taking away what an interrupted run left
- :mod:`soundkin.library.locks`      taking turns; `refusals`: a full disk and its like, as errors

Growing:

- :mod:`soundkin.library.scan`       what is on disk now against what is known (`knowledge`); `scan_bucket`
- :mod:`soundkin.library.roots`      which root a folder belongs to; `places`: moving and forgetting them
- :mod:`soundkin.library.workers`    processes that decode and embed (`worker`, `errands`), and what they
  say (`outcome`, `slate`)
- :mod:`soundkin.library.ingest`     the pipeline: scan, decode, embed, commit (`rows`), measure (`bands`)

In memory:

- :mod:`soundkin.library.snapshot`   the library at one moment (`ids`, `spots`, `labels`: its columns)
- :mod:`soundkin.library.catalogue`  keeps a snapshot fresh, reading only what is new
- :mod:`soundkin.library.instore`    vectors that stay in the store where memory is too small (`store_index`)
- :mod:`soundkin.library.counts`     how much there is
- :mod:`soundkin.library.calibrate`  where "close" ends and "far" begins, measured on this library
- :mod:`soundkin.library.export`     CSV, JSON, Parquet, M3U

Conventions: a sound is named by the hash of its decoded samples (32 hex characters), a segment by its
sound and its number on the common grid, a place by its root and the raw bytes of its relative path.
"""

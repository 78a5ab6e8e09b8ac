"""Sounds of the web: fetched politely, listened to, kept as audio or as vectors with a pointer.

- :mod:`soundkin.library.sources.net`        connections to the public net alone
- :mod:`soundkin.library.sources.web`        the client: pauses, patience, bounds
- :mod:`soundkin.library.sources.robots`     what hosts ask of programs
- :mod:`soundkin.library.sources.lists`      addresses in a file; manifests
- :mod:`soundkin.library.sources.feed`       RSS, Atom, podcasts
- :mod:`soundkin.library.sources.archive`    collections of the Internet Archive
- :mod:`soundkin.library.sources.freesound`  searches on Freesound
- :mod:`soundkin.library.sources.origins`    where a sound came from, and how far each item is
- :mod:`soundkin.library.sources.places`     what fetched files are called
- :mod:`soundkin.library.sources.naming`     ``ia:...``, ``feed:...``: which source is meant
- :mod:`soundkin.library.sources.batches`    what was fetched and waits to be heard; its journal
- :mod:`soundkin.library.sources.settle`     hearing a batch, and writing down what became of it
- :mod:`soundkin.library.sources.run`        all of it: list, fetch, settle
- :mod:`soundkin.library.sources.play`       a sound that is not kept, from its origin by byte ranges
"""

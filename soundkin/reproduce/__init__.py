"""The four papers' own studies at the size at hand: one command, cells that are resumed, one page.

- :mod:`~soundkin.reproduce.run`           a study by its name: what `soundkin reproduce` calls
- :mod:`~soundkin.reproduce.cells`         a setting times a seed, one budget for all, one file each
- :mod:`~soundkin.reproduce.learn`         a cell -> spaces
- :mod:`~soundkin.reproduce.sound`         what is learnt from and judged by
- :mod:`~soundkin.reproduce.judge`         a space -> answers, one number a clip
- :mod:`~soundkin.reproduce.page`          cells -> Markdown and pictures, intervals over seeds and clips
- :mod:`~soundkin.reproduce.doppelganger`, :mod:`~soundkin.reproduce.locality`,
  :mod:`~soundkin.reproduce.autodecompose`, :mod:`~soundkin.reproduce.cochlea`: the studies

Nothing is claimed without its interval; the papers' figures stand beside ours with their mark.
"""

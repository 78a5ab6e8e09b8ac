"""Is a space any good? Labelled sound, questions put to vectors, and how sure the answers are.

- :mod:`~soundkin.evaluate.datasets`   folders of labelled sound -> clips, labels, groups, tasks
  (:mod:`~soundkin.evaluate.layouts` those of the public sets)
- :mod:`~soundkin.evaluate.subjects`   what is judged: spaces, baselines, models of others
  (:mod:`~soundkin.evaluate.twin` random weights, :mod:`~soundkin.evaluate.graphs` ONNX files)
- :mod:`~soundkin.evaluate.embed`      clips -> vectors, remembered
- :mod:`~soundkin.evaluate.retrieval`  1-NN, mean average precision, precision and recall at k
- :mod:`~soundkin.evaluate.probe`      linear and k-NN probes, Autodecompose's speaker test
- :mod:`~soundkin.evaluate.locality`   how near the equals lie (McCallum et al. 2024)
- :mod:`~soundkin.evaluate.geometry`   alignment, uniformity, effective rank, hubness, duplicates
- :mod:`~soundkin.evaluate.arithmetic` solo + solo = duet?
- :mod:`~soundkin.evaluate.real`       how synthetic sound differs from real, causal uncertainty
- :mod:`~soundkin.evaluate.mlp`        HEAR's probe with a hidden layer
- :mod:`~soundkin.evaluate.intervals`  bootstrap intervals, over clips, groups and seeds
- :mod:`~soundkin.evaluate.music`      scores with known tempo, key, instrument, style; `midi`, `play`
- :mod:`~soundkin.evaluate.plane`      vectors in the plane; :mod:`~soundkin.evaluate.draw`: SVG
- :mod:`~soundkin.evaluate.table`      all of it as one table; :mod:`~soundkin.evaluate.show`: as Markdown

Vectors are (n, dim) float32, one row a clip; labels and groups (n,) arrays of text. Clips of one
group (a speaker, a source, a fold) never stand on both sides: not as neighbours, not across a split.
"""

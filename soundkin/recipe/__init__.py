"""One TOML per paper: which sound, deformation, front-end, encoder and objective, with which numbers.

- :mod:`~soundkin.recipe.settings`   a recipe as a value
- :mod:`~soundkin.recipe.load`       TOML -> that value; names what it refuses
- :mod:`~soundkin.recipe.sounds`     a folder of sound, decoded once into a bounded cache
- :mod:`~soundkin.recipe.views`      sound -> a batch of views
- :mod:`~soundkin.recipe.speech`     recordings of speech -> views that share voice or content
- :mod:`~soundkin.recipe.vector`     what was learnt -> what is searched
- :mod:`~soundkin.recipe.kin`        the directions that tell kin from strangers
- :mod:`~soundkin.recipe.assemble`   settings -> network and loss
- :mod:`~soundkin.recipe.monitor`    is it learning, or collapsing?
- :mod:`~soundkin.recipe.state`      all that changes as it runs, its checkpoint and log
- :mod:`~soundkin.recipe.memory`     a batch that does not fit: which would
- :mod:`~soundkin.recipe.together`   several processes that train one network
- :mod:`~soundkin.recipe.export`     a trained network -> a space: ONNX graph and settings

The recipes are the `.toml` files beside this one; docs/recipes.md has a page on each.
"""

from __future__ import annotations

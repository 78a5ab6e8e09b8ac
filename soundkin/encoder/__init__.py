"""Frames -> embeddings: networks as PyTorch modules.

Frames are (n, bands, frames) float32; an embedding is (n, dim), of any length: what needs unit rows
makes them. The encoders of :mod:`~soundkin.encoder.sequence` give one code for each frame instead,
(n, frames, dim).

- :mod:`~soundkin.encoder.convnet`   small and fast: what the shipped spaces use
- :mod:`~soundkin.encoder.resnet`    ResNet-18 with one channel, as in the doppelgänger paper
- :mod:`~soundkin.encoder.cochlea`   the Cochlea network, from the waveform
- :mod:`~soundkin.encoder.sequence`  Autodecompose's encoders and decoders
"""

from __future__ import annotations

"""A sound -> another sound of the same kind; batched, on CPU and GPU, without gradients to speak of.

Waveforms are (n, samples) float32 with full scale at 1.0, frames (n, bands, frames); a strength is
one number for all rows or a tensor (n,) with one for each. Strength 0 gives the very same values
back, always. What is random takes a `torch.Generator` of the tensors' device, so that a training
can be resumed draw by draw.

- :mod:`~soundkin.augment.waveform`     noise, gain, equaliser, mixtures, rooms, shifts, crops
- :mod:`~soundkin.augment.stretch`      pitch and duration, each without the other
- :mod:`~soundkin.augment.spectrogram`  time rotated, permuted, masked; frequency stretched, masked
"""

from __future__ import annotations

"""Sound out of nothing, in PyTorch (the `train` extra).

Takes parameters in [0, 1], (batch, parameters), and a seed per sound; gives float32 mono sound,
(batch, samples) in [-1, 1].

- `parameters`: the table of a patch: names, ranges, curves, units, groups
- `modules`: keyboard to mixer as plain differentiable functions
- `patches`: Voice, VoiceFM, Parametric: which modules; `make_patch(name)`
- `plain`, `fast` + `kernels`: the same sounds by torch (any device, gradients) and by compiled loops
- `world`: struck, plucked, blown, spoken and scattered sound
- `doppelganger`: pairs by delta
- `notes`: pairs that share an instrument by construction
- `audition`: pairs as WAV files and a picture, to listen to
"""

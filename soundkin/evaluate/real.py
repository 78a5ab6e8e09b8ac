"""How synthetic sound differs from real: measures of a sound, and a distance between sets of vectors.

Sounds are (n, samples) float32. Frames of 512 samples every 256 (Hann); those quieter than 60 dB
below the loudest frame of their sound are left out of the means, since silence has no colour.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from soundkin.errors import InputError

Doubles = npt.NDArray[np.float64]

SIZE, HOP = 512, 256
FLOOR = 1e-6
"""Energy of a frame, of the loudest, below which it is silence."""
ROLL_OFF = 0.85
RISE, APART_S = 0.1, 0.05
"""An onset: a rise of the flux by this share of its maximum, and so long after the one before."""
MEASURES = {
    "centroid_hz": "spectral centroid, Hz",
    "bandwidth_hz": "bandwidth, Hz",
    "flatness": "flatness, 0 to 1",
    "roll_off_hz": f"roll-off ({ROLL_OFF:.0%} of the energy), Hz",
    "onsets_per_s": "onsets a second",
}


def spectral_measures(samples: npt.ArrayLike, *, rate_hz: int) -> dict[str, Doubles]:
    """Measures of each sound (n, samples), by the names of `MEASURES`: (n,) each, NaN for silence.

    Centroid: the mean frequency, weighted by the magnitude; bandwidth: the deviation about it;
    flatness: geometric over arithmetic mean of the power; roll-off: below it lie 85 % of the
    power; each the mean over the frames that sound. Onsets: peaks of the spectral flux. Raises
    InputError for sounds shorter than a frame.

    Examples
    --------
    >>> tone = np.sin(2 * np.pi * 1000 * np.arange(16_000) / 16_000)
    >>> round(float(spectral_measures(tone[None], rate_hz=16_000)["centroid_hz"][0]), -1)
    1000.0
    """
    x = np.atleast_2d(np.asarray(samples, np.float64))
    if x.shape[1] < SIZE:
        raise InputError(f"sounds of {x.shape[1]} samples", f"{SIZE} and more")
    rows = [_measures(sound, rate_hz) for sound in x]
    return {name: np.array([row[name] for row in rows]) for name in MEASURES}


def _measures(sound: Doubles, rate_hz: int) -> dict[str, float]:
    """The measures of one sound (samples,)."""
    frames = np.lib.stride_tricks.sliding_window_view(sound, SIZE)[::HOP]
    magnitude = np.abs(np.fft.rfft(frames * np.hanning(SIZE)))
    power = magnitude**2
    energy = power.sum(axis=1)
    heard = energy > FLOOR * max(float(energy.max()), 1e-20)
    if not heard.any():
        return dict.fromkeys(MEASURES, float("nan"))
    hz = np.fft.rfftfreq(SIZE, 1 / rate_hz)
    m, p = magnitude[heard], power[heard]
    weight = m / m.sum(axis=1, keepdims=True)
    centroid = weight @ hz
    spread = np.sqrt((weight * (hz - centroid[:, None]) ** 2).sum(axis=1))
    quiet = p.mean(axis=1) * 1e-10
    flatness = np.exp(np.log(p + quiet[:, None]).mean(axis=1)) / (p.mean(axis=1) + quiet)
    below = np.cumsum(p, axis=1) >= ROLL_OFF * p.sum(axis=1, keepdims=True)
    return {
        "centroid_hz": float(centroid.mean()),
        "bandwidth_hz": float(spread.mean()),
        "flatness": float(flatness.mean()),
        "roll_off_hz": float(hz[below.argmax(axis=1)].mean()),
        "onsets_per_s": len(onsets(magnitude, rate_hz)) * rate_hz / len(sound),
    }


def onsets(magnitude: Doubles, rate_hz: int) -> npt.NDArray[np.int64]:
    """Frames (k,) at which something begins: peaks of the flux of log magnitudes (frames, bins).

    A peak is the greatest of its neighbourhood of 50 ms, and rises by a tenth of the greatest flux
    above the median of 200 ms around it. The first frame counts when it sounds.
    """
    loud = np.log1p(1000 * magnitude / max(float(magnitude.max()), 1e-20))
    flux = np.maximum(np.diff(loud, axis=0, prepend=np.zeros((1, loud.shape[1]))), 0).sum(axis=1)
    near = max(1, round(APART_S * rate_hz / HOP))
    wide = 4 * near
    views = np.lib.stride_tricks.sliding_window_view
    peaks = views(np.pad(flux, near), 2 * near + 1).max(axis=1)
    bases = np.median(views(np.pad(flux, wide), 2 * wide + 1), axis=1)
    high = (flux == peaks) & (flux > bases + RISE * flux.max())
    found: list[int] = []
    for i in np.flatnonzero(high).tolist():
        if not found or i - found[-1] >= near:
            found.append(i)
    return np.array(found, np.int64)


def frechet_distance(x: npt.ArrayLike, y: npt.ArrayLike) -> float:
    """Frechet distance of two sets of vectors, (n, dim) and (m, dim), each taken for a Gaussian.

    |mean x - mean y|^2 + trace(Cx + Cy - 2 sqrt(Cx Cy)), 0 for equal sets (Dowson and Landau 1982;
    Kilgour et al. 2019 for sound). It shrinks as sets grow: compare sets of one size. Raises
    InputError for fewer than two vectors or another length of them.

    Examples
    --------
    >>> frechet_distance([[0.0], [2.0]], [[3.0], [5.0]])
    9.0
    """
    a, b = (np.asarray(side, np.float64) for side in (x, y))
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1] or min(len(a), len(b)) < 2:
        raise InputError(f"vectors of shapes {a.shape} and {b.shape}", "(n, dim) and (m, dim)")
    Ca, Cb = (np.atleast_2d(np.cov(side, rowvar=False)) for side in (a, b))
    root = _square_root(Ca)
    # the eigenvalues of Ca Cb are those of the symmetric root Cb root
    values = np.linalg.eigvalsh(root @ Cb @ root)
    trace = np.trace(Ca) + np.trace(Cb) - 2 * np.sqrt(np.maximum(values, 0)).sum()
    return float(np.square(a.mean(axis=0) - b.mean(axis=0)).sum() + max(float(trace), 0.0))


def _square_root(C: Doubles) -> Doubles:
    """The root of a covariance (dim, dim)."""
    values, axes = np.linalg.eigh(C)
    root: Doubles = (axes * np.sqrt(np.maximum(values, 0))) @ axes.T
    return root


def causal_uncertainty(probabilities: npt.ArrayLike) -> Doubles:
    """How undecided a probe is about each sound: 0 (one class for sure) to 1 (all alike), (n,).

    The entropy of its class probabilities (n, classes) over that of even ones. A listener's causal
    uncertainty is the same of many listeners' answers (Ballas 1993).

    Examples
    --------
    >>> causal_uncertainty([[1.0, 0.0], [0.5, 0.5]]).tolist()
    [0.0, 1.0]
    """
    p = np.asarray(probabilities, np.float64)
    if p.ndim != 2 or p.shape[1] < 2:
        raise InputError(f"probabilities of shape {p.shape}", "(n, classes), two and more")
    entropy = -(p * np.log(np.maximum(p, 1e-300))).sum(axis=1)
    uncertain: Doubles = np.maximum(entropy, 0.0) / np.log(p.shape[1])
    return uncertain

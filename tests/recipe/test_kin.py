"""Directions that tell kin from strangers: against plain loops, brute force and made-up noise."""

from __future__ import annotations

import numpy as np
import pytest

from soundkin.recipe.kin import Scatter, rotation, scatter_of, telling


def pairs(seed=0, files=40, moments=3, m=6):
    """What is said lies along axis 0, the recording along 1, the noise of a pair along 2."""
    rng = np.random.default_rng(seed)
    place = 0.1 * rng.standard_normal((files * moments, m))
    place[:, 0] += 2 * rng.standard_normal(len(place))
    place[:, 1] += 3 * np.repeat(rng.standard_normal(files), moments)
    noise = 0.1 * rng.standard_normal((2, len(place), m))
    noise[:, :, 2] += 2 * rng.standard_normal((2, len(place)))
    return place + noise[0] + 7, place + noise[1] + 7


def test_scatter_by_plain_loops():
    a, b = pairs()
    found = scatter_of(a, b, 3)
    moved = np.mean([np.outer(x - y, x - y) / 2 for x, y in zip(a, b, strict=True)], axis=0)
    near, middles = np.zeros((6, 6)), []
    for first in range(0, len(a), 3):
        rows = [(a[k] + b[k]) / 2 for k in range(first, first + 3)]
        middle = sum(rows) / 3
        middles.append(middle)
        near += sum(np.outer(row - middle, row - middle) for row in rows)
    np.testing.assert_allclose(found.moved, moved, atol=1e-12)
    np.testing.assert_allclose(found.near, near / (40 * 2), atol=1e-12)
    np.testing.assert_allclose(found.far, np.cov(np.array(middles).T), atol=1e-12)
    np.testing.assert_allclose(found.mean, np.concatenate([a, b]).mean(axis=0))


def test_with_one_moment_a_recording_nothing_is_near():
    found = scatter_of(*pairs(moments=1), 1)
    assert not found.near.any()
    assert found.far[1, 1] > 4


@pytest.mark.parametrize("content", [False, True])
def test_the_best_direction_by_brute_force(content):
    found = scatter_of(*pairs(), 3)
    matrix = telling(found, 1, content=content)[:, 0]
    noise = found.moved + content * found.far
    noise = noise + 0.3 * np.trace(found.moved) / 6 * np.eye(6)
    signal = found.near + (not content) * found.far
    values, vectors = np.linalg.eig(np.linalg.inv(noise) @ signal)
    best = vectors[:, values.real.argmax()].real
    assert abs(best @ matrix) / np.linalg.norm(best) / np.linalg.norm(matrix) > 1 - 1e-9
    assert matrix @ noise @ matrix == pytest.approx(1)
    np.testing.assert_allclose(matrix @ signal @ matrix, values.real.max())
    # voice: the recording; content: what is said in it; never the noise of a pair
    told = np.abs(matrix) / np.linalg.norm(matrix)
    assert told[0 if content else 1] > 0.9
    assert told[2] < 0.2


def test_more_weight_on_recordings_turns_away_from_them():
    rng = np.random.default_rng(1)
    mix = rng.standard_normal((6, 6))
    a, b = (x @ mix for x in pairs(2))
    found = scatter_of(a, b, 3)
    heard = []
    for far in (0.0, 1.0, 30.0):
        x = telling(found, 2, content=True, far=far)
        heard.append(np.trace(x.T @ found.far @ x) / np.trace(x.T @ found.near @ x))
    assert heard[0] > heard[1] > heard[2]


def test_whitened_directions_are_equally_large_and_rotation_keeps_lengths():
    found = scatter_of(*pairs(), 3)
    noise = found.moved + 0.3 * np.trace(found.moved) / 6 * np.eye(6)
    whole = noise + found.near + found.far
    sizes = [
        np.linalg.eigvalsh(x.T @ whole @ x)
        for x in (telling(found, 4, whiten=w) for w in (0.0, 1.0))
    ]
    np.testing.assert_allclose(sizes[1], 1, atol=1e-6)
    assert sizes[0][-1] / sizes[0][0] > 5
    for dims in (1, 7):
        turned = rotation(dims)
        np.testing.assert_allclose(turned @ turned.T, np.eye(dims), atol=1e-12)
    assert telling(found, 99).shape == (6, 6), "no more directions than there are"
    still = Scatter(found.mean, found.moved, found.near, found.far)
    np.testing.assert_array_equal(telling(found, 3), telling(still, 3))

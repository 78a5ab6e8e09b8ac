"""The plane and the pictures: layouts against slow formulas, SVG that is well formed and true."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from soundkin.errors import InputError
from soundkin.evaluate import draw, plane
from soundkin.evaluate.intervals import Interval
from soundkin.evaluate.probe import knn_probe

SVG = "{http://www.w3.org/2000/svg}"


@settings(max_examples=2, deadline=None)
@given(st.integers(0, 10**6), st.floats(2, 6))
def test_every_row_has_the_perplexity_asked_for(seed, perplexity):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((20, 4)) * 10 ** rng.uniform(-2, 2)
    P = plane.affinities(x, perplexity)
    np.testing.assert_allclose(P, P.T)
    assert P.sum() == pytest.approx(1)
    # each row's own width by bisection over scipy's entropy
    rows = np.zeros((20, 20))
    for i in range(20):
        squared = ((x - x[i]) ** 2).sum(axis=1)
        others = np.delete(np.arange(20), i)
        low, high = 1e-12, 1e12
        for _ in range(80):
            beta = np.sqrt(low * high)
            odds = np.exp(-(squared[others] - squared[others].min()) * beta)
            if scipy.stats.entropy(odds) > np.log(perplexity):
                low = beta
            else:
                high = beta
        rows[i, others] = odds / odds.sum()
    np.testing.assert_allclose(P, (rows + rows.T) / 40, atol=1e-6)


def test_the_gradient_is_that_of_the_divergence():
    rng = np.random.default_rng(0)
    P = plane.affinities(rng.standard_normal((12, 3)), 3)
    place = rng.standard_normal((12, 2))

    def divergence(flat):
        y = flat.reshape(12, 2)
        near = 1 / (1 + ((y[:, None] - y) ** 2).sum(axis=2))
        np.fill_diagonal(near, 0)
        Q = near / near.sum()
        off = ~np.eye(12, dtype=bool)
        return float((P[off] * np.log(P[off] / Q[off])).sum())

    from scipy.optimize import approx_fprime

    slope = approx_fprime(place.ravel(), divergence, 1e-6)
    np.testing.assert_allclose(plane._gradient(P, place).ravel(), slope, atol=1e-4)


def test_clusters_stay_together_and_the_picture_is_the_same_again():
    rng = np.random.default_rng(1)
    label = np.repeat(np.arange(4), 40)
    x = 4 * rng.standard_normal((4, 10))[label] + rng.standard_normal((160, 10))
    y = plane.t_sne(x)
    np.testing.assert_array_equal(y, plane.t_sne(x))
    centred = np.column_stack([y - y.mean(axis=0), np.full(160, 1e-3)])
    apart = ((y[:, None] - y) ** 2).sum(axis=2)
    np.fill_diagonal(apart, np.inf)
    assert (label[apart.argmin(axis=1)] == label).mean() > 0.97
    assert np.isfinite(centred).all()
    assert knn_probe(x, label, k=3).correct.mean() > 0.9
    assert plane.t_sne(x[:3]).shape == (3, 2)
    with pytest.raises(InputError, match="3000 points; expected 2000 and fewer"):
        plane.t_sne(np.zeros((3000, 2)))


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6))
def test_principal_axes_by_the_covariance(seed):
    x = np.random.default_rng(seed).standard_normal((30, 5)) * [5, 3, 1, 1, 1]
    values = np.linalg.eigvalsh(np.cov(x.T))[::-1]
    found = plane.principal_axes(x)
    np.testing.assert_allclose(found.var(axis=0, ddof=1), values[:2], rtol=1e-6)
    np.testing.assert_allclose(plane.principal_axes(-x), plane.principal_axes(-x))


def parsed(svg):
    return ET.fromstring(svg)


def test_bars_are_as_long_as_their_values():
    rows = {
        "gain": {"a": Interval(1.0, 0.9, 1.0), "b": Interval(0.5, 0.4, 0.6)},
        "<mp3>": {"a": Interval(0.25, 0.2, 0.3)},
    }
    found = parsed(draw.bars(rows, title="Found & again"))
    long = [float(r.get("width")) for r in found.findall(f"{SVG}rect")][2:]
    np.testing.assert_allclose(np.array(long) / long[0], [1, 0.5, 0.25], atol=1e-3)
    texts = [t.text for t in found.iter(f"{SVG}text")]
    assert {"Found & again", "<mp3>", "1.00", "0.50", "0.25", "a", "b"} <= set(texts)


def test_lines_rise_where_values_do():
    values = [Interval(v, v - 0.1, v + 0.1) for v in (1.0, 2.0, 3.0)]
    found = parsed(
        draw.lines(
            {"mfcc": ([1, 10, 100], values)}, title="t", x_label="k", y_label="times", chance=1
        )
    )
    curve = [p.get("d") for p in found.findall(f"{SVG}path")][1]
    xy = np.array([[float(v) for v in point.split(",")] for point in curve[1:].split("L")])
    assert (np.diff(xy[:, 1]) < 0).all()
    np.testing.assert_allclose(np.diff(xy[:, 0]), np.diff(xy[:, 0])[0], atol=0.2)


def test_points_and_histograms():
    rng = np.random.default_rng(2)
    labels = [f"kind {n % 9}" for n in range(90)]
    found = parsed(draw.points(rng.standard_normal((90, 2)), labels, title="Map"))
    dots = found.findall(f"{SVG}circle")
    assert len(dots) == 90
    assert len({dot.get("fill") for dot in dots}) == 8
    assert "other" in [t.text for t in found.iter(f"{SVG}text")]
    tall = parsed(draw.histogram([0, 0, 0, 1, 50], title="N", x_label="times"))
    heights = [float(r.get("height")) for r in tall.findall(f"{SVG}rect")]
    assert heights[0] == pytest.approx(3 * heights[1], abs=0.2)
    assert len(heights) == 49 or heights[-1] > 0

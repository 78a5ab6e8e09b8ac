"""Tags from a few examples: what is found, how sure, what is remembered, what is taken back."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize

from soundkin import tagging
from soundkin.errors import InputError, NotFound
from soundkin.facade import Library
from soundkin.likeness import probabilities, probe

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HZ = 16_000


def unit(X: np.ndarray) -> np.ndarray:
    return (X / np.linalg.norm(X, axis=1, keepdims=True)).astype(np.float32)


def clouds(seed: int, classes: int = 4, each: int = 30, dim: int = 12) -> np.ndarray:
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(classes, dim))
    return unit(np.repeat(centres, each, axis=0) + 0.5 * rng.normal(size=(classes * each, dim)))


# -- numbers --------------------------------------------------------------------------------------


@given(seed=st.integers(0, 2**31))
def test_the_probe_is_at_the_bottom(seed: int) -> None:
    """Newton's answer is where a general minimiser ends too."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(40, 3))
    target = (X[:, 0] + rng.normal(size=40) > 0).astype(float)
    weight = rng.uniform(0.5, 1.5, 40)
    weight /= weight.sum()

    def loss(b: np.ndarray) -> float:
        margin = X @ b[:3] + b[3]
        ridge = 0.5 * (0.01 * (b[:3] ** 2).sum() + 1e-6 * b[3] ** 2)
        return float(weight @ (np.logaddexp(0, margin) - target * margin)) + ridge

    found = probe(X, target, weight, penalty=0.01)
    assert loss(found) <= minimize(loss, np.zeros(4)).fun + 1e-6


@pytest.mark.parametrize("seed", range(5))
def test_the_class_of_the_examples_comes_first(seed: int) -> None:
    X = clouds(seed)
    examples = np.zeros(len(X), bool)
    examples[:5] = True
    p = probabilities(X, examples)
    rest = np.argsort(-np.where(examples, -1, p))[:20]
    assert (rest < 30).mean() >= 0.9
    assert p[5:30].mean() > 2 * p[30:].mean()
    assert ((p >= 0) & (p <= 1)).all()
    assert (p == probabilities(X, examples)).all(), "the same every time"


def test_a_rejection_pushes_its_like_down() -> None:
    rng = np.random.default_rng(3)
    base = rng.normal(size=(1, 10))
    two = np.concatenate([base + 0.4 * rng.normal(size=(1, 10)), base])
    X = unit(np.repeat(two, 30, axis=0) + 0.25 * rng.normal(size=(60, 10)))
    X = np.concatenate([X, unit(rng.normal(size=(60, 10)))])
    examples = np.arange(len(X)) < 5
    rejected = (np.arange(len(X)) >= 30) & (np.arange(len(X)) < 40)
    before, after = probabilities(X, examples), probabilities(X, examples, rejected)
    assert (after[40:60] - after[5:30].mean()).mean() < (before[40:60] - before[5:30].mean()).mean()


def test_nothing_but_examples() -> None:
    X = clouds(1)[:4]
    assert probabilities(X, np.ones(4, bool)).tolist() == [1.0] * 4


# -- a library ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    """Twelve low tones, twelve noises, twelve high tones."""
    folder = tmp_path_factory.mktemp("tagging")
    rng = np.random.default_rng(0)
    t = np.arange(HZ // 2) / HZ
    for i in range(12):
        low = np.sin(2 * np.pi * (150 + 8 * i) * t) * np.exp(-t * (3 + i / 4))
        high = np.sin(2 * np.pi * (2_500 + 90 * i) * t) * np.exp(-t * (3 + i / 4))
        noise = rng.normal(0, 0.3, len(t)) * np.exp(-t * (3 + i / 4))
        for name, wave in (("low", low), ("high", high), ("noise", noise)):
            soundfile.write(folder / f"{name} {i:02d}.wav", 0.5 * wave, HZ)
    with Library.open(tmp_path_factory.mktemp("lib") / "lib") as opened:
        opened.add(folder, jobs=1)
        yield opened


def ids_of(library: Library, text: str) -> list[str]:
    return [sound.sound_id for sound in library.sounds(text, limit=100)[0]]


def test_suggest_accept_reject_undo(library: Library) -> None:
    noises = ids_of(library, "name:noise")
    library.tag(noises[:4], ["hiss"])
    found = tagging.suggest(library, "hiss", k=8)
    assert found.examples == 4
    assert {one.sound_id for one in found.suggestions} == set(noises[4:])
    best = found.suggestions[0]
    assert best.probability > 0.5
    assert {e.sound_id for e in best.evidence} <= set(noises[:4])
    closeness = [e.closeness for e in best.evidence]
    assert closeness == sorted(closeness, reverse=True)
    assert len(closeness) == tagging.EVIDENCE

    taken = tagging.accept(library, "hiss", [noises[0], noises[5], noises[6]])
    assert taken.accepted == (noises[5], noises[6]), "the first was tagged by hand"
    refused = tagging.reject(library, "hiss", [noises[7]])
    after = tagging.suggest(library, "hiss", k=100)
    assert (after.examples, after.rejected) == (6, 1)
    assert not {noises[5], noises[6], noises[7]} & {one.sound_id for one in after.suggestions}

    with Library.open(library.path) as again:
        assert tagging.suggest(again, "hiss").rejected == 1, "remembered"
    assert tagging.undo(library) == refused
    assert tagging.undo(library, taken.change_id) == taken
    back = tagging.suggest(library, "hiss", k=8)
    assert (back.examples, back.rejected) == (4, 0)
    assert back.suggestions == found.suggestions
    assert set(ids_of(library, "tag:hiss")) == set(noises[:4])
    with pytest.raises(NotFound, match="nothing to take back"):
        tagging.undo(library)


def test_within_a_scope_and_from_a_probability_on(library: Library) -> None:
    library.tag(ids_of(library, "name:low")[:3], ["bass"])
    found = tagging.suggest(library, "bass", scope="name:high", k=100)
    assert len(found.suggestions) == 12
    likely = tagging.suggest(library, "bass", least=0.5, k=100)
    assert all(one.probability >= 0.5 for one in likely.suggestions)
    assert len(likely.suggestions) == tagging.suggest(library, "bass", k=100).likely


def test_tags_of_the_nearest_are_thought_of(library: Library) -> None:
    """A noise is thought to bear what noises bear, by a vote of the nearest; not what it was refused."""
    noises, lows = ids_of(library, "name:noise"), ids_of(library, "name:low")
    library.tag(noises[:5], ["grit"])
    library.tag(noises[:2], ["favourite"])
    library.tag(lows[:5], ["round"])
    found = tagging.tags_for(library, noises[8])
    assert found[0].tag == "grit"
    assert found[0].band != "far"
    assert {one.sound_id for one in found[0].evidence} <= set(noises[:5])
    near = [one.closeness for one in found[0].evidence]
    assert near == sorted(near, reverse=True)
    assert near[0] == found[0].closeness
    assert not {"favourite", "round"} & {one.tag for one in found}
    assert "grit" not in {one.tag for one in tagging.tags_for(library, noises[0])}, "it has it"
    tagging.reject(library, "grit", [noises[8]])
    assert "grit" not in {one.tag for one in tagging.tags_for(library, noises[8])}
    assert tagging.undo(library).rejected == (noises[8],)
    with pytest.raises(NotFound):
        tagging.tags_for(library, "0" * 32)


def test_too_few_examples(library: Library) -> None:
    with pytest.raises(NotFound, match="nothing bears the tag 'x'"):
        tagging.suggest(library, "x")
    library.tag(ids_of(library, "name:low")[:1], ["x"])
    with pytest.raises(InputError, match="only one sound bears"):
        tagging.suggest(library, "x")


# -- real labels ----------------------------------------------------------------------------------


@pytest.mark.slow
def test_precision_and_calibration_on_real_labels(data_dir: Path, tmp_path: Path) -> None:
    """Five examples of each ESC-10 class: the top suggestions are right, and probabilities mean it."""
    from soundkin.library.centroids import centroids

    folder = data_dir / "esc10"
    with (folder / "labels.csv").open() as file:
        labels = {row["path"]: row["label"] for row in csv.DictReader(file)}
    with Library.open(tmp_path / "lib") as library:
        library.add(folder / "audio" / "1", jobs=2)
        library.add(folder / "audio" / "2", jobs=2)
        look = library.look()
        ords, X = centroids(look.view)
        spots = [look.snapshot.spots.of(int(number))[0] for number in ords]
    y = np.array([labels["audio/" + "/".join(spot.path.split("/")[-2:])] for spot in spots])
    rng = np.random.default_rng(0)
    hits, said, true = [], [], []
    for label in np.unique(y):
        for _ in range(4):
            examples = np.zeros(len(y), bool)
            examples[rng.permutation(np.flatnonzero(y == label))[:5]] = True
            p = probabilities(X, examples)
            rest = np.flatnonzero(~examples)
            top = rest[np.argsort(-p[rest])[:5]]
            hits.append((y[top] == label).mean())
            said.append(p[rest])
            true.append(y[rest] == label)
    p, t = np.concatenate(said), np.concatenate(true)
    brier, chance = float(((p - t) ** 2).mean()), float(t.mean() * (1 - t.mean()))
    figures = (
        f"precision@5 {np.mean(hits):.3f} (chance {t.mean():.3f}), Brier {brier:.4f} < {chance:.4f}"
    )
    assert np.mean(hits) > 0.7, figures
    assert brier < chance, figures
    sure = p > 0.5
    assert t[sure].mean() > 0.5, figures
    assert t[p < 0.1].mean() < 0.1, figures

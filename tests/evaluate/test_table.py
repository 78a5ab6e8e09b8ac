"""From labelled files to the table: embedding, memory, baselines, Markdown, the command."""

from __future__ import annotations

import json
import re
import sys
import xml.etree.ElementTree as ET

import numpy as np
import pytest
import soundfile

from soundkin import cli
from soundkin.audio.decode import read_sound
from soundkin.audio.windows import chunks
from soundkin.errors import DecodeError, InputError
from soundkin.evaluate import embed, subjects, table
from soundkin.evaluate.datasets import asked, read_datasets
from soundkin.evaluate.embed import crop_vectors, embed_clips
from soundkin.evaluate.show import as_markdown
from soundkin.evaluate.subjects import HearSubject, log_mel_statistics, subjects_of
from soundkin.evaluate.table import evaluate, is_baseline
from soundkin.space import load_space
from tests.evaluate.sets import RATE, labelled, network, render

MFCC = load_space("mfcc")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return labelled(tmp_path_factory.mktemp("set"))


@pytest.fixture
def own_module(tmp_path, monkeypatch):
    """A module with the HEAR API that hears level and zero crossings."""
    text = """
import numpy as np

class Model:
    sample_rate = 8000
    scene_embedding_size = 2
    timestamp_embedding_size = 2

def load_model(path="1"):
    model = Model()
    model.factor = float(path)
    return model

def get_scene_embeddings(audio, model):
    crossings = (np.diff(np.sign(audio), axis=1) != 0).mean(axis=1)
    return np.stack([np.sqrt((audio ** 2).mean(axis=1)) * model.factor, crossings], axis=1)

def get_timestamp_embeddings(audio, model):
    raise NotImplementedError
"""
    (tmp_path / "own_ears.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    yield "own_ears"
    sys.modules.pop("own_ears", None)
    subjects._module.cache_clear()
    subjects._hear_model.cache_clear()


def test_a_clip_is_the_mean_of_its_first_windows(tmp_path):
    rng = np.random.default_rng(0)
    long = np.concatenate([render("tone", k, 1.5) * rng.uniform(0.2, 1) for k in range(10)])
    soundfile.write(tmp_path / "long.wav", long, RATE)
    soundfile.write(tmp_path / "short.wav", render("clicks", 1, 0.2), RATE)
    soundfile.write(tmp_path / "silent.wav", np.zeros(RATE), RATE)
    files = [tmp_path / f"{name}.wav" for name in ("long", "silent", "short")]
    found = embed_clips(files, [MFCC, log_mel_statistics()], jobs=1)
    for row, file in zip(found[MFCC.id], files, strict=True):
        samples, rate = read_sound(file)
        parts = [MFCC.embed_chunk(chunk) for chunk in chunks([samples], rate)]
        vectors = np.concatenate(parts)[:20]
        expected = vectors.mean(axis=0) if len(vectors) else np.zeros(MFCC.dim)
        np.testing.assert_allclose(row, expected, atol=1e-5)
    assert not found[MFCC.id][1].any()
    assert all(len(rows) == 3 for rows in found.values())
    whole = embed.first_chunks(files[0], margin_s=1)
    assert sum(len(part.segments) for part in whole) == 20


def test_crops_lie_one_after_the_other(tmp_path):
    samples = np.concatenate([render("tone", 1, 1.024), render("hiss", 2, 1.024), np.ones(500)])
    soundfile.write(tmp_path / "a.wav", samples, RATE, subtype="FLOAT")
    crops = crop_vectors(tmp_path / "a.wav", MFCC, crop_s=1.024)
    assert crops.shape == (2, MFCC.dim)
    alone = MFCC.embed(samples[None, 16_384 : 16_384 + 16_000].astype(np.float32))[0]
    np.testing.assert_allclose(crops[1], alone, atol=1e-5)


def test_of_a_crop_longer_than_a_window_all_is_heard(tmp_path):
    samples = np.concatenate([render("tone", k, 1.0) for k in range(8)]).astype(np.float32)
    soundfile.write(tmp_path / "a.wav", samples, RATE, subtype="FLOAT")
    windows = MFCC.embed(samples.reshape(8, RATE))
    crops = crop_vectors(tmp_path / "a.wav", MFCC, crop_s=2.0)
    np.testing.assert_allclose(crops, windows.reshape(4, 2, -1).mean(axis=1), atol=1e-5)
    some = crop_vectors(tmp_path / "a.wav", MFCC, crop_s=2.0, every=3)
    np.testing.assert_allclose(some, crops[::3], atol=1e-5)


def test_the_probe_of_hear_is_a_column_when_asked(folder, monkeypatch):
    whole = table.mlp_probe
    monkeypatch.setattr(
        table, "mlp_probe", lambda *x, seed: whole(*x, seed=seed, hidden=8, epochs=9)
    )
    found = evaluate(read_datasets(folder), [MFCC], jobs=1, mlp=True)
    [label, *_] = [line for line in found.lines if line.label == "label"]
    assert label.mlp is not None
    assert label.mlp.low <= label.mlp.value <= label.mlp.high
    assert label.mlp.value > 0.4  # a third by chance
    text = as_markdown(found)
    assert "| linear | MLP |" in text
    assert str(label.mlp) in text
    assert "MLP" not in as_markdown(evaluate(read_datasets(folder), [MFCC], jobs=1))


def test_what_was_heard_is_remembered_by_content(folder, tmp_path, monkeypatch):
    files = sorted(folder.rglob("*.wav"))[:4]
    silent = tmp_path / "silent.wav"
    soundfile.write(silent, np.zeros(RATE), RATE)
    cache = tmp_path / "cache"
    first = embed_clips([*files, silent], [MFCC], cache=cache, jobs=1)[MFCC.id]
    renamed = tmp_path / "other.wav"
    renamed.write_bytes(files[2].read_bytes())
    heard = []
    hear = embed.hear
    monkeypatch.setattr(embed, "hear", lambda part, who: heard.extend(part) or hear(part, who))
    again = embed_clips([renamed, silent, files[0]], [MFCC], cache=cache)[MFCC.id]
    assert heard == []
    np.testing.assert_array_equal(again, first[[2, 4, 0]])
    # another subject hears everything, and the first one nothing
    embed_clips(files, [MFCC, log_mel_statistics()], cache=cache, jobs=1)
    assert len(heard) == 4
    # no two processes forget each other's
    embed.remember(cache, MFCC.id, {"0" * 32: np.ones(MFCC.dim, np.float32)})
    assert len(embed.recall(cache, MFCC.id)) == 6
    assert not list(cache.glob("*.part"))


def test_several_processes_hear_the_same(folder, monkeypatch):
    monkeypatch.setattr(embed, "WORTH", 4)
    monkeypatch.setattr(embed, "BATCH", 3)
    files = sorted(folder.rglob("*.wav"))[:8]
    told = []
    many = embed_clips(files, [MFCC], jobs=2, on_progress=lambda *at: told.append(at))[MFCC.id]
    np.testing.assert_array_equal(many, embed_clips(files, [MFCC], jobs=1)[MFCC.id])
    assert told[-1] == (8, 8)


def test_log_mel_statistics_by_hand():
    space = log_mel_statistics()
    sound = render("hiss", 3, 1.0).astype(np.float32)
    from soundkin.frontend.log_mel import mel_matrix

    window = np.hanning(401)[:400]
    power = np.array([
        np.abs(np.fft.fft(sound[at : at + 400] * window, 512)[:257]) ** 2
        for at in range(0, 16_000 - 399, 160)
    ])  # fmt: skip
    logs = np.log(
        power @ mel_matrix(space.frontend) / (power @ mel_matrix(space.frontend)).max() + 5e-6
    )
    logs -= np.log(5e-6) / 2
    expected = np.concatenate([logs.mean(axis=0), logs.std(axis=0)])
    expected /= np.linalg.norm(expected)
    np.testing.assert_allclose(space.embed(sound[None])[0], expected, atol=1e-4)
    louder = space.embed(sound[None] * 7)
    np.testing.assert_allclose(louder, space.embed(sound[None]), atol=1e-5)


def test_a_model_of_others_behind_the_hear_api(folder, own_module):
    files = sorted(folder.rglob("*.wav"))[:5]
    plain, louder = HearSubject(own_module), HearSubject(own_module, "10")
    assert plain.id != louder.id
    found = embed_clips(files, [plain, louder], jobs=1)
    np.testing.assert_allclose(found[louder.id][:, 0], 10 * found[plain.id][:, 0], rtol=1e-6)
    samples, _ = read_sound(files[0], rate_hz=8000)
    scene = np.zeros(8000, np.float32)
    scene[: len(samples)] = samples
    expected = np.sqrt((scene**2).mean())
    assert found[plain.id][0, 0] == pytest.approx(expected, rel=0.02)
    with pytest.raises(
        InputError, match=r"no module 'not_there'.*; expected a module with the HEAR"
    ):
        _ = HearSubject("not_there").id
    with pytest.raises(InputError, match="the module 'json' has no load_model"):
        _ = HearSubject("json").id


def test_torch_models_of_others_get_tensors(folder, tmp_path, monkeypatch):
    torch = pytest.importorskip("torch")
    text = """
import torch

class Model(torch.nn.Module):
    sample_rate = 16000
    scene_embedding_size = 3

    def forward(self, x):
        return x[:, :3]

def load_model():
    return Model()

def get_scene_embeddings(audio, model):
    assert isinstance(audio, torch.Tensor)
    return model(audio)
"""
    (tmp_path / "torch_ears.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    [file] = sorted(folder.rglob("*.wav"))[:1]
    subject = HearSubject("torch_ears")
    assert embed_clips([file], [subject], jobs=1)[subject.id].shape == (1, 3)
    assert torch.is_grad_enabled()
    sys.modules.pop("torch_ears")


def test_the_table_holds_every_space_task_and_baseline(folder, tmp_path):
    file = network(tmp_path)
    sets = read_datasets(folder)
    who = subjects_of([str(file), "mfcc"], twins=tmp_path / "twins")
    assert [s.name for s in who] == ["mfcc", "log-mel", "small-random", "small"]
    assert [is_baseline(s.name) for s in who] == [True, True, True, False]
    made = evaluate(sets, who, jobs=1)
    tasks = [(t.label, t.group) for t in sets[0].tasks]
    assert tasks == [("label", "fold"), ("player", "path")]
    assert len(made.lines) == len(made.local) == 2 * 4
    assert {(g.label, g.baseline) for g in made.gaps} == {
        (label, base)
        for label in ("label", "player")
        for base in ("mfcc", "log-mel", "small-random")
    }
    line = made.lines[0]
    assert (line.set, line.clips, line.classes, line.subject) == (sets[0].name, 18, 3, "mfcc")
    assert line.first.value > 0.9
    # a line says what the parts say
    vectors = embed_clips(sets[0].files(), [MFCC], jobs=1)[MFCC.id]
    part = asked(sets[0], sets[0].tasks[0])
    answers = table.answer(vectors, part)
    assert line.precision.value == pytest.approx(np.nanmean(answers.precision))
    gap = made.gaps[0]
    of = {(one.label, one.subject): one for one in made.lines}
    assert gap.linear.value == pytest.approx(
        of["label", "small"].linear.value - of["label", "mfcc"].linear.value
    )
    text = as_markdown(made)
    assert text.count("| small-random |") == 2 + 2 + 1 + 2  # lines, gaps, geometry, locality
    for line_ in text.splitlines():
        if line_.startswith("|"):
            assert line_.endswith("|")
    assert json.loads(json.dumps(made.as_json()))["lines"][0]["subject"] == "mfcc"


def test_a_broken_file_is_named(tmp_path):
    (tmp_path / "a.wav").write_text("not a sound")
    with pytest.raises(DecodeError, match=r"a\.wav"):
        embed_clips([tmp_path / "a.wav"], [MFCC])


def run(*arguments):
    with pytest.raises(SystemExit) as left:
        cli.main([str(argument) for argument in arguments])
    return int(left.value.code or 0)


def test_the_command(folder, tmp_path, monkeypatch, capsys, own_module):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("SOUNDKIN_SPACES", str(tmp_path / "spaces"))
    out = tmp_path / "table.md"
    words = ["evaluate", folder, "--all-spaces", "--hear", own_module, "--out", out, "-j", "1"]
    words += ["--pictures", tmp_path / "curves"]
    assert run(*words) == 0
    text = capsys.readouterr().out
    assert out.read_text() in text
    assert "| own_ears |" in text
    pictures = {path.name: path.read_text() for path in (tmp_path / "curves").iterdir()}
    assert sorted(name.rpartition("-of-")[2] for name in pictures) == ["label.svg", "player.svg"]
    for svg in pictures.values():
        paths = ET.fromstring(svg).findall("{http://www.w3.org/2000/svg}path")
        assert len(paths) == 2 * len(re.findall(r"label \(fold apart\) \|", text))  # band and curve
    assert list((tmp_path / "cache").rglob("mfcc-*.npz"))
    assert run("evaluate", folder, "--json", "--fresh", "--task", "label:player") == 0
    found = json.loads(capsys.readouterr().out)
    assert {(one["label"], one["group"]) for one in found["lines"]} == {("label", "player")}
    assert run("evaluate", tmp_path / "nowhere") == 2
    assert "no folder" in capsys.readouterr().err


def test_mfcc_stands_where_it_stood(data_dir):
    """The figures of mfcc's card, made by another script."""
    sets = {clips.name: clips for clips in read_datasets(data_dir)}
    clips = sets["mridangam"]
    vectors = embed_clips(clips.files(), [MFCC], jobs=1)[MFCC.id]
    answers = table.answer(vectors, asked(clips, clips.tasks[0]))
    first, precision = np.nanmean(answers.first), np.nanmean(answers.precision)
    figures = json.dumps(MFCC.card["figures"])
    assert (round(float(first), 3), round(float(precision), 3)) == (0.681, 0.523), figures

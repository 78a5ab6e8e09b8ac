"""One body of tests for every encoder; counts of parameters as published; second implementations."""

# ruff: noqa: E402
from __future__ import annotations

import copy

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from soundkin.encoder.cochlea import CochleaNet
from soundkin.encoder.convnet import (
    ConvNet,
    folded,
    frame_statistics,
    projection_head,
    sounding_frames,
)
from soundkin.encoder.resnet import ResNet18
from soundkin.encoder.sequence import DECODERS, ENCODERS, SequenceDecoder, SequenceEncoder
from soundkin.errors import InputError

MEMBERS = {
    "resnet": (lambda: ResNet18(dim=24, width=4), (64, 96), (24,)),
    "convnet": (lambda: ConvNet((4, 6, 8, 10, 12)), (64, 98), (96,)),
    "convnet-taps": (lambda: ConvNet((4, 6, 8, 10, 12), taps=(2, 4)), (64, 98), (224,)),
    "convnet-dim": (lambda: ConvNet((4, 6, 8, 10), bands=96, dim=7), (96, 98), (7,)),
    "cochlea": (lambda: CochleaNet(dim=9, width=4), (128, 32), (9,)),
    "dense": (lambda: SequenceEncoder("dense", dim=5), (80, 64), (64, 5)),
    "conv": (lambda: SequenceEncoder("conv", dim=5), (80, 6), (6, 5)),
    "lstm": (lambda: SequenceEncoder("lstm", dim=5), (80, 7), (7, 5)),
}


def made(name):
    torch.manual_seed(0)
    build, shape, out = MEMBERS[name]
    net = build()
    frames = torch.rand((5, *shape), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        for _ in range(20):
            net(frames)  # batch norms see something
    return net, frames, out


@pytest.mark.parametrize("name", MEMBERS)
def test_shape_and_a_row_alone_is_the_row_among_others(name):
    net, frames, out = made(name)
    net.eval()
    with torch.no_grad():
        together = net(frames)
        assert together.shape == (5, *out)
        for row in range(5):
            torch.testing.assert_close(net(frames[row : row + 1])[0], together[row])
    assert together.std(dim=0).max() > 1e-4


@pytest.mark.parametrize("name", MEMBERS)
def test_every_parameter_learns(name):
    net, frames, out = made(name)
    target = torch.randn(5, *out, generator=torch.Generator().manual_seed(2))
    (net(frames) * target).sum().backward()
    for path, parameter in net.named_parameters():
        assert parameter.grad is not None, path
        assert parameter.grad.abs().max() > 0, path


def count(net):
    return sum(p.numel() for p in net.parameters())


def test_parameters_as_published():
    assert count(ResNet18()) == 11_432_960
    assert count(SequenceEncoder("large")) == 4_704_896  # 4.70 M
    assert count(SequenceDecoder("large")) == 6_212_688  # 6.21 M
    with torch.device("meta"):
        assert count(SequenceEncoder("very-large")) > 3 * count(SequenceEncoder("large"))
    assert isinstance(ResNet18(width=4).stem.bias, torch.nn.Parameter)


@pytest.mark.parametrize("size", DECODERS)
def test_decoders_give_frames_back(size):
    with torch.device("meta"):
        codes = torch.empty(2, 9, 256)
        assert SequenceDecoder(size)(codes).shape == (2, 80, 9)
        assert SequenceEncoder(size)(torch.empty(2, 80, 9)).shape == (2, 9, 128)
    assert set(ENCODERS) == set(DECODERS)


def test_the_small_network_costs_at_most_170_mflop():
    net = ConvNet().eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        net(torch.zeros(1, 64, 98))
    assert 20e6 < counter.get_total_flops() <= 170e6


@pytest.mark.parametrize("width", [4, 16], ids=["as torch lays it", "channels last"])
def test_resnet_against_the_plan_written_out(width):
    torch.manual_seed(0)
    net, frames = ResNet18(dim=24, width=width), torch.randn(5, 64, 96)
    with torch.no_grad():
        for _ in range(5):
            net(frames)  # batch norms see something
    net.eval()
    last = net.stem_norm(net.stem(frames[:, None])).is_contiguous(memory_format=torch.channels_last)
    assert last == (width == 16)
    state = net.state_dict()

    def norm(x, path):
        mean, var = state[f"{path}.running_mean"], state[f"{path}.running_var"]
        scale = state[f"{path}.weight"] / (var + 1e-5).sqrt()
        return x * scale[:, None, None] + (state[f"{path}.bias"] - mean * scale)[:, None, None]

    def conv(x, path, **how):
        weight, bias = state[f"{path}.weight"], state.get(f"{path}.bias")
        return functional.conv2d(x, weight, bias, **how)

    x = norm(conv(frames[:, None], "stem", stride=2, padding=3), "stem_norm").clamp_min(0)
    x = functional.max_pool2d(x, 3, 2, 1)
    for stage in range(4):
        for block in range(2):
            path, stride = f"stages.{stage}.{block}", 2 if stage and not block else 1
            y = norm(conv(x, f"{path}.conv1", stride=stride, padding=1), f"{path}.norm1")
            y = norm(conv(y.clamp_min(0), f"{path}.conv2", padding=1), f"{path}.norm2")
            if stride == 2:
                x = norm(conv(x, f"{path}.shortcut.0", stride=2), f"{path}.shortcut.1")
            x = (x + y).clamp_min(0)
    assert x.shape == (5, 8 * width, 2, 3)
    expected = x.flatten(2).mean(dim=2) @ state["last.weight"].T + state["last.bias"]
    with torch.no_grad():
        torch.testing.assert_close(net(frames), expected, rtol=1e-4, atol=1e-5)


def test_gradients_of_resnet_do_not_know_how_it_lies_in_memory():
    torch.manual_seed(0)
    net, frames = ResNet18(dim=8, width=16), torch.randn(4, 64, 96)
    other = copy.deepcopy(net).to(memory_format=torch.contiguous_format)
    for one in (net, other):
        one(frames).square().sum().backward()
    for p, q in zip(net.parameters(), other.parameters(), strict=True):
        assert (p.grad - q.grad).norm() < 1e-3 * q.grad.norm() + 1e-4


def test_lstm_encoder_against_a_loop_over_steps():
    net, frames, _ = made("lstm")
    weights = {k: v.numpy().astype(np.float64) for k, v in net.net.state_dict().items()}

    def sigmoid(x):
        return 1 / (1 + np.exp(-x))

    steps = list(frames[0].numpy().astype(np.float64).T)
    for layer in range(3):
        w_in, w_back = (weights[f"lstm.weight_{k}_l{layer}"] for k in ("ih", "hh"))
        bias = weights[f"lstm.bias_ih_l{layer}"] + weights[f"lstm.bias_hh_l{layer}"]
        hidden = cell = np.zeros(256)
        out = []
        for step in steps:
            i, f, g, o = np.split(w_in @ step + w_back @ hidden + bias, 4)
            cell = sigmoid(f) * cell + sigmoid(i) * np.tanh(g)
            hidden = sigmoid(o) * np.tanh(cell)
            out.append(hidden)
        steps = out
    expected = np.stack(steps) @ weights["last.weight"].T + weights["last.bias"]
    with torch.no_grad():
        np.testing.assert_allclose(net(frames[:1])[0].numpy(), expected, atol=1e-5)


def test_cochlea_network_gives_unit_vectors():
    net, frames, _ = made("cochlea")
    with torch.no_grad():
        lengths = net(frames).norm(dim=1)
    torch.testing.assert_close(lengths, torch.ones(5))


@pytest.mark.parametrize("valid", [1, 7, 8, 9, 50, 97, 98])
def test_convnet_does_not_look_behind_the_sound(valid):
    net, frames, _ = made("convnet")
    net.eval()
    ends = torch.full((5,), valid)
    other = frames.clone()
    other[:, :, valid:] = 9.0
    with torch.no_grad():
        masked = net(frames, ends)
        assert masked.equal(net(other, ends))
        # pooled over the steps of the sound alone, with silence behind it
        silent = frames.clone()
        silent[:, :, valid:] = 0
        rows = net.layers(silent[:, None])
        assert rows.shape == (5, 12, 4, 12)
        steps = rows.reshape(5, 48, 12)[:, :, : -(-valid // 8)]
    expected = torch.cat([steps.mean(dim=2), steps.max(dim=2).values], dim=1)
    torch.testing.assert_close(masked, expected)
    if valid == 98:
        with torch.no_grad():
            torch.testing.assert_close(masked, net(frames))


@pytest.mark.parametrize("valid", [1, 7, 8, 9, 97, 98])
def test_taps_are_the_pooled_layers_side_by_side(valid):
    net, frames, _ = made("convnet-taps")
    net.eval()
    with torch.no_grad():
        ours = net(frames, torch.full((5,), valid))
        x, parts = frames[:, None].clone(), []
        x[..., valid:] = 0
        for place, (layer, stride) in enumerate(zip(net.layers, (2, 4, 8, 8, 8), strict=True)):
            x = layer(x)
            if place in (2, 4):
                steps = x.flatten(1, 2)[:, :, : -(-valid // stride)]
                part = torch.cat([steps.mean(dim=2), steps.max(dim=2).values], dim=1)
                parts.append(part / part.norm(dim=1, keepdim=True).clamp_min(1e-12))
    torch.testing.assert_close(ours, torch.cat(parts, dim=1))


def test_a_fixed_first_convolution_is_heard_as_another_but_never_learns():
    net, frames, _ = made("convnet")
    fixed = ConvNet((4, 6, 8, 10, 12), fixed=True)
    fixed.load_state_dict(net.state_dict())
    for one in (net, fixed):
        one(frames.repeat(8, 1, 1)).square().sum().backward()
    for (name, theirs), ours in zip(net.named_parameters(), fixed.parameters(), strict=True):
        if name.startswith("layers.0."):
            assert ours.grad is None
        else:
            torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-3, atol=1e-4)
    norms = zip(net.named_buffers(), fixed.buffers(), strict=True)
    for (_, theirs), ours in norms:  # it knows what its inputs are like
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("name", ["convnet", "convnet-taps"])
def test_folding_the_norms_changes_nothing(name):
    net, frames, _ = made(name)
    with torch.no_grad():
        for block in net.layers:
            block[2].weight.uniform_(0.2, 2.0)
            block[2].bias.normal_()
        net.eval()
        plain = folded(net)
        assert not any(isinstance(part, torch.nn.BatchNorm2d) for part in plain.modules())
        valid = torch.tensor([1, 9, 40, 97, 98])
        torch.testing.assert_close(plain(frames, valid), net(frames, valid), rtol=1e-4, atol=1e-5)
        # the other way round the largest would be the smallest: left as it is
        net.layers[0][2].weight[0] = -1.0
        torch.testing.assert_close(folded(net)(frames, valid), net(frames, valid))


def test_statistics_and_ends_of_frames_against_loops():
    frames = torch.rand((4, 3, 9), generator=torch.Generator().manual_seed(0)) + 0.1
    valid = torch.tensor([1, 4, 8, 9])
    for row, end in zip(frames, valid, strict=True):
        row[:, end:] = 0
    assert sounding_frames(frames).equal(valid)
    found = frame_statistics(frames + 5 * (frames == 0), valid).numpy()
    for row, end, ours in zip(frames.numpy(), valid.tolist(), found, strict=True):
        heard = row[:, :end]
        expected = np.concatenate([heard.mean(axis=1), heard.std(axis=1), heard.max(axis=1)])
        np.testing.assert_allclose(ours, expected, atol=2e-6)


def test_projection_head():
    head = projection_head(20, 6, hidden=8)
    assert head(torch.randn(4, 20)).shape == (4, 6)


@pytest.mark.parametrize("kind", [SequenceEncoder, SequenceDecoder])
def test_an_unknown_size_names_the_sizes(kind):
    with pytest.raises(
        InputError, match="size 'huge'; expected one of small, dense, conv, lstm, large, very-large"
    ):
        kind("huge")

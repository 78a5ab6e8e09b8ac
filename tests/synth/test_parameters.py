"""The tables: how many parameters, what a knob means, and the way back."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from soundkin.errors import InputError
from soundkin.synth.parameters import GROUPS, Parameter, ParameterTable
from soundkin.synth.patches import OscillatorPatch, make_patch


@pytest.mark.parametrize(("name", "count"), [("voice", 78), ("voice-fm", 130), ("parametric", 340)])
def test_the_published_counts(name: str, count: int) -> None:
    table = make_patch(name).table
    assert len(table) == len(set(table.names)) == count


def test_other_counts_of_a_parametric_patch() -> None:
    # n keyboards of 2, 3n envelopes of 5, n LFOs of 8, matrix (2n + 1) x 2n, n + 1 levels
    n = 3
    common = n * (2 + 15 + 8) + (2 * n + 1) * 2 * n + n + 1
    made = make_patch("parametric", sine=1, square_saw=2, fm_sine=0, fm_square_saw=0)
    assert len(made.table) == common + 3 + 2 * 4


@pytest.mark.parametrize("name", ["voice", "voice-fm", "parametric"])
def test_every_column_is_used_once(name: str) -> None:
    patch = make_patch(name)
    assert isinstance(patch, OscillatorPatch)
    layout = patch.layout
    parts = (
        layout.keyboards,
        layout.envelopes,
        layout.lfos,
        layout.oscillators,
        layout.carriers,
        layout.matrix,
        layout.levels,
    )
    used = sorted(int(c) for part in parts for c in part.flatten() if c >= 0)
    assert used == list(range(len(patch.table)))


def test_where_parameters_stand() -> None:
    patch = make_patch("voice-fm")
    assert isinstance(patch, OscillatorPatch)
    names = patch.table.names
    assert [names[c] for c in patch.layout.keyboards[0]] == ["keyboard_1.midi", "keyboard_1.note"]
    assert names[patch.layout.envelopes[3, 0]] == "lfo_rate_adsr_1.attack"
    assert names[patch.layout.matrix[4, 5]] == "matrix.lfo_3>pitch_3"
    assert names[patch.layout.carriers[2, 1]] == "fm_3.depth"
    assert patch.layout.oscillators[0, 3] == -1
    assert names[patch.layout.levels[-1]] == "mixer.noise"


@given(
    st.floats(0, 1),
    st.sampled_from([0.025, 0.2, 0.25, 0.5, 1.0]),
    st.floats(-100, 100),
    st.booleans(),
)
def test_a_human_value_by_scalar_arithmetic(
    u: float, curve: float, low: float, symmetric: bool
) -> None:
    high = low + 7.0
    table = ParameterTable((Parameter("x", low, high, curve=curve, symmetric=symmetric),))
    if symmetric:
        d = 2 * u - 1
        expected = (low + high) / 2 + (high - low) / 2 * math.copysign(abs(d) ** (1 / curve), d)
    else:
        expected = low + (high - low) * u ** (1 / curve)
    value = float(table.to_human(torch.tensor([[u]]))[0, 0])
    assert value == pytest.approx(expected, abs=2e-5 * max(1.0, abs(low)))


@pytest.mark.parametrize("name", ["voice", "voice-fm", "parametric"])
def test_the_way_back(name: str) -> None:
    table = make_patch(name).table
    shares = torch.rand(50, len(table), generator=torch.Generator().manual_seed(1))
    u = table.share_to_unit(shares)
    again = table.to_unit(table.to_human(u))
    human = table.to_human(u)
    spans = torch.tensor([p.maximum - p.minimum for p in table])
    assert u.min() >= 0
    assert u.max() <= 1
    assert ((table.to_human(again) - human).abs() / spans).max() < 1e-5


def test_ends_and_middles_of_the_ranges() -> None:
    table = make_patch("voice").table
    ends = table.to_human(torch.tensor([[0.0], [1.0]]).expand(2, len(table)))
    assert ends[0].tolist() == pytest.approx([p.minimum for p in table], abs=1e-5)
    assert ends[1].tolist() == pytest.approx([p.maximum for p in table], abs=1e-5)
    middle = table.to_human(torch.full((1, len(table)), 0.5))[0]
    assert middle[table.column("lfo_1.depth")] == 5.0
    assert middle[table.column("lfo_1.frequency")] == pytest.approx(20 / 16)


def test_every_parameter_has_a_group_and_each_group_members() -> None:
    for name in ("voice", "voice-fm", "parametric"):
        table = make_patch(name).table
        members = [int(table.in_group(group).sum()) for group in GROUPS]
        assert sum(members) == len(table)
        assert min(members) > 0


def test_what_cannot_be_asked() -> None:
    table = make_patch("voice").table
    with pytest.raises(InputError, match=r"shape \(3, 77\); expected \(batch, 78\)"):
        table.to_human(torch.zeros(3, 77))
    with pytest.raises(
        InputError, match=r"no parameter 'volume'; expected one of keyboard_1\.midi"
    ):
        table.column("volume")
    with pytest.raises(InputError, match="no patch 'organ'; expected one of voice, voice-fm"):
        make_patch("organ")
    with pytest.raises(InputError, match="'voice' without pluck; expected families of 'world'"):
        make_patch("voice without pluck")
    with pytest.raises(InputError, match="no oscillator"):
        make_patch("parametric", sine=0, square_saw=0, fm_sine=0, fm_square_saw=0)
    with pytest.raises(InputError, match="no oscillator or fewer"):
        make_patch("parametric", sine=-1)
    for name in ("voice", "world"):
        patch = make_patch(name)
        with pytest.raises(InputError, match="a level by 'loud'; expected one of none, clip, peak"):
            patch.render(torch.zeros(1, 78), torch.zeros(1).long(), normalise="loud")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="4000 Hz and more"):
        make_patch("voice", rate_hz=100)

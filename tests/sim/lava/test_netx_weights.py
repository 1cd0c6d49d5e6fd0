"""What netx and Lava make of weights, against netx and Lava."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurograph import fixedpoint as fx
from neurograph.sim.lava import runtime
from neurograph.sim.lava.netx_weights import exact_synapses, netx_synapses

MODES = {1: "mixed", 2: "excitatory", 3: "inhibitory"}


def matrices():
    """Every sign, range and common factor, and the corners where netx changes weights."""
    rng = np.random.default_rng(3)
    yield from (
        [[0, -2]],
        [[0, -128, -4]],
        [[-256, -256]],
        [[-256, -2]],
        [[-64]],
        [[255, 3]],
        [[254, -256]],
        [[201, -7]],
        [[300, -1]],
        [[1]],
    )
    yield from ([[-200, 0, -131]], [[300, 4]], [[-1, 0]], [[127, -128]], [[-300, -2]])
    for low, high in ((-256, 255), (-128, 128), (0, 256), (-256, 1), (-255, 0), (-9, 3), (-20, 0)):
        for factor in (1, 2, 4):
            for _ in range(6):
                made = rng.integers(low // factor, max(high // factor, low // factor + 1), (3, 4)) * factor
                yield made if made.any() else made - factor


@pytest.mark.lava
def test_netx_itself_makes_the_same(lava, tmp_path):
    given_ = {f"w{i}": np.array(m) for i, m in enumerate(matrices())}
    np.savez(tmp_path / "in.npz", **given_)
    script = Path(__file__).with_name("netx_oracle.py")
    subprocess.run([runtime.find(), script, tmp_path / "in.npz", tmp_path / "out.npz"], check=True, capture_output=True, timeout=200)
    changed = 0
    with np.load(tmp_path / "out.npz") as made:
        for name, weights in given_.items():
            mine = netx_synapses(weights)
            assert mine is not None
            assert (mine.stored == made[f"{name}_stored"]).all(), weights
            exponent, mode = made[f"{name}_about"]
            assert (mine.exponent, mine.mode) == (exponent, MODES[int(mode)])
            changed += bool((mine.stored * 2.0**mine.exponent != weights).any())
    assert 10 < changed < len(given_) - 80


def test_a_power_of_two_at_the_bottom_is_lost():
    made = netx_synapses(np.array([[0, -2]]))
    assert made.stored.tolist() == [[0, -128]]
    assert (made.exponent, made.mode) == (-7, "inhibitory")
    assert netx_synapses(np.zeros((2, 2))) is None


@given(st.lists(st.integers(-600, 600), min_size=1, max_size=6))
def test_exact_synapses_lose_nothing(values):
    weights = np.array(values)
    made = exact_synapses(weights)
    if made is None:
        assert np.abs(weights).max() > 127
        return
    low, high, step = fx.weight_limits(made.mode)
    assert low <= made.stored.min() and made.stored.max() <= high and not (made.stored % step).any()
    assert (made.stored * 2.0**made.exponent == weights).all()

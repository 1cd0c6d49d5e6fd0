"""LIF against a plain float64 loop, and against Norse's own step."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from neurograph.nn import LIF
from neurograph.nn._norse import LIFBoxFeedForwardState, LIFBoxParameters, lif_box_feed_forward_step, reset_subtract, reset_value

Array = NDArray[Any]


def plain_loop(current: Array, beta: float, threshold: float, reset: str) -> Array:
    """The canonical neuron of the design, written anew."""
    v = np.zeros(current.shape[1:])
    spikes = np.zeros(current.shape)
    for t, i in enumerate(current):
        v = (1 - beta) * v + beta * i
        spikes[t] = v > threshold
        v = np.where(spikes[t] > 0, 0.0 if reset == "value" else v - threshold, v)
    return spikes


@pytest.mark.parametrize("reset", ["value", "subtract"])
@pytest.mark.parametrize(("beta", "threshold"), [(0.5, 0.3), (0.2, 1.0), (1.0, 0.5), (0.37, 0.71)])
def test_same_spikes_as_a_plain_float64_loop(reset: Any, beta: float, threshold: float) -> None:
    current = np.random.default_rng(0).normal(threshold, 2 * threshold, (20, 30, 16))
    expected = plain_loop(current, beta, threshold, reset)
    spikes = LIF(beta, threshold, reset)(torch.from_numpy(current)).numpy()
    assert 0.05 < expected.mean() < 0.95
    np.testing.assert_array_equal(spikes, expected)


@pytest.mark.parametrize("reset", ["value", "subtract"])
def test_same_spikes_as_norse_step_by_step(reset: Any) -> None:
    current = torch.randn(12, 7, 5, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    parameters = LIFBoxParameters(
        tau_mem_inv=torch.tensor(300.0, dtype=torch.float64),
        v_leak=torch.tensor(0.0),
        v_th=torch.tensor(0.3, dtype=torch.float64),
        v_reset=torch.tensor(0.0),
        reset_method=reset_value if reset == "value" else reset_subtract,
    )
    state = LIFBoxFeedForwardState(v=torch.zeros(7, 5, dtype=torch.float64))
    spikes = LIF(0.3, 0.3, reset)(current)
    for t, tick in enumerate(current):
        z, state = lif_box_feed_forward_step(tick, state, parameters, dt=0.001)
        assert torch.equal(spikes[t], z), f"tick {t}"


def by_norse(current: torch.Tensor, beta: Any, threshold: float, reset: str) -> torch.Tensor:
    """Norse's own step under torch's autograd, in units of 1/4: its SuperSpike has slope 1 whatever its alpha is."""
    parameters = LIFBoxParameters(
        tau_mem_inv=beta, v_leak=0.0, v_th=4 * threshold, v_reset=0.0, reset_method=reset_value if reset == "value" else reset_subtract
    )
    state, spikes = LIFBoxFeedForwardState(v=torch.zeros_like(current[0])), []
    for tick in (4 * current).unbind(0):
        z, state = lif_box_feed_forward_step(tick, state, parameters, dt=1.0)
        spikes.append(z)
    return torch.stack(spikes)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 10_000),
    st.integers(1, 9),
    st.sampled_from([0.1, 0.37, 0.5, 0.9]),
    st.sampled_from([0.3, 1.0]),
    st.sampled_from(["value", "subtract"]),
    st.sampled_from([torch.float32, torch.float64]),
)
def test_spikes_and_gradients_are_norses(seed: int, ticks: int, beta: float, threshold: float, reset: Any, dtype: torch.dtype) -> None:
    """Of the current and of a learned beta, for any gradient that arrives."""
    generator = torch.Generator().manual_seed(seed)
    current = torch.randn(ticks, 5, 4, generator=generator, dtype=dtype) * 2
    arrived = torch.randn(ticks, 5, 4, generator=generator, dtype=dtype)
    neuron = LIF(beta, threshold, reset, learn_beta=True).to(dtype)
    assert neuron.beta_logit is not None
    ours, theirs = current.clone().requires_grad_(), current.clone().requires_grad_()
    spikes = neuron(ours)
    spikes.backward(arrived)
    logit = neuron.beta_logit.detach().clone().requires_grad_()
    wanted = by_norse(theirs, torch.sigmoid(logit), threshold, reset)
    wanted.backward(arrived)
    assert torch.equal(spikes, wanted)
    torch.testing.assert_close(ours.grad, theirs.grad)
    torch.testing.assert_close(neuron.beta_logit.grad, logit.grad, rtol=1e-4 if dtype == torch.float32 else 1e-9, atol=1e-4)


def test_membrane_at_the_threshold_does_not_fire() -> None:
    at, above = torch.full((1, 1, 1), 1.0), torch.full((1, 1, 1), 1.0 + 1e-6)
    assert LIF(1.0, 1.0)(at).item() == 0
    assert LIF(1.0, 1.0)(above).item() == 1


def test_surrogate_has_slope_four_and_the_reset_is_not_detached() -> None:
    current = torch.tensor([[[0.8]], [[0.9]]], dtype=torch.float64, requires_grad=True)
    beta, threshold = 0.5, 0.3
    LIF(beta, threshold)(current)[1].sum().backward()

    def slope(v: float) -> float:
        return 4 / (1 + 4 * abs(v - threshold)) ** 2

    first, second = beta * 0.8, beta * 0.9  # the first tick fires, so the second starts from 0
    through_reset = slope(second) * (1 - beta) * -first * slope(first) * beta
    assert current.grad is not None
    assert current.grad[1].item() == pytest.approx(slope(second) * beta)
    assert current.grad[0].item() == pytest.approx(through_reset)


def test_learned_beta_starts_at_the_given_one_and_gets_a_gradient() -> None:
    neuron = LIF(0.25, 0.3, learn_beta=True)
    assert neuron.beta == pytest.approx(0.25)
    neuron(torch.rand(4, 5, 3)).sum().backward()
    assert neuron.beta_logit is not None
    assert neuron.beta_logit.grad is not None
    assert neuron.beta_logit.grad.abs() > 0


def test_learned_beta_gives_the_spikes_of_its_property() -> None:
    neuron = LIF(0.3, 0.4, learn_beta=True).double()
    current = np.random.default_rng(3).normal(0.4, 1.0, (10, 20, 8))
    expected = plain_loop(current, neuron.beta, neuron.threshold, neuron.reset)
    np.testing.assert_array_equal(neuron(torch.from_numpy(current)).detach().numpy(), expected)


@pytest.mark.parametrize("bad", [{"beta": 0.0}, {"beta": 1.5}, {"threshold": 0.0}, {"reset": "soft"}, {"beta": 1.0, "learn_beta": True}])
def test_bad_parameters_are_refused_with_their_value(bad: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"LIF: .* is {next(iter(bad.values()))!r}".replace(".0", "")):
        LIF(**bad)

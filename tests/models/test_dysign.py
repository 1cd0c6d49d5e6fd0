"""Dy-SIGN: its neurons against Norse's, its rates against the equilibrium, its gradients against those of the unrolled model."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from dynamic_graphs import CLASSES, FEATURES, NODES, ROWS, small, small_steps
from torch import Tensor

from neurograph.models.dysign import DySign, DySignConfig
from neurograph.models.dysign_onchip import OnChipConfig, OnChipDySign
from neurograph.models.steps import Step
from neurograph.nn import gcn_norm
from neurograph.nn._norse import LIFBoxFeedForwardState, LIFBoxParameters, lif_box_feed_forward_step, reset_subtract, reset_value
from neurograph.nn.equilibrium import Search

CONFIG = DySignConfig(FEATURES, CLASSES, 4, width=3, latency=6, dropout=0.0)
CHIP = OnChipConfig(FEATURES, CLASSES, 4, width=3, dropout=0.0)


def model(dtype: torch.dtype = torch.float64, seed: int = 0, **changed: Any) -> DySign:
    torch.manual_seed(seed)
    made = DySign(replace(CONFIG, **changed)).to(dtype).eval()
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.mul_(1.5)  # so that some neurons are silent and some always fire
    return made


def exactly(made: DySign) -> DySign:
    made.search = Search(1e-13, 5000)
    return made


STEPS = small_steps("hold", torch.float64)


def carried(made: DySign) -> Tensor:
    width = made.config.layers * made.config.width
    return torch.rand(len(STEPS[1].nodes), width, dtype=torch.float64, generator=torch.Generator().manual_seed(3))


def test_simulation_is_that_of_a_plain_loop_over_nodes() -> None:
    """u as the equations have it, node by node and layer by layer, with the dense matrix of the snapshot."""
    made = model(layers=3)
    a, step, c, width = carried(made), STEPS[1], CONFIG, CONFIG.width
    graph = step.adjacency.to_dense().numpy()
    weights = {name: value.detach().numpy() for name, value in made.state_dict(keep_vars=True).items()}
    recurrent = [made.recurrent[k].weight.detach().numpy() for k in range(3)]
    u = np.full((3, len(graph), width), c.start * c.threshold)
    s = np.zeros_like(u)
    total, norm, x, held = np.zeros_like(u), 0.0, step.x.numpy(), a.numpy().reshape(len(graph), 3, width)
    for _ in range(c.latency):
        before = s.copy()
        for k in range(3):
            for n in range(len(graph)):
                heard = recurrent[k] @ (graph[n] @ before[k]) + weights[f"carry.{k}.weight"] @ held[n, k]
                if k == 0:
                    heard = heard + weights["input.weight"] @ (graph[n] @ x) + weights["input.bias"] + weights["own.weight"] @ x[n]
                else:
                    heard = heard + weights[f"between.{k - 1}.weight"] @ (graph[n] @ before[k - 1]) + weights[f"between.{k - 1}.bias"]
                if k == 2:
                    heard = heard + weights["compensation.weight"] @ before[0][n]
                u[k, n] = c.leak * (u[k, n] - c.threshold * before[k, n]) + heard
        s = (u >= c.threshold).astype(float)
        total, norm = c.leak * total + s, c.leak * norm + 1
    assert 0.1 < s.mean() < 0.9
    np.testing.assert_allclose(made.rates(step, a).detach().numpy(), (total / norm).transpose(1, 0, 2).reshape(len(graph), -1))


@pytest.mark.parametrize("leak", [0.95, 1.0])
def test_rates_come_to_the_equilibrium_as_steps_grow(leak: float) -> None:
    """To what the membranes still hold: a threshold over the sum of the weights, times the gain of the loops."""
    goal = exactly(model(forward="equilibrium", leak=leak))
    a = carried(goal)
    with torch.no_grad():
        wanted = goal.rates(STEPS[1], a)
        errors = [float((model(latency=latency, leak=leak).rates(STEPS[1], a) - wanted).abs().mean()) for latency in (2, 16, 1024)]
    assert ((wanted == 0) | (wanted == 1)).any() and ((wanted > 0) & (wanted < 1)).any()
    assert errors[1] < 0.75 * errors[0] and (errors[2] < 0.003 if leak == 1 else errors[2] < 0.06)


def test_implicit_gradients_are_those_of_the_unrolled_equilibrium() -> None:
    """Of all parameters, over all snapshots, in float64."""
    made = exactly(model(forward="equilibrium"))
    goal = torch.randn(NODES, CLASSES, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    (made(STEPS, NODES, ROWS) * goal).sum().backward()
    implicit = {name: parameter.grad.clone() for name, parameter in made.named_parameters()}
    made.zero_grad()
    weights = made._weights()
    state, logits = torch.zeros(NODES, 6, dtype=torch.float64), made.readout.linear.bias
    for step, readout in zip(STEPS, made.readout.linear.weight.split(6, 1), strict=True):
        if len(step.nodes):
            a = torch.zeros(len(step.nodes), 6, dtype=torch.float64)
            drive = made.drive(step, state[step.nodes])
            for _ in range(300):
                a = ((step.adjacency @ a @ weights[0] + a[:, :3] @ weights[1] + drive) / made.config.threshold).clamp(0, 1)
            state = state.index_copy(0, step.nodes, a)
        logits = logits + state @ readout.t()
    (logits * goal).sum().backward()
    for name, parameter in made.named_parameters():
        assert parameter.grad.abs().max() > 1e-3, name
        torch.testing.assert_close(implicit[name], parameter.grad, rtol=1e-7, atol=1e-9)


def test_gradients_are_those_of_finite_differences() -> None:
    made = exactly(model(forward="equilibrium"))
    names = [name for name, _ in made.named_parameters()]

    def logits(*values: Tensor) -> Tensor:
        return torch.func.functional_call(made, dict(zip(names, values, strict=True)), (STEPS, NODES, ROWS[:6]))

    assert torch.autograd.gradcheck(logits, tuple(parameter.detach().clone().requires_grad_() for parameter in made.parameters()))


def test_spiking_gradients_come_to_those_of_the_equilibrium() -> None:
    gradients = []
    for changed in ({"latency": 2}, {"latency": 512}, {"forward": "equilibrium"}):
        made = exactly(model(leak=1.0, **changed))
        made(STEPS, NODES, ROWS).square().sum().backward()
        gradients.append(torch.cat([parameter.grad.flatten() for parameter in made.parameters()]))
    near, far = ((gradients[k] - gradients[2]).norm() / gradients[2].norm() for k in (1, 0))
    assert near < 0.1 and near < far / 3


def saved_bytes(made: torch.nn.Module) -> int:
    """Bytes of the distinct tensors that autograd keeps for the backward pass."""
    kept: dict[int, int] = {}

    def note(tensor: Tensor) -> Tensor:
        if not tensor.is_sparse_csr:
            kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        out = made(STEPS, NODES, ROWS)
        found = sum(kept.values())
        del out
    return found


def test_what_is_kept_for_the_gradient_grows_with_the_steps_of_bptt_alone() -> None:
    implicit, unrolled = ([saved_bytes(model(gradient=how, latency=latency)) for latency in (4, 64)] for how in ("implicit", "unrolled"))
    assert implicit[1] == implicit[0] and unrolled[1] > 5 * unrolled[0]


def test_both_gradients_start_from_the_same_spikes() -> None:
    first, second = (model(gradient=how)(STEPS, NODES, ROWS) for how in ("implicit", "unrolled"))
    torch.testing.assert_close(first, second)


def test_recurrent_weights_stay_bounded_under_training() -> None:
    made = model(torch.float32, width=8).train()
    optimizer = torch.optim.Adam(made.parameters(), lr=0.3)
    steps = small_steps()
    for _ in range(10):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(made(steps, NODES, ROWS), torch.from_numpy(small().y)).backward()
        optimizer.step()
        norms = [np.linalg.norm(linear.weight.detach().numpy(), 2) for linear in made.recurrent]
        assert max(norms) <= 0.9 * (1 + 1e-5)
    assert max(norms) > 0.89


@pytest.mark.parametrize("off", ["compensation", "carry", "own"])
def test_parts_can_be_left_out(off: str) -> None:
    whole, less = model(), model(**{off: False})
    less.load_state_dict({name: whole.state_dict()[name] for name in less.state_dict()})
    assert not torch.allclose(whole(STEPS, NODES, ROWS), less(STEPS, NODES, ROWS))
    with torch.no_grad():
        for module in [getattr(whole, off)] if off != "carry" else whole.carry:
            module.weight.zero_()
    torch.testing.assert_close(whole(STEPS, NODES, ROWS), less(STEPS, NODES, ROWS))


@pytest.mark.parametrize("layers", [1, 3])
def test_a_spread_start_rests_at_one_half(layers: int) -> None:
    """Features of 0 leave all rates at one half of what they can be, whatever was carried."""
    torch.manual_seed(0)
    config = replace(CONFIG, layers=layers, spread=0.8, threshold=1.5, own=False, forward="equilibrium")
    made = exactly(DySign(config).double())
    edges = torch.eye(NODES, dtype=torch.float64).to_sparse_csr()  # with other graphs the sums of rows of Â are not 1
    none = torch.zeros(NODES, FEATURES, dtype=torch.float64)
    step = Step(ROWS, edges, none, none)
    for at in (0.0, 1.0):
        rates = made.rates(step, torch.full((NODES, layers * config.width), at, dtype=torch.float64))
        torch.testing.assert_close(rates, torch.full_like(rates, 0.5))


def test_the_first_rates_of_a_spread_start_are_personalised_pagerank() -> None:
    """(I - s Â)^-1 of the drive, as long as no rate meets 0 or 1 (Gasteiger et al., arXiv 1810.05997)."""
    torch.manual_seed(0)
    made = exactly(DySign(replace(CONFIG, layers=1, spread=0.8, forward="equilibrium", own=False)).double())
    step = STEPS[1]
    small_x = Step(step.nodes, step.adjacency, step.x * 0.01, step.propagated * 0.01)
    dense = step.adjacency.to_dense()
    with torch.no_grad():
        wanted = torch.linalg.solve(torch.eye(len(dense), dtype=torch.float64) - 0.8 * dense, made.input(small_x.propagated))
        assert wanted.min() > 0 and wanted.max() < 1
        torch.testing.assert_close(made.rates(small_x, torch.zeros_like(wanted)), wanted)


def test_idle_nodes_keep_their_rates() -> None:
    """Nobody moves in the third snapshot, and the last node never does."""
    made = model()
    before, after = torch.zeros(4, NODES, 6, dtype=torch.float64), torch.zeros(NODES, 6, dtype=torch.float64)
    for at, step in enumerate(STEPS):
        if len(step.nodes):
            after = after.index_copy(0, step.nodes, made.rates(step, after[step.nodes]))
        before[at] = after
    assert torch.equal(before[1], before[2]) and not before[:, -1].any()
    read = before.transpose(0, 1).flatten(1)
    torch.testing.assert_close(made(STEPS, NODES, ROWS), made.readout.linear(read))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"width": 0}, "width is 0, must be at least 1"),
        ({"leak": 0.0}, "leak is 0, must lie in"),
        ({"contraction": 1.0}, "contraction is 1, must lie in"),
        ({"spread": 0.95}, r"spread is 0.95, must lie in \[0, 0.9\]"),
        ({"forward": "other"}, "forward is 'other'"),
        ({"forward": "equilibrium", "gradient": "unrolled"}, "must be forward 'spikes'"),
    ],
)
def test_configs_that_cannot_be(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        replace(CONFIG, **changed)


@pytest.mark.parametrize("reset", ["subtract", "value"])
def test_on_chip_populations_are_norses_on_what_they_hear(reset: Any) -> None:
    """Each population of a window anew: a Norse neuron without leak, on the dense products of the spikes that the others sent."""
    torch.manual_seed(0)
    made = OnChipDySign(replace(CHIP, reset=reset, latency=9)).double().eval()
    step = STEPS[1]
    held = torch.rand(len(step.nodes), 12, dtype=torch.float64)
    with torch.no_grad():
        spikes, after = made.window(step, held)
        graph = torch.from_numpy(gcn_norm(small().snapshots[1], NODES).toarray())[step.nodes][:, step.nodes]
        # Norse's box neuron moves by dt/tau · (i − v); dt/tau = 1e-9 of a current 1e9 as large does not leak.
        p = LIFBoxParameters(
            tau_mem_inv=torch.tensor(1e-9, dtype=torch.float64),
            v_th=torch.tensor(1.0),
            reset_method=reset_subtract if reset == "subtract" else reset_value,
        )
        states = [LIFBoxFeedForwardState(v=part.clone()) for part in held.split(3, 1)]
        arriving = [torch.zeros_like(held[:, :3])] * 2
        current = graph @ step.x @ made.input.weight.t() + made.input.bias + step.x @ made.own.weight.t()
        for tick in spikes:
            first, states[0] = lif_box_feed_forward_step(1e9 * (current + arriving[0]), states[0], p, dt=1.0)
            heard = arriving[1] + made.compensation.linear(first)
            second, states[1] = lif_box_feed_forward_step(1e9 * heard, states[1], p, dt=1.0)
            assert torch.equal(tick, torch.cat([first, second], 1))
            sent_1, states[2] = lif_box_feed_forward_step(1e9 * made.recurrent[0].linear(first), states[2], p, dt=1.0)
            relayed = made.recurrent[1].linear(second) + made.between[0].linear(first)
            sent_2, states[3] = lif_box_feed_forward_step(1e9 * relayed, states[3], p, dt=1.0)
            arriving = [made.log_gain[k].exp() * (graph @ sent) for k, sent in enumerate((sent_1, sent_2))]
    assert 0.05 < spikes.mean() < 0.95
    torch.testing.assert_close(after, torch.cat([state.v for state in states], 1), atol=1e-6, rtol=0)


def test_on_chip_membranes_carry_over() -> None:
    torch.manual_seed(0)
    made = OnChipDySign(CHIP).double().eval()
    whole = made(STEPS, NODES, ROWS)
    held, counts = torch.zeros(NODES, 12, dtype=torch.float64), []
    rates = torch.zeros(NODES, 6, dtype=torch.float64)
    for step in STEPS:
        if len(step.nodes):
            spikes, held[step.nodes] = made.window(step, held[step.nodes])
            rates[step.nodes] = spikes.mean(0)
        counts.append(rates.clone())
    torch.testing.assert_close(whole, made.readout.linear(torch.cat(counts, 1)))
    fresh, _ = made.window(STEPS[1], torch.zeros(len(STEPS[1].nodes), 12, dtype=torch.float64))
    assert not torch.equal(fresh.mean(0), counts[1][STEPS[1].nodes])


def test_on_chip_parameters_all_have_gradients() -> None:
    torch.manual_seed(0)
    made = OnChipDySign(replace(CHIP, start=0.5)).double()
    made(STEPS, NODES, ROWS).square().sum().backward()
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in made.parameters())


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"width": 17}, "width is 17, must be at most 16"),
        ({"latency": 0}, "latency is 0"),
        ({"threshold": 0.0}, "must be above 0"),
        ({"start": 1.0}, "start 1 below"),
        ({"reset": "none"}, "reset is 'none'"),
    ],
)
def test_on_chip_configs_that_cannot_be(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        replace(CHIP, **changed)

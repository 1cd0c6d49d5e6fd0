"""The equilibrium layer against dense linear algebra, torch's gradcheck, the unrolled iteration and SciPy's root finder."""

from __future__ import annotations

import gc
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize
from torch import Tensor

from neurograph.errors import ConvergenceError
from neurograph.nn.equilibrium import Search, at_equilibrium, equilibrium, fixed_point

EXACT = Search(1e-13, 2000)
SEARCHES = [EXACT, Search(1e-13, 2000, damping=0.7), Search(1e-13, 2000, memory=5), Search(1e-13, 2000, damping=0.8, memory=3)]


def contraction(seed: int, nodes: int = 6, width: int = 3, norm: float = 0.8) -> tuple[Tensor, Tensor, Tensor]:
    """A symmetric propagation of norm 1, weights of the norm asked for, a drive; float64."""
    draw = np.random.default_rng(seed)
    graph = draw.normal(size=(nodes, nodes))
    graph = graph + graph.T
    weight = draw.normal(size=(width, width))
    parts = graph / np.linalg.norm(graph, 2), norm * weight / np.linalg.norm(weight, 2), draw.normal(0.4, 0.5, (nodes, width))
    graph, weight, drive = (torch.from_numpy(part) for part in parts)
    return graph, weight, drive


@pytest.mark.parametrize("search", SEARCHES)
@given(seed=st.integers(0, 1000))
def test_linear_maps_have_the_solution_of_their_equations(search: Search, seed: int) -> None:
    graph, weight, drive = contraction(seed)
    found = fixed_point(lambda a: graph @ a @ weight + drive, torch.zeros_like(drive), search)
    system = np.eye(drive.numel()) - np.kron(graph, weight.T)
    np.testing.assert_allclose(found.value.flatten(), np.linalg.solve(system, drive.flatten().numpy()), atol=1e-10)


@pytest.mark.parametrize("search", SEARCHES)
def test_saturating_maps_have_the_root_that_scipy_finds(search: Search) -> None:
    graph, weight, drive = contraction(3)

    def f(a: Tensor) -> Tensor:
        return (graph @ a @ weight + drive).clamp(0, 1)

    def off(a: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        return f(torch.from_numpy(a).view_as(drive)).flatten().numpy() - a

    found = fixed_point(f, torch.zeros_like(drive), search).value
    assert ((found == 0) | (found == 1)).any() and ((found > 0) & (found < 1)).any()
    np.testing.assert_allclose(found.flatten(), optimize.root(off, np.full(drive.numel(), 0.5), method="df-sane", tol=1e-12).x, atol=1e-8)


@pytest.mark.parametrize("search", SEARCHES)
@pytest.mark.parametrize("shape", ["tanh", "clamp"])
def test_gradients_are_those_of_finite_differences(search: Search, shape: str) -> None:
    graph, weight, drive = contraction(1)

    def solved(weight: Tensor, drive: Tensor) -> Tensor:
        def f(a: Tensor) -> Tensor:
            heard = graph @ a @ weight + drive
            return heard.tanh() if shape == "tanh" else heard.clamp(0, 1)

        return equilibrium(f, torch.zeros_like(drive), search)

    assert torch.autograd.gradcheck(solved, (weight.requires_grad_(), drive.requires_grad_()))


def test_gradients_are_those_of_the_unrolled_iteration() -> None:
    graph, weight, drive = contraction(2)
    weight.requires_grad_()
    drive.requires_grad_()

    def f(a: Tensor) -> Tensor:
        return (graph @ a @ weight + drive).clamp(0, 1)

    a = torch.zeros_like(drive)
    for _ in range(200):
        a = f(a)
    goal = torch.randn(a.shape, dtype=a.dtype, generator=torch.Generator().manual_seed(0))
    unrolled = torch.autograd.grad((a * goal).sum(), (weight, drive))
    implicit = torch.autograd.grad((equilibrium(f, torch.zeros_like(drive), EXACT) * goal).sum(), (weight, drive))
    for ours, theirs in zip(implicit, unrolled, strict=True):
        assert theirs.abs().max() > 0.01
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-11)


def test_values_near_the_equilibrium_pass_unchanged_with_its_gradient() -> None:
    graph, weight, drive = contraction(4)
    drive.requires_grad_()

    def f(a: Tensor) -> Tensor:
        return graph @ a @ weight + drive  # linear: its Jacobian is the same everywhere

    near = torch.rand_like(drive)
    out = at_equilibrium(f, near, EXACT)
    assert torch.equal(out, near)
    (ours,) = torch.autograd.grad(out.sum(), drive)
    (exact,) = torch.autograd.grad(equilibrium(f, near, EXACT).sum(), drive)
    torch.testing.assert_close(ours, exact)


def test_anderson_takes_fewer_steps() -> None:
    graph, weight, drive = contraction(5, nodes=30, width=8, norm=0.98)
    steps = [fixed_point(lambda a: graph @ a @ weight + drive, drive, Search(1e-10, 2000, memory=memory)).steps for memory in (0, 5)]
    assert steps[1] < steps[0]


def graph_nodes(tensor: Tensor) -> int:
    """How many functions autograd keeps behind a tensor."""
    seen, stack = set(), [tensor.grad_fn]
    while stack:
        node = stack.pop()
        if node is not None and node not in seen:
            seen.add(node)
            stack += [before for before, _ in node.next_functions]
    return len(seen)


def test_the_graph_does_not_grow_with_the_steps() -> None:
    graph, weight, drive = contraction(6, norm=0.95)
    drive.requires_grad_()
    sizes, counts = [], []
    for tolerance in (1e-1, 1e-12):
        calls = []

        def f(a: Tensor, calls: list[int] = calls) -> Tensor:
            calls.append(1)
            return (graph @ a @ weight + drive).clamp(0, 1)

        sizes.append(graph_nodes(equilibrium(f, torch.zeros_like(drive), Search(tolerance, 2000))))
        counts.append(len(calls))
    assert sizes[0] == sizes[1] and counts[1] > 2 * counts[0]


def test_no_graph_outlives_its_output() -> None:
    graph, weight, drive = contraction(7)
    drive.requires_grad_()
    gc.collect()
    equilibrium(lambda a: graph @ a @ weight + drive, torch.zeros_like(drive)).sum().backward()
    before = sum(issubclass(type(thing), Tensor) for thing in gc.get_objects())
    for _ in range(5):
        equilibrium(lambda a: graph @ a @ weight + drive, torch.zeros_like(drive)).sum().backward()
    assert sum(issubclass(type(thing), Tensor) for thing in gc.get_objects()) <= before + 1  # freed without the collector's help


def test_what_needs_no_gradient_gets_none() -> None:
    graph, weight, drive = contraction(8)
    assert not equilibrium(lambda a: graph @ a @ weight + drive, drive).requires_grad


@pytest.mark.parametrize("nodes", [1, 2, 3])
def test_parallel_and_tiny_residuals_in_float32(nodes: int) -> None:
    """Few unknowns leave residuals parallel, where Anderson's equations have no one solution; tiny gradients are scaled, not lost."""
    for seed in range(30):
        graph, weight, drive = (part.float() for part in contraction(seed, nodes=nodes, width=1))
        weight = weight.requires_grad_()
        search = Search(1e-4, 300, memory=4)
        found = equilibrium(lambda a, g=graph, w=weight, d=drive: (g @ a @ w + d).clamp(0, 1), torch.zeros_like(drive), search)
        (plain,) = torch.autograd.grad(found.sum(), weight, retain_graph=True)
        (tiny,) = torch.autograd.grad(1e-20 * found.sum(), weight)
        assert plain.isfinite().all()
        torch.testing.assert_close(tiny * 1e20, plain, rtol=1e-2, atol=1e-4)


def test_maps_that_are_no_contractions_are_refused_by_name() -> None:
    with pytest.raises(ConvergenceError, match=r"thing: relative change 0\.5 after 9 of 9 steps, must be at most 0\.0001; lower the norm"):
        fixed_point(lambda a: 2 * a, torch.ones(3), Search(limit=9), "thing")
    with pytest.raises(ConvergenceError, match="relative change nan after 1 of 200 steps"):
        fixed_point(lambda a: a * float("inf") - a, torch.ones(3))
    value = torch.ones(3, requires_grad=True)
    with pytest.raises(ConvergenceError, match="gradient at the equilibrium"):
        at_equilibrium(lambda a: 2 * a + value, torch.zeros(3), Search(limit=5)).sum().backward()


@pytest.mark.parametrize("wrong", [{"tolerance": 0.0}, {"limit": 0}, {"damping": 0.0}, {"damping": 1.5}, {"memory": -1}])
def test_searches_that_cannot_be(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="must have tolerance > 0"):
        Search(**wrong)

"""Dy-SIGN (arXiv 2401.05373): spiking graph layers over the snapshots of a dynamic graph, trained at their equilibrium (``paper`` build).

A reconstruction from the abstract's claims and the equations of this line of work, not a reproduction: no code was released. The build
whose every edge is a synapse is :mod:`neurograph.models.dysign_onchip`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, cast

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from neurograph.models.readout import SnapshotReadout
from neurograph.models.steps import Step
from neurograph.nn.equilibrium import Search, at_equilibrium, equilibrium
from neurograph.nn.propagate import symmetric_product
from neurograph.nn.spike import spike
from neurograph.settings_fields import check_fields

__all__ = ["DySign", "DySignConfig"]


@dataclass(frozen=True)
class DySignConfig:
    """What a Dy-SIGN is built from; plain values only.

    Args:
        in_features, classes, steps: of the graph.
        width, layers: D and K.
        latency: L, steps of the simulation of a snapshot.
        leak: λ, in (0, 1]. threshold: V_th. start: u before the first step, in thresholds; 0.5 rounds rates where 0 cuts them off.
        contraction: ‖W_s‖₂ is kept at or below this, which must be below V_th.
        spread: W_s is spread · I at the start, and what comes from outside 1 − spread of its usual size, so that rates start as features
            that were spread over the graph; 0: W_s is random. At most contraction.
        compensation: W_c. carry: W_p. own: a term W_o X_t beside the propagated one.
        dropout: of the rates that are read. last: read those after the last snapshot alone.
        forward: "spikes": L steps of the neurons; "equilibrium": a* itself, by iteration.
        gradient: "implicit": at the equilibrium; "unrolled": back through the L steps with a surrogate (BPTT), which needs
            ``forward="spikes"``.
        tolerance: of both iterations, see :class:`neurograph.nn.equilibrium.Search`.
    """

    in_features: int
    classes: int
    steps: int
    width: int = 64
    layers: int = 2
    latency: int = 8
    leak: float = 0.95
    threshold: float = 1.0
    start: float = 0.5
    contraction: float = 0.9
    spread: float = 0.0
    compensation: bool = True
    carry: bool = True
    own: bool = True
    dropout: float = 0.5
    last: bool = False
    forward: Literal["spikes", "equilibrium"] = "spikes"
    gradient: Literal["implicit", "unrolled"] = "implicit"
    tolerance: float = 1e-3

    def __post_init__(self) -> None:
        check_fields(self, "DySignConfig")
        for name in ("in_features", "classes", "steps", "width", "layers", "latency"):
            if getattr(self, name) < 1:
                raise ValueError(f"DySignConfig: {name} is {getattr(self, name)}, must be at least 1")
        if not 0 < self.leak <= 1:
            raise ValueError(f"DySignConfig: leak is {self.leak:g}, must lie in (0, 1]; it is the share of u that a step leaves")
        if not 0 < self.contraction < self.threshold:
            raise ValueError(
                f"DySignConfig: contraction is {self.contraction:g}, must lie in (0, {self.threshold:g}), below the threshold;"
                " else there may be no equilibrium"
            )
        if not 0 <= self.spread <= self.contraction:
            raise ValueError(f"DySignConfig: spread is {self.spread:g}, must lie in [0, {self.contraction:g}], the contraction")
        if self.forward == "equilibrium" and self.gradient == "unrolled":
            raise ValueError("DySignConfig: gradient 'unrolled' with forward 'equilibrium', must be forward 'spikes'; there are no steps")


class DySign(nn.Module):
    r"""Latency dynamics of snapshot t, for all layers :math:`k = 1 \dots K` at once, :math:`\tau = 1 \dots L`:

    .. math::
        u^k &\leftarrow \lambda (u^k - V s^k) + W_s^k \hat A_t s^k + W_x^k \hat A_t s^{k-1} + [k = K]\, W_c s^1 + W_p^k a^k_{t-1} + b^k,
        \qquad s^k = [u^k \ge V] \\
        a^k_t &= \sum_\tau \lambda^{L-\tau} s^k_\tau \Big/ \sum_\tau \lambda^{L-\tau}

    with the input :math:`\hat A_t X_t W_x + X_t W_o` in place of the second term in the first layer. As L grows the weighted rates come to

    .. math::
        a^* = \mathrm{clamp}\big((W_s \hat A_t a^* + \dots) / V, 0, 1\big)

    up to what the membranes still hold, V over :math:`\sum_\tau \lambda^{L - \tau}`. Where ``gradient="implicit"`` the neurons fire
    without a graph, and the gradient is that of the equilibrium at their rates, so memory does not grow with L. Nodes that take no part in
    a step (:class:`~neurograph.models.steps.Step`) keep their rates. Read are the rates of all layers after every snapshot, or after the
    last one: :math:`\mathrm{logits} = \sum_t W_r^t a_t + b_r`.

    Shapes:
        steps, T of them; nodes, N; rows (R,), those to read → logits (R, C)

    Raises:
        ConvergenceError: no equilibrium within the tolerance.
    """

    name = "dysign"

    def __init__(self, config: DySignConfig) -> None:
        super().__init__()
        self.config = config
        width, layers = config.width, config.layers
        self.recurrent = nn.ModuleList(_bounded(width, config.contraction) for _ in range(layers))
        self.input = nn.Linear(config.in_features, width)
        self.own = nn.Linear(config.in_features, width, bias=False) if config.own else None
        self.between = nn.ModuleList(nn.Linear(width, width) for _ in range(layers - 1))
        self.carry = nn.ModuleList(nn.Linear(width, width, bias=False) for _ in range(layers)) if config.carry else None
        self.compensation = nn.Linear(width, width, bias=False) if config.compensation and layers > 1 else None
        self.readout = SnapshotReadout(config.steps, layers * width, config.classes, config.dropout, config.last)
        self.search = Search(config.tolerance, limit=300, memory=4)
        for linear in (self.input, *self.between):
            nn.init.constant_(cast(nn.Linear, linear).bias, config.threshold / 2)  # where a rate has a slope
        if config.spread:
            self._start_spread()

    @torch.no_grad()
    def _start_spread(self) -> None:
        """Rates of one half everywhere are the equilibrium of features 0, and nothing is carried. Between layers weights are three times
        their usual size, for rates spread over [0, 1] have a third of the standard deviation of standardised features."""
        config = self.config
        rest = 1 - config.spread / config.threshold
        for k, recurrent in enumerate(self.recurrent):
            recurrent.weight = config.spread * torch.eye(config.width)
            heard = [self.between[k - 1] if k else None, self.compensation if k == config.layers - 1 else None]
            bias = cast(nn.Linear, self.between[k - 1] if k else self.input).bias.fill_(config.threshold * rest / 2)
            for linear in (cast(nn.Linear, part) for part in heard if part is not None):
                linear.weight.mul_(3 * rest)
                bias -= linear.weight.sum(dim=1) / 2
        for outer in (self.input, self.own):
            if outer is not None:
                outer.weight.mul_(rest)
        for carry in self.carry or ():
            nn.init.zeros_(cast(nn.Linear, carry).weight)

    def forward(self, steps: Sequence[Step], nodes: int, rows: Tensor) -> Tensor:
        reader = self.readout.reader(rows)
        weights = self._weights()
        state = self.input.weight.new_zeros(nodes, self.config.layers * self.config.width)
        for at, step in enumerate(steps):
            if len(step.nodes):
                state = state.index_copy(0, step.nodes, self.rates(step, state.index_select(0, step.nodes), weights))
            reader.read(at, state)
        return reader.logits

    def rates(self, step: Step, carried: Tensor, weights: tuple[Tensor, Tensor | None] | None = None) -> Tensor:
        """a_t of all layers side by side, (n, K·D), from those before, ``carried``, of the same shape."""
        weights = weights or self._weights()
        drive = self.drive(step, carried)

        def f(a: Tensor) -> Tensor:
            return ((self._recur(step, a, weights) + drive) / self.config.threshold).clamp(0, 1)

        if self.config.forward == "equilibrium":
            return equilibrium(f, carried, self.search)
        if self.config.gradient == "unrolled":
            return self._fire(step, drive, weights)
        with torch.no_grad():
            value = self._fire(step, drive, weights)
        return at_equilibrium(f, value, self.search) if torch.is_grad_enabled() else value

    def window(self, step: Step, carried: Tensor) -> tuple[Tensor, Tensor]:
        """One window: spikes (L, n, K·D), and the weighted rates (n, K·D); ``carried``: those before it."""
        weights, drive = self._weights(), self.drive(step, carried)
        return torch.stack(list(self._spikes(step, drive, weights))), self._fire(step, drive, weights)

    def _fire(self, step: Step, drive: Tensor, weights: tuple[Tensor, Tensor | None]) -> Tensor:
        """The latency steps: weighted rates (n, K·D)."""
        fired = self._spikes(step, drive, weights)
        total, norm = next(fired), 1.0
        for s in fired:
            total, norm = self.config.leak * total + s, self.config.leak * norm + 1
        return total / norm

    def _spikes(self, step: Step, drive: Tensor, weights: tuple[Tensor, Tensor | None]) -> Iterator[Tensor]:
        """The spikes of each latency step, (n, K·D)."""
        leak, threshold = self.config.leak, self.config.threshold
        u = drive + leak * self.config.start * threshold
        s = spike(u - threshold)
        yield s
        for _ in range(1, self.config.latency):
            u = leak * (u - threshold * s) + self._recur(step, s, weights) + drive
            s = spike(u - threshold)
            yield s

    def _recur(self, step: Step, s: Tensor, weights: tuple[Tensor, Tensor | None]) -> Tensor:
        """What neurons hear from each other, (n, K·D)."""
        among, first = weights
        heard = symmetric_product(step.adjacency, s) @ among
        return heard if first is None else heard + s[:, : self.config.width] @ first

    def drive(self, step: Step, carried: Tensor) -> Tensor:
        """What neurons hear from outside, the same in every latency step, (n, K·D); ``carried``: the rates before, of that shape."""
        first = self.input(step.propagated)
        if self.own is not None:
            first = first + self.own(step.x)
        parts = [first, *(cast(nn.Linear, linear).bias.expand_as(first) for linear in self.between)]
        if self.carry is not None:
            parts = [
                part + linear(a) for part, linear, a in zip(parts, self.carry, torch.split(carried, self.config.width, 1), strict=True)
            ]
        return torch.cat(parts, dim=1)

    def _weights(self) -> tuple[Tensor, Tensor | None]:
        """(K·D, K·D), block by block who hears whom through Â; and (D, K·D) of the compensation, which goes to the last layer alone."""
        width, layers = self.config.width, self.config.layers
        none = self.input.weight.new_zeros(width, width)
        blocks = [[none] * layers for _ in range(layers)]
        for k in range(layers):
            blocks[k][k] = cast(nn.Linear, self.recurrent[k]).weight.t()
            if k:
                blocks[k - 1][k] = cast(nn.Linear, self.between[k - 1]).weight.t()
        among = torch.cat([torch.cat(row, dim=1) for row in blocks])
        if self.compensation is None:
            return among, None
        return among, torch.cat([*[none] * (layers - 1), self.compensation.weight.t()], dim=1)


class _SpectralBound(nn.Module):
    """W, scaled down to a spectral norm of ``limit`` where it has more. Exact, as torch's own spectral_norm is not: its power iteration
    may stop short of the norm, and it would raise smaller norms as well."""

    def __init__(self, limit: float) -> None:
        super().__init__()
        self.limit = limit

    def forward(self, weight: Tensor) -> Tensor:
        return weight * (self.limit / torch.linalg.matrix_norm(weight, 2).clamp(min=self.limit))

    def right_inverse(self, weight: Tensor) -> Tensor:
        return weight


def _bounded(width: int, limit: float) -> nn.Module:
    linear = nn.Linear(width, width, bias=False)
    return parametrize.register_parametrization(linear, "weight", _SpectralBound(limit))

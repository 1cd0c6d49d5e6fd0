r"""The fixed point of a contraction, and its gradient by the implicit function theorem.

.. math::
    a^* = f(a^*, \vartheta), \qquad
    \frac{\partial L}{\partial \vartheta} = \beta^T \frac{\partial f}{\partial \vartheta}, \qquad
    \beta = (I - J_f^T)^{-1} \frac{\partial L}{\partial a^*}

No step of the search for :math:`a^*` is kept: the graph is that of one call of f, however many steps it took (Bai et al., Deep Equilibrium
Models, 2019; for spiking networks Xiao et al. 2021).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from neurograph.errors import ConvergenceError

__all__ = ["FixedPoint", "Search", "at_equilibrium", "equilibrium", "fixed_point"]


@dataclass(frozen=True)
class Search:
    """How to look for a fixed point.

    Args:
        tolerance: of :math:`\\|f(a) - a\\| / \\|f(a)\\|`, the Euclidean norms over all values.
        limit: calls of f after which to give up.
        damping: share of f(a) in the next a, in (0, 1].
        memory: steps that Anderson's method mixes; 0 or 1 is the plain damped iteration.
    """

    tolerance: float = 1e-4
    limit: int = 200
    damping: float = 1.0
    memory: int = 0

    def __post_init__(self) -> None:
        if not self.tolerance > 0 or self.limit < 1 or not 0 < self.damping <= 1 or self.memory < 0:
            raise ValueError(f"Search: {self}, must have tolerance > 0, limit of at least 1, damping in (0, 1] and memory of at least 0")


@dataclass(frozen=True)
class FixedPoint:
    """What :func:`fixed_point` found: f(a), the calls of f, and how far f(a) is from a, relative to f(a)."""

    value: Tensor
    steps: int
    residual: float


def fixed_point(f: Callable[[Tensor], Tensor], start: Tensor, search: Search | None = None, name: str = "fixed point") -> FixedPoint:
    """Iterate f from ``start``, keeping no graph.

    Args:
        f: a contraction; any shape in, the same shape out.
        name: for errors.

    Raises:
        ConvergenceError: not within the tolerance after the limit of calls, or no longer finite.
    """
    search = search or Search()
    a, residual = start.detach(), float("inf")
    points: list[Tensor] = []
    images: list[Tensor] = []
    with torch.no_grad():
        for step in range(1, search.limit + 1):
            image = f(a)
            residual = float((image - a).norm() / image.norm().clamp(min=torch.finfo(image.dtype).tiny))
            if residual <= search.tolerance:
                return FixedPoint(image, step, residual)
            if not residual < float("inf"):
                break
            if search.memory > 1:
                points, images = [*points[1 - search.memory :], a], [*images[1 - search.memory :], image]
                a = _mixed(points, images, search.damping)
            else:
                a = a + search.damping * (image - a)
    raise ConvergenceError(
        f"{name}: relative change {residual:.3g} after {step} of {search.limit} steps, must be at most {search.tolerance:g};"
        " lower the norm of the recurrent weights, or allow more steps"
    )


def equilibrium(f: Callable[[Tensor], Tensor], start: Tensor, search: Search | None = None, backward: Search | None = None) -> Tensor:
    """a* = f(a*), differentiable in whatever f closes over; see the module.

    Args:
        f: a contraction.
        start: where to look first; no gradient flows into it.
        search: forward. backward: for β; as forward where it is not given.

    Raises:
        ConvergenceError: in either direction.
    """
    found = fixed_point(f, start, search, "equilibrium")
    return at_equilibrium(f, found.value, backward or search)


def at_equilibrium(f: Callable[[Tensor], Tensor], value: Tensor, search: Search | None = None) -> Tensor:
    """``value`` itself, with the gradient that it has if it is a fixed point of f.

    Spiking neurons find the value by firing, to the precision of their rates; this lets the gradient pass.

    Args:
        f: a contraction.
        value: a* or near it; no gradient flows into it.
        search: for β.

    Raises:
        ConvergenceError: in the backward pass.
    """
    value = value.detach()
    with torch.enable_grad():
        image = f(value)
    if not image.requires_grad:
        return value
    with torch.enable_grad():
        point = value.clone().requires_grad_()
        again = f(point)

    def solve(gradient: Tensor) -> Tensor:
        def transposed(beta: Tensor) -> Tensor:
            (product,) = torch.autograd.grad(again, point, beta, retain_graph=True)
            return product + gradient

        if not bool(gradient.any()):
            return gradient
        return fixed_point(transposed, gradient, search, "gradient at the equilibrium").value

    image.register_hook(solve)  # type: ignore[no-untyped-call]
    return _Replace.apply(image, value)  # type: ignore[no-untyped-call, no-any-return]


class _Replace(torch.autograd.Function):
    """The second argument's value, the first one's gradient."""

    @staticmethod
    def forward(ctx: object, image: Tensor, value: Tensor) -> Tensor:
        return value.clone()

    @staticmethod
    def backward(ctx: object, *gradients: Tensor) -> tuple[Tensor, None]:
        return gradients[0], None


_PIECE = 1 << 16  # columns that are turned into float64 at a time


def _mixed(points: list[Tensor], images: list[Tensor], damping: float) -> Tensor:
    """Anderson's next point: the mixture of the last images whose residuals cancel best, with weights that sum to 1."""
    if len(points) == 1:
        return points[0] + damping * (images[0] - points[0])
    residuals = torch.stack([(image - point).flatten() for point, image in zip(points, images, strict=True)])
    gram = torch.zeros(len(points), len(points), dtype=torch.float64)
    for at in range(0, residuals.shape[1], _PIECE):  # in float64: in float32 products of nearly parallel residuals tell nothing
        part = residuals[:, at : at + _PIECE].double()
        gram += part @ part.t()
    gram += torch.eye(len(gram), dtype=gram.dtype) * (1e-8 * gram.diagonal().mean())
    weights, failed = torch.linalg.solve_ex(gram, torch.ones(len(gram), dtype=gram.dtype))
    weights = weights / weights.sum()
    if int(failed) or not bool(weights.isfinite().all()):
        return points[-1] + damping * (images[-1] - points[-1])
    mixed = torch.zeros_like(points[0])
    for weight, point, image in zip(weights.tolist(), points, images, strict=True):
        mixed.add_(point, alpha=weight * (1 - damping)).add_(image, alpha=weight * damping)
    return mixed

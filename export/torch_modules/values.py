"""What a tensor of a recorded run means: an expression over inputs and neurons, and which of its dimensions are ticks and batch.

An expression's leaves say at which tick they were read. In a tensor that holds one tick that is the tick's number; in a tensor that holds
the whole window it is counted from the current tick (0, and −1 for the tick before). None is a value that is the same in all ticks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from operator import mul
from typing import Any

__all__ = ["ZERO", "Expr", "IncoherentError", "Value", "added", "fit", "leaves", "retimed", "template"]

Shape = tuple[int, ...]
LEAVES = ("input", "neuron", "state")


class IncoherentError(Exception):
    """A way of calling a model that its own run contradicts; another way is tried."""


@dataclass(frozen=True)
class Expr:
    """One step of the way from inputs and neurons to a tensor.

    Args:
        op: "input", "neuron" or "state" (leaves), "zero", "module", "affine", "aggregate", "pool", "reshape", "cat", "add", "rate" (taken
            over all ticks) or "refused".
        key: the module's path, or the operation's own parameters.
        args: what it is applied to.
        shape: without ticks and batch.
        tick: of a leaf.
        depth, size: of the tree.
        bad: something in it is refused.
    """

    op: str
    key: Any
    args: tuple[Expr, ...] = ()
    shape: Shape = ()
    tick: int | None = None
    depth: int = field(default=0, init=False, compare=False)
    size: int = field(default=1, init=False, compare=False)
    bad: bool = field(default=False, init=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "depth", 1 + max((a.depth for a in self.args), default=0))
        object.__setattr__(self, "size", 1 + sum(a.size for a in self.args))
        object.__setattr__(self, "bad", self.op == "refused" or any(a.bad for a in self.args))


ZERO = Expr("zero", None)


@dataclass(frozen=True)
class Value:
    """The meaning of one tensor. ``outer`` names its dimensions in front of the expression's shape: "T" ticks, "B" a batch of one."""

    expr: Expr
    outer: tuple[str, ...] = ()

    @property
    def whole(self) -> bool:
        """Whether it holds the whole window."""
        return "T" in self.outer


def retimed(expr: Expr, shift: int | None) -> Expr:
    """Leaves read ``shift`` ticks later; with None at no tick of their own."""
    if expr.tick is not None:
        return replace(expr, tick=None if shift is None else expr.tick + shift)
    if not expr.args:
        return expr
    return replace(expr, args=tuple(retimed(a, shift) for a in expr.args))


def leaves(expr: Expr) -> Iterator[Expr]:
    """Everything without arguments, and every refused step."""
    if expr.op == "refused" or not expr.args:
        yield expr
    for a in expr.args:
        yield from leaves(a)


def added(terms: Sequence[Expr], shape: Shape) -> Expr:
    """A sum; sums inside it are unfolded and zeros left out."""
    flat = [inner for term in terms for inner in (term.args if term.op == "add" else (term,)) if inner.op != "zero"]
    if not flat:
        return replace(ZERO, shape=shape)
    return flat[0] if len(flat) == 1 else Expr("add", None, tuple(flat), shape)


def template(ticks: Sequence[Expr], biased: frozenset[str] = frozenset()) -> Expr:
    """The one expression, counted from the current tick, that all ticks of a run share.

    The first ticks may differ from it by what has not happened yet: a leaf from before tick 0 is zero there, or its whole term is absent.

    Args:
        ticks: one expression a tick, with leaves numbered by tick.
        biased: paths of modules that add a constant, whose term can't be absent.

    Raises:
        IncoherentError: ticks that are computed differently.
    """
    last = retimed(ticks[-1], 1 - len(ticks))
    for tick, expr in enumerate(ticks):
        if not _same(last, expr, tick, biased):
            raise IncoherentError(f"tick {tick} is computed in another way than tick {len(ticks) - 1}")
    late = [leaf for leaf in leaves(last) if leaf.tick is not None and leaf.tick > 0]
    if late:
        raise IncoherentError(f"a tick reads {late[0].key!r} of a later tick")
    return last


def _same(wanted: Expr, found: Expr, tick: int, biased: frozenset[str]) -> bool:
    if wanted.tick is not None:
        before = tick + wanted.tick < 0
        return found.op == "zero" if before else found == replace(wanted, tick=tick + wanted.tick)
    if found.op == "zero" and wanted.op != "zero":
        return _absent(wanted, tick, biased)
    if wanted.op == "add":
        rest = list(found.args) if found.op == "add" else [found]
        for term in wanted.args:
            match = next((r for r in rest if _same(term, r, tick, biased)), None)
            if match is not None:
                rest.remove(match)
            elif not _absent(term, tick, biased):
                return False
        return not rest
    same = (wanted.op, wanted.key, wanted.shape, len(wanted.args)) == (found.op, found.key, found.shape, len(found.args))
    return same and all(_same(a, b, tick, biased) for a, b in zip(wanted.args, found.args, strict=True))


def _absent(term: Expr, tick: int, biased: frozenset[str]) -> bool:
    """Whether a term is zero at a tick because all that it reads lies before tick 0."""
    if (term.op == "affine" and term.key[1] is not None) or (term.op == "module" and term.key[0] in biased):
        return False
    if not term.args:
        return term.tick is not None and tick + term.tick < 0
    return all(_absent(a, tick, biased) for a in term.args)


def fit(shape: Shape, features: Shape, outer: tuple[str, ...], ticks: int, whole: bool) -> Value | None:
    """How a tensor of ``shape`` holds values of ``features``: the dimensions in front, and the features' new shape if they were reshaped.

    Returns:
        A Value without meaning (its expression is a zero of the new shape), or None where ticks and features are mixed.
    """
    options = (("T", "B"), ("B", "T"), ("T",)) if whole else (("B",), ())
    sizes = {"T": ticks, "B": 1}

    def starts(option: tuple[str, ...]) -> bool:
        return shape[: len(option)] == tuple(sizes[o] for o in option)

    for option in (outer, *options):
        if starts(option) and shape[len(option) :] == features and ("T" in option) == whole:
            return Value(replace(ZERO, shape=features), option)
    for option in (outer, *options):
        if starts(option) and reduce(mul, shape[len(option) :], 1) == reduce(mul, features, 1) and ("T" in option) == whole:
            return Value(replace(ZERO, shape=shape[len(option) :]), option)
    return None

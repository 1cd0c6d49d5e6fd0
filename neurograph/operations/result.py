"""What was counted: rows by module and kind of work, Python integers throughout."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

__all__ = ["KINDS", "LAYERS", "PRODUCTS", "Operation", "OperationCounts", "Uncounted"]

LAYERS = ("linear", "conv1d", "conv2d", "conv3d")
PRODUCTS = (*LAYERS, "attention", "propagation")
KINDS = (*PRODUCTS, "normalisation", "multiply", "add", "preparation")


@dataclass(frozen=True)
class Operation:
    """All work of one kind in one module, over all its calls.

    Args:
        module: qualified name; empty for the module that was counted itself.
        kind: one of :data:`KINDS`.
        additions: no multiplier is needed, because a factor is 0, 1 or −1 everywhere; else they are multiply-adds.
        calls: torch operations that this sums up.
        dense: those of the whole product, zeros and padding included, as FLOP counters count.
        unpadded: of ``dense``, those that meet no padding.
        effective: those in which both operands are nonzero.
    """

    module: str
    kind: str
    additions: bool
    calls: int
    dense: int
    unpadded: int
    effective: int


@dataclass(frozen=True)
class Uncounted:
    """A torch operation that computes something which is no multiply-add (exp, division, ...), or that is not known.

    Args:
        elements: of its results.
    """

    module: str
    operation: str
    calls: int
    elements: int


@dataclass(frozen=True)
class OperationCounts:
    """Counts of one run.

    Args:
        rows: by module in the order of their first work, then by kind.
        uncounted: arithmetic that no row holds, by name.
    """

    rows: tuple[Operation, ...]
    uncounted: tuple[Uncounted, ...]

    def dense(self, kinds: Collection[str] = PRODUCTS) -> int:
        """Multiply-adds and additions of whole products."""
        return sum(row.dense for row in self.rows if row.kind in kinds)

    def unpadded(self, kinds: Collection[str] = PRODUCTS) -> int:
        """The same without those that meet padding."""
        return sum(row.unpadded for row in self.rows if row.kind in kinds)

    def effective_macs(self, kinds: Collection[str] = PRODUCTS) -> int:
        """Multiply-adds of two operands that are not 0."""
        return sum(row.effective for row in self.rows if row.kind in kinds and not row.additions)

    def effective_acs(self, kinds: Collection[str] = PRODUCTS) -> int:
        """Additions: the same where a factor is 1 or −1."""
        return sum(row.effective for row in self.rows if row.kind in kinds and row.additions)

    def by_kind(self) -> Mapping[str, Operation]:
        """Rows summed over modules, kind → one row; ``additions`` where all of it is."""
        found: dict[str, Operation] = {}
        for row in self.rows:
            old = found.get(row.kind, Operation("", row.kind, True, 0, 0, 0, 0))
            found[row.kind] = Operation(
                "",
                row.kind,
                old.additions and row.additions,
                old.calls + row.calls,
                old.dense + row.dense,
                old.unpadded + row.unpadded,
                old.effective + row.effective,
            )
        return {kind: found[kind] for kind in KINDS if kind in found}

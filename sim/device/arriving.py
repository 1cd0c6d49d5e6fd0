"""What arrives at a population, gathered projection by projection before its time scan."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

__all__ = ["Arriving"]


@dataclass(frozen=True)
class Arriving:
    """What arrives at a population: ``current`` (samples, ticks, ports · size), and where a spike did, bool (samples, ticks, size)."""

    current: Tensor
    arrived: Tensor | None
    size: int

    def ticks(self, first: int, count: int) -> Arriving:
        """A view of some ticks."""
        some = slice(first, first + count)
        return Arriving(self.current[:, some], None if self.arrived is None else self.arrived[:, some], self.size)

    def add(self, port: int, brought: Tensor) -> None:
        """What a projection brings to a port, (samples, ticks, size), in place."""
        start = port * self.size
        self.current[..., start : start + self.size] += brought.to(self.current.dtype)

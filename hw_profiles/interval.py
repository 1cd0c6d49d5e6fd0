"""A figure with the range that its constants leave open. Ranges add up linearly: all constants low together, or high together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["Interval"]


@dataclass(frozen=True)
class Interval:
    """low ≤ value ≤ high."""

    value: float
    low: float
    high: float

    def __add__(self, other: Interval) -> Interval:
        return Interval(self.value + other.value, self.low + other.low, self.high + other.high)

    def scaled(self, factor: float) -> Interval:
        return Interval(self.value * factor, self.low * factor, self.high * factor)

    def times(self, other: Interval) -> Interval:
        return Interval(self.value * other.value, self.low * other.low, self.high * other.high)

    def to_json(self) -> dict[str, float]:
        """As reports hold an energy: ``total``, ``low``, ``high``."""
        return {"total": self.value, "low": self.low, "high": self.high}

    @staticmethod
    def exactly(value: float) -> Interval:
        return Interval(value, value, value)

    @staticmethod
    def total(parts: Iterable[Interval]) -> Interval:
        result = Interval(0.0, 0.0, 0.0)
        for part in parts:
            result = result + part
        return result

"""What stands in each kind of file that training writes, by which it is told from every other."""

from __future__ import annotations

__all__ = ["DYNAMIC_FORMAT", "FORMAT", "STATE_FORMAT"]

FORMAT = "neurograph-checkpoint"
DYNAMIC_FORMAT = "neurograph-dynamic-checkpoint"
STATE_FORMAT = "neurograph-training"

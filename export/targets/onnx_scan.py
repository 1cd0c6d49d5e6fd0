"""ONNX's ``Scan`` in the making: a body that runs once a tick, what it carries to the next, what it takes and what it puts out.

What is carried keeps its shape from tick to tick; what is taken and put out is (samples, T, ...) outside and walked over along T.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from onnx import helper

from neurograph.export.targets.onnx_nodes import Nodes, value_info

__all__ = ["Scan"]


class Scan:
    """A loop over ticks inside the graph ``outer``; its nodes go into ``body``."""

    def __init__(self, outer: Nodes) -> None:
        self.outer, self.body = outer, Nodes(outer)
        self._carried: dict[str, tuple[str, Any, str]] = {}  # name → first value, how the body takes it, name at the end
        self._next: dict[str, Any] = {}
        self._taken: list[tuple[str, Any]] = []
        self._put: list[tuple[str, Any]] = []

    def carry(self, name: str, first: str, kind: int, shape: Sequence[Any]) -> str:
        """A state: ``first`` is its value before the first tick. Returns its name in the body, as the tick before left it."""
        before = self.body.name(f"{name}_before")
        self._carried[name] = (first, value_info(before, kind, shape), self.outer.name(f"{name}_last"))
        return before

    def leave(self, name: str, value: str, kind: int, shape: Sequence[Any]) -> None:
        """What the state ``name`` is after this tick."""
        made = self.body.add("Identity", value, name=f"{name}_after")  # a value may go out of a body once
        self._next[name] = value_info(made, kind, shape)

    def last(self, name: str) -> str:
        """The state after the last tick, in the outer graph."""
        return self._carried[name][2]

    def take(self, value: str, kind: int, shape: Sequence[Any]) -> str:
        """A tick's slice of an outer value of shape (samples, T, …); ``shape`` is that of the slice."""
        now = self.body.name(f"{value}/now")
        self._taken.append((value, value_info(now, kind, shape)))
        return now

    def put(self, name: str, value: str, kind: int, shape: Sequence[Any]) -> str:
        """Stack a value of each tick along T as the outer value ``name``."""
        self._put.append((self.outer.name(name), value_info(value, kind, shape)))
        return self._put[-1][0]

    def close(self) -> None:
        """Append the Scan to the outer graph."""
        states = [info for _, info, _ in self._carried.values()]
        after = [self._next[name] for name in self._carried]
        taken, put = [info for _, info in self._taken], [info for _, info in self._put]
        self.outer.add(
            "Scan",
            *(first for first, _, _ in self._carried.values()),
            *(value for value, _ in self._taken),
            name="/scan",
            outputs=[*(last for _, _, last in self._carried.values()), *(name for name, _ in self._put)],
            body=helper.make_graph(self.body.nodes, "tick", [*states, *taken], [*after, *put]),
            num_scan_inputs=len(taken),
            scan_input_axes=[1] * len(taken),
            scan_output_axes=[1] * len(put),
        )

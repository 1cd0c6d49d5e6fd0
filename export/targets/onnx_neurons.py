"""One tick of a population as ONNX nodes, operation for operation as the float engine does it (:mod:`neurograph.sim.floating`).

i = current + bias;  u ← (1−α)u + i;  v ← v + β(u + v_leak − v), or v + β(v_leak − v) + γu with a gain of its own;  z = [v > θ];  reset
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from neurograph.export.targets.onnx_nodes import Nodes
from neurograph.network import CubaLIF, Integrator, Population, Threshold, gain_of

__all__ = ["Neurons"]


class Neurons:
    """The neurons of one population.

    Args:
        nodes: the graph that takes the parameters.
        population: of a LIF, CubaLIF, Integrator or Threshold.

    Attributes:
        states: what passes from tick to tick, "u" and "v" → its first value, a scalar or (size,).
    """

    def __init__(self, nodes: Nodes, population: Population) -> None:
        self.population, self.neuron = population, population.neuron
        self._outer = nodes
        self._made: dict[str, str] = {}
        self.states: dict[str, Any] = {}
        if isinstance(self.neuron, (CubaLIF, Integrator)) and np.any(np.asarray(self.neuron.alpha) != 1):
            self.states["u"] = 0.0
        if not isinstance(self.neuron, Threshold):
            self.states["v"] = self._flat("v_leak")

    def step(self, nodes: Nodes, current: str, state: dict[str, str]) -> tuple[str, dict[str, str]]:
        """One tick.

        Args:
            nodes: the body of the Scan.
            current: (samples, size), bias included.
            state: the states before, by name.

        Returns:
            what goes out (bool spikes; v itself of an Integrator), and the states after it, "v" always among them.
        """
        name, neuron = self.population.name, self.neuron

        def do(op: str, a: str, b: str, what: str) -> str:
            return nodes.add(op, a, b, name=f"{name}/{what}")

        u = current
        if "u" in state:
            u = do("Add", do("Mul", self._constant("1-alpha", lambda: 1 - self._flat("alpha")), state["u"], "u_left"), current, "u_next")
        if isinstance(neuron, Threshold):
            return do("Greater", u, self._parameter("threshold"), "z"), {"v": u}
        beta, leak, v = self._parameter("beta"), self._parameter("v_leak"), state["v"]
        if getattr(neuron, "gain", None) is None:
            v = do("Add", v, do("Mul", beta, do("Sub", do("Add", u, leak, "u_leak"), v, "difference"), "change"), "v_next")
        else:
            pulled = do("Add", v, do("Mul", beta, do("Sub", leak, v, "difference"), "change"), "v_pulled")
            v = do("Add", pulled, do("Mul", self._constant("gain", lambda: self._plain(gain_of(neuron))), u, "driven"), "v_next")
        after = {"u": u} if "u" in state else {}
        if isinstance(neuron, Integrator):
            return v, {**after, "v": v}
        z = do("Greater", v, self._parameter("threshold"), "z")
        if neuron.reset == "subtract":  # type: ignore[union-attr]  # Source and FixedLIF were refused before
            by = self._parameter("threshold" if neuron.reset_by is None else "reset_by")  # type: ignore[union-attr]
            down = do("Sub", v, by, "v_down")
        else:
            down = self._parameter("v_reset")
        return z, {**after, "v": nodes.add("Where", z, down, v, name=f"{name}/v_after")}

    def _parameter(self, key: str) -> str:
        return self._constant(key, lambda: self._flat(key))

    def _constant(self, key: str, value: Callable[[], Any]) -> str:
        if key not in self._made:
            self._made[key] = self._outer.constant(value(), f"{self.population.name}/{key}")
        return self._made[key]

    def _flat(self, key: str) -> Any:
        return self._plain(getattr(self.neuron, key))

    def _plain(self, value: Any) -> Any:
        """A scalar as it is, an array as (size,)."""
        array = np.asarray(value, dtype=np.float64)
        return array if array.ndim == 0 else np.broadcast_to(array, self.population.shape).ravel()

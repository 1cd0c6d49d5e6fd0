"""What random networks held and what happened in them, so that no class of them is empty."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import networkx as nx
import numpy as np
from random_families import Case, Family

from neurograph import fixedpoint as fx
from neurograph.network import FixedLIF, Graded, Network, Population, Product, Projection, Source
from neurograph.sim.inputs import prepare
from neurograph.sim.recording import Recording
from neurograph.weights import Dense, Identity, Kron, OnesColumn, OnesRow, Sparse

__all__ = ["CLASSES", "Coverage"]

CLASSES = (
    *("u wrapped at 24 bits", "u so large that one wrap is not enough", "v clipped"),
    *(f"weight exponent {e}" for e in range(fx.EXPONENT_MIN, fx.EXPONENT_MAX + 1)),
    *("mixed weights", "excitatory weights", "inhibitory weights", "weight at an end of its range", "weights of fewer than 8 bits"),
    *("Dense", "Sparse", "Kron: per node", "Kron: one to one", "Kron: aggregate", "Kron: reduce nodes", "Kron: broadcast nodes"),
    *("several projections into one population", "delay > 1 in Lava"),
    *("self loop", "loop over populations", "lag 2 or more", "lag as long as the inference", "2 or more machine steps a tick"),
    *(
        "neurons of a chip that cannot hold still, with lags",
        "du 0",
        "du 4095",
        "dv 0",
        "dv 4095",
        "dv 4096",
        "parameters of each neuron's own",
    ),
    *("bias", "bias mantissa -4096 or 4095", *(f"bias exponent {e}" for e in range(fx.BIAS_EXP_MAX + 1))),
    *("static current", "static current saturated", "threshold 0", "threshold 131071"),
    *("reset to a value other than 0", "reset by subtraction", "reset by another value than the threshold", "start away from 0"),
    *("timed spikes", "constant source", "graded source", "Graded", "Product", "numbers into a LIF", "state kept"),
    *("1 inference", "several inferences", "some spikes and some silence", "no spike at all"),
)


class Coverage:
    """Counts networks by class, and distinct sets of parameters."""

    def __init__(self) -> None:
        self.networks = Counter[str]()
        self.neurons: set[tuple[Any, ...]] = set()
        self.synapses: set[tuple[Any, ...]] = set()

    def add(self, of: Family, case: Case, run: Recording, aligned: Network) -> None:
        """One network, its run in our engine, and the aligned network that Lava ran."""
        found = set(_of_run(case, run))
        for p in case.network.projections:
            found.update(_of_projection(case.network, p))
            if not case.network.populations[p.source].is_static:
                delay = _delay(aligned, p)
                self.synapses.add((p.exponent, p.sign_mode, p.lag, delay))
                found.update(["delay > 1 in Lava"] * (delay > 1))
        for population in case.network.populations.values():
            found.update(_of_population(case, population))
            self.neurons.update(_parameter_sets(population))
        found.update(_of_loops(case.network, aligned, of.programmable))
        self.networks.update(found)

    @property
    def empty(self) -> list[str]:
        """Classes without a network."""
        return [name for name in CLASSES if not self.networks[name]]

    def lines(self) -> Iterator[str]:
        """A table of networks by class."""
        yield from ("| what | networks |", "|---|--:|")
        yield from (f"| {name} | {self.networks[name]:,} |" for name in CLASSES)


def _delay(aligned: Network, p: Projection) -> int:
    """What its projection has in the whole: of a name there if it was laid among others, else of its own."""
    names = {n.split("_", 1)[-1]: n for n in aligned.populations}
    depth = [aligned.populations[names[n]].depth or 0 for n in (p.target, p.source)]
    return depth[0] - depth[1] + aligned.steps_per_tick * p.lag


def _of_run(case: Case, run: Recording) -> Iterator[str]:
    for key, name in (("wraps", "u wrapped at 24 bits"), ("clips", "v clipped")):
        if run.notes[key]:
            yield name
    if any(np.abs(u).max(initial=0) > fx.STATE_LIMIT for u in run.currents.values()):
        yield "u so large that one wrap is not enough"
    yield "1 inference" if run.samples == 1 else "several inferences"
    fired = [run.spikes[p.name].any() for p in case.network.neurons]
    quiet = [not run.spikes[p.name].all() for p in case.network.neurons]
    yield "some spikes and some silence" if any(fired) and any(quiet) else "no spike at all" if not any(fired) else "only spikes"


def _of_projection(network: Network, p: Projection) -> Iterator[str]:
    source, target = network.populations[p.source], network.populations[p.target]
    yield _form(p.weights)
    if source.is_static:
        return
    yield f"weight exponent {p.exponent}"
    yield f"{p.sign_mode} weights"
    low, high, step = fx.weight_limits(p.sign_mode or "mixed")
    values = p.weights.values
    if np.isin(values, [x for x in (low, high) if x]).any():
        yield "weight at an end of its range"
    if values.any() and not (values % (2 * step)).any():
        yield "weights of fewer than 8 bits"
    if p.lag > 1:
        yield "lag 2 or more"
    if p.lag >= network.ticks:
        yield "lag as long as the inference"
    if source.is_graded and isinstance(target.neuron, FixedLIF):
        yield "numbers into a LIF"


def _form(weights: Any) -> str:
    if isinstance(weights, Dense):
        return "Dense"
    if isinstance(weights, Sparse):
        return "Sparse"
    assert isinstance(weights, Kron)
    if isinstance(weights.left, (OnesRow, OnesColumn)):
        return f"Kron: {'reduce' if isinstance(weights.left, OnesRow) else 'broadcast'} nodes"
    if not isinstance(weights.left, Identity):
        return "Kron: aggregate"
    return "Kron: per node" if not isinstance(weights.right, Identity) and weights.right.ndim == 2 else "Kron: one to one"


def _of_population(case: Case, population: Population) -> Iterator[str]:
    neuron = population.neuron
    heard = case.network.into(population.name)
    if len(heard) > 1:
        yield "several projections into one population"
    if isinstance(neuron, Source):
        yield {"spikes": "timed spikes", "static": "static current", "constant": "constant source", "graded": "graded source"}[neuron.kind]
    elif isinstance(neuron, (Graded, Product)):
        yield type(neuron).__name__
    elif isinstance(neuron, FixedLIF):
        yield from _of_lif(neuron)
        yield f"bias exponent {neuron.bias_exp}"
        current = any(case.network.populations[p.source].is_static for p in heard)
        if current and neuron.saturation and np.isin(prepare(case.network, case.inputs).bias[population.name], neuron.saturation).any():
            yield "static current saturated"


def _of_lif(neuron: FixedLIF) -> Iterator[str]:
    values = {key: np.asarray(getattr(neuron, key)) for key in ("du", "dv", "vth", "bias_mant", "v_reset", "v_start")}
    for key, wanted in (("du", 0), ("du", 4095), ("dv", 0), ("dv", 4095), ("dv", 4096)):
        if (values[key] == wanted).any():
            yield f"{key} {wanted}"
    for limit in (0, fx.VTH_MAX):
        if (values["vth"] == limit).any():
            yield f"threshold {limit}"
    if any(v.ndim for v in values.values()):
        yield "parameters of each neuron's own"
    if values["bias_mant"].any():
        yield "bias"
    if np.isin(values["bias_mant"], (fx.BIAS_MANT_MIN, fx.BIAS_MANT_MAX)).any():
        yield "bias mantissa -4096 or 4095"
    if neuron.reset == "subtract":
        yield "reset by subtraction"
        if neuron.reset_by is not None:
            yield "reset by another value than the threshold"
    elif values["v_reset"].any():
        yield "reset to a value other than 0"
    if values["v_start"].any():
        yield "start away from 0"
    if neuron.state == "kept":
        yield "state kept"


def _parameter_sets(population: Population) -> set[tuple[Any, ...]]:
    neuron = population.neuron
    if not isinstance(neuron, FixedLIF):
        return set()
    by = -1 if neuron.reset_by is None else neuron.reset_by
    keys = (neuron.du, neuron.dv, neuron.vth, neuron.bias_mant, neuron.v_reset, by, neuron.v_start)
    columns = [np.broadcast_to(np.asarray(key), population.shape).ravel().tolist() for key in keys]
    return {(neuron.bias_exp, neuron.reset, *row) for row in zip(*columns, strict=True)}


def _of_loops(network: Network, aligned: Network, programmable: bool) -> Iterator[str]:
    graph = nx.DiGraph()
    graph.add_edges_from((p.source, p.target) for p in network.projections)  # handed to DiGraph(), edges would want pandas
    if any(p.source == p.target for p in network.projections):
        yield "self loop"
    if any(len(part) > 1 for part in nx.strongly_connected_components(graph)):
        yield "loop over populations"
        if aligned.steps_per_tick > 1:
            yield "2 or more machine steps a tick"
    if not programmable and network.is_recurrent:
        yield "neurons of a chip that cannot hold still, with lags"

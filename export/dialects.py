"""Dialects: how a graph that another framework wrote runs in ticks, so that we give the same spikes as that framework.

NIR's nodes are equations without a time step, and no framework writes down how it steps them. A dialect is a named convention, and all that
it assumes comes back as lines of text: guessing silently is a defect. What :mod:`neurograph.export.relax` mends in shapes is said too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

import networkx as nx
import nir
import numpy as np

from neurograph.errors import InputError, UnsupportedError
from neurograph.export.neuron_nodes import NEURONS
from neurograph.export.nir_io import MOST_TICKS, TimeMetadata, with_time
from neurograph.export.node_fields import HIGHEST, SMALLEST
from neurograph.export.relax import checked, rebuilt, relax, unshared
from neurograph.export.structure import flatten

__all__ = ["DIALECTS", "Dialect", "Reading", "find", "interpret"]


@dataclass(frozen=True)
class Reading:
    """A graph as its dialect means it: parameters mended, time metadata inside, and what was assumed, line by line."""

    graph: nir.NIRGraph
    time: TimeMetadata
    assumed: tuple[str, ...]


@dataclass(frozen=True)
class Dialect:
    """One framework's convention.

    Args:
        about: what it covers, what the framework's exporter leaves out, and the measured mismatches (of 200 steps × 32 neurons).
        dt: seconds a tick where the caller gives none.
        covers: neuron nodes that the framework writes; others are refused by name.
        scheme, compare, reset, reset_acts: as in :class:`~neurograph.export.nir_io.TimeMetadata`.
        input_is: what arrives at IF and I: a "charge", v ← v + r·i, or a "current", v ← v + dt·r·i.
        recurrent: whether neurons in a loop are covered.
        mend: (node, dt) → the new parameters of a node that the framework writes otherwise than NIR's equations say.
        mends: what ``mend`` does, in words.
    """

    about: str
    dt: float
    covers: tuple[type[Any], ...]
    scheme: str = "forward_euler"
    compare: str = ">"
    reset: str = "value"
    reset_acts: str = "same_step"
    input_is: Literal["charge", "current"] = "charge"
    recurrent: bool = True
    mend: Callable[[Any, float], dict[str, Any]] | None = None
    mends: str = ""


def _mend_norse(node: Any, dt: float) -> dict[str, Any]:
    if isinstance(node, nir.CubaLIF):
        tau_syn = node.tau_syn / dt
        return {"tau_mem": node.tau_mem / dt, "tau_syn": tau_syn, "w_in": node.w_in * tau_syn / dt}
    return {"tau": node.tau / dt} if isinstance(node, (nir.LIF, nir.LI)) else {}


def _mend_rockpool(node: Any, dt: float) -> dict[str, Any]:
    tau = node.tau_mem if isinstance(node, nir.CubaLIF) else node.tau
    # Rockpool writes r = τ·exp(−dt/τ)/dt for what its own step multiplies by 1; ours multiplies by r(1 − exp(−dt/τ)).
    mended = {"r": node.r * dt * np.exp(dt / tau) / tau / -np.expm1(-dt / tau)}
    if isinstance(node, nir.CubaLIF):
        decay = np.exp(-dt / node.tau_syn)  # the input decays in the tick in which it arrives
        mended["w_in"] = node.w_in * decay / (1 - decay)
    return mended


_SNNTORCH = Dialect(
    about="snnTorch 1.0: Leaky, Synaptic, RLeaky, RSynaptic with reset_mechanism 'subtract' and reset_delay True (its defaults). NIR does "
    "not hold the mechanism: a model with 'zero' is read by snntorch-zero, one with 'none' by none. "
    "Measured: 0 mismatches; Leaky, RLeaky, RLeaky(V) as plain NIR 982, 945, 960.",
    dt=1e-4,  # its exporter writes this, whatever the model
    covers=(nir.LIF, nir.CubaLIF),
    reset="subtract",
    reset_acts="next_step",
)

DIALECTS: dict[str, Dialect] = {
    "nir": Dialect(
        about="Plain NIR: forward Euler of the equations as they stand.",
        dt=1e-4,
        covers=tuple(NEURONS),
        input_is="current",
    ),
    "norse-1.1": Dialect(
        about="Norse 1.1.0's to_nir: LIFBoxCell, LIFCell, LIBoxCell, IAFCell. It writes no v_reset (0 is read), and LIF, LIFRefrac and "
        "LIFAdEx not at all. --dt must be the dt that to_nir was called with. Measured on LIFBoxCell: 0 mismatches; Norse's own round trip "
        "3,415, and plain NIR at the same dt is refused, for dt is longer than the tau that stands in the file.",
        dt=1e-3,
        covers=(nir.LIF, nir.CubaLIF, nir.LI, nir.IF),
        mend=_mend_norse,
        mends="tau divided by dt, for Norse 1.1 writes dt/tau_inv in place of 1/tau_inv; w_in of CubaLIF times tau_syn/dt, for its synapse "
        "adds the whole input in one step",
    ),
    "rockpool": Dialect(
        about="Rockpool 3: LIFTorch, LIFNeuronTorch with max_spikes_per_dt=1; more spikes a tick have no binary counterpart. Its exporter "
        "leaves out biases of neurons and the recurrent weights of LIFTorch(has_rec=True). Measured: 0 mismatches; as plain NIR 1,541 "
        "(LIFTorch) and 1,167 (LIFNeuronTorch).",
        dt=1e-3,
        covers=(nir.LIF, nir.CubaLIF),
        scheme="exponential_euler",
        compare=">=",
        reset="subtract",
        mend=_mend_rockpool,
        mends="r divided by (tau/dt)·exp(−dt/tau)·(1 − exp(−dt/tau)), so that v takes the whole input in one step; w_in of CubaLIF times "
        "exp(−dt/tau_syn)/(1 − exp(−dt/tau_syn)), for its synapse decays in the tick in which input arrives",
    ),
    "sinabs": Dialect(
        about="Sinabs 3: IAF, and LIF with norm_input=True and no tau_syn (its defaults), spike_fn=SingleSpike; its default "
        "MultiSpike has no binary counterpart. Its exporter leaves out min_v_mem, reset_fn, tau_syn and norm_input. tau counts ticks, so a "
        "tick is 1. Measured: 0 mismatches; LIF as plain NIR 1,009, IAF with a reset to 0 1,380.",
        dt=1.0,
        covers=(nir.LIF, nir.IF),
        scheme="exponential_euler",
        compare=">=",
        reset="subtract",
    ),
    "snntorch": _SNNTORCH,
    "snntorch-zero": replace(
        _SNNTORCH,
        about="snnTorch 1.0: Leaky with reset_mechanism 'zero'. Synaptic and RSynaptic then clear their synapses too and RLeaky the input "
        "of the next step, which NIR's neurons do not. Measured: 0 mismatches; as snntorch 982.",
        covers=(nir.LIF,),
        recurrent=False,
        reset="value",
    ),
    "spikingjelly": Dialect(
        about="SpikingJelly 2.0: IFNode, LIFNode, ParametricLIFNode and CUBALIFNode with a hard reset; its exporter refuses a soft one "
        "(0.0.0.0.14 has no exporter). "
        "Measured: 0 mismatches; as plain NIR 0 (LIFNode), 536 (IFNode that meets its threshold exactly).",
        dt=1e-4,
        covers=(nir.LIF, nir.CubaLIF, nir.IF),
        compare=">=",
        input_is="current",
    ),
}


def find(name: str | None) -> Dialect:
    """The dialect of that name.

    Raises:
        InputError: none of that name, with the list.
    """
    if name not in DIALECTS:
        what = f"dialect {name!r}: does not exist" if name else "graph: carries no time metadata, so its ticks are not defined"
        raise InputError(f"{what}; give --dialect with the framework that wrote it: {', '.join(DIALECTS)}")
    return DIALECTS[name]


def interpret(
    graph: nir.NIRGraph, name: str | None, *, ticks: int, dt: float | None = None, inputs: Any = "spikes", relax_shapes: bool = True
) -> Reading:
    """Read a graph by a dialect.

    Args:
        graph: read with ``type_check=False``; structure and shapes are checked here.
        name: key of :data:`DIALECTS`.
        ticks: T of one inference.
        dt: seconds a tick; the dialect's own if not given.
        inputs: "spikes", "values" or "static".
        relax_shapes: mend what :func:`~neurograph.export.relax.relax` finds clear first, and say so.

    Raises:
        InputError: no such dialect, dt or ticks out of range. UnsupportedError: neuron nodes that the framework never writes.
        GraphError: a structure without a meaning, or shapes that disagree along an edge.
    """
    dialect = find(name)
    step = dialect.dt if dt is None else dt
    if not SMALLEST <= step <= HIGHEST:
        raise InputError(f"--dt {step:g}: must be above 0 and finite ({SMALLEST:g} to {HIGHEST:g} s)")
    if not 1 <= ticks <= MOST_TICKS:
        raise InputError(f"--ticks {ticks}: must be 1 to {MOST_TICKS:,}; run it in parts")
    offenders = _strangers(graph, dialect)
    if not offenders:
        graph, said = relax(graph) if relax_shapes else (checked(unshared(graph)), ())
        offenders = [] if dialect.recurrent else _recurrent(graph)
    if offenders:
        raise UnsupportedError(f"dialect {name}", offenders, "choose the dialect of the framework that wrote the graph")
    lines = [
        f"dialect {name}: {dialect.about}",
        f"dt {step:g} s, {'the default of the dialect' if dt is None else f'as given (default of the dialect: {dialect.dt:g})'}",
        f"{dialect.scheme.replace('_', ' ')}; current before voltage; spike at v {dialect.compare} threshold; reset "
        f"{'to v_reset' if dialect.reset == 'value' else 'by subtraction of the threshold'} in the {dialect.reset_acts.replace('_', ' ')}",
        f"{ticks} ticks; input is {inputs}; what arrives at IF and I is a {dialect.input_is}",
    ]
    mended = list(said)
    if dialect.mend is not None:
        with np.errstate(all="ignore"):  # what a strange dt makes of a parameter is checked with all others
            graph, names = _mend_nodes(graph, dialect.mend, step)
        mended += [f"mended {', '.join(names)}: {dialect.mends}"] if names else []
    scale = step if dialect.input_is == "current" else 1.0
    rules = {key: getattr(dialect, key) for key in ("scheme", "compare", "reset", "reset_acts")}
    time = TimeMetadata(step, ticks, inputs, input_scale=scale, **rules)
    return Reading(with_time(graph, time), time, (*lines, *mended))


def _strangers(graph: nir.NIRGraph, dialect: Dialect, prefix: str = "") -> list[str]:
    found = []
    for name, node in graph.nodes.items():
        if isinstance(node, nir.NIRGraph):
            found += _strangers(node, dialect, f"{prefix}{name}.")
        elif type(node) in NEURONS and type(node) not in dialect.covers:
            found.append(f"node {prefix + name!r}: {type(node).__name__}")
    return found


def _recurrent(graph: nir.NIRGraph) -> list[str]:
    nodes, edges = flatten(graph)
    directed = nx.DiGraph()
    directed.add_edges_from(edges)
    loops = [loop for loop in nx.strongly_connected_components(directed) if len(loop) > 1]
    return sorted(
        f"node {name!r}: recurrent {type(nodes[name]).__name__}" for loop in loops for name in loop if type(nodes[name]) in NEURONS
    )


def _mend_nodes(graph: nir.NIRGraph, mend: Callable[[Any, float], dict[str, Any]], dt: float) -> tuple[nir.NIRGraph, list[str]]:
    nodes, names = dict(graph.nodes), []
    for name, node in graph.nodes.items():
        if isinstance(node, nir.NIRGraph):
            nodes[name], inner = _mend_nodes(node, mend, dt)
            names += [f"{name}.{key}" for key in inner]
        elif type(node) in NEURONS and (changed := mend(rebuilt(node), dt)):
            nodes[name] = rebuilt(node, **changed)
            names.append(name)
    return nir.NIRGraph(nodes, graph.edges, metadata=graph.metadata, type_check=False), names

"""The target ``onnx``: the float Network over its T ticks as one ONNX graph that any ONNX runtime can run.

:mod:`neurograph.sim.onnx_engine` runs it and says what its inputs and outputs are called. All operators are of ONNX's own domain, opset 18.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from importlib import metadata
from typing import Any, Literal

import numpy as np
import onnx
from onnx import helper

from neurograph.errors import UnsupportedError
from neurograph.export.targets.onnx_nodes import BOOL, DOUBLE, Nodes, value_info
from neurograph.export.targets.onnx_ticks import SAMPLES, Ticks
from neurograph.export.targets.onnx_weights import stored_bytes
from neurograph.network import LIF, CubaLIF, Integrator, Network, Source, Threshold

__all__ = ["LIMIT_BYTES", "onnx_model", "to_bytes"]

LIMIT_BYTES = 2**31 - 1 - 2**20  # protobuf takes less than 2 GiB in one message; the rest is for the nodes
_OPSET, _IR_VERSION = 18, 9


def onnx_model(network: Network, *, record: Literal["outputs", "all"] = "outputs") -> onnx.ModelProto:
    """Write a float Network as ONNX.

    Inputs, by source name: spikes (samples, T, *shape) bool, values likewise in float64, static currents
    (samples, *shape) float64.
    Outputs: ``NAME/spikes`` (samples, T, *shape) bool, ``NAME/values`` float64 of a real-valued population; with ``record="all"`` also
    ``NAME/v``, the voltages after the reset. A population whose state is kept has the states of before and after as optional inputs
    ``NAME/v_start`` and outputs ``NAME/v_end`` (and u), so that the caller carries them from one inference to the next.

    Args:
        network: float; depths and delays of the machine play no part.
        record: "outputs": the populations in ``network.outputs``; "all": every population, and v.

    Returns:
        A checked model, the same bytes for the same network (:func:`to_bytes`). Its ``metadata_props`` hold ``neurograph.version``,
        ``neurograph.ticks``, ``neurograph.dt_s``, ``neurograph.outputs`` and ``neurograph.graph_sha256``, the hash of the serialised graph.

    Raises:
        UnsupportedError: integer neurons, nothing to put out, or weights past :data:`LIMIT_BYTES`; every offender by name.
    """
    _refuse_unsupported(network, record)
    outer = Nodes()
    inputs = _inputs(network, outer)
    ticks = Ticks(network, outer, record == "all", _samples(outer, inputs))
    ticks.run()
    graph = helper.make_graph(
        outer.nodes,
        "neurograph",
        [*inputs.values(), *ticks.optional],
        ticks.outputs,
        outer.initializers(),
        doc_string=f"{len(network.neurons)} populations over {network.ticks} ticks of {network.dt:g} s, float64",
    )
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", _OPSET)], producer_name="neurograph", producer_version=metadata.version("neurograph")
    )
    model.ir_version = _IR_VERSION
    helper.set_model_props(model, _properties(network, graph))
    onnx.checker.check_model(model, full_check=True)
    return model


def to_bytes(model: onnx.ModelProto) -> bytes:
    """The file: the same bytes for the same model."""
    return bytes(model.SerializeToString(deterministic=True))


def _refuse_unsupported(network: Network, record: str) -> None:
    kinds = (Source, LIF, CubaLIF, Integrator, Threshold)
    graded = [f"population {p.name!r}: graded spikes" for p in network.populations.values() if p.is_graded]
    if graded:
        raise UnsupportedError("target onnx", graded, "export the model for it anew: no runtime has a fan-in that would need them")
    offenders = [
        f"population {p.name!r}: {type(p.neuron).__name__}" for p in network.populations.values() if not isinstance(p.neuron, kinds)
    ]
    if offenders:
        raise UnsupportedError("target onnx", offenders, "give it the float network, not the integer one")
    if not network.neurons or (record == "outputs" and not any(not network.populations[n].is_static for n in network.outputs)):
        raise UnsupportedError("target onnx", ["network: no population to put out"], "name its outputs, or record all of its populations")
    sizes = {p.name: stored_bytes(p.weights) for p in network.projections}
    if sum(sizes.values()) > LIMIT_BYTES:
        largest = sorted(sizes, key=lambda name: -sizes[name])[:3]
        offenders = [f"network: {sum(sizes.values()):,} bytes of weights, limit {LIMIT_BYTES:,} (one protobuf file)"]
        offenders += [f"projection {name}: {sizes[name]:,} bytes" for name in largest]
        raise UnsupportedError("target onnx", offenders, "store large weights as Sparse or Kron, or export for target lava")


def _inputs(network: Network, outer: Nodes) -> dict[str, Any]:
    made = {}
    for source in network.sources:
        if source.is_constant:
            continue
        name = outer.name(source.name)
        if source.is_static:
            made[name] = value_info(name, DOUBLE, (SAMPLES, *source.shape), "static current, held for the whole inference")
        else:
            doc = "one real value a tick" if source.is_real else "spikes, tick by tick"
            made[name] = value_info(name, DOUBLE if source.is_real else BOOL, (SAMPLES, network.ticks, *source.shape), doc)
    return made


def _samples(outer: Nodes, inputs: Mapping[str, Any]) -> str:
    """The number of samples, an int64 tensor of shape (1,); 1 where there is no input."""
    if not inputs:
        return outer.constant(np.array([1]), "/samples")
    return outer.add("Shape", next(iter(inputs)), name="/samples", start=0, end=1)


def _properties(network: Network, graph: onnx.GraphProto) -> dict[str, str]:
    return {
        "neurograph.version": metadata.version("neurograph"),
        "neurograph.ticks": str(network.ticks),
        "neurograph.dt_s": repr(network.dt),
        "neurograph.outputs": json.dumps(list(network.outputs)),
        "neurograph.graph_sha256": hashlib.sha256(graph.SerializeToString(deterministic=True)).hexdigest(),
    }

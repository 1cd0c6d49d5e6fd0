"""Ready runs: a program, its buffers' sizes and what drives it, of one sample, in a file that is run without NumPy
(:mod:`neurograph.sim.compiled.stored`).

What NumPy, SciPy and HDF5 take to load is three times what one inference of Cora takes. The arrays are those that
:class:`neurograph.sim.compiled.engine.Simulator` would give the library; a file of another program version is not run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from neurograph.flat import pack
from neurograph.network import Network
from neurograph.sim.compiled import tables as tb
from neurograph.sim.compiled.buffers import PER_THREAD, Plan, plan
from neurograph.sim.compiled.library import available
from neurograph.sim.compiled.program import build, unsupported
from neurograph.sim.compiled.stored import kind
from neurograph.sim.compiled.worker import Workers
from neurograph.sim.inputs import prepare

__all__ = ["LinearReadout", "ready"]

Array = NDArray[Any]


@dataclass(frozen=True)
class LinearReadout:
    """``argmax( A · concat(rates) · weightᵀ + bias )`` with the classes that are known.

    Args:
        rates: population → its features at a node, in the order in which they are concatenated.
        weight, bias: (C, Σ D) and (C,).
        propagation: A (N, N), or None.
        labels, tested: class of each node, and whether it counts, (N,).
    """

    rates: Mapping[str, int]
    weight: Array
    bias: Array
    propagation: sp.csr_matrix | None
    labels: Array
    tested: Array


def ready(
    network: Network, inputs: Mapping[str, Array], readout: LinearReadout | None = None, *, most_bytes: int = 256 << 20
) -> bytes | None:
    """The file of one inference; None where the kernels do not know it or cannot be made, or it is large or not one sample.

    Args:
        network: integer.
        inputs: source → values, see :mod:`neurograph.sim.inputs`.
        readout: what tells the accuracy.
        most_bytes: of the file, and of the buffers of its run; what is larger does not wait for libraries.
    """
    if unsupported(network) or not available():
        return None
    program = build(network)
    prepared = prepare(network, inputs, biased=program.driven)
    made = plan(program, network.ticks, recording=False, counting=False)
    if prepared.samples != 1 or made.nbytes > most_bytes:
        return None
    workers = Workers(made, 1)
    workers.place(prepared)
    buffers = workers.machine.buffers[0]
    arrays = {f"memory/{name}": array for name, array in program.memory.items()}
    arrays |= {"memory/populations": made.populations, "bias": buffers["bias"], **_sent(made, buffers["spikes"]), **_readout(readout, made)}
    about = {
        "ticks": network.ticks,
        "names": program.names,
        "type": np.dtype(program.dtype).name,
        "groups": len(program.memory["groups"]),
        "sizes": {key: size * np.dtype(made.dtype_of(key)).itemsize for key, size in made.sizes.items()},
        "per_thread": {key: made.sizes[key] for key in PER_THREAD},
        "sent": {name: int(made.populations[i, tb.P_SPIKES]) for i, name in enumerate(program.names) if name in prepared.spikes},
        "classes": 0 if readout is None else len(readout.bias),
    }
    content = pack(kind(), about, {name: np.ascontiguousarray(array) for name, array in arrays.items()})
    return content if len(content) <= most_bytes else None


def _sent(made: Plan, spikes: Array) -> dict[str, Array]:
    """What each source sends, as it stands in the spikes."""
    sent = {}
    for name, row in zip(made.program.names, made.populations.tolist(), strict=True):
        if made.program.network.populations[name].is_source:
            size = row[tb.P_NODES] * row[tb.P_LENGTH] * row[tb.P_WIDTH]
            sent[f"sent/{name}"] = spikes[row[tb.P_SPIKES] : row[tb.P_SPIKES] + size]
    return sent


def _readout(readout: LinearReadout | None, made: Plan) -> dict[str, Array]:
    if readout is None:
        return {}
    arrays: dict[str, Array] = {
        "sources": np.array([(made.program.names.index(name), width) for name, width in readout.rates.items()], np.int64),
        "weight": readout.weight.T.astype(np.float64),
        "bias": readout.bias.astype(np.float64),
        "labels": readout.labels.astype(np.int64),
        "tested": readout.tested.astype(np.uint8),
    }
    if readout.propagation is not None:
        matrix = readout.propagation
        arrays["pointer"], arrays["index"] = matrix.indptr.astype(np.int64), matrix.indices.astype(np.int32)
        arrays["values"] = matrix.data.astype(np.float64)
    return {f"readout/{name}": array for name, array in arrays.items()}

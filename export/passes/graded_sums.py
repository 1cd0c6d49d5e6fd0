"""graded_sums: a sum over more nodes than a neuron of the target has synapses for becomes a tree of graded partial sums.

    target ← (1 ⊗ W) s   over N nodes becomes   q_c ← Σ of s over chunk c,   target ← (1 ⊗ W) q   over k chunks

once a level, until what a neuron hears fits. q is an integer (:class:`~neurograph.network.Graded`), so nothing is rounded: the same spikes,
one depth a level deeper. A partial sum sends a message in every tick in which it is not 0. k is at least ⌈N / fan_in⌉; where it is known
how many nodes a core holds, there is one chunk a core, so that one number a feature leaves it in place of the spikes of its nodes.

Requires: a target whose spikes carry a number.  Ensures: no sum over nodes (OnesRow) is past the fan-in. Runs before align_delays.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from neurograph.errors import UnsupportedError
from neurograph.export.passes.node_groups import nodes_on_a_core
from neurograph.export.placement.grids import links
from neurograph.export.placement.limits import Limits
from neurograph.export.placement.rules import fan_in_of
from neurograph.export.targets import Relays
from neurograph.graded import check_messages
from neurograph.network import Graded, Network, Population, Projection
from neurograph.weights import Identity, Kron, OnesRow

__all__ = ["cut_sum", "even_chunks", "graded_sums", "node_sums"]

Array = NDArray[Any]


def graded_sums(network: Network, limits: Limits, *, relays: Relays = "needed") -> tuple[Network, tuple[str, ...]]:
    """Cut what is too long.

    Args:
        network: float, or integer before its delays are set.
        limits: of the target; ``fan_in`` and ``graded_bits`` count here, and what bounds the nodes on a core.
        relays: "needed" cuts sums that are too long; "cores" every sum whose nodes need several cores, to send one number a core and
            feature in place of each node's spikes, at the price of one depth.

    Returns:
        A network that spikes the same, and a note for each sum that was cut. Unchanged where everything fits, and where what does not fit
        is no sum over nodes: placement's rule ``fan_in`` says so then.

    Raises:
        UnsupportedError: sums that are too long on a target without graded spikes, all of them by name.
        QuantizationError: a partial sum that a message of the target could not hold.
    """
    if limits.graded_bits <= 1:
        _refuse(network, limits)
        return network, ()
    notes: list[str] = []
    if relays == "cores":
        for wide in node_sums(network):
            chunks = _chunks(network, wide, limits)
            if chunks > 1:
                network, name = cut_sum(network, wide, even_chunks(_nodes(wide), chunks))
                notes.append(_note(wide, "lies on several cores", chunks, name))
    while (found := _too_long(network, limits)) is not None:
        chunks = max(-(-_nodes(found) // limits.fan_in), _chunks(network, found, limits))
        network, name = cut_sum(network, found, even_chunks(_nodes(found), chunks))
        notes.append(_note(found, f"is past the fan-in of {limits.fan_in:,}", chunks, name))
    if notes:
        check_messages(network, bits=limits.graded_bits)
    return network, tuple(notes)


def node_sums(network: Network) -> tuple[Projection, ...]:
    """The projections that sum over nodes and carry spikes."""
    return tuple(p for p in network.spiking_projections if isinstance(p.weights, Kron) and isinstance(p.weights.left, OnesRow))


def even_chunks(nodes: int, chunks: int) -> Array:
    """The chunk of each node, neighbours together, sizes equal up to one."""
    return np.arange(nodes) * chunks // nodes


def cut_sum(network: Network, projection: Projection, chunk_of: Array) -> tuple[Network, str]:
    """One sum over nodes cut once.

    Args:
        projection: of ``network``; its weights are Kron(OnesRow(N), …).
        chunk_of: (N,) from 0, the chunk of each node; every chunk has one.

    Returns:
        The network with a Graded population of shape (chunks, features) between, and its name, TARGET.sumI. The lag stays on the second
        part: a lag before the partial sums would put them at the pipeline's start, out of reach of a deep source.
    """
    assert isinstance(projection.weights, Kron)
    nodes, chunks, features = len(chunk_of), int(chunk_of.max()) + 1, projection.weights.right_shape[1]
    integer = network.is_integer
    ones = np.ones(nodes, dtype=np.int64 if integer else np.float64)
    members = sp.csr_matrix((ones, (chunk_of, np.arange(nodes))), shape=(chunks, nodes))
    name = f"{projection.target}.sum{sum(other.startswith(f'{projection.target}.sum') for other in network.populations)}"
    first = Projection(projection.source, name, Kron(members, Identity(features)), sign_mode="excitatory" if integer else None)
    second = replace(projection, source=name, weights=Kron(OnesRow(chunks), projection.weights.right), delay=None)
    projections = tuple(new for old in network.projections for new in ((first, second) if old is projection else (old,)))
    populations = {**network.populations, name: Population(name, (chunks, features), Graded())}
    return replace(network, populations=populations, projections=projections), name


def _chunks(network: Network, projection: Projection, limits: Limits) -> int:
    """One chunk a core that the nodes of a sum take, where that is known and their sums fit one level; else 1."""
    together = nodes_on_a_core(network, projection, limits)
    chunks = 1 if together is None else -(-_nodes(projection) // together)
    return chunks if chunks <= limits.fan_in else 1


def _note(projection: Projection, why: str, chunks: int, name: str) -> str:
    summed = f"projection {projection.name}: its sum over {_nodes(projection):,} {why}"
    return f"{summed}; {chunks:,} graded partial sums a feature ({name}), one depth more"


def _nodes(projection: Projection) -> int:
    assert isinstance(projection.weights, Kron)
    return projection.weights.left.shape[1]


def _too_long(network: Network, limits: Limits) -> Projection | None:
    """The longest sum over nodes into a population past the limit that cutting makes shorter."""
    sums = [p for p in node_sums(network) if -(-_nodes(p) // limits.fan_in) < _nodes(p)]
    for target in dict.fromkeys(p.target for p in sums):
        if fan_in_of(network, links(network, into=target), target).max() > limits.fan_in:
            return max((p for p in sums if p.target == target), key=_nodes)
    return None


def _refuse(network: Network, limits: Limits) -> None:
    """Where spikes carry no number there is no tree."""
    offenders = [
        f"projection {p.name}: a sum over {_nodes(p):,} nodes, fan-in {limits.fan_in:,}, needs graded spikes, which it has not"
        for p in node_sums(network)
        if _nodes(p) > limits.fan_in
    ]
    if offenders:
        raise UnsupportedError(f"target {limits.target}", offenders, "choose target loihi2, or prune the sum")

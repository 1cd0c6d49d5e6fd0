"""What the host does for a dynamic model: between windows on the chip (counted, never priced), and off the chip (multiply-adds)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp

from neurograph.export.placement.windows import whole_graph
from neurograph.hw_profiles.accounting import SPARSE_HOST
from neurograph.network import Network, Projection
from neurograph.sim.windows import WindowRun
from neurograph.weights import Identity, Kron
from neurograph.windows import DynamicNetwork, host_work, is_swapped

__all__ = ["HostParts", "between_windows", "host_parts", "nonzeros_of", "states_written", "total_between"]


@dataclass(frozen=True)
class HostParts:
    """Multiply-adds off chip of one inference, by name, and why some part is not among them."""

    macs: Mapping[str, int]
    missing: str = ""


def nonzeros_of(network: Network) -> int:
    """Entries of the normalised adjacency matrix that a float network propagates over; 0 where it does not."""
    lefts: list[Any] = [getattr(p.weights, "left", None) for p in network.projections]
    return max((int(np.count_nonzero(left.data)) for left in lefts if sp.issparse(left)), default=0)


def host_parts(bundle: Any) -> HostParts:
    """Of a bundle of Dy-SIGN, zeros included (dense products), nonzeros alone of an adjacency matrix. With n nodes of N in a window, F
    features, D the width, K layers, C classes, nnz the entries of Â:

        encoder, propagation   Σ nnz·F      encoder, linear      Σ 2·n·F·D (n·F·D without the nodes' own term)
        feedback of rates      Σ n·|W_p|    readout              N·K·D·C for each window that is read

    Args:
        bundle: a :class:`neurograph.export.bundle.windows.DynamicBundle`.
    """
    dynamic, config, labels = bundle.network, bundle.manifest["origin"].get("config"), bundle.labels
    macs, missing = {}, []
    there = [window for window in dynamic.windows if window.network is not None]
    nodes = sum(len(window.nodes) for window in there)
    if config is None:
        missing.append("the encoder is not counted: the bundle does not say how many features it has; export it again")
    else:
        features, width = config["in_features"], config["width"]
        macs["encoder, linear"] = (2 if config.get("own", True) else 1) * nodes * features * width
        macs[f"encoder, {SPARSE_HOST}"] = sum(nonzeros_of(window.network) for window in there) * features
    if dynamic.feedback:
        macs["feedback of rates"] = nodes * sum(weights.size for _, weights in dynamic.feedback.values())
    if labels is None:
        missing.append("the readout is not counted: the bundle holds some of the model's windows, and it is read after the last")
    else:
        by_window = labels.weight.reshape(len(labels.weight), len(dynamic.windows), -1)
        macs["readout"] = dynamic.nodes * int(by_window.any(axis=(0, 2)).sum()) * by_window.shape[0] * by_window.shape[2]
    return HostParts(macs, "; ".join(missing))


def states_written(dynamic: DynamicNetwork) -> dict[str, int] | None:
    """Neurons whose state the host sets in an inference, by population: once before the first window, all N nodes, where membranes are
    carried; None where neurons begin anew in every window, which its own counts know."""
    if not dynamic.start:
        return None
    populations = dynamic.network.populations
    return {name: dynamic.nodes * int(np.prod(populations[name].shape[1:])) for name in dynamic.start}


def between_windows(dynamic: DynamicNetwork, runs: Sequence[WindowRun]) -> list[dict[str, int]]:
    """What the host does before each window, and what is lost after it.

    synapses_removed, synapses_written   all of the projections that hang on the snapshot, of the window before and of this one
    synapses_changed                     of these the entries that differ from what is on the chip: the least that must be written
    currents_written, neurons_switched   see :class:`neurograph.windows.HostWork`
    states_held                          neurons of this window that go on with what they had
    spikes_dropped                       on their way when the window ended
    """
    found, before, seen = [], dict[int, Any](), np.zeros(dynamic.nodes, dtype=bool)
    a_node = sum(int(np.prod(dynamic.network.populations[name].shape[1:])) for name in dynamic.start)
    for window, work, run in zip(dynamic.windows, host_work(dynamic), runs, strict=True):
        changed = 0
        if window.network is not None:
            for index, projection in enumerate(window.network.projections):
                if is_swapped(dynamic, projection):
                    now = whole_graph(projection, window.nodes, dynamic.nodes)
                    old = before.get(index)
                    differ = np.count_nonzero(now.data) if old is None else int((now != old).nnz)
                    changed += int(differ) * _repeated(projection)
                    before[index] = now
        parts = asdict(work)
        found.append(
            {
                "synapses_removed": parts["removed"],
                "synapses_written": parts["written"],
                "synapses_changed": changed,
                "currents_written": parts["currents"],
                "neurons_switched": parts["switched"],
                "states_held": a_node * int(np.count_nonzero(seen[window.nodes])),
                "spikes_dropped": run.dropped,
            }
        )
        seen[window.nodes] = True
    return found


def _repeated(projection: Projection) -> int:
    """How many synapses an entry of the sparse factor stands for: one a feature of A ⊗ I, else one."""
    weights = projection.weights
    if not isinstance(weights, Kron):
        return 1
    return weights.right.size if isinstance(weights.right, Identity) else int(np.count_nonzero(weights.right))


def total_between(parts: Sequence[Mapping[str, int]]) -> dict[str, int]:
    """The same of all windows."""
    return {name: sum(part[name] for part in parts) for name in parts[0]}

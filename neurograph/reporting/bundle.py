"""One bundle's report: its own sample run in the fixed engine, counted, placed on each profile's chip, priced."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import h5py
import numpy as np
import scipy.sparse as sp

from neurograph.hw_profiles import baselines, load
from neurograph.hw_profiles.report import build
from neurograph.reporting.figures import figures_of
from neurograph.reporting.routing import placements, routings
from neurograph.sim import fixed

__all__ = ["PROFILES", "report_of"]

PROFILES = ("horowitz45", "loihi1", "loihi1-sanafe", "loihi2")


def report_of(bundle: Any, profiles: Sequence[str] = PROFILES) -> dict[str, Any]:
    """The report of a bundle's own sample.

    Args:
        bundle: as :func:`neurograph.export.bundle.open_bundle` gives it.
        profiles: names, or paths of TOML files.

    Raises:
        ProfileError: a profile that cannot be used. BundleError: the bundle has no integers.
    """
    loaded = [load(name) for name in profiles]
    run = fixed.run(bundle.quantized, bundle.inputs)
    placed, refused = placements(bundle, run, loaded)
    rivals, effective = _rivals(bundle)
    origin = bundle.manifest["origin"]
    info = {"target": bundle.manifest["target"], **{k: origin[k] for k in ("dataset", "seed") if k in origin}}
    return build(
        bundle.quantized,
        run,
        profiles=loaded,
        host_macs=bundle.host_macs or None,
        host_macs_effective=effective,
        bundle_name=bundle.path.resolve().name,
        accuracy=bundle.accuracy(run),
        baselines=rivals,
        model_info=info,
        routing=routings(placed),
        routing_refused=refused,
        figures=figures_of(bundle.quantized, run, placed),
    )


def _rivals(bundle: Any) -> tuple[list[baselines.Baseline], dict[str, int]]:
    """Networks with real values of the same width on the same graph, and the host's multiply-adds that meet no zero, where known."""
    with h5py.File(bundle.path / "check.h5", "r") as file:
        if "features" not in file or not bundle.host_macs:
            return [], {}
        nodes, width_in = (int(size) for size in file["features"].attrs["shape"])
        nonzero = int(np.count_nonzero(file["features/data"][()]))
        classes = int(file["labels"][()].max()) + 1
    width = max(bundle.network.populations[name].shape[-1] for name in bundle.network.outputs)  # inner layers may be wider
    sizes = {"nodes": nodes, "in_features": width_in, "width": width, "classes": classes, "nonzero_features": nonzero}
    rivals = [baselines.graph_transformer(**sizes)]
    nonzeros = _graph_nonzeros(bundle.network)
    if nonzeros:
        rivals.append(baselines.gcn(nonzeros=nonzeros, **sizes))
    return rivals, bundle.effective_macs(nonzero)


def _graph_nonzeros(network: Any) -> int:
    """Entries of the adjacency matrix that the network propagates over; 0 where it does not."""
    lefts: list[Any] = [getattr(p.weights, "left", None) for p in network.projections]
    return max((int(left.nnz) for left in lefts if sp.issparse(left)), default=0)

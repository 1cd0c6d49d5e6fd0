"""One bundle's report: its own sample run in the fixed engine, counted, placed on each profile's chip, priced."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp

from neurograph.errors import InputError
from neurograph.export.bundle.windows import DynamicBundle, open_any
from neurograph.hw_profiles import baselines
from neurograph.hw_profiles.report import build
from neurograph.network import Network, Population
from neurograph.report_profiles import PROFILES
from neurograph.reporting.branches import branches_of
from neurograph.reporting.dynamic import report_of_dynamic
from neurograph.reporting.figures import figures_of
from neurograph.reporting.profiles import load_profiles
from neurograph.reporting.routing import placements, routings
from neurograph.sim import fixed
from neurograph.sim.engines import FLOAT_ENGINES
from neurograph.sim.recording import Recording
from neurograph.sim.recording_file import load as load_recording
from neurograph.sim.tally import Tally, tally_of

__all__ = ["Wanted", "report_of"]

_ON_INTEGERS = "integer weights: an event at one that is rounded to 0 is none"
_ANEW = "simulate this bundle: 'neurograph simulate BUNDLE -o FILE.h5'"


@dataclass(frozen=True)
class Wanted:
    """What a report has besides the counts and energies of the bundle's own sample.

    Args:
        recording: file of ``neurograph simulate -o`` to count in place of the sample, with the spikes of every population.
        placement: ``placement.json`` of ``neurograph place``, or its folder, for the chip that it was made for.
        anns: networks with real values to train beside it, see :mod:`neurograph.reporting.ann`; on data of ``data_root``.
        sanafe: run SANA-FE on the same placement, see :mod:`neurograph.reporting.sanafe`.
        measure: run the float network on this machine, see :mod:`neurograph.reporting.measured`.
    """

    recording: Path | None = None
    placement: Path | None = None
    anns: tuple[str, ...] = ()
    data_root: Path | None = None
    sanafe: bool = False
    measure: bool = False

    @property
    def given(self) -> list[str]:
        """The options of ``neurograph report`` that ask for it."""
        names = [field.name for field in fields(self) if getattr(self, field.name) != field.default]
        return ["--" + {"anns": "ann"}.get(name, name).replace("_", "-") for name in names]


def report_of(bundle: Any, profiles: Sequence[str] = PROFILES, wanted: Wanted | None = None) -> dict[str, Any]:
    """The report of a bundle's own sample, or of a recorded run of it.

    Args:
        bundle: as :func:`neurograph.export.bundle.open_bundle` gives it, or :func:`neurograph.export.bundle.windows.open_dynamic`; or the
            path of one.
        profiles: names, or paths of TOML files.

    Raises:
        ProfileError: a profile that cannot be used. PlacementError: a placement of another chip or network.
        InputError: two profiles of one name; the bundle has no integers; a recording that is damaged, of another network, or without
            spikes; no SANA-FE; for a dynamic model anything but profiles.
    """
    wanted = wanted or Wanted()
    if isinstance(bundle, (str, Path)):
        bundle = open_any(Path(bundle))
    profiles = [profiles] if isinstance(profiles, str) else profiles
    if isinstance(bundle, DynamicBundle):
        if wanted != Wanted():
            options = ", ".join(wanted.given)
            raise InputError(f"bundle {bundle.path}: of a dynamic model, which is run, placed and compared as it is; leave {options} out")
        return report_of_dynamic(bundle, profiles)
    loaded = load_profiles(profiles)
    own = wanted.recording is None
    run = recorded(wanted.recording, bundle) if wanted.recording is not None else fixed.run(bundle.quantized, bundle.inputs)
    placed, refused = placements(bundle, run, loaded, wanted.placement)
    rivals, effective = _rivals(bundle, own)
    if wanted.anns:
        from neurograph.reporting.ann import trained_baselines

        rivals += trained_baselines(bundle, wanted.anns, wanted.data_root)
    origin = bundle.manifest["origin"]
    info = {"target": bundle.manifest["target"], **{k: origin[k] for k in ("dataset", "seed") if k in origin}, **_about(run)}
    made = build(
        bundle.quantized,
        run,
        profiles=loaded,
        host_macs=bundle.host_macs,
        host_macs_effective=effective,
        bundle_name=bundle.path.resolve().name,
        accuracy=bundle.accuracy(run) if own else None,
        baselines=rivals,
        model_info=info,
        routing=routings(placed),
        routing_refused=refused,
        figures=figures_of(bundle.quantized, run, placed),
    )
    if wanted.sanafe:
        from neurograph.reporting.sanafe import crosscheck_of

        made["crosscheck"] = crosscheck_of(bundle, recording=run, placement=placed.get("loihi1-sanafe"))
    if wanted.measure:
        from neurograph.reporting.measured import measured_of

        made["measured"] = measured_of(bundle)
    return made


def _about(run: Recording) -> dict[str, str]:
    """What the head of a report says of a run that the bundle's own chip would not make."""
    rules = run.notes.get("rules", "lava")
    found = {} if rules == "lava" else {"rules": str(rules)}
    return found | ({"counted on": _ON_INTEGERS} if run.engine in FLOAT_ENGINES else {})


def recorded(path: Path, bundle: Any) -> Recording:
    """A recording of a bundle from its file, counted on the integer network.

    Spikes of a float engine are counted there too: an event at a weight that is rounded to 0 is none on a chip.

    Raises:
        InputError: it misses the spikes of a population, or is of another network (shapes, or its own counts, are not what its spikes
            give on these weights), with how to make one.
    """
    run, network = load_recording(path), bundle.quantized
    missing = [p.name for p in _recorded(network) if p.name not in run.spikes]
    if missing:
        raise InputError(
            f"recording {path}: holds no spikes of {', '.join(missing[:3])}{' and more' if len(missing) > 3 else ''}; make one with "
            "'neurograph simulate BUNDLE -o FILE.h5', which records every population unless --record says otherwise"
        )
    for p in _recorded(network):
        expected = (run.samples, network.ticks, *p.shape)
        if run.spikes[p.name].shape != expected:
            raise InputError(
                f"recording {path}: population {p.name!r} has shape {run.spikes[p.name].shape}, the network needs {expected} (samples, "
                f"ticks, *shape); {_ANEW}"
            )
    if run.tally is None:
        return run
    spikes = {p.name: run.spikes[p.name] for p in _recorded(network)}
    ran = bundle.network if run.engine in FLOAT_ENGINES else network
    _check_tally(path, ran, run.tally, tally_of(ran, spikes))
    return run if ran is network else replace(run, tally=None)


def _recorded(network: Network) -> list[Population]:
    return [p for p in network.populations.values() if not p.is_static]


def _check_tally(path: Path, network: Network, own: Tally, counted: Tally) -> None:
    """See that a recording's own counts are those of its spikes on this network's weights.

    Raises:
        InputError: the first that differs.
    """
    projections = [p.name for p in network.spiking_projections]
    if len(own.synaptic_events) != len(projections):
        there, here = len(own.synaptic_events), len(projections)
        raise InputError(f"recording {path}: is of another network (counts of {there} projections, here are {here}); {_ANEW}")
    rows: dict[str, tuple[Mapping[str, Any], Mapping[str, Any]]] = {
        "synaptic events of projection": (
            dict(zip(projections, own.synaptic_events, strict=True)),
            dict(zip(projections, counted.synaptic_events, strict=True)),
        ),
        "spikes of population": (own.spikes, counted.spikes),
        "active updates of population": (own.updates_active, counted.updates_active),
        "messages of population": (own.messages, counted.messages),
        "spikes that reach a population from": (own.reached, counted.reached),
    }
    for what, (said, recount) in rows.items():
        for name, values in recount.items():
            if name not in said or not np.array_equal(said[name], values):
                told = f"{int(said[name].sum()):,}" if name in said else "no"
                raise InputError(
                    f"recording {path}: is of another network (it has {told} {what} {name!r}, its spikes make {int(values.sum()):,} on "
                    f"this bundle's weights); {_ANEW}"
                )


def _rivals(bundle: Any, own: bool) -> tuple[list[baselines.Baseline], dict[str, int]]:
    """Networks with real values of the same width on the same graph, and the host's multiply-adds that meet no zero, where known.

    Args:
        own: of the bundle's own sample; a recording holds no features, so nobody knows its zeros.
    """
    with bundle.files.hdf5("check.h5") as file:
        if "features" not in file or "encoder" not in bundle.host_macs:
            return [], {}
        nodes, width_in = (int(size) for size in file["features"].attrs["shape"])
        nonzero = int(np.count_nonzero(file["features/data"][()]))
        classes = int(file["labels"][()].max()) + 1
    found, nonzeros = branches_of(bundle.network), _graph_nonzeros(bundle.network)
    sizes: dict[str, Any] = {"nodes": nodes, "in_features": width_in, "classes": classes, "nonzero_features": nonzero if own else None}
    beside: dict[str, Any]
    beside = {"gnn_width": found.gnn_width, "gnn_layers": found.gnn_layers, "nonzeros": nonzeros} if found.gnn_width and nonzeros else {}
    ffn_width = 2 * found.width if found.has_ffn else 0
    rivals = [baselines.graph_transformer(**sizes, width=found.width, layers=found.blocks, ffn_width=ffn_width, **beside)]
    if nonzeros:
        rivals.append(baselines.gcn(nonzeros=nonzeros, **sizes, width=found.widest))
    return rivals, bundle.effective_macs(nonzero) if own else {}


def _graph_nonzeros(network: Any) -> int:
    """Entries of the adjacency matrix that the network propagates over; 0 where it does not."""
    lefts: list[Any] = [getattr(p.weights, "left", None) for p in network.projections]
    return max((int(left.nnz) for left in lefts if sp.issparse(left)), default=0)

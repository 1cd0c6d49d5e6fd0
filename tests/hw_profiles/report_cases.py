"""Reports of the fixture networks that several tests read: with a placement and without, with names that are hard to write out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from neurograph.export.placement import Placement
from neurograph.export.placement.files import to_json as placement_json
from neurograph.hw_profiles.baselines import Baseline, gcn, graph_transformer
from neurograph.hw_profiles.report import build
from neurograph.hw_profiles.routing import Routing
from neurograph.network import Network
from neurograph.sim.recording import Recording

PROFILES = ("horowitz45", "loihi1", "loihi1-sanafe", "loihi2", "generic")
HOSTILE = 'a_b%c&d#e$f{g}h~i^j\\k "l" µ→é–ß ½ 中 -- `m` <n>|o'

TRAINED = tuple(
    Baseline(f"{name}, trained", {"encoder": 60, "propagation": 30}, "trained on made up with seed 0", {"encoder": 20}, accuracy=accuracy)
    for name, accuracy in (("gcn", 0.812), ("transformer", 0.8))
)


def four_rivals() -> list[Baseline]:
    """Two by formula, two trained and counted in a run; in six accountings."""
    sizes = {"nodes": 4, "in_features": 5, "width": 3, "classes": 2, "nonzero_features": 7}
    return [graph_transformer(**sizes), gcn(nonzeros=10, **sizes), *TRAINED]


def windows_of_model() -> list[dict[str, int]]:
    """Of a dynamic model: three windows of four ticks, and one in which nobody takes part."""
    names = ("nodes", "synapses", "synaptic_events", "neuron_updates", "spikes", "synapses_written", "synapses_changed")
    names += ("currents_written", "neurons_switched", "states_held", "spikes_dropped")
    rows = [{"window": at, "ticks": 4, "steps": 9, **dict.fromkeys(names, at + 1)} for at in range(3)]
    return [*rows, {"window": 3, "ticks": 0, "steps": 0, **dict.fromkeys(names, 0)}]


def plain(network: Network, recording: Recording, **given: Any) -> dict[str, Any]:
    """Without a placement."""
    settings: dict[str, Any] = {
        "profiles": PROFILES,
        "host_macs": {"encoder": 120, "readout": 80},
        "bundle_name": "tiny net",
        "accuracy": 0.75,
        "baselines": [
            graph_transformer(nodes=4, in_features=5, width=3, classes=2),
            gcn(nodes=4, nonzeros=10, in_features=5, width=3, classes=2),
        ],
        "model_info": {"dataset": "made up", "seed": 0},
    }
    return build(network, recording, **(settings | given))


def placed(integers: Network, recording: Recording, placement: Placement, **given: Any) -> dict[str, Any]:
    """With one placement for all chips."""
    routing = {name: Routing.from_json({**placement_json(placement), "target": name}) for name in PROFILES[1:]}
    return plain(integers, recording, routing=routing, **given)


def renamed(network: Network, recording: Recording, ending: str) -> tuple[Network, Recording]:
    """The same with ``ending`` after the name of every population."""
    populations = {f"{name}{ending}": replace(p, name=f"{name}{ending}") for name, p in network.populations.items()}
    projections = tuple(replace(p, source=f"{p.source}{ending}", target=f"{p.target}{ending}") for p in network.projections)
    outputs = tuple(f"{name}{ending}" for name in network.outputs)
    spikes = {f"{name}{ending}": values for name, values in recording.spikes.items()}
    return replace(network, populations=populations, projections=projections, outputs=outputs), replace(recording, spikes=spikes)


def figures(found: Any) -> Iterator[float]:
    """Every number of a report."""
    if isinstance(found, dict):
        for value in found.values():
            yield from figures(value)
    elif isinstance(found, list):
        for value in found:
            yield from figures(value)
    elif isinstance(found, (int, float)) and not isinstance(found, bool):
        yield found

"""SANA-FE: a placed network and a recorded run of it as the files that SANA-FE 2.2.9 reads, to hold its counts against ours.

    architecture.yaml   the placement's mesh, all chips as one, as many cores a tile; constants of a profile
    network.yaml        every neuron an input that replays its recorded spikes, every synapse an edge, every neuron mapped to its core
    expected.json       what neurograph counts in that run
    run.py              runs the three with SANA-FE and compares: needs only ``pip install sanafe==2.2.9``

The spikes are replayed because SANA-FE's neurons are float and its own. Its input neurons refuse current, so edges have weight 0, which
costs and counts as any other. SANA-FE has no borders between chips: its hops are our hops and crossings together. Spikes of sources
start at core 0 there; where there are any, hops are not compared. SANA-FE is GPL-3 and is never imported here.

Source: Boyle 2025, IEEE TCAD 44(8), doi 10.1109/TCAD.2025.3537971; file formats as read by ``load_arch`` and ``load_net``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from neurograph.errors import BundleError, InputError, UnsupportedError
from neurograph.export.placement import Placement
from neurograph.export.placement.grids import Array
from neurograph.files import write_file
from neurograph.network import Network
from neurograph.sim.recording import Recording

__all__ = ["LARGEST", "RUNNER", "check", "write"]

LARGEST = 2_000_000  # edges: the YAML has a line for each, and SANA-FE holds an object for each
RUNNER = Path(__file__).with_name("sanafe_run.py")

# constant of a profile → attribute of a unit
_ENERGY: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "hop": {"hop_east_west": ("energy_east_hop", "energy_west_hop"), "hop_north_south": ("energy_north_hop", "energy_south_hop")},
    "synapse": {"synaptic_event_sparse": ("energy_process_spike",), "synaptic_event": ("energy_process_spike",)},
    "soma": {
        "neuron_access": ("energy_access_neuron",),
        "neuron_activation": ("energy_update_neuron",),
        "spike": ("energy_spike_out",),
    },
    "axon_in": {"message_in": ("energy_message_in",)},
    "axon_out": {"message": ("energy_message_out",)},
}


def write(
    placement: Placement,
    recording: Recording,
    folder: Path,
    *,
    energy: Mapping[str, float] | None = None,
    time: Mapping[str, float] | None = None,
    sample: int = 0,
) -> dict[str, Any]:
    """Write the four files into a folder that exists.

    Args:
        placement: of the network that was recorded.
        recording: the run to replay.
        energy, time: constants of a profile by name (``hop_east_west``, ``message``, ``synaptic_event``, …), in joules and seconds; what
            is missing costs nothing.
        sample: which sample of the recording.

    Returns:
        the content of ``expected.json``.

    Raises:
        UnsupportedError: see :func:`check`. InputError: no such sample. BundleError: a file cannot be written.
    """
    if not 0 <= sample < recording.samples:
        raise InputError(f"recording: sample {sample} does not exist, it has {recording.samples}; take 0 to {recording.samples - 1}")
    check(placement.network)
    expected = _expected(placement, recording, sample)
    files = {
        "architecture.yaml": "\n".join(_architecture(placement, energy or {}, time or {})),
        "network.yaml": "\n".join(_network(placement, recording, sample)),
        "expected.json": json.dumps(expected, indent=1),
        "run.py": RUNNER.read_text(encoding="utf-8").rstrip(),
    }
    for name, text in files.items():
        write_file(folder / name, (text + "\n").encode(), "SANA-FE export", BundleError)
    return expected


def check(network: Network) -> None:
    """Refuse what SANA-FE's files cannot hold.

    Raises:
        UnsupportedError: graded spikes, or more synapses than its text format bears.
    """
    graded = [f"population {p.name!r}: graded spikes" for p in network.populations.values() if p.is_graded]
    if graded:
        raise UnsupportedError("SANA-FE", graded, "compare a network without them, its inputs carry no numbers")
    edges = sum(int(p.weights.fan_out().sum()) for p in network.spiking_projections)
    if edges > LARGEST:
        raise UnsupportedError("SANA-FE", [f"{edges:,} synapses of the network, at most {LARGEST:,}"], "export a smaller graph")


def _expected(placement: Placement, recording: Recording, sample: int) -> dict[str, Any]:
    from neurograph.export.placement.traffic import count_traffic, spike_totals

    one = Recording(recording.engine, recording.ticks, {name: spikes[sample : sample + 1] for name, spikes in recording.spikes.items()})
    traffic = count_traffic(placement.network, placement.usage.routes, placement.core_of, placement.mesh, one)
    spikes = spike_totals(placement.network, one)
    events = sum(int(spikes[p.source] @ p.weights.fan_out()) for p in placement.network.spiking_projections)
    sources = any(not p.is_static for p in placement.network.sources)
    return {
        "steps": _steps(placement),
        "spikes": sum(int(values.sum()) for values in spikes.values()),
        "messages": int(traffic.messages[0] + traffic.host_messages[0]),
        "synaptic_events": events,
        "hops": None if sources else int(traffic.total[0]),
    }


def _steps(placement: Placement) -> int:
    network = placement.network
    deepest = max((p.depth or 1) for p in network.populations.values() if not p.is_static)
    return network.steps_per_tick * (network.ticks - 1) + deepest


def _architecture(placement: Placement, energy: Mapping[str, float], time: Mapping[str, float]) -> Iterator[str]:
    mesh = placement.mesh
    width, height = mesh.chips_across * mesh.tiles_across, -(-mesh.chips // mesh.chips_across) * mesh.tiles_down
    somas = max(2, int(np.bincount(_soma_cores(placement)).max()))

    def unit(kind: str, **fixed: object) -> str:
        costs = {
            attribute.replace("energy", quantity): constants[constant]
            for quantity, constants in (("energy", energy), ("latency", time))
            for constant, attributes in _ENERGY[kind].items()
            for attribute in attributes
            if constant in constants
        }
        every = {attribute for attributes in _ENERGY[kind].values() for attribute in attributes}
        zero = {attribute.replace("energy", quantity): 0.0 for quantity in ("energy", "latency") for attribute in sorted(every)}
        return ", ".join(f"{key}: {value}" for key, value in {**fixed, **zero, **costs}.items())

    yield f"# {placement.limits.target}, {placement.chips} chips as one mesh of {width} x {height} tiles"
    yield "architecture:"
    yield f"  name: {placement.limits.target}"
    barrier = time.get("barrier", 0.0)
    sync = f"link_buffer_size: 16, sync_model: fixed, latency_sync: {barrier}"
    yield f"  attributes: {{topology: mesh, width: {width}, height: {height}, {sync}}}"
    yield "  tile:"
    yield f"    - name: tile[0..{width * height - 1}]"
    yield f"      attributes: {{{unit('hop')}}}"
    yield "      core:"
    yield f"        - name: core[0..{placement.limits.cores_per_tile - 1}]"
    yield f"          attributes: {{buffer_position: soma, buffer_inside_unit: false, max_neurons_supported: {somas}}}"
    yield f"          axon_in: [{{name: axon_in, attributes: {{{unit('axon_in')}}}}}]"
    yield f"          synapse: [{{name: synapse, attributes: {{{unit('synapse', model='current_based')}}}}}]"
    yield "          dendrite: [{name: dendrite, attributes: {model: accumulator, energy_update: 0.0, latency_update: 0.0}}]"
    yield f"          soma: [{{name: 'replay[0..{somas - 1}]', attributes: {{{unit('soma', model='input')}}}}}]"
    yield f"          axon_out: [{{name: axon_out, attributes: {{{unit('axon_out')}}}}}]"


def _network(placement: Placement, recording: Recording, sample: int) -> Iterator[str]:
    network, steps = placement.network, _steps(placement)
    groups = {p.name: f"p{i}" for i, p in enumerate(network.populations.values()) if not p.is_static}
    yield "network:"
    yield "  name: neurograph"
    yield "  groups:"
    for name, group in groups.items():
        population = network.populations[name]
        yield f"    - name: {group}  # {name}"
        yield "      attributes: [synapse_hw_name: synapse, dendrite_hw_name: dendrite]"
        yield "      neurons:"
        train = np.zeros((population.size, steps), dtype=np.int64)
        start = (population.depth or 1) - 1
        at = start + network.steps_per_tick * np.arange(network.ticks)
        train[:, at] = recording.spikes[name][sample].reshape(network.ticks, -1).T != 0
        for neuron, spikes in enumerate(train):
            yield f"        - {neuron}: [spikes: [{', '.join(map(str, spikes.tolist()))}]]"
    yield "  edges:"
    for projection in network.spiking_projections:
        matrix = projection.weights.to_csr().tocoo()
        for target, source, weight in zip(matrix.row.tolist(), matrix.col.tolist(), matrix.data.tolist(), strict=True):
            if weight:
                yield f"    - {groups[projection.source]}.{source} -> {groups[projection.target]}.{target}: [weight: 0]"
    yield "mappings:"
    cores, mesh = _soma_cores(placement), placement.mesh
    height = -(-mesh.chips // mesh.chips_across) * mesh.tiles_down
    used = np.zeros(placement.cores, dtype=np.int64)
    position = 0
    for name, group in groups.items():
        for neuron in range(network.populations[name].size):
            core = int(cores[position])
            position += 1
            tile = int(mesh.x[core]) * height + int(mesh.y[core])  # SANA-FE numbers tiles column by column
            yield f"  - {group}.{neuron}: [core: {tile}.{int(mesh.slot[core])}, soma: 'replay[{used[core]}]']"
            used[core] += 1


def _soma_cores(placement: Placement) -> Array:
    """Core of every neuron that sends spikes, population by population; sources on core 0."""
    found = [
        placement.core_of.get(p.name, np.zeros(p.size, dtype=np.int64)) for p in placement.network.populations.values() if not p.is_static
    ]
    return np.concatenate(found)

"""What a profile may say: the names of constants and limits with their meanings, the units of each section, the shares of a constant."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["LIMIT_UNITS", "PLACEMENT_LIMITS", "SHARES", "UNITS", "VOCABULARY", "si_factor"]

_OPERATIONS = {
    "mac_fp32": "one 32-bit floating-point multiply-add",
    "add_fp32": "one 32-bit floating-point addition",
    "mac_fp16": "one 16-bit floating-point multiply-add",
    "add_fp16": "one 16-bit floating-point addition",
    "mac_int8": "one 8-bit integer multiply-add",
    "add_int8": "one 8-bit integer addition",
    "add_int32": "one 32-bit integer addition",
    "mult_int32": "one 32-bit integer multiplication",
    "sram_8kib_64b": "64 bits from an 8 KiB SRAM",
    "sram_32kib_64b": "64 bits from a 32 KiB SRAM",
    "sram_1mib_64b": "64 bits from a 1 MiB SRAM",
    "dram_64b": "64 bits from DRAM",
}
_EVENTS = {
    "synaptic_event": "one spike at one nonzero weight, of any storage form",
    "synaptic_event_dense": "the same, weights stored dense",
    "synaptic_event_sparse": "the same, weights stored sparse",
    "synaptic_event_conv": "the same, shared convolution weights",
    "synaptic_event_graded": "one spike that carries a number at one nonzero weight: a multiply",
    "neuron_update_active": "one neuron for one step, spiking or with input",
    "neuron_update_inactive": "one neuron for one step, silent and without input",
    "neuron_access": "one neuron for one step, active or not",
    "neuron_activation": "what an active neuron costs on top of its access",
    "spike": "one spike of a neuron, before it is sent",
    "message": "one spike sent to one destination core, without hops",
    "message_in": "one message taken in by a core, before its synaptic events",
    "hop_east_west": "one message over one link in x",
    "hop_north_south": "one message over one link in y",
    "chip_crossing": "one message over one link from a chip to the next",
}
VOCABULARY: Mapping[str, Mapping[str, str]] = {
    "energy": {
        **_OPERATIONS,
        **_EVENTS,
        "barrier": "the synchronisation that ends a step, one chip's part of it",
        "state_reset": "clearing one neuron's state before an inference",
        "bias_write": "setting one neuron's input current from the host",
        "host_message": "one spike from the host into one core",
        "host_mac": "one multiply-add on the host, everything included",
    },
    "time": {**_EVENTS, "barrier": "the synchronisation that ends a step"},
    "power": {"static_chip": "one chip's power with nothing to do"},
    "limits": {
        "cores_per_chip": "neuron cores",
        "neurons_per_core": "neurons on one core",
        "synaptic_memory_per_core": "memory for synapses on one core",
        "synapses_per_chip": "synapses on one chip",
        "input_axons_per_core": "axons into one core",
        "output_axons_per_core": "axons out of one core",
        "tiles_per_chip": "routers of the mesh",
        "mesh_width": "routers of the mesh in x",
        "fan_in_max": "synapses into one neuron",
        "fan_out_max": "cores that one neuron's spikes reach",
        "parameter_sets_per_core": "distinct sets of decays and resets on one core",
        "thresholds_per_core": "distinct thresholds on one core",
        "shared_synapse_lists": "1 where axons into a core may share one list of synapses, 0 where each has its own",
        "delay_max": "longest synaptic delay",
        "weight_bits": "bits of one weight",
        "graded_spike_bits": "bits that a spike can carry",
        "programmable_neurons": "1 where a neuron can subtract its threshold, go to another v_reset or hold still, 0 where it only rests",
    },
}
UNITS: Mapping[str, Mapping[str, float]] = {
    "energy": {"fJ": 1e-15, "pJ": 1e-12, "nJ": 1e-9, "uJ": 1e-6, "mJ": 1e-3, "J": 1.0},
    "time": {"ps": 1e-12, "ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0},
    "power": {"uW": 1e-6, "mW": 1e-3, "W": 1.0},
    "limits": dict.fromkeys(("cores", "neurons", "KiB", "synapses", "axons", "tiles", "steps", "bits", "sets", "bool"), 1.0),
}
# limits are plain numbers to placement, so each has one unit
LIMIT_UNITS: Mapping[str, str] = {
    "cores_per_chip": "cores",
    "neurons_per_core": "neurons",
    "synaptic_memory_per_core": "KiB",
    "synapses_per_chip": "synapses",
    "input_axons_per_core": "axons",
    "output_axons_per_core": "axons",
    "tiles_per_chip": "tiles",
    "mesh_width": "tiles",
    "fan_in_max": "synapses",
    "fan_out_max": "cores",
    "parameter_sets_per_core": "sets",
    "thresholds_per_core": "sets",
    "shared_synapse_lists": "bool",
    "delay_max": "steps",
    "weight_bits": "bits",
    "graded_spike_bits": "bits",
    "programmable_neurons": "bool",
}
PLACEMENT_LIMITS = tuple(key for key in LIMIT_UNITS if key not in ("synapses_per_chip", "graded_spike_bits", "programmable_neurons"))
# share that a constant may include → the constants that would charge it again
SHARES: Mapping[str, tuple[str, ...]] = {
    "neuron": ("neuron_update_active", "neuron_update_inactive", "neuron_access", "neuron_activation", "state_reset"),
    "spike": ("spike", "message", "message_in"),
    "routing": ("hop_east_west", "hop_north_south", "chip_crossing"),
    "barrier": ("barrier",),
    "static": (),
}


def si_factor(unit: str) -> tuple[float, str]:
    """Of a constant's unit: what to multiply with, and the SI unit that gives; limits keep theirs."""
    for section, base in (("energy", "J"), ("time", "s"), ("power", "W")):
        if unit in UNITS[section]:
            return UNITS[section][unit], base
    return 1.0, unit

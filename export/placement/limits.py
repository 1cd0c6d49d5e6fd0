"""Limits: what one core and one chip of the target hold, as plain numbers that a hardware profile fills."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from neurograph.errors import PlacementError

__all__ = ["REQUIRED", "Limits"]

# limit in a profile → field of Limits; a profile that lacks one cannot be placed on
REQUIRED = {
    "neurons_per_core": "neurons",
    "synaptic_memory_per_core": "synaptic_bits",
    "input_axons_per_core": "input_axons",
    "output_axons_per_core": "output_axons",
    "fan_in_max": "fan_in",
    "fan_out_max": "fan_out",
    "delay_max": "delay",
    "weight_bits": "weight_bits",
    "parameter_sets_per_core": "parameter_sets",
    "thresholds_per_core": "thresholds",
    "cores_per_chip": "cores_per_chip",
    "tiles_per_chip": "tiles_per_chip",
    "mesh_width": "mesh_width",
    "shared_synapse_lists": "shared_lists",
}
_BITS_PER_KIB = 8 * 1024


@dataclass(frozen=True)
class Limits:
    """What a target holds.

    Args:
        target: its name, for messages.
        neurons, input_axons, output_axons, parameter_sets, thresholds: a core.
        synaptic_bits: synaptic memory of a core, bits.
        fan_in: synapses into one neuron. fan_out: cores that one neuron's spikes reach.
        delay: longest synaptic delay in machine steps, beyond the first.
        weight_bits: bits of one stored weight.
        cores_per_chip, tiles_per_chip, mesh_width: the mesh, ``tiles_per_chip / mesh_width`` rows of routers; cores spread over them.
        shared_lists: whether axons into a core may share one list of synapses where it repeats at every node or feature.
        programmable: whether neurons can do what is not "go to rest" after a spike, or hold still.
        graded_bits: bits of a spike's payload; 0 for binary spikes only. Sums past ``fan_in`` need it.
    """

    target: str
    neurons: int
    synaptic_bits: int
    input_axons: int
    output_axons: int
    fan_in: int
    fan_out: int
    delay: int
    weight_bits: int
    parameter_sets: int
    thresholds: int
    cores_per_chip: int
    tiles_per_chip: int
    mesh_width: int
    shared_lists: bool
    graded_bits: int = 0
    programmable: bool = True

    def __post_init__(self) -> None:
        for name in [n for n in REQUIRED.values() if n not in ("shared_lists", "delay")]:
            if getattr(self, name) < 1:
                raise PlacementError(
                    f"target {self.target}: {name} is {getattr(self, name)}, must be at least 1; mend the profile's limits"
                )
        if self.tiles_per_chip % self.mesh_width or self.tiles_per_chip > self.cores_per_chip:
            raise PlacementError(
                f"target {self.target}: {self.tiles_per_chip} tiles in rows of {self.mesh_width} with {self.cores_per_chip} cores make no "
                "mesh; give a mesh_width that divides tiles_per_chip, and no more tiles than cores"
            )

    @classmethod
    def of(cls, target: str, values: Mapping[str, float]) -> Limits:
        """Limits from the section ``limits`` of a profile: name → value in the profile's unit (memory in KiB).

        Raises:
            PlacementError: limits that the profile lacks, all of them by name.
        """
        missing = [name for name in REQUIRED if name not in values]
        if missing:
            raise PlacementError(
                f"profile {target}: has no limits.{', limits.'.join(missing)}, placement needs {len(REQUIRED)} limits; "
                "add them with their source"
            )
        fields = {field: int(values[name]) for name, field in REQUIRED.items()}
        fields["synaptic_bits"] = int(values["synaptic_memory_per_core"] * _BITS_PER_KIB)
        shared = bool(fields.pop("shared_lists"))
        return cls(
            target=target,
            shared_lists=shared,
            graded_bits=int(values.get("graded_spike_bits", 0)),
            programmable=bool(values.get("programmable_neurons", 1)),
            **fields,
        )

    @property
    def cores_per_tile(self) -> int:
        return -(-self.cores_per_chip // self.tiles_per_chip)

"""Steps an integer network in SANA-FE, see simulator_jobs.py: its Loihi neurons on one core a population, its simple timing model.

A potential is in units of weight; the leak cuts it off at 1/64 of one, toward zero, as Lava's decay does. Sums are doubles: they equal
Lava's as long as no negative exponent cuts off bits, u does not last, and nothing wraps or clips.
"""

import contextlib
import os
import tempfile
from pathlib import Path

import numpy as np
import sanafe
from simulator_jobs import run_job

MOST = 1024  # neurons of a soma unit
ZERO = ", ".join(f"{kind}_{what}_hop: 0.0" for kind in ("energy", "latency") for what in ("north", "east", "south", "west"))
SOMA = ", ".join(f"{kind}_{what}: 0.0" for kind in ("energy", "latency") for what in ("access_neuron", "update_neuron", "spike_out"))
ARCHITECTURE = """
architecture:
  name: plain
  attributes: {{topology: mesh, width: {tiles}, height: 1, link_buffer_size: 16, sync_model: fixed, latency_sync: 0.0}}
  tile:
    - name: tile[0..{last}]
      attributes: {{{zero}}}
      core:
        - name: core[0]
          attributes: {{buffer_position: soma, buffer_inside_unit: false, max_neurons_supported: {most}}}
          axon_in: [{{name: axon_in, attributes: {{energy_message_in: 0.0, latency_message_in: 0.0}}}}]
          synapse: [{{name: synapse, attributes: {{model: current_based, energy_process_spike: 0.0, latency_process_spike: 0.0}}}}]
          dendrite: [{{name: dendrite, attributes: {{model: accumulator, energy_update: 0.0, latency_update: 0.0}}}}]
          soma:
            - {{name: lif, attributes: {{model: leaky_integrate_fire, {soma}}}}}
            - {{name: 'input[0..{inputs}]', attributes: {{model: input, {soma}}}}}
          axon_out: [{{name: axon_out, attributes: {{energy_message_out: 0.0, latency_message_out: 0.0}}}}]
"""
UNITS = {"default_synapse_hw_name": "synapse", "default_dendrite_hw_name": "dendrite"}


@contextlib.contextmanager
def quiet():
    """SANA-FE's own lines to nowhere: it writes past Python's sys.stdout."""
    kept, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    try:
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nowhere)


class Chip:
    """An architecture of as many cores as the groups and the spikes that they are given need, and neurons on them."""

    def __init__(self, cores):
        text = ARCHITECTURE.format(tiles=cores, last=cores - 1, most=MOST, inputs=MOST - 1, zero=ZERO, soma=SOMA)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "architecture.yaml")
            path.write_text(text)
            self.architecture = sanafe.load_arch(str(path))
        self.network, self.used = sanafe.Network(), 0

    def place(self, group):
        """A group on cores of its own."""
        for first in range(0, len(group), MOST):
            core = self.architecture.tiles[self.used].cores[0]
            self.used += 1
            for i in range(first, min(first + MOST, len(group))):
                group[i].map_to_core(core)

    def neurons(self, name, group):
        made = self.network.create_neuron_group(name, group.size, soma_hw_name="lif", log_spikes=True, **UNITS)
        keep_u, keep_v = (4095 - group.du) / 4096, (4096 - group.dv) / 4096
        for i in range(group.size):
            attributes = {
                "threshold": float(group.vth[i]),
                "leak_decay": float(keep_v[i]),
                "input_decay": float(keep_u[i]),
                "bias": float(group.bias[i]) / 64,
                "potential": float(group.start[i] - group.bias[i]) / 64,  # the bias acts in the step before tick 0, which does not leak
                "reset_mode": "soft" if group.subtract else "hard",
            }
            made[i].set_attributes(model_attributes=attributes)
        self.place(made)
        return made

    def inputs(self, name, spikes):
        made = self.network.create_neuron_group(name, spikes.shape[1], **UNITS)
        for i, train in enumerate(spikes.T):
            made[i].set_attributes(soma_hw_name=f"input[{i % MOST}]", model_attributes={"spikes": train.tolist()})
        self.place(made)
        return made


def build(groups, steps):
    trains = [source for group in groups for *_, source in group.inputs if not isinstance(source, tuple)]
    sizes = [group.size for group in groups] + [train.shape[1] for train in trains]
    with quiet():
        chip = Chip(sum(-(-size // MOST) for size in sizes))
        made = {group: chip.neurons(f"g{i}", group) for i, group in enumerate(groups)}
        for i, group in enumerate(groups):
            for j, (weights, exponent, _, source) in enumerate(group.inputs):
                if isinstance(source, tuple) and source[1]:
                    raise ValueError(f"population {group.name}: its neurons have no delays here")
                heard = made[source[0]] if isinstance(source, tuple) else chip.inputs(f"in{i}_{j}", source)
                connect(heard, made[group], weights, 2.0**exponent)
        machine = sanafe.SpikingChip(chip.architecture)
        machine.load(chip.network)
    found = {}

    def go():
        with quiet():
            found.update(machine.sim(steps + 1, timing_model="simple", spike_trace=True))
        return read

    def read():
        z = {f"g{i}": np.zeros((steps + 1, group.size), dtype=bool) for i, group in enumerate(groups)}
        for step, fired in enumerate(found["spike_trace"]):
            for neuron in fired:
                if neuron.group_name in z:
                    z[neuron.group_name][step, neuron.neuron_offset] = True
        return {group: z[f"g{i}"][1:] for i, group in enumerate(groups)}  # a spike is heard a step after it was sent

    return go


def connect(source, target, weights, unit):
    values = (weights.values * unit).tolist()
    if len(values) == len(source) * len(target):
        source.connect_neurons_dense(target, {"weight": values})
        return
    heard = np.repeat(np.arange(len(weights)), np.diff(weights.indptr)).tolist()
    source.connect_neurons_sparse(target, {"weight": values}, list(zip(heard, weights.targets.tolist())))  # noqa: B905


run_job(build)

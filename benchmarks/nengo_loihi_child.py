"""Runs integer networks in nengo-loihi's emulator; started by emulators.py with the interpreter that has it. Jobs: emulator_jobs.py.

Blocks, synapses and inputs are the emulator's own, filled with integers where its builder fills in what it discretises; the weights go
through its discretize_weights. It hears inputs one step late, so step 1 has none, and the state is set to what tick 0 starts from after it.
"""

import warnings

import numpy as np
from emulator_jobs import run_jobs
from nengo_loihi.block import Axon, LoihiBlock, Synapse
from nengo_loihi.builder import Model
from nengo_loihi.builder.discretize import array_to_int, discretize_weights
from nengo_loihi.builder.validate import validate_synapse
from nengo_loihi.emulator import EmulatorInterface
from nengo_loihi.inputs import SpikeInput

LARGEST = 2**23 - 1


def neurons(group):
    block = LoihiBlock(group.size, label=group.name)
    compartment = block.compartment
    array_to_int(compartment.decay_u, group.du)
    array_to_int(compartment.decay_v, group.dv)
    array_to_int(compartment.vth, group.vth << 6)
    array_to_int(compartment.bias, group.bias)
    compartment.scale_u = compartment.scale_v = False
    compartment.vmin, compartment.vmax = -LARGEST, LARGEST
    compartment.refract_delay[:] = 1
    return block


def synapse(block, weights, exponent):
    """A way into the block: synapses of its own, and the axon that leads to them."""
    made = Synapse(weights.shape[1])
    made.set_weights(weights.T.astype(np.float32))
    made.format(weight_exp=int(exponent))
    for row in made.weights:
        array_to_int(row, discretize_weights(made.synapse_cfg, row.copy()))
    validate_synapse(made)
    block.add_synapse(made)
    axon = Axon(made.n_axons)
    axon.target = made
    return axon


def spikes_of(values):
    made = SpikeInput(values.shape[1])
    for step, row in enumerate(values):
        made.add_spikes(step + 1, np.flatnonzero(row))
    return made


def run(groups, steps):
    model, blocks = Model(), {group: neurons(group) for group in groups}
    for group, block in blocks.items():
        for weights, exponent, _, source in group.inputs:
            axon = synapse(block, weights, exponent)
            if isinstance(source, tuple):
                if source[1]:
                    raise ValueError(f"population {group.name}: nengo-loihi's emulator has no delays")
                blocks[source[0]].add_axon(axon)
            else:
                model.add_input(spikes_of(source))
                next(reversed(model.inputs)).add_axon(axon)
    for block in blocks.values():
        model.add_block(block)
    return traces(EmulatorInterface(model, seed=0), groups, steps)


def traces(emulator, groups, steps):
    emulator.step()
    state = emulator.compartment
    start = np.concatenate([group.start for group in groups])
    state.current[:], state.voltage[:], state.spiked[:], state.ref_count[:] = 0, start, False, 0
    z = np.zeros((steps, len(start)), dtype=bool)
    u, v = np.zeros((2, steps, len(start)), dtype=np.int64)
    for step in range(steps):
        emulator.step()
        z[step], u[step], v[step] = state.spiked, state.current, state.voltage
    ends = np.cumsum([group.size for group in groups])
    return {group: tuple(values[:, end - group.size : end] for values in (z, u, v)) for group, end in zip(groups, ends)}  # noqa: B905


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # it warns of every wrap
    run_jobs(run)

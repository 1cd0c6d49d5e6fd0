"""Runs integer networks in nengo-loihi's emulator; started by emulators.py with the interpreter that has it. Jobs: emulator_jobs.py.

Blocks, synapses and inputs are the emulator's own, filled with integers where its builder fills in what it discretises; the weights go
through its discretize_weights. It hears inputs one step late, so step 1 has none, and the state is set to what tick 0 starts from after it.
"""

import warnings

import numpy as np
from nengo_loihi.block import Axon, LoihiBlock, Synapse
from nengo_loihi.builder import Model
from nengo_loihi.builder.discretize import array_to_int, discretize_weights
from nengo_loihi.builder.validate import validate_synapse
from nengo_loihi.emulator import EmulatorInterface
from nengo_loihi.inputs import SpikeInput

from emulator_jobs import run_jobs

LARGEST = 2**23 - 1


def synapse(block, weights, exponent):
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


def run(group):
    model, block = Model(), LoihiBlock(group.size)
    compartment = block.compartment
    array_to_int(compartment.decay_u, group.du)
    array_to_int(compartment.decay_v, group.dv)
    array_to_int(compartment.vth, group.vth << 6)
    array_to_int(compartment.bias, group.bias)
    compartment.scale_u = compartment.scale_v = False
    compartment.vmin, compartment.vmax = -LARGEST, LARGEST
    compartment.refract_delay[:] = 1
    for weights, exponent, _, spikes in group.inputs:
        source = SpikeInput(weights.shape[1])
        source.add_axon(synapse(block, weights, exponent))
        for tick, row in enumerate(spikes):
            source.add_spikes(tick + 1, np.flatnonzero(row))
        model.add_input(source)
    for weights, exponent, _ in group.loops:
        block.add_axon(synapse(block, weights, exponent))
    model.add_block(block)
    return steps(EmulatorInterface(model, seed=0), group)


def steps(emulator, group):
    emulator.step()
    state = emulator.compartment
    state.current[:], state.voltage[:], state.spiked[:], state.ref_count[:] = 0, group.start, False, 0
    z = np.zeros((group.ticks, group.size), dtype=bool)
    u, v = np.zeros((2, group.ticks, group.size), dtype=np.int64)
    for tick in range(group.ticks):
        emulator.step()
        z[tick], u[tick], v[tick] = state.spiked, state.current, state.voltage
    return z, u, v


warnings.simplefilter("ignore")  # it warns of every wrap
run_jobs(run)

"""Steps an integer network in nengo-loihi's emulator, see simulator_jobs.py; blocks as in nengo_loihi_child.py."""

import warnings

import numpy as np
import scipy.sparse as sp
from nengo_loihi.block import Axon, Synapse
from nengo_loihi.builder import Model
from nengo_loihi.builder.discretize import array_to_int, discretize_weights
from nengo_loihi.builder.validate import validate_synapse
from nengo_loihi.emulator import EmulatorInterface
from nengo_loihi_child import neurons, spikes_of
from simulator_jobs import run_job

DENSE = 0.25  # share of weights from which on they are given as a matrix


def synapse(block, weights, exponent, size):
    made = Synapse(len(weights))
    if len(weights.values) > DENSE * len(weights) * size:
        made.set_weights(weights.dense(size).astype(np.float32))
    else:
        made.set_weights(sp.csr_matrix((weights.values.astype(np.float32), weights.targets, weights.indptr), (len(weights), size)))
    made.format(weight_exp=int(exponent))
    for row in made.weights:
        if row.size:
            array_to_int(row, discretize_weights(made.synapse_cfg, row.copy()))
    validate_synapse(made)
    block.add_synapse(made)
    axon = Axon(made.n_axons)
    axon.target = made
    return axon


def build(groups, steps):
    model, blocks = Model(), {group: neurons(group) for group in groups}
    for group, block in blocks.items():
        for weights, exponent, _, source in group.inputs:
            axon = synapse(block, weights, exponent, group.size)
            if isinstance(source, tuple):
                blocks[source[0]].add_axon(axon)
            else:
                model.add_input(spikes_of(source))
                next(reversed(model.inputs)).add_axon(axon)
    for block in blocks.values():
        model.add_block(block)
    emulator = EmulatorInterface(model, seed=0)
    emulator.step()  # hears inputs one step late
    state = emulator.compartment
    state.current[:], state.spiked[:], state.ref_count[:] = 0, False, 0
    state.voltage[:] = np.concatenate([group.start for group in groups])
    z = np.zeros((steps, len(state.voltage)), dtype=bool)

    def go():
        for step in range(steps):
            emulator.step()
            z[step] = state.spiked
        return read

    def read():
        ends = np.cumsum([group.size for group in groups])
        return {group: z[:, end - group.size : end] for group, end in zip(groups, ends)}  # noqa: B905

    return go


warnings.simplefilter("ignore")  # it warns of every wrap
run_job(build)

"""Runs integer networks in Brian2Loihi; started by emulators.py with the interpreter that has it. Jobs: emulator_jobs.py.

Its objects are used as its users do. It has no bias, so a Brian operation adds that to v between the update of v and its threshold. A group
has one decay and one threshold: a population with several is several groups. u is taken after the input of the tick: its monitor is placed
behind the synapses, where it stands before them by default.
"""

import numpy as np
from brian2 import network_operation, prefs
from brian2_loihi import LoihiNetwork, LoihiNeuronGroup, LoihiSpikeGeneratorGroup, LoihiSpikeMonitor, LoihiStateMonitor, LoihiSynapses
from emulator_jobs import run_jobs

MODES = {"mixed": 1, "excitatory": 2, "inhibitory": 3}


def synapses(source, target, weights, exponent, mode):
    """Those of (out, in) that are not 0; None if there are none."""
    to, of = np.nonzero(weights)
    if not len(to):
        return []
    made = LoihiSynapses(source, target, w_exp=int(exponent), sign_mode=MODES[mode])
    made.connect(i=of, j=to)
    made.w = weights[to, of]
    return [made]


def add_bias(group, bias):
    @network_operation(when="groups", order=1)
    def operation():
        group.v = np.asarray(group.v) + bias

    return operation


def run(group):
    kinds, kind = np.unique(np.stack([group.du, group.dv, group.vth]), axis=1, return_inverse=True)
    members = [np.flatnonzero(kind.ravel() == k) for k in range(kinds.shape[1])]
    parts = []
    for (du, dv, vth), who in zip(kinds.T.tolist(), members):  # noqa: B905
        part = LoihiNeuronGroup(len(who), refractory=1, threshold_v_mant=vth, decay_v=dv, decay_I=du + 1)
        part.v = group.start[who]
        parts.append((part, who))
    objects = [part for part, _ in parts]
    for weights, exponent, mode, spikes in group.inputs:
        ticks, indices = np.nonzero(spikes)
        generator = LoihiSpikeGeneratorGroup(weights.shape[1], indices, ticks)
        objects.append(generator)
        for part, who in parts:
            objects += synapses(generator, part, weights[who], exponent, mode)
    for weights, exponent, mode in group.loops:
        for part, who in parts:
            for source, of in parts:
                objects += synapses(source, part, weights[np.ix_(who, of)], exponent, mode)
    watched = []
    for part, who in parts:
        if group.bias[who].any():
            objects.append(add_bias(part, group.bias[who]))
        watched.append((who, LoihiSpikeMonitor(part), LoihiStateMonitor(part, "I", order=1), LoihiStateMonitor(part, "v")))
    LoihiNetwork(*objects, *(monitor for _, *monitors in watched for monitor in monitors)).run(group.ticks)
    z = np.zeros((group.ticks, group.size), dtype=bool)
    u, v = np.zeros((2, group.ticks, group.size), dtype=np.int64)
    for who, spiked, current, voltage in watched:
        z[np.rint(spiked.t_ * 1000).astype(int), who[np.asarray(spiked.i)]] = True
        u[:, who], v[:, who] = whole(current.I.T), whole(voltage.v.T)
    return z, u, v


def whole(values):
    values = np.asarray(values)
    if np.any(values != np.rint(values)):
        raise ValueError("a state of Brian2Loihi is no integer")
    return values.astype(np.int64)


prefs.codegen.target = "numpy"
run_jobs(run)

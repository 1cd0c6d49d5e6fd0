"""Runs integer networks in Brian2Loihi; started by emulators.py with the interpreter that has it. Jobs: emulator_jobs.py.

Its objects are used as its users do. It has no bias, so a Brian operation adds that to v between the update of v and its threshold. A group
has one decay and one threshold: a population with several is several groups. Spikes of generators arrive in the same step, and its monitor
of I sees them.
"""

import numpy as np
from brian2 import network_operation, prefs
from brian2_loihi import LoihiNetwork, LoihiNeuronGroup, LoihiSpikeGeneratorGroup, LoihiSpikeMonitor, LoihiStateMonitor, LoihiSynapses
from emulator_jobs import run_jobs

MODES = {"mixed": 1, "excitatory": 2, "inhibitory": 3}


class Part:
    """The neurons ``who`` of a population that share their parameters."""

    def __init__(self, group, who):
        self.who = who
        du, dv, vth = (int(values[who[0]]) for values in (group.du, group.dv, group.vth))
        self.neurons = LoihiNeuronGroup(len(who), refractory=1, threshold_v_mant=vth, decay_v=dv, decay_I=du + 1)
        self.neurons.v = group.start[who]
        self.spiked = LoihiSpikeMonitor(self.neurons)
        self.u, self.v = LoihiStateMonitor(self.neurons, "I"), LoihiStateMonitor(self.neurons, "v")
        self.objects = [self.neurons, self.spiked, self.u, self.v]
        if group.bias[who].any():
            self.objects.append(self.add_bias(group.bias[who]))

    def add_bias(self, bias):
        @network_operation(when="groups", order=1)
        def operation():
            self.neurons.v = np.asarray(self.neurons.v) + bias

        return operation


def synapses(source, target, weights, exponent, mode, delay=0):
    """Those of (out, in) that are not 0, in a list."""
    to, of = np.nonzero(weights)
    if not len(to):
        return []
    made = LoihiSynapses(source, target, delay=int(delay), w_exp=int(exponent), sign_mode=MODES[mode])
    made.connect(i=of, j=to)
    made.w = weights[to, of]
    return [made]


def incoming(part, parts, weights, exponent, mode, source):
    """Objects that bring one input of a group to one of its parts."""
    if isinstance(source, tuple):
        group, delay = source
        return [
            made
            for other in parts[group]
            for made in synapses(other.neurons, part.neurons, weights[np.ix_(part.who, other.who)], exponent, mode, delay)
        ]
    steps, indices = np.nonzero(source)
    generator = LoihiSpikeGeneratorGroup(weights.shape[1], indices, steps)
    return [generator, *synapses(generator, part.neurons, weights[part.who], exponent, mode)]


def run(groups, steps):
    parts = {group: [Part(group, who) for who in alike(group)] for group in groups}
    objects = [thing for made in parts.values() for part in made for thing in part.objects]
    for group in groups:
        for part in parts[group]:
            for one in group.inputs:
                objects += incoming(part, parts, *one)
    LoihiNetwork(*objects).run(steps)
    return {group: traces(group, parts[group], steps) for group in groups}


def alike(group):
    """The neurons of every set of parameters."""
    kinds, kind = np.unique(np.stack([group.du, group.dv, group.vth]), axis=1, return_inverse=True)
    return [np.flatnonzero(kind.ravel() == k) for k in range(kinds.shape[1])]


def traces(group, parts, steps):
    z = np.zeros((steps, group.size), dtype=bool)
    u, v = np.zeros((2, steps, group.size), dtype=np.int64)
    for part in parts:
        z[np.rint(part.spiked.t_ * 1000).astype(int), part.who[np.asarray(part.spiked.i)]] = True
        u[:, part.who], v[:, part.who] = whole(part.u.I.T), whole(part.v.v.T)
    return z, u, v


def whole(values):
    values = np.asarray(values)
    if np.any(values != np.rint(values)):
        raise ValueError("a state of Brian2Loihi is no integer")
    return values.astype(np.int64)


prefs.codegen.target = "numpy"
run_jobs(run)

"""One job of benchmarks/simulators.py in an interpreter of its own: read, built, stepped several times, answered.

Imports only the standard library and NumPy. A job is one of emulator_jobs.py whose weights are columns: ``indptr/I`` (in + 1,),
``targets/I`` and ``values/I`` of projection I, by the neuron that they come from. The answer holds ``spikes/NAME``, and ``seconds``: one
number a repetition, the steps alone, start-up and building not counted.
"""

import sys
import time

import numpy as np
from emulator_jobs import Runner


class Columns:
    """Weights by the neuron that they come from."""

    def __init__(self, indptr, targets, values):
        self.indptr, self.targets, self.values = indptr, targets, values

    def __len__(self):
        return len(self.indptr) - 1

    def __getitem__(self, source):
        """Targets and weights of one neuron."""
        part = slice(self.indptr[source], self.indptr[source + 1])
        return self.targets[part], self.values[part]

    def dense(self, size):
        """(in, out)."""
        full = np.zeros((len(self), size), dtype=self.values.dtype)
        full[np.repeat(np.arange(len(self)), np.diff(self.indptr)), self.targets] = self.values
        return full


class TimedRunner(Runner):
    """``build(groups, steps)`` gives a function without arguments that steps, and returns one that gives the spikes."""

    def __init__(self, job, build):
        super().__init__(job, self.timed)
        self.build, self.seconds = build, 0.0

    def weights(self, i):
        return Columns(*(self.job[f"{key}/{i}"] for key in ("indptr", "targets", "values")))

    def timed(self, groups, steps):
        go = self.build(groups, steps)
        start = time.perf_counter()
        read = go()
        self.seconds += time.perf_counter() - start
        return {group: (z, z[:, :0], z[:, :0]) for group, z in read().items()}


def run_job(build):
    """The job, the answer and the repetitions that the command line names."""
    job, answer, repetitions = dict(np.load(sys.argv[1])), sys.argv[2], int(sys.argv[3])
    seconds = []
    for _ in range(repetitions):
        runner = TimedRunner(job, build)
        found = runner.all()
        seconds.append(runner.seconds)
    spikes = {name: values for name, values in found.items() if name.startswith("spikes/")}
    np.savez(answer, seconds=np.array(seconds), **spikes)

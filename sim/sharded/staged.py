"""A rank's run on a CPU by the compiled engine, stage by stage (:mod:`neurograph.sim.sharded.stages`); the ranks meet in between.

Of each batch of samples the spikes that later levels hear, and those of the halo, are held for all ticks; everything else is inside the
compiled engine, which keeps to what is left of the memory.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from neurograph.errors import MemoryLimitError
from neurograph.network import Network
from neurograph.sim.compiled.engine import Simulator
from neurograph.sim.compiled.library import available
from neurograph.sim.compiled.program import unsupported
from neurograph.sim.recording import Recording
from neurograph.sim.sharded.counting import Counter
from neurograph.sim.sharded.halo import Halo
from neurograph.sim.sharded.plan import PartPlan, ShareOn
from neurograph.sim.sharded.stages import Stage, Steps
from neurograph.sim.sharded.static import driven_biases
from neurograph.sim.static_currents import bias_from

__all__ = ["StagedRun", "can_be_compiled"]

Array = NDArray[Any]
_BATCH_BYTES = 1 << 30


def can_be_compiled(network: Network) -> bool:
    """Whether the compiled engine runs such a part on this rank, batch after batch of samples."""
    kept = any(getattr(p.neuron, "state", "") == "kept" for p in network.neurons)
    return not kept and not unsupported(network) and available()


class StagedRun:
    """As :class:`neurograph.sim.sharded.engine.PartRun`.

    Args:
        plan: of the sums alone.
        steps: of the part.
        halos, values, samples, counter: as there.
        recorded: populations and sources whose spikes are kept.
        states: whether u and v are kept as well.
        max_memory: bytes; 1 GiB for a batch of samples if not given, and what the compiled engine wants.
    """

    def __init__(
        self,
        plan: PartPlan,
        steps: Steps,
        halos: Mapping[str, Halo],
        values: Mapping[str, Array],
        samples: int,
        *,
        recorded: Collection[str],
        states: bool,
        counter: Counter | None,
        max_memory: int | None,
    ) -> None:
        self.plan, self.part, self.network, self.world = plan, plan.part, plan.part.network, plan.world
        self.steps, self.halos, self.values, self.samples = steps, halos, values, samples
        self.states, self.counter, self.max_memory = states, counter, max_memory
        self.stages = {id(stage): Simulator(stage.network) for _, stage in steps.levels if stage is not None}
        own: dict[str, Array] = {}
        self.currents = {
            name: share.brought(values[share.projection.source], samples, own)[1]
            for _, stage in steps.levels
            for name, share in (stage.statics.items() if stage is not None else ())
        }
        self.driven = driven_biases(self.network.populations, self.part.statics, values, samples, plan.neurons)
        self.seen: dict[str, dict[str, int]] = {"wraps": {}, "clips": {}, "largest_u": {}, "largest_v": {}}
        self.fired = dict.fromkeys(steps.kept, 0) | {p.name: 0 for p in self.network.neurons}
        self.spikes: dict[str, Array] = {}
        self.u: dict[str, Array] = {}
        self.v: dict[str, Array] = {}
        self._record = "all" if states else "outputs"
        self.recorded = [name for name in recorded if self.part.is_mine(name)]

    @property
    def sample_bytes(self) -> int:
        """What a sample of a batch holds: spikes of own nodes and of the halo, once as they are and once as a stage takes them."""
        sizes = {name: self.network.populations[name].size for name in self.steps.kept}
        halo = sum(self.halos[name].size for name in sizes if name in self.halos)
        return 2 * self.network.ticks * (sum(sizes.values()) + halo)

    def batch(self) -> int:
        """How many samples this rank takes at a time.

        Raises:
            MemoryLimitError: one does not fit.
        """
        if self.max_memory is None:
            return max(1, min(self.samples, _BATCH_BYTES // max(self.sample_bytes, 1)))
        count = self.samples
        while count > 1 and self._need(count) > self.max_memory:
            count = (count + 1) // 2
        if self._need(count) > self.max_memory:
            raise MemoryLimitError(
                f"network: one tick of one sample, with what ranks exchange of all its ticks, takes {self._need(count):,} bytes on rank "
                f"{self.world.rank}, limit {self.max_memory:,}; raise max_memory (--max-memory), or take more ranks"
            )
        return count

    def _need(self, samples: int) -> int:
        """Bytes without which so many samples do not run."""
        stages = [simulator.least_bytes(samples, record=self._record, counts=True) for simulator in self.stages.values()]
        return samples * self.sample_bytes + max(stages, default=0)

    def all_samples(self, batch: int) -> None:
        """Run so many samples at a time."""
        for start in range(0, self.samples, batch):
            self._batch(slice(start, min(start + batch, self.samples)))

    def notes(self) -> dict[str, Any]:
        """Those of the fixed engine, over all ranks; a collective."""
        if not self.network.is_integer:
            return {}
        sums = self.plan.notes()
        names = [p.name for p in self.network.neurons]
        found = {}
        for key, most in (("wraps", False), ("clips", False), ("largest_u", True), ("largest_v", True)):
            mine = [self.seen[key].get(name, 0) * (most or self.part.is_mine(name)) for name in names]
            every = torch.tensor(mine, dtype=torch.int64)
            total = (self.world.most(every) if most else self.world.sum_integers(every)).tolist()
            of_stages = {name: count for name, count in zip(names, total, strict=True) if name in self.seen["largest_u"]}
            every_one = {**of_stages, **sums[key]}
            found[key] = {name: every_one[name] for name in names if name in every_one and (most or every_one[name])}
        return {"rules": "lava", **found}

    def spikes_in_all(self) -> dict[str, int]:
        """Spikes of every population but static sources, over all ranks; a collective."""
        mine = torch.tensor([count * self.part.is_mine(name) for name, count in self.fired.items()], dtype=torch.int64)
        found = dict(zip(self.fired, self.world.sum_integers(mine).tolist(), strict=True))
        return {p.name: found[p.name] for p in (*self.network.sources, *self.network.neurons) if p.name in found}

    def _batch(self, samples: slice) -> None:
        held: dict[str, Array] = {}
        coming: dict[str, Any] = {}
        halo: dict[str, Array] = {}

        def there(name: str, spikes: Array) -> None:
            """A population's spikes of own nodes are known, (samples, ticks, size)."""
            held[name] = spikes
            if self.counter is not None:
                self.counter.count(name, samples, spikes.sum(axis=1, dtype=np.int32), events=False)
            if name in self.halos:
                coming[name] = self.halos[name].start(torch.from_numpy(spikes))

        for source in self.network.sources:
            if not source.is_static:
                there(source.name, self._given(source.name, samples))
                self.fired[source.name] += int(np.count_nonzero(held[source.name]))
                self._keep(source.name, samples, held[source.name])
        for level, (sums, stage) in enumerate(self.steps.levels):
            for name in sums:
                there(name, self._sum(name, samples, held))
            if stage is not None:
                for name in [what.population for what in stage.heard.values() if what.halo and what.population in coming]:
                    halo[name] = coming.pop(name)().numpy()
                self._stage(stage, samples, held, halo, there)
            for name in [name for name in held if self.steps.last.get(name, -1) <= level]:
                halo.pop(name, None)
                del held[name]
        for received in coming.values():  # what others wanted of this rank has to be waited for as well
            received()

    def _given(self, name: str, samples: slice) -> Array:
        """The inputs of own nodes, (samples, ticks, size)."""
        population, count = self.network.populations[name], samples.stop - samples.start
        if population.is_constant:
            return np.ones((count, self.network.ticks, population.size), dtype=np.uint8)
        own = self.part.own(name, self.values[name][samples], 2)
        return np.ascontiguousarray(own.reshape(count, self.network.ticks, population.size))

    def _stage(self, stage: Stage, samples: slice, held: Mapping[str, Array], halo: Mapping[str, Array], there: Any) -> None:
        network, count = stage.network, samples.stop - samples.start
        inputs: dict[str, Array] = {}
        for source in network.sources:
            if source.name in stage.heard:
                what = stage.heard[source.name]
                own = held[what.population]
                spikes = np.concatenate([own, halo[what.population]], axis=2) if what.halo else own
                inputs[source.name] = spikes.reshape(count, network.ticks, *source.shape)
            elif source.name in stage.statics:
                current = self.currents[source.name]
                inputs[source.name] = np.broadcast_to(current if len(current) == 1 else current[samples], (count, *source.shape))
            else:
                inputs[source.name] = np.zeros((count, network.ticks, *source.shape), dtype=np.uint8)
        left = None if self.max_memory is None else self.max_memory - count * self.sample_bytes
        simulator = self.stages[id(stage)]
        run = simulator.run(inputs, record=self._record, counts=True, max_memory=left, threads=torch.get_num_threads())
        simulator.release()
        self._take(stage, samples, run, there)

    def _take(self, stage: Stage, samples: slice, run: Recording, there: Any) -> None:
        tally, count = run.tally, samples.stop - samples.start
        assert tally is not None
        for key, most in (("wraps", False), ("clips", False), ("largest_u", True), ("largest_v", True)):
            for name, value in run.notes.get(key, {}).items():
                before = self.seen[key].get(name, 0)
                self.seen[key][name] = max(before, value) if most else before + value
        names = [p.name for p in stage.network.neurons]
        for name in names:
            self.fired[name] += int(tally.spikes[name].sum())
            if name in stage.network.outputs:
                there(name, run.spikes[name].reshape(count, self.network.ticks, -1))
            if self.counter is not None:
                self.counter.active[name][samples] = tally.updates_active[name]
                if name not in stage.network.outputs:
                    self.counter.spikes[name][samples] = tally.spikes[name]
                    self.counter.messages[name][samples], self.counter.reached[name][samples] = tally.messages[name], tally.reached[name]
            spikes = run.spikes.get(name)
            if spikes is not None:
                self._keep(name, samples, spikes, run.currents.get(name), run.voltages.get(name))
        if self.counter is not None:
            for number, events in zip(stage.shares, tally.synaptic_events, strict=True):
                if self.part.is_mine(self.part.shares[number].projection.target):
                    self.counter.events[number][samples] = events

    def _sum(self, name: str, samples: slice, held: Mapping[str, Array]) -> Array:
        """A replicated population that hears split ones."""
        population, count, plan = self.network.populations[name], samples.stop - samples.start, self.plan
        neurons = plan.neurons[name]
        neurons.start(self._bias(name, samples), keep=False)
        shape = (count, self.network.ticks, population.size)
        current = torch.zeros(shape, dtype=plan.currents[name])
        arrived = torch.zeros(shape, dtype=torch.bool) if self.counter is not None else None
        for share in plan.heard[name]:
            current += share.brought([self._lagged(held[share.projection.source], share)], arrived).to(current.dtype)
        scanned = neurons.scan(current, states=self.states)
        if self.counter is not None:
            self.counter.worked(name, samples, scanned.spikes, arrived)
            for number, piece in enumerate(self.part.shares):
                source = piece.projection.source
                if piece.projection.target == name and self.part.is_mine(source):
                    self.counter.events[number][samples] = piece.fan_out.events(held[source].sum(axis=1, dtype=np.int32))
        spikes = scanned.spikes.numpy()
        states = [None if x is None else x.numpy() for x in (scanned.u, scanned.v)]
        self.fired[name] += int(np.count_nonzero(spikes))
        self._keep(name, samples, spikes, *states)
        return spikes

    def _lagged(self, spikes: Array, share: ShareOn) -> Tensor:
        whole, lag = torch.from_numpy(spikes), min(share.projection.lag, self.network.ticks)
        if not lag:
            return whole
        return torch.cat([torch.zeros_like(whole[:, :lag]), whole[:, : self.network.ticks - lag]], dim=1)

    def _bias(self, name: str, samples: slice) -> Array:
        count = samples.stop - samples.start
        bias = self.driven[name][samples] if name in self.driven else bias_from(self.network.populations[name], [], count)
        return np.array(bias.reshape(count, -1))

    def _keep(self, name: str, samples: slice, spikes: Array, u: Array | None = None, v: Array | None = None) -> None:
        """Record some samples of a population."""
        if name not in self.recorded:
            return
        size = self.network.populations[name].size
        for kind, values in ((self.spikes, spikes), (self.u, u), (self.v, v)):
            if values is not None:
                if name not in kind:
                    kept = values.dtype if values.dtype in (np.uint8, np.float64) else np.int64
                    kind[name] = np.zeros((self.samples, self.network.ticks, size), kept)
                kind[name][samples] = values.reshape(len(values), self.network.ticks, size)

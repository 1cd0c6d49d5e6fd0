"""Load `.net` files with lava-dl's netx and run them in Lava: ``python netx_worker.py JOBS.npz OUT_DIR --tag TAG``.

A script like ``worker.py``, whose watch over Lava's processes it uses; it needs lava-dl beside lava-nc. The reader is lava-dl's own
(``lava.lib.dl.netx.hdf5.Network``), and so are all processes but a source of spikes and a log of those of each layer.

Timing: with spikes at the input, tick t of layer k (0 the first) happens at machine step t + k + 2, with values at an input layer that has
neurons at t + k + 1; Lava counts from 1. Each layer is reset when its tick 0 begins, for its bias is there before that. Samples follow each
other every T steps; where what is under way would reach the next sample (delays, loops) or the input is a bias, each has a run of its own.
"""

from __future__ import annotations

import argparse
import json
import time
import traceback
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from lava.lib.dl.netx import hdf5
from lava.lib.dl.netx.blocks.process import Input
from lava.magma.core.decorator import implements, requires
from lava.magma.core.model.py.model import PyLoihiProcessModel
from lava.magma.core.model.py.ports import PyInPort
from lava.magma.core.model.py.type import LavaPyType
from lava.magma.core.process.ports.ports import InPort
from lava.magma.core.process.process import AbstractProcess
from lava.magma.core.resources import CPU
from lava.magma.core.run_conditions import RunSteps
from lava.magma.core.run_configs import Loihi2SimCfg
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol
from processes import SpikeSource, SpikeSourceModel  # type: ignore[import-not-found]
from watch import Watch, begin, fail, quit_all, say  # type: ignore[import-not-found]
from worker import CHANNEL_SLOTS, make_log  # type: ignore[import-not-found]


class SpikeLog(AbstractProcess):  # type: ignore[misc]
    """Writes the spikes of a layer, (samples, T, *shape), into a file; tick 0 at machine step ``depth``."""

    def __init__(self, shape: tuple[int, ...], path: str, depth: int, first: int, samples: int, ticks: int) -> None:
        super().__init__(path=path, depth=depth, first=first, samples=samples, ticks=ticks)
        self.a_in = InPort(shape=shape)


@implements(proc=SpikeLog, protocol=LoihiProtocol)
@requires(CPU)
class SpikeLogModel(PyLoihiProcessModel):  # type: ignore[misc]
    """One file, shared by the runs of all samples."""

    a_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int32)

    def __init__(self, proc_params: Any) -> None:
        super().__init__(proc_params)
        self.about = proc_params
        self.file: Any = None

    def run_spk(self) -> None:
        spikes = self.a_in.recv()
        sample, tick = divmod(self.time_step - self.about["depth"], self.about["ticks"])
        if 0 <= sample < self.about["samples"]:
            if self.file is None:
                self.file = np.lib.format.open_memmap(self.about["path"], mode="r+")
            self.file[self.about["first"] + sample, tick] = spikes


def run_job(number: int, job: dict[str, Any], values: Any, out: Path) -> dict[str, Any]:
    """Run all samples of one file; the logs are OUT/<job>_<layer>.npy."""
    start = time.perf_counter()
    seconds, layers = 0.0, 0
    for first in range(0, len(values), len(values) if job["stream"] else 1):
        part = values[first:] if job["stream"] else values[first : first + 1]
        ran, layers = _run(number, job, part, first, len(values), out)
        seconds += ran
    return {"run_s": seconds, "startup_s": time.perf_counter() - start - seconds, "layers": layers}


def _run(number: int, job: dict[str, Any], values: Any, first: int, samples: int, out: Path) -> tuple[float, int]:
    ticks, static = job["ticks"], job["static"]
    # A run of one sample is reset once, so its interval lies beyond its end.
    period = ticks if job["stream"] else 1 << 30
    net = hdf5.Network(job["net"], num_layers=job["num_layers"], reset_interval=period, reset_offset=0 if static else 1)
    if isinstance(net.layers[0], Input) != static:
        fail(f"{job['net']}: its input takes {'spikes' if static else 'values'}, but the other is given")
    models: dict[Any, Any] = {}
    if static:
        net.in_layer.neuron.bias_mant.init = _as_image(_mantissa(net.in_layer.transform, values[0]), net.in_layer.shape, 0)
    else:
        spikes = _as_image(values, net.inp.shape, 2).reshape(len(values), ticks, -1).astype(np.int8)
        source = SpikeSource(spikes, 1, ticks)
        source.s_out.reshape(net.inp.shape).connect(net.inp)
        models[source] = SpikeSourceModel
    depth = 1 if static else 2
    for index, layer in enumerate(net.layers):
        path, shape = out / f"{number}_{index}.npy", tuple(int(n) for n in layer.out.shape)
        if first == 0:
            make_log(path, np.uint8, (samples, ticks, *shape))
        log = SpikeLog(shape, str(path), depth + index, first, len(values), ticks)
        layer.out.connect(log.a_in)
        models[log] = SpikeLogModel
    steps = len(values) * ticks + depth + len(net.layers) - 2
    config = Loihi2SimCfg(select_tag="fixed_pt", exception_proc_model_map=models)
    watch = Watch(net)
    net.create_runtime(run_cfg=config, compile_config={"pypy_channel_size": CHANNEL_SLOTS})
    started = time.perf_counter()
    try:
        net.run(condition=RunSteps(num_steps=steps))
    except RuntimeError:  # Lava says only how many processes failed
        watch.check()
        raise
    watch.stop()
    ran = time.perf_counter() - started
    say(f"ran {job['net']}: {len(net.layers)} layers, {steps} steps in {ran:.1f} s")
    net.stop()
    watch.end()
    return ran, len(net.layers)


def _mantissa(transform: dict[str, int], values: Any) -> Any:
    """Input values as a bias, the way the file's own transform says."""
    return np.rint(values * transform["weight"] + transform["bias"]).astype(np.int32)


def _as_image(values: Any, shape: tuple[int, ...], leading: int) -> Any:
    """From slayer's order of axes (channels, height, width) to netx's, which is the reverse; a flat layer is flat in slayer's order."""
    if len(shape) == 1:
        return values.reshape(*values.shape[:leading], -1)
    return values.transpose(*range(leading), *reversed(range(leading, values.ndim)))


def main() -> NoReturn:
    """Command line."""
    parser = argparse.ArgumentParser(description="Run lava-dl networks with netx.")
    parser.add_argument("jobs", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--tag", required=True, help="prefix of this run's shared-memory segments, which whoever started this will remove")
    options = parser.parse_args()
    begin(options.tag)
    try:
        with np.load(options.jobs, allow_pickle=False) as file:
            jobs = json.loads(str(file["jobs"]))
            values = [file[f"values_{number}"] for number in range(len(jobs))]
        results = [run_job(number, job, given, options.out) for number, (job, given) in enumerate(zip(jobs, values, strict=True))]
        (options.out / "result.json").write_text(json.dumps(results), encoding="utf-8")
    except Exception as error:  # Python would first wait for Lava's processes, which wait for each other
        traceback.print_exc()
        fail(f"{type(error).__name__}: {error}")
    quit_all(0)


if __name__ == "__main__":
    main()

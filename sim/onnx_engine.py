"""The engine "onnx": what onnxruntime makes of a network that was written as ONNX.

The file is made by :mod:`neurograph.export.targets.onnx`; the names of its inputs and outputs are agreed here:

    NAME              input: a source's spikes (bool) or values, (samples, T, *shape), or static current, (samples, *shape); float64
    NAME/spikes       output: spikes of a population, bool (samples, T, *shape)
    NAME/values       output: what a real-valued population sends, float64 (samples, T, *shape)
    NAME/v            output: v after the reset, float64 (samples, T, *shape); where everything is recorded
    NAME/u_start …    input and output of populations whose state is kept: u and v before the first tick and (u_end, v_end) after the last
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurograph.errors import InputError
from neurograph.network import Network
from neurograph.onnx_files import read_onnx
from neurograph.sim.inputs import Prepared, prepare
from neurograph.sim.recording import Recording

__all__ = ["END", "SPIKES", "START", "VALUES", "VOLTAGES", "run"]

Array = NDArray[Any]
SPIKES, VALUES, VOLTAGES = "/spikes", "/values", "/v"
START, END = "_start", "_end"


def run(model: Path | bytes, network: Network, inputs: Mapping[str, Array]) -> Recording:
    """Run the ONNX form of a float network in onnxruntime, on the CPU.

    Args:
        model: path of the file, or its bytes.
        network: the float Network that the file was made of; it says what the inputs must be.
        inputs: source → values, see :mod:`neurograph.sim.inputs`.

    Returns:
        Recording with the spikes and v of every population that the file puts out. ``wall_s`` is the run, ``notes["load_s"]`` the loading.

    Raises:
        InputError: a file that onnxruntime refuses or that was made of another network; inputs that do not fit.
    """
    prepared = prepare(network, inputs)
    start = time.perf_counter()
    session = _session(model)
    loaded = time.perf_counter()
    feeds = _feeds(session, network, inputs, prepared)
    if prepared.samples > 1 and session.get_overridable_initializers():
        outputs = _one_by_one(session, feeds, prepared.samples)
    else:
        outputs = _run(session, feeds)
    wall_s = time.perf_counter() - loaded
    spikes: dict[str, Array] = {name: values.reshape(prepared.samples, network.ticks, -1) for name, values in prepared.spikes.items()}
    spikes = {name: values.reshape(*values.shape[:2], *network.populations[name].shape) for name, values in spikes.items()}
    voltages: dict[str, Array] = {}
    for key, values in outputs.items():
        name, kind = key.rsplit("/", 1)
        if name not in network.populations:
            raise InputError(f"onnx model: puts out {key!r}, but the network has no such population; export it again from this network")
        if f"/{kind}" == VOLTAGES:
            voltages[name] = values
        elif f"/{kind}" in (SPIKES, VALUES):
            spikes[name] = values.view(np.uint8) if values.dtype == np.bool_ else values
    notes = {"load_s": loaded - start}
    return Recording("onnx", network.ticks, spikes, voltages, machine_steps=network.ticks, wall_s=wall_s, notes=notes)


def _session(model: Path | bytes) -> Any:
    import onnxruntime as ort

    if isinstance(model, Path) and not model.is_file():
        raise InputError(f"onnx model {model}: no such file; write it with 'neurograph export --target onnx'")
    if isinstance(model, Path):
        read_onnx(model, InputError, what="onnx model")
    options = ort.SessionOptions()
    options.log_severity_level = 3
    try:
        return ort.InferenceSession(model.read_bytes() if isinstance(model, Path) else model, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's exceptions share no base class but Exception
        where = model if isinstance(model, Path) else f"of {len(model):,} bytes"
        raise InputError(f"onnx model {where}: onnxruntime refuses it ({_short(error)}); export it again") from None


def _run(session: Any, feeds: Mapping[str, Array]) -> dict[str, Array]:
    names = [output.name for output in session.get_outputs()]
    try:
        return dict(zip(names, session.run(names, dict(feeds)), strict=True))
    except Exception as error:
        raise InputError(f"onnx model: onnxruntime cannot run it ({_short(error)}); export it again from this network") from None


def _one_by_one(session: Any, feeds: Mapping[str, Array], samples: int) -> dict[str, Array]:
    """Samples in turn, where one starts from the state in which the one before ended."""
    runs: list[dict[str, Array]] = []
    kept: dict[str, Array] = {}
    for index in range(samples):
        runs.append(_run(session, {**{name: values[index : index + 1] for name, values in feeds.items()}, **kept}))
        kept = {name.removesuffix(END) + START: values for name, values in runs[-1].items() if name.endswith(END)}
    return {name: np.concatenate([run[name] for run in runs]) for name in runs[0]}


def _feeds(session: Any, network: Network, inputs: Mapping[str, Array], prepared: Prepared) -> dict[str, Array]:
    feeds: dict[str, Array] = {}
    for wanted in session.get_inputs():
        population = network.populations.get(wanted.name)
        if population is None or not population.is_source:
            raise InputError(f"onnx model: takes {wanted.name!r}, but the network has no such source; export it again from this network")
        shape = population.shape if population.is_static else (network.ticks, *population.shape)
        if list(wanted.shape[1:]) != list(shape):
            raise InputError(f"onnx model: takes {wanted.name!r} as {wanted.shape[1:]}, the network as {list(shape)}; export it again")
        if population.is_static:
            values = np.asarray(inputs[wanted.name], dtype=np.float64).reshape(-1, *shape)
            feeds[wanted.name] = np.ascontiguousarray(np.broadcast_to(values, (prepared.samples, *shape)))
        else:
            kind = np.float64 if population.is_real else np.bool_
            feeds[wanted.name] = np.ascontiguousarray(prepared.spikes[wanted.name], dtype=kind)
    return feeds


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:300]

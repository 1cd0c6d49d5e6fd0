"""Which engines are compared with which, and running them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from neurograph.errors import InputError, UnsupportedError
from neurograph.network import Network
from neurograph.sim.engines import DEVICE_ENGINES, ENGINES, FLOAT_ENGINES, INTEGER_ENGINES, STREAMING_ENGINES
from neurograph.sim.inputs import refuse_nameless
from neurograph.sim.recording import Recording, Sink

if TYPE_CHECKING:
    from neurograph.sim.parity import Comparison

__all__ = ["DEVICE_ENGINES", "ENGINES", "check", "check_device", "pairs_of", "run_engine"]

Array = NDArray[Any]


def run_engine(
    engine: str,
    network: Network | None,
    quantized: Network | None,
    inputs: Mapping[str, Array],
    *,
    timeout_s: float = 170.0,
    onnx_file: Path | None = None,
    rules: str = "lava",
    record: str = "all",
    counts: bool = False,
    max_memory: int | None = None,
    into: Sink | None = None,
    device: str = "cpu",
) -> Recording:
    """Run one of :data:`ENGINES` on the Network that it takes, ``quantized`` the integer engines; the other one may be None.

    ``onnx_file``, which was made of ``network``, is what "onnx" runs; ``rules`` are the integer rules of "fixed". "float" and "fixed" take
    ``record``, ``counts``, ``max_memory`` in bytes and ``into``, see :func:`neurograph.sim.fixed.run`; the others record all that they see.
    ``device`` is where they run, "cpu" or a GPU of :mod:`neurograph.sim.device`.

    Raises:
        InputError: no such engine or device, one whose network or file is not there, an option that it does not know, or inputs that are
            no mapping from source to values.
        MemoryLimitError: the network does not fit ``max_memory``. UnsupportedError: rules that run on no GPU.
    """
    if engine in ENGINES and engine not in STREAMING_ENGINES:
        given = (("record", record, "all"), ("counts", counts, False), ("max_memory", max_memory, None), ("into", into, None))
        for name, value, default in given:
            if value != default:
                raise InputError(
                    f"engine {engine!r}: does not know {name} {value!r}, which is for {' and '.join(STREAMING_ENGINES)}; leave it out"
                )
    chosen = quantized if engine in INTEGER_ENGINES else network
    if chosen is None:
        raise InputError(f"engine {engine!r}: there is no integer network here; use one of {', '.join(FLOAT_ENGINES[1:])}")
    refuse_nameless(chosen.sources, inputs)
    if device != "cpu":
        return _on_device(engine, chosen, inputs, rules, device, record=record, counts=counts, max_memory=max_memory, into=into)
    if engine == "float":
        from neurograph.sim import floating

        return floating.run(chosen, inputs, record=record, counts=counts, max_memory=max_memory, into=into)
    if engine == "fixed":
        from neurograph.sim import fixed

        return fixed.run(chosen, inputs, rules=rules, record=record, counts=counts, max_memory=max_memory, into=into)
    if engine in ("pipelined-float", "pipelined-fixed"):
        from neurograph.sim import pipelined

        return pipelined.run(chosen, inputs)
    if engine == "onnx":
        if onnx_file is None:
            raise InputError("engine 'onnx': there is no onnx/network.onnx here; export the model with --target onnx")
        from neurograph.sim import onnx_engine

        return onnx_engine.run(onnx_file, chosen, inputs)
    if engine == "netx":
        from neurograph.sim.lava import netx

        return netx.run(chosen, inputs, timeout_s=timeout_s)
    if engine in ("lava-float", "lava-fixed"):
        from neurograph.sim.lava import engine as lava

        kind: Any = engine.removeprefix("lava-")
        return lava.run(chosen, inputs, engine=kind, timeout_s=timeout_s)
    raise InputError(f"engine {engine!r}: does not exist; there are {', '.join(ENGINES)}")


def _on_device(engine: str, network: Network, inputs: Mapping[str, Array], rules: str, device: str, **asked: Any) -> Recording:
    check_device(device)
    if engine not in DEVICE_ENGINES:
        raise InputError(f"device {device!r}: runs engines {' and '.join(DEVICE_ENGINES)}, but the engine is {engine!r}; leave it out")
    if rules != "lava":
        raise UnsupportedError(f"device {device!r}", [f"rules {rules!r}"], "take --device cpu, or rules 'lava'")
    from neurograph.sim import device as torch_device

    return torch_device.run(network, inputs, device=device, **asked)


def check_device(device: str) -> None:
    """Refuse a device that does not exist here.

    Raises:
        InputError: with the way out.
    """
    if device != "cpu":  # without a GPU asked for, PyTorch is not loaded
        from neurograph.sim.device.devices import device_named

        device_named(device)


def pairs_of(engines: Sequence[str]) -> list[tuple[str, str]]:
    """The pairs that promise equality among ``engines``: neighbours among the float ones, neighbours among the integer ones.

    Raises:
        InputError: an engine that does not exist, or none that can be compared.
    """
    for engine in engines:
        if engine not in (*FLOAT_ENGINES, *INTEGER_ENGINES):
            raise InputError(f"engine {engine!r}: does not exist; there are torch, {', '.join(ENGINES)}")
    pairs = []
    for family in (FLOAT_ENGINES, INTEGER_ENGINES):
        chosen = [engine for engine in family if engine in engines]
        pairs += list(pairwise(chosen))
    if not pairs:
        raise InputError(
            f"engines {', '.join(engines)}: no two of them promise the same spikes; float engines are {', '.join(FLOAT_ENGINES)}, "
            f"integer engines {', '.join(INTEGER_ENGINES)}"
        )
    return pairs


def check(
    network: Network,
    quantized: Network | None,
    pairs: Sequence[tuple[str, str]],
    record: Callable[[str], Recording],
    done: Callable[[Comparison], None] = lambda comparison: None,
) -> list[Comparison]:
    """Compare each pair; ``record`` gives the recording of an engine, asked for once; ``done`` hears of each comparison as it is made."""
    from neurograph.sim.parity import compare

    recordings: dict[str, Recording] = {}
    comparisons = []
    for a, b in pairs:
        for engine in (a, b):
            if engine not in recordings:
                recordings[engine] = record(engine)
        if a in INTEGER_ENGINES and quantized is not None:
            comparisons.append(compare(quantized, recordings[a], recordings[b], voltages=True))
        else:
            comparisons.append(compare(network, recordings[a], recordings[b]))
        done(comparisons[-1])
    return comparisons

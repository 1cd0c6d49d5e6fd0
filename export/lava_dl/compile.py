"""A lava-dl `.net` file → everything that a bundle holds. Its integers stay as they are."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurograph.errors import InputError, UnsupportedError
from neurograph.export.compile import Compiled
from neurograph.export.lava_dl.graph import SOURCE
from neurograph.export.lava_dl.quantize import lag_offenders
from neurograph.export.lava_dl.read import NetFile, read_net
from neurograph.export.passes.align_delays import align_delays
from neurograph.export.passes.relay_delays import relay_delays
from neurograph.export.rounding_report import rounding_report
from neurograph.export.targets import Target, check_target
from neurograph.network import FixedLIF

__all__ = ["compile_net"]

Array = NDArray[Any]
_CHIPS = ("loihi1", "loihi2")


def compile_net(path: Path, inputs: Mapping[str, Array], target: Target, *, bits: int = 8, ticks: int | None = None) -> Compiled:
    """Compile a lava-dl network for a target.

    Args:
        path: see :func:`neurograph.export.lava_dl.read.read_net`, which also says what the source ``input`` takes.
        inputs: {"input": the sample to verify on}; the name "" stands for it, too.
        target: from :data:`neurograph.export.targets.TARGETS`.
        bits: 8, as the file's weights are integers already.
        ticks: T; if not given, as many as the spikes have, or what the file says.

    Raises:
        GraphError, UnsupportedError: see read_net; what has no float form; what the target cannot do.
        InputError: another number of bits, ticks out of range, or inputs that do not fit.
    """
    if bits != 8:
        raise InputError(f"weight bits: {bits}, must be 8 for {path.name}, whose weights are integers already; leave --weight-bits out")
    given = {SOURCE if name == "" else name: np.asarray(values) for name, values in inputs.items()}
    net = read_net(path, ticks=ticks)
    if ticks is None:
        net = _with_ticks_of(path, net, given)
    if net.no_float:
        raise UnsupportedError("a bundle, which holds a float network too,", net.no_float, "train without a norm, or with current_decay 1")
    check_target(net.network, target)
    _check_chip(net, target)
    early = lag_offenders(net.network) if target.name == "netx" else []
    if early:
        raise UnsupportedError("a sequential .net file", early, "give the input as spikes, or choose another target")
    aligned = (align_delays(n, programmable=target.programmable) for n in (net.network, net.integer))
    (network, relays), (quantized, _) = (relay_delays(n, longest=target.longest_delay) for n in aligned)
    origin = {"file": path.name, "format": "lava-dl", "notes": list(net.notes), **({"relays": list(relays)} if relays else {})}
    report = rounding_report(network, quantized, given)
    return Compiled(net.graph, network, quantized, report, given, origin=origin, target=target)


def _with_ticks_of(path: Path, net: NetFile, inputs: Mapping[str, Array]) -> NetFile:
    """As many ticks as the spikes have."""
    source = net.network.populations[SOURCE]
    values = inputs.get(SOURCE)
    if source.is_static or values is None or values.ndim not in (len(source.shape) + 1, len(source.shape) + 2):
        return net
    ticks = values.shape[-len(source.shape) - 1]
    return net if ticks in (0, net.network.ticks) else read_net(path, ticks=ticks)


def _check_chip(net: NetFile, target: Target) -> None:
    if target.name not in _CHIPS:
        return
    dv = {p.name: int(np.max(p.neuron.dv)) for p in net.integer.neurons if isinstance(p.neuron, FixedLIF)}
    offenders = [f"population {name!r}: vDecay {value} (limit 4095)" for name, value in dv.items() if value > 4095]
    if offenders:
        raise UnsupportedError(f"target {target.name}", offenders, "train with a voltage_decay below 1, or choose --target lava or netx")

"""What can run a network, and what each engine and target refuses of it, by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from neurograph.errors import NeurographError, UnsupportedError
from neurograph.export.lava_dl.quantize import check_netx
from neurograph.export.passes.align_delays import align_delays
from neurograph.export.passes.bias_source import bias_source
from neurograph.export.quantize import check_integers
from neurograph.export.targets import TARGETS, check_target
from neurograph.network import Network

__all__ = ["support_of"]


def support_of(network: Network) -> dict[str, tuple[str, ...]]:
    """Engine or target → what it refuses; nothing where it runs the network.

    Sizes that do not fit (a chip's cores, the integers of a sample) show only when a sample is quantised and placed.

    Args:
        network: float, from :func:`neurograph.export.lower.lower`.
    """
    integers = _offenders(check_integers, bias_source(network))
    found: dict[str, tuple[str, ...]] = {"float": (), "fixed": integers}
    for name, target in TARGETS.items():
        if target.onnx:
            found[name] = ()
            continue
        sourced = bias_source(network, timed=not target.programmable, first_too=target.name == "netx")
        refused = _offenders(check_target, network, target) + integers
        if name == "netx":
            refused += _offenders(check_netx, sourced)
        refused += _offenders(lambda target=target, sourced=sourced: align_delays(sourced, programmable=target.programmable))
        found[name] = tuple(dict.fromkeys(refused))
    return found


def _offenders(check: Callable[..., Any], *arguments: Any) -> tuple[str, ...]:
    try:
        check(*arguments)
    except UnsupportedError as error:
        return tuple(error.offenders)
    except NeurographError as error:
        return (str(error),)
    return ()

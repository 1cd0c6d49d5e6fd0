"""Comparing, on a bundle's own sample, the engines that promise the same spikes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neurograph.errors import InputError, LavaMissingError
from neurograph.sim.engines import DEVICE_ENGINES

if TYPE_CHECKING:
    from neurograph.export.bundle import Bundle
    from neurograph.sim.parity import Comparison
    from neurograph.sim.recording import Recording

__all__ = ["engines_of", "verify"]


def engines_of(bundle: Bundle, say: Callable[[str], None] = lambda line: None) -> list[str]:
    """The engines that can be compared here, for what the bundle was made for; ``say`` hears where Lava is missing."""
    from neurograph.sim.lava import runtime

    engines = ["float"] if bundle.expected("torch") is None else ["torch", "float"]
    if bundle.onnx_file is not None:
        return [*engines, "onnx"]
    engines.append("fixed")
    try:
        runtime.find()
    except LavaMissingError as error:
        say(f"without Lava, so its pipeline is stepped here: {error}")
        return [*engines, "pipelined-float", "pipelined-fixed"]
    return [*engines, "lava-float", "lava-fixed", *(["netx"] if bundle.manifest["target"] == "netx" else [])]


def verify(
    bundle: Bundle | str | Path,
    engines: Sequence[str] | None = None,
    *,
    done: Callable[[Comparison], None] = lambda comparison: None,
    say: Callable[[str], None] = lambda line: None,
    timeout_s: float = 170.0,
    device: str = "cpu",
) -> list[Comparison]:
    """Compare engines population by population, tick by tick, as ``neurograph check`` does.

    Args:
        bundle: from :func:`neurograph.export.bundle.open_bundle`, or the path of one.
        engines: names of :data:`neurograph.sim.engines.ENGINES`, and "torch", as recorded at export; by default all that can run here.
        done: hears of each comparison as it is made.
        say: hears a line before an engine runs that takes long.
        timeout_s: for each run of Lava.
        device: where engines float and fixed run: "cpu", "cuda" or "cuda:N".

    Returns:
        A comparison for each pair that promises the same spikes (integers: the same u and v too); ``ok`` says whether it held.

    Raises:
        InputError: no such engine, or one that cannot run this bundle. LavaError: see :func:`neurograph.sim.lava.engine.run`.
    """
    from neurograph.export.bundle import open_bundle
    from neurograph.sim import check as checks

    opened = open_bundle(bundle) if isinstance(bundle, (str, Path)) else bundle
    chosen = engines_of(opened, say) if engines is None else engines

    def record(engine: str) -> Recording:
        if engine == "torch":
            recorded = opened.expected("torch")
            if recorded is None:
                raise InputError("engine 'torch': this bundle was not exported from a torch model; leave it out of --engines")
            return recorded
        if engine.startswith(("lava", "netx")):
            say(f"running {engine} ...")
        there = device if engine in DEVICE_ENGINES else "cpu"
        more: Any = {"timeout_s": timeout_s, "onnx_file": opened.onnx_file, "device": there}
        return checks.run_engine(engine, opened.network, opened.integers, opened.inputs, **more)

    return checks.check(opened.network, opened.integers, checks.pairs_of(chosen), record, done)

"""train, export, check and simulate of dynamic models, whose networks change from window to window."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from neurograph.chips import target as target_named
from neurograph.cli.output import (
    check_output,
    comparison_line,
    log,
    print_json,
    print_spikes,
    say,
    say_nothing_spiked,
    say_rounding,
    say_silence,
)
from neurograph.errors import InputError, LavaMissingError

__all__ = ["DYNAMIC_MODELS", "check_dynamic", "export_dynamic", "refuse_given", "simulate_dynamic", "train_dynamic_model"]

DYNAMIC_MODELS = ("dysign-onchip", "dysign")  # those of neurograph.training.dynamic_checkpoint, which brings torch
LAVA_WINDOWS = 3  # a window takes Lava seconds to start


def refuse_given(what: str, options: Mapping[str, tuple[Any, Any]]) -> None:
    """Refuse options that ``what`` does not take; option → (what was given, what it is if not given).

    Raises:
        InputError: the first that was given.
    """
    for name, (given, default) in options.items():
        if given != default:
            value = "" if isinstance(given, bool) else f" {given}"
            raise InputError(f"{name}{value}: is not for {what}; leave it out")


def train_dynamic_model(
    model: str,
    dataset: str | None,
    data_root: Path | None,
    nodes: int | None,
    width: int | None,
    epochs: int | None,
    seed: int,
    output: Path,
    split: int,
    shares: tuple[float, float, float] | None,
) -> dict[str, Any]:
    """Train, write the checkpoint, and return what ``train --json`` prints."""
    check_output(output)
    from neurograph.data.snapshots import load_dynamic, masks_of
    from neurograph.training.dynamic_checkpoint import save_dynamic_model, train_dynamic

    graph = load_dynamic((dataset or "blocks").lower(), data_root, nodes)
    checkpoint = train_dynamic(model, graph, masks_of(graph, split, shares), seed, epochs, width=width)
    save_dynamic_model(output, checkpoint)
    about = {"nodes": graph.nodes, "snapshots": graph.steps, "split": split, "shares": shares}
    return {"checkpoint": str(output), **checkpoint.metrics, "seed": seed, **about}


def export_dynamic(
    file: Path, target: str, output: Path | None, *, profile: str | None, bits: int, snapshots: int | None, verify: bool
) -> dict[str, Any]:
    """Export, and return what ``export --json`` prints."""
    from neurograph.export.bundle.manifest import MANIFEST
    from neurograph.export.bundle.windows import Labels
    from neurograph.export.bundle.windows_write import write_dynamic
    from neurograph.export.dynamic import compile_windows
    from neurograph.export.rounding_report import overflow_warnings
    from neurograph.files import refuse_foreign, refuse_unwritable
    from neurograph.training.dynamic_checkpoint import load_dynamic_model

    start = time.perf_counter()
    path = output or file.with_suffix("")
    refuse_foreign(path, MANIFEST)
    refuse_unwritable(path)
    chosen = target_named(target, profile)
    checkpoint = load_dynamic_model(file)
    steps = checkpoint.steps()
    if snapshots is not None and snapshots > len(steps):
        raise InputError(f"--snapshots {snapshots}: {file} has {len(steps)}; give at most so many")
    compiled = compile_windows(checkpoint.model, steps[:snapshots], checkpoint.graph.nodes, chosen, bits=bits, said=log)
    log(f"compiled {len(steps[:snapshots])} windows of {len(compiled.network.network.neurons)} populations for {target}")
    origin = {
        "model": checkpoint.name,
        "config": asdict(checkpoint.model.config),
        "dataset": checkpoint.graph.name,
        "seed": checkpoint.seed,
        "metrics": dict(checkpoint.metrics),
        "versions": dict(checkpoint.versions),
    }
    labels = Labels.of(checkpoint) if snapshots in (None, len(steps)) else None
    bundle = write_dynamic(compiled, chosen, path, labels=labels, origin=origin)
    for line in _host_lines(bundle.manifest):
        log(line)
    pairs = _compare(bundle, _available(bundle), LAVA_WINDOWS, 170.0, lambda line: log(line)) if verify else []
    ok = all(pair["ok"] for pair in pairs)
    if pairs:
        bundle.mark_verified(pairs, ok)
    for warning in (*overflow_warnings(bundle.manifest["wraps"], bundle.manifest["clips"], own=True), *compiled.report.warnings()):
        log(f"warning: {warning}")
    rounding = bundle.rounding()
    say_rounding(bits, rounding)
    silent = bundle.silent()
    say_silence(bundle.network.network.populations, silent, compared=verify)
    return {
        "bundle": str(path),
        "target": target,
        "ok": ok,
        "files": ["manifest.json", *bundle.manifest["files"]],
        "wall_s": time.perf_counter() - start,
        "windows": len(steps[:snapshots]),
        "pairs": pairs,
        "verified": bool(pairs),
        "float_fixed_mismatch": rounding,
        "silent": silent,
    }


def _host_lines(manifest: Mapping[str, Any]) -> list[str]:
    work = manifest["host_work"]
    written, removed, currents, switched = (sum(one[key] for one in work) for key in ("written", "removed", "currents", "switched"))
    return [
        f"between windows the host writes {written:,} synapses, removes {removed:,} and sets {currents:,} currents, over all windows",
        f"and stops or lets go {switched:,} neurons of nodes that cease or begin to take part",
        f"on their way when a window ends, and dropped: {sum(manifest['dropped']):,} spikes",
    ]


def check_dynamic(path: Path, engines: str | None, windows: int | None, timeout_s: float, as_json: bool) -> int:
    """Compare engines window by window; 1 on any mismatch."""
    bundle = _opened(path)
    if windows is not None and windows > bundle.manifest["windows"]:
        raise InputError(f"--windows {windows}: the bundle {path} has {bundle.manifest['windows']}; give at most so many")
    chosen = [e.strip() for e in engines.split(",")] if engines else _available(bundle)
    pairs = _compare(bundle, chosen, windows or LAVA_WINDOWS, timeout_s, lambda line: None if as_json else say(line))
    ok = all(pair["ok"] for pair in pairs)
    silent = bundle.silent()
    say_silence(bundle.network.network.populations, silent)
    if as_json:
        print_json({"ok": ok, "pairs": pairs, "silent": silent})
    return 0 if ok else 1


def _opened(path: Path, *, whole: bool = True) -> Any:
    from neurograph.export.bundle.windows import open_dynamic

    return open_dynamic(path, whole=whole)


def _available(bundle: Any) -> list[str]:
    from neurograph.sim.lava import runtime

    engines = ["torch", "float", "fixed"]
    try:
        runtime.find()
    except LavaMissingError as error:
        log(f"without Lava, so its pipeline is stepped here: {error}")
        return [*engines, "pipelined-float", "pipelined-fixed"]
    return [*engines, "lava-float", "lava-fixed"]


def _compare(bundle: Any, engines: list[str], lava_windows: int, timeout_s: float, said: Callable[[str], None]) -> list[dict[str, Any]]:
    """Each pair that promises the same, as JSON; Lava runs the first windows only."""
    from neurograph.sim.check import pairs_of
    from neurograph.sim.windows import compare_windows, joined

    runs: dict[str, Any] = {}
    found = []
    for pair in pairs_of(engines):
        for engine in pair:
            if engine not in runs:
                runs[engine] = _runs(bundle, engine, lava_windows, timeout_s)
        a, b = (runs[engine] for engine in pair)
        comparison = joined(compare_windows(a, b))
        compared = min(len(a), len(b))
        said(f"{comparison_line(comparison)} (windows 0 to {compared - 1} of {bundle.manifest['windows']})")
        found.append({**comparison.to_json(), "windows": compared})
    return found


def _runs(bundle: Any, engine: str, lava_windows: int, timeout_s: float) -> list[Any]:
    from neurograph.sim.engines import INTEGER_ENGINES
    from neurograph.sim.windows import run_windows

    if engine == "torch":
        return list(bundle.expected("torch"))
    kind, count = "integer" if engine in INTEGER_ENGINES else "float", bundle.manifest["windows"]
    if engine.startswith("lava"):
        count = min(count, lava_windows)
        log(f"running {engine}, {count} windows ...")
    return list(run_windows(bundle.first(count, kind), engine, timeout_s=timeout_s))


def simulate_dynamic(path: Path, engine: str, timeout_s: float, as_json: bool) -> None:
    """Run all windows in one engine and print how often each population spiked."""
    from neurograph.export.rounding_report import overflow_warnings
    from neurograph.sim.engines import INTEGER_ENGINES
    from neurograph.sim.windows import overflow, run_windows, spikes_of

    bundle = _opened(path, whole=False)
    dynamic = bundle.quantized if engine in INTEGER_ENGINES else bundle.network
    runs = list(run_windows(dynamic, engine, timeout_s=timeout_s))
    recordings = [run.recording for run in runs]
    heard = [recording for recording in recordings if recording is not None]
    wall, ticks = sum(recording.wall_s for recording in heard), sum(recording.ticks for recording in heard)
    spikes = spikes_of(runs)
    for warning in overflow_warnings(*overflow(runs), own=True):
        log(f"warning: {warning}")
    say_nothing_spiked(dynamic.network.populations, spikes)
    result: dict[str, Any] = {"engine": engine, "ticks": ticks, "samples": 1, "windows": len(recordings), "spikes": spikes, "wall_s": wall}
    if bundle.labels is not None:
        result["accuracy"] = bundle.labels.accuracy(dynamic, recordings)
    if as_json:
        print_json(result)
        return
    print_spikes(result)
    if "accuracy" in result:
        print(f"test accuracy {result['accuracy']:.2%} after {len(recordings)} windows")
    else:
        print(f"no test accuracy: it is read after the last window, and the bundle was exported with the first {len(recordings)} alone")

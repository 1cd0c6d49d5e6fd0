"""simulate and check."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from neurograph.cli.declare import argument, option
from neurograph.cli.dynamic import check_dynamic, refuse_given, simulate_dynamic
from neurograph.cli.inputs import check_folder, for_bundle, opened
from neurograph.cli.output import check_output, comparison_line, log, print_json, print_spikes, say, say_nothing_spiked, say_silence
from neurograph.cli.ready import keep_ready, simulate_ready
from neurograph.cli.recorded import Wanted, counts_of, print_counts
from neurograph.errors import InputError
from neurograph.export.bundle.manifest import is_dynamic
from neurograph.sim.engines import DEVICE_ENGINES, ENGINES, INTEGER_ENGINES

__all__ = ["check", "simulate"]


def simulate(
    bundle: Path = argument(help="Bundle folder."),
    engine: str = option("fixed", "--engine", help="float or fixed, pipelined- or lava- before them; netx, onnx."),
    sample: Path | None = option(
        None, "--input", help=".npy of features or of a source, or .npz by source; the bundle's own if not given."
    ),
    output: Path | None = option(None, "-o", "--output", help="Recording to write (HDF5)."),
    record: str | None = option(None, "--record", help="What -o keeps: all (spikes, u, v), spikes (if not given), outputs or none."),
    counts: bool = option(False, "--counts", help="Count synaptic events, updates and messages in the run; float and fixed."),
    max_memory: str | None = option(None, "--max-memory", help="Limit of the engine's buffers, as in 2GB or 500MiB; float and fixed."),
    rules: str = option("lava", "--rules", help="Integer rules of engine fixed: lava, brian2loihi or nengo_loihi."),
    device: str = option("cpu", "--device", help="Where engines float and fixed run: cpu, cuda or cuda:N."),
    sharded: bool = option(False, "--sharded", help="Split the nodes over the processes of torchrun; engines fixed and float."),
    timeout_s: float = option(170.0, "--timeout", min=0.1, help="Seconds for Lava, or for a rank to wait for another."),
    as_json: bool = option(False, "--json", help="Print one JSON object."),
) -> None:
    """Run a bundle in one engine."""
    # Threads that have nothing to do sleep: spinning, they take the core from those that have, wherever the machine has other work.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    if engine not in ENGINES:
        raise InputError(f"engine {engine!r}: does not exist; there are {', '.join(ENGINES)}")
    if rules != "lava":
        _check_rules(rules, engine)
    _check_device(device)
    check_folder(bundle)
    if is_dynamic(bundle):
        given: dict[str, Any] = {"--input": (sample, None), "-o": (output, None), "--record": (record, None), "--counts": (counts, False)}
        given |= {
            "--max-memory": (max_memory, None),
            "--rules": (rules, "lava"),
            "--device": (device, "cpu"),
            "--sharded": (sharded, False),
        }
        refuse_given("a bundle of a dynamic model", given)
        simulate_dynamic(bundle, engine, timeout_s, as_json)
        return
    if output is not None:
        check_output(output)
    wanted = Wanted(engine, record, counts, max_memory, output)
    wanted.check()
    wanted.options()  # a size that is none is refused before the bundle is read
    plain = engine == "fixed" and rules == "lava" and device == "cpu" and not sharded and sample is None and wanted.is_plain
    if plain and simulate_ready(bundle, as_json):
        return
    if sharded:
        from neurograph.cli.sharded import simulate_sharded

        done = simulate_sharded(bundle, sample, wanted, rules=rules, timeout_s=timeout_s, device=device)
        if done is None:  # rank 0 has it
            return
        found, network, run, readout = done
    else:
        found, network, run, readout = _simulate(bundle, sample, wanted, rules=rules, timeout_s=timeout_s, device=device)
    populations = network.populations
    _say_overflow(run, own=sample is None)
    if output is not None:
        log(f"recording {output}")
    accuracy = found.accuracy(run) if sample is None else None
    every = run.notes["sharded"]["spikes"] if sharded else run.counts()
    nothing = say_nothing_spiked(populations, every)
    if plain and not nothing:  # what is kept ready runs without a word, and of this each run is to say it
        keep_ready(found, run, accuracy)
    spikes = {name: count for name, count in every.items() if not populations[name].is_real}
    result: dict[str, Any] = {"engine": engine, "ticks": run.ticks, "samples": run.samples, "spikes": spikes, "wall_s": run.wall_s}
    if counts:
        result["counts"] = counts_of(network, run)
    if sharded:
        result["sharded"] = {key: value for key, value in run.notes["sharded"].items() if key != "spikes"}
    elif "device" in run.notes:
        result["device"] = run.notes["device"]
    if accuracy is not None:
        result["accuracy"] = accuracy
    values = {name: v.mean(axis=1) for name, v in readout.items()}
    if values:
        result["readout_mean"] = {name: v.tolist() for name, v in values.items()}
    if as_json:
        print_json(result)
        return
    print_spikes(result)
    if counts:
        print_counts(result["counts"])
    for name, v in values.items():
        shown = " ".join(f"{x:.4g}" for x in v[0].ravel()[:10])
        print(f"readout {name}, mean over ticks: {shown}{' …' if v[0].size > 10 else ''}")
    if accuracy is not None:
        print(f"test accuracy {accuracy:.2%}")


def _simulate(bundle: Path, sample: Path | None, wanted: Wanted, **more: Any) -> tuple[Any, Any, Any, Mapping[str, Any]]:
    """The bundle, its network, the run and the readout's values."""
    found = opened(bundle, whole=False)
    from neurograph.sim.check import run_engine

    inputs = for_bundle(found, sample)
    engine, more = wanted.engine, {**more, "onnx_file": found.onnx_file}
    network: Any = found.integers if engine in INTEGER_ENGINES else found.network
    floats, integers = (None, network) if engine in INTEGER_ENGINES else (network, None)
    if network is None:
        run_engine(engine, floats, integers, inputs)  # says that there are no integers

    def start(**asked: Any) -> Any:
        return run_engine(engine, floats, integers, inputs, **{**more, **asked})

    return found, network, *wanted.run(found, network, start)


def _check_rules(rules: str, engine: str) -> None:
    """Refuse integer rules that do not exist, or for another engine."""
    from neurograph.sim.integer_rules import rules_named

    if rules_named(rules).name != "lava" and engine != "fixed":
        raise InputError(f"--rules {rules}: are for engine 'fixed', but --engine is {engine!r}; leave one of them out")


def _check_device(device: str) -> None:
    """Refuse a device that does not exist here."""
    if device == "cpu":
        return
    from neurograph.sim.check import check_device

    check_device(device)


def check(
    bundle: Path = argument(help="Bundle folder."),
    engines: str | None = option(None, "--engines", help="Comma-separated: torch (as recorded at export) and those of simulate."),
    device: str = option("cpu", "--device", help="Where engines float and fixed run: cpu, cuda or cuda:N."),
    windows: int | None = option(None, "--windows", min=1, help="Dynamic models: how many Lava runs, from the first; 3 if not given."),
    timeout_s: float = option(170.0, "--timeout", min=0.1, help="Seconds for each run of Lava."),
    as_json: bool = option(False, "--json", help="Print one JSON object."),
) -> int:
    """Compare engines population by population, tick by tick; exit 1 on any mismatch."""
    _check_device(device)
    check_folder(bundle)
    if is_dynamic(bundle):
        refuse_given("a bundle of a dynamic model", {"--device": (device, "cpu")})
        return check_dynamic(bundle, engines, windows, timeout_s, as_json)
    refuse_given("a bundle of one network", {"--windows": (windows, None)})
    found = opened(bundle)
    from neurograph.verification import engines_of, verify

    chosen = [e.strip() for e in engines.split(",")] if engines else engines_of(found, log)
    if device != "cpu" and not set(chosen) & set(DEVICE_ENGINES):
        raise InputError(
            f"--device {device}: is for engines {' and '.join(DEVICE_ENGINES)}, and --engines {engines} has neither; leave it out"
        )

    def tell(comparison: Any) -> None:
        if not as_json:
            say(comparison_line(comparison))

    comparisons = verify(found, chosen, done=tell, say=log, timeout_s=timeout_s, device=device)
    ok = all(c.ok for c in comparisons)
    silent = found.silent()
    say_silence(found.network.populations, silent)
    if as_json:
        print_json({"ok": ok, "pairs": [c.to_json() for c in comparisons], "silent": silent})
    return 0 if ok else 1


def _say_overflow(run: Any, *, own: bool) -> None:
    """Warn of u that wrapped and of v that was clipped in a run, population by population."""
    wraps, clips = run.notes.get("wraps", {}), run.notes.get("clips", {})
    if not wraps and not clips:
        return
    from neurograph.export.rounding_report import overflow_warnings

    for warning in overflow_warnings(wraps, clips, own=own):
        log(f"warning: {warning}")

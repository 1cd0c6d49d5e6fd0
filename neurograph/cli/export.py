"""export."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from neurograph.chips import target as target_named
from neurograph.cli.chips import placement_lines
from neurograph.cli.declare import argument, option
from neurograph.cli.dynamic import export_dynamic, refuse_given
from neurograph.cli.model_files import Request, check_request, compile_file
from neurograph.cli.output import JSON, comparison_line, log, print_json, say_rounding, say_silence
from neurograph.errors import InputError

__all__ = ["export", "export_model"]


def export(
    model_file: Path = argument(help="Checkpoint or weights (.pt), NIR graph (.nir) or lava-dl network (.net)."),
    target: str = option(..., "--target", help="lava, loihi1, loihi2, generic, netx or onnx."),
    profile: str | None = option(None, "--profile", help="Chip, a name or the path of a TOML; the target's own if not given."),
    output: Path | None = option(None, "-o", "--output", help="Bundle folder; the file's name without ending if not given."),
    ticks: int | None = option(None, "--ticks", min=1, help="Ticks an inference; the model's own if not given."),
    weight_bits: int | None = option(None, "--weight-bits", min=2, max=8, help="What a checkpoint was trained for, else 8, if not given."),
    nir_form: str = option("auto", "--nir", help="graph, portable or auto."),
    gates: str = option("auto", "--gates", help="Gates of two spikes as threshold or product neurons, or what is cheaper (auto)."),
    relays: str = option("needed", "--relays", help="Graded partial sums where a sum is too long (needed), or one a core (cores)."),
    dataset: str | None = option(None, "--dataset", help="Run the checkpoint on this graph in place of the stored one."),
    data_root: Path | None = option(None, "--data-root", help="Folder that holds the raw files already; never written to."),
    graphs: str | None = option(None, "--graphs", help="Of a set of graphs these alone, by number from 0, e.g. 3 or 0,5,7."),
    sample: Path | None = option(None, "--input", help="Sample input, .npy or .npz: to quantise and verify on."),
    model: str | None = option(None, "--model", help="pkg.mod:factory of your own torch model, whose weights the file holds."),
    allow_pickle: bool = option(False, "--allow-pickle", help="Load a whole pickled module: runs whatever code the file holds."),
    dialect: str | None = option(None, "--dialect", help="Framework that wrote the NIR graph, where it holds no time metadata."),
    dt: float | None = option(None, "--dt", help="Seconds a tick, where the file does not say; the dialect's own if not given."),
    relax: bool = option(False, "--relax-shapes", help="Mend shapes of a NIR graph that differ by ones or one-element parameters."),
    snapshots: int | None = option(None, "--snapshots", min=1, help="Dynamic models: only so many windows, from the first."),
    verify: bool = option(True, "--verify/--no-verify", help="Run the engines on the sample and compare every spike."),
    as_json: bool = JSON,
) -> int:
    """Compile a trained model for a target, verify it, and write a bundle."""
    request = Request(model_file, ticks, dt, weight_bits, dataset, data_root, sample, dialect, relax, model, allow_pickle, graphs)
    result = export_model(
        request, target, output, profile=profile, gates=gates, relays=relays, nir_form=nir_form, snapshots=snapshots, verify=verify
    )
    if as_json:
        print_json(result)
    else:
        print(f"bundle {result['bundle']} ({len(result['files'])} files, {result['wall_s']:.1f} s)")
    return 0 if result["ok"] else 1


def export_model(
    request: Request,
    target: str,
    output: Path | None = None,
    *,
    profile: str | None = None,
    gates: str = "auto",
    relays: str = "needed",
    nir_form: str = "auto",
    snapshots: int | None = None,
    verify: bool = True,
) -> dict[str, Any]:
    """Export, and return what ``export --json`` prints."""
    from neurograph.export import targets

    chosen = target_named(target, profile)
    for name, value, values in (("--gates", gates, targets.GATES), ("--relays", relays, targets.RELAYS)):
        if value not in values:
            raise InputError(f"{name} {value!r}: must be {' or '.join(values)}")
    lowering: Any = {"gates": gates, "relays": relays}
    chosen = replace(chosen, **lowering)
    if nir_form not in ("graph", "portable", "auto"):
        raise InputError(f"--nir {nir_form!r}: must be graph, portable or auto")
    check_request(request)
    if request.kind == "checkpoint":
        from neurograph.training.dynamic_checkpoint import is_dynamic_model

        if is_dynamic_model(request.file):
            given: dict[str, Any] = {
                "--ticks": (request.ticks, None),
                "--dataset": (request.dataset, None),
                "--data-root": (request.data_root, None),
            }
            refuse_given(
                "a dynamic model", {**given, "--gates": (gates, "auto"), "--relays": (relays, "needed"), "--nir": (nir_form, "auto")}
            )
            return export_dynamic(request.file, target, output, profile=profile, bits=request.bits, snapshots=snapshots, verify=verify)
    refuse_given("this file, which is no dynamic model", {"--snapshots": (snapshots, None)})
    start = time.perf_counter()
    from neurograph.export import bundle as bundles  # brings torch: only once the cheap checks are through
    from neurograph.files import refuse_foreign, refuse_unwritable
    from neurograph.verification import verify as compare_all

    path = output or request.file.with_suffix("")
    refuse_foreign(path, bundles.MANIFEST)
    refuse_unwritable(path)
    compiled = compile_file(request, chosen)
    neurons, synapses = len(compiled.network.neurons), len(compiled.network.spiking_projections)
    log(f"compiled {neurons} population{'s' * (neurons != 1)}, {synapses} projection{'s' * (synapses != 1)} for {target}")
    for note in (*compiled.origin.get("biases", ()), *compiled.origin.get("graded", ()), *compiled.origin.get("relays", ())):
        log(note)
    if compiled.readout is not None:
        log(f"real-valued, so it stays on the host: {', '.join(repr(p.name) for p in compiled.readout.neurons)} (host/output.onnx)")
    bundle = bundles.write_bundle(compiled, chosen, path, nir_form=nir_form)
    placed = bundle.manifest["placement"]
    if placed is not None:
        for line in placement_lines(placed):
            log(line)
    comparisons = compare_all(bundle, done=lambda c: log(comparison_line(c)), say=log) if verify else []
    ok = all(c.ok for c in comparisons) and (not verify or _readout_holds(bundle))
    if comparisons:
        bundle.mark_verified([c.to_json() for c in comparisons], ok)
    _say_rounding(bundle, compiled.report)
    silent = bundle.silent()
    say_silence(bundle.network.populations, silent, compared=verify)
    return {
        "bundle": str(path),
        "target": target,
        "ok": ok,
        "files": ["manifest.json", *bundle.manifest["files"]],
        "wall_s": time.perf_counter() - start,
        "pairs": [c.to_json() for c in comparisons],
        "verified": bool(comparisons),
        "placement": placed,
        "float_fixed_mismatch": bundle.rounding(),
        "silent": silent,
    }


def _readout_holds(bundle: Any) -> bool:
    """Whether what stays on the host gives what the model gave."""
    if bundle.readout is None and not bundle.torch_values:
        return True
    compared, difference = bundle.check_values()
    ok = difference < 1e-9
    names = ", ".join(bundle.torch_values if bundle.readout is None else bundle.readout.outputs)
    pair = f"{'torch' if bundle.torch_values else 'float'} = {'float' if bundle.readout is None else 'host/output.onnx'}"
    log(f"{'ok  ' if ok else 'FAIL'} {pair}: {names}, {compared:,} values, largest difference {difference:.1e}")
    return ok


def _say_rounding(bundle: Any, report: Any) -> None:
    """What integers cost, or why there are none."""
    if report is None:
        log(f"no integer network: {bundle.manifest['no_integers']}")
        return
    say_rounding(report.bits, bundle.rounding())
    for warning in report.warnings():
        log(f"warning: {warning}")
    if (near := report.nearly_full()) is not None:
        log(near)

"""report: what an inference costs, by count and by profile."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from neurograph.cli.declare import argument, option
from neurograph.cli.dynamic import refuse_given
from neurograph.cli.inputs import opened_any
from neurograph.cli.output import check_output, log, write_text
from neurograph.errors import InputError

__all__ = ["report"]

FORMS = ("md", "json", "html")
PROFILES = ("horowitz45", "loihi1", "loihi1-sanafe", "loihi2")


def report(
    bundle: Path = argument(help="Bundle folder."),
    profile: list[str] = option(list(PROFILES), "--profile", help="Name or path of a TOML; may be repeated."),
    form: str = option("md", "--format", help="md, json or html."),
    output: Path | None = option(None, "-o", "--output", help="File to write; stdout if not given."),
    as_json: bool = option(False, "--json", help="The same as --format json."),
    recording: Path | None = option(None, "--recording", help="Recording of 'simulate -o' to count; the bundle's own sample if not given."),
    placement: Path | None = option(None, "--placement", help="Placement that 'place' wrote, for the chip that it was made for."),
    ann: list[str] = option([], "--ann", help="Also train this network on the same data and count its run: mlp, gcn, sgc, transformer."),
    data_root: Path | None = option(None, "--data-root", help="Folder that holds the raw files of the dataset, for --ann."),
    sanafe: bool = option(False, "--sanafe", help="Run the placed network in SANA-FE as well and set its figures beside ours."),
    measure: bool = option(False, "--measure", help="Time the float network here, and its energy where RAPL or NVML answers."),
    sweep: list[str] = option([], "--sweep", help="KEY=V,V,… of width, seed, ticks, bits or profile; may be repeated. -o is a folder."),
    jobs: int | None = option(None, "--jobs", min=1, help="Sweep: workers on this machine; as many as cores if not given."),
    engine: str | None = option(None, "--engine", help="Sweep: processes, or dask."),
    scheduler: str | None = option(None, "--scheduler", help="Sweep: address of a Dask scheduler; this machine if not given."),
    target: str | None = option(None, "--target", help="Sweep: what a checkpoint is compiled for; loihi2 if not given."),
    retrain: bool = option(False, "--retrain", help="Sweep: train anew for the width, seed and ticks of every point."),
    epochs: int | None = option(None, "--epochs", min=1, help="Sweep: at most of each training."),
) -> int:
    """Count every operation of one inference and print its energy under each profile."""
    if form not in FORMS:
        raise InputError(f"--format {form!r}: must be one of {', '.join(FORMS)}")
    from neurograph.cli import sweep as sweeps

    if sweep:
        alone = {"--recording": recording, "--placement": placement, "--ann": ann or None, "--data-root": data_root}
        sweeps.refuse_report_options({**alone, "--sanafe": sanafe, "--measure": measure})
        given: dict[str, Any] = {"jobs": jobs, "engine": engine, "scheduler": scheduler}
        given |= {"target": target, "retrain": retrain, "epochs": epochs, "as_json": as_json or form == "json"}
        return sweeps.sweep_report(bundle, sweep, profile, PROFILES, output, **given)
    workers = {"--jobs": jobs, "--engine": engine, "--scheduler": scheduler}
    sweeps.refuse_sweep_options({**workers, "--target": target, "--retrain": retrain, "--epochs": epochs})
    if output is not None:
        check_output(output)
    found = opened_any(bundle)
    from neurograph.export.bundle.manifest import is_dynamic
    from neurograph.hw_profiles.report import rendered
    from neurograph.reporting import Wanted, report_of

    if is_dynamic(bundle):
        of_one = {"--recording": (recording, None), "--placement": (placement, None), "--ann": (ann, []), "--data-root": (data_root, None)}
        refuse_given("a bundle of a dynamic model", {**of_one, "--sanafe": (sanafe, False), "--measure": (measure, False)})
    made = report_of(found, profile, Wanted(recording, placement, ann, data_root, sanafe, measure))
    text = rendered(made, "json" if as_json else form)
    if output is None:
        print(text, end="" if text.endswith("\n") else "\n")
    else:
        write_text(text, output)
        log(f"report {output}")
    return 0

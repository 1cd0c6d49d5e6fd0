"""report: what an inference costs, by count and by profile."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from neurograph.cli.declare import argument, option
from neurograph.cli.inputs import check_folder, opened_any
from neurograph.cli.output import check_output, log, say, write_text
from neurograph.errors import InputError
from neurograph.report_profiles import PROFILES

__all__ = ["report"]

FORMATS = ("md", "json", "html", "csv", "latex", "bibtex", "methods", "paper", "schema")
OF_SEVERAL = ("md", "json", "csv", "latex", "bibtex")


def report(
    bundles: list[Path] = argument([], help="Bundle folder; several are compared, the first with the others."),
    profile: list[str] = option(list(PROFILES), "--profile", help="Name or path of a TOML; may be repeated."),
    form: str | None = option(None, "--format", help=f"{', '.join(FORMATS)}; md if not given; schema, of the JSON, takes no bundle."),
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
    form = _form(form, as_json)
    of_one = {"--recording": recording, "--placement": placement, "--ann": ann, "--sanafe": sanafe, "--measure": measure}
    of_sweep = {"--jobs": jobs, "--engine": engine, "--scheduler": scheduler, "--target": target, "--retrain": retrain, "--epochs": epochs}
    if form == "schema":
        own = profile if profile != list(PROFILES) else None
        others = {"bundle": bundles, "--profile": own, **of_one, "--data-root": data_root, "--sweep": sweep, **of_sweep}
        _refuse(others, "is not for --format schema, which is of no bundle; leave it out")
    _check(bundles, form)
    for name in ann:
        if ann.count(name) > 1:
            raise InputError(f"--ann {name}: is given {ann.count(name)} times, must be given once; leave the others out")
    if sweep:
        from neurograph.cli.sweep import sweep_report

        _refuse({**of_one, "--data-root": data_root}, "is for a report of one bundle, not for --sweep; leave it out")
        if form not in ("md", "json"):
            raise InputError(f"--format {form}: is not for --sweep, which writes its tables and plots to -o; leave it out, or take json")
        chosen: dict[str, Any] = {name.removeprefix("--"): value for name, value in of_sweep.items()}
        return sweep_report(_only(bundles, "--sweep"), sweep, profile, PROFILES, output, as_json=form == "json", **chosen)
    _refuse(of_sweep, "is for --sweep only; give e.g. --sweep bits=2,4,8, or leave it out")
    if data_root is not None and not ann:
        raise InputError(f"--data-root {data_root}: is for --ann only; give that too, or leave it out")
    if output is not None:
        check_output(output)
    if form == "schema":
        from neurograph.hw_profiles.report import schema_text

        text = schema_text()
    elif len(bundles) == 1:
        text = _of_one(bundles[0], profile, form, of_one, data_root)
    else:
        _refuse(of_one, f"is for a report of one bundle, {len(bundles)} were given; give one, or leave it out")
        text = _of_several(bundles, profile, form)
    if output is None:
        show = say if form == "md" else print  # what a program reads is printed as it would be written
        show(text.removesuffix("\n"))
    else:
        write_text(text, output)
        log(f"report {output}")
    return 0


def _form(form: str | None, as_json: bool) -> str:
    """The format that is asked for, Markdown if none is.

    Raises:
        InputError: two that differ.
    """
    if as_json and form not in (None, "json"):
        raise InputError(f"--json: is the same as --format json, but --format {form} is given too; give one of them")
    return "json" if as_json else form or "md"


def _check(bundles: list[Path], form: str) -> None:
    """Refuse what cannot be reported before a library is loaded.

    Raises:
        InputError: an unknown format, no bundle, one twice, or a format that is of one bundle only.
    """
    if form not in FORMATS:
        near = get_close_matches(form.lower(), FORMATS, n=1)
        raise InputError(f"--format {form!r}: must be one of {', '.join(FORMATS)}{f'; did you mean {near[0]}?' if near else ''}")
    if not bundles and form != "schema":
        raise InputError("report: no bundle given, needs at least one folder; 'neurograph export' writes one")
    if len(bundles) < 2:
        return
    if form not in OF_SEVERAL:
        raise InputError(f"--format {form}: is of one bundle, {len(bundles)} were given; give one, or take one of {', '.join(OF_SEVERAL)}")
    for index, bundle in enumerate(bundles):
        check_folder(bundle)
        twice = next((other for other in bundles[:index] if other.resolve() == bundle.resolve()), None)
        if twice is not None:
            raise InputError(f"bundle {bundle}: is the same folder as {twice}, must be another one; give each bundle once")


def _refuse(options: Mapping[str, Any], why: str) -> None:
    """Refuse what was given of some options; None, False and an empty list were not.

    Raises:
        InputError: the first that was given.
    """
    for name, value in options.items():
        if value not in (None, False, []):
            raise InputError(f"{name}: {why}")


def _only(paths: list[Path], option: str) -> Path:
    if len(paths) != 1:
        raise InputError(f"{option}: takes one checkpoint or bundle, {len(paths)} were given; give one")
    return paths[0]


def _of_one(path: Path, profiles: list[str], form: str, given: Mapping[str, Any], data_root: Path | None) -> str:
    bundle = opened_any(path)
    from neurograph.export.bundle.manifest import is_dynamic
    from neurograph.hw_profiles.report import rendered
    from neurograph.reporting import Wanted, report_of

    if is_dynamic(path):
        _refuse(given, "is not for a bundle of a dynamic model; leave it out")
    recording, placement, anns, sanafe, measure = given.values()
    return rendered(report_of(bundle, profiles, Wanted(recording, placement, tuple(anns), data_root, sanafe, measure)), form)


def _of_several(paths: list[Path], profiles: list[str], form: str) -> str:
    from neurograph.hw_profiles.report import rendered_comparison
    from neurograph.reporting import comparison_of

    return rendered_comparison(comparison_of([opened_any(path) for path in paths], profiles), form)

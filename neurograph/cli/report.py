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
) -> None:
    """Count every operation of one inference and print its energy under each profile."""
    if form not in FORMS:
        raise InputError(f"--format {form!r}: must be one of {', '.join(FORMS)}")
    if output is not None:
        check_output(output)
    found = opened_any(bundle)
    from neurograph.export.bundle.manifest import is_dynamic
    from neurograph.hw_profiles.report import rendered
    from neurograph.reporting import Wanted, report_of

    if is_dynamic(bundle):
        given: dict[str, tuple[Any, Any]]
        given = {"--recording": (recording, None), "--placement": (placement, None), "--ann": (ann, []), "--data-root": (data_root, None)}
        refuse_given("a bundle of a dynamic model", {**given, "--sanafe": (sanafe, False), "--measure": (measure, False)})
    made = report_of(found, profile, Wanted(recording, placement, ann, data_root, sanafe, measure))
    text = rendered(made, "json" if as_json else form)
    if output is None:
        print(text, end="" if text.endswith("\n") else "\n")
    else:
        write_text(text, output)
        log(f"report {output}")

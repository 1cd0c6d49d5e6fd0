"""report: what an inference costs, by count and by profile."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path
from typing import Any

from neurograph.cli.declare import argument, option
from neurograph.cli.inputs import check_folder, opened
from neurograph.cli.output import check_output, log, write_text
from neurograph.errors import InputError

__all__ = ["report"]

FORMATS = ("md", "json", "csv", "latex", "bibtex", "schema")
OF_SEVERAL = ("md", "json", "csv", "latex")
PROFILES = ("horowitz45", "loihi1", "loihi1-sanafe", "loihi2")


def report(
    bundles: list[Path] = argument([], help="Bundle folder; several are compared, the first with the others."),
    profile: list[str] = option(list(PROFILES), "--profile", help="Name or path of a TOML; may be repeated."),
    form: str = option("md", "--format", help=f"{', '.join(FORMATS)}; schema, of the JSON, takes no bundle."),
    output: Path | None = option(None, "-o", "--output", help="File to write; stdout if not given."),
    as_json: bool = option(False, "--json", help="The same as --format json."),
    sanafe: bool = option(False, "--sanafe", help="Run the placed network in SANA-FE as well and set its figures beside ours."),
    measure: bool = option(False, "--measure", help="Time the float network here, and its energy where RAPL or NVML answers."),
) -> None:
    """Count every operation of one inference and print its energy under each profile."""
    form = "json" if as_json else form
    _check(bundles, form, for_one=[name for name, given in (("--sanafe", sanafe), ("--measure", measure)) if given])
    if output is not None:
        check_output(output)
    if form == "schema":
        from neurograph.hw_profiles.report import schema_text

        text = schema_text()
    elif len(bundles) == 1:
        text = _of_one(opened(bundles[0]), profile, form, sanafe=sanafe, measure=measure)
    else:
        text = _of_several([opened(bundle) for bundle in bundles], profile, form)
    if output is None:
        print(text, end="" if text.endswith("\n") else "\n")
    else:
        write_text(text, output)
        log(f"report {output}")


def _check(bundles: list[Path], form: str, for_one: list[str]) -> None:
    """Refuse what cannot be reported before a library is loaded.

    Raises:
        InputError: an unknown format, no bundle, one twice, or what is only for one bundle asked for of several.
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
    if for_one:
        raise InputError(f"{for_one[0]}: is of one bundle, {len(bundles)} were given; give one, or leave {for_one[0]} out")
    for index, bundle in enumerate(bundles):
        check_folder(bundle)
        twice = next((other for other in bundles[:index] if other.resolve() == bundle.resolve()), None)
        if twice is not None:
            raise InputError(f"bundle {bundle}: is the same folder as {twice}, must be another one; give each bundle once")


def _of_one(bundle: Any, profiles: list[str], form: str, *, sanafe: bool, measure: bool) -> str:
    from neurograph.hw_profiles.report import rendered
    from neurograph.reporting import report_of

    made = report_of(bundle, profiles)
    if sanafe:
        from neurograph.reporting.sanafe import crosscheck_of

        made["crosscheck"] = crosscheck_of(bundle)
    if measure:
        from neurograph.reporting.measured import measured_of

        made["measured"] = measured_of(bundle)
    return rendered(made, form)


def _of_several(bundles: list[Any], profiles: list[str], form: str) -> str:
    from neurograph.hw_profiles.report import rendered_comparison
    from neurograph.reporting import comparison_of

    return rendered_comparison(comparison_of(bundles, profiles), form)

"""The energy report: a plain dict, and its renderings."""

from collections.abc import Callable, Mapping
from importlib import import_module, resources
from typing import Any

from neurograph.errors import InputError
from neurograph.hw_profiles.report.build import build, build_counted, to_json
from neurograph.hw_profiles.report.markdown import to_markdown

__all__ = ["COMPARISONS", "FORMATS", "build", "build_counted", "rendered", "rendered_comparison", "schema_text", "to_json", "to_markdown"]

# format → module and function that make one text of a report
FORMATS: Mapping[str, tuple[str, str]] = {
    "md": ("markdown", "to_markdown"),
    "json": ("build", "to_json"),
    "html": ("html", "to_html"),
    "csv": ("csv_tables", "to_csv"),
    "latex": ("latex", "to_latex"),
    "bibtex": ("bibliography", "bibtex"),
    "methods": ("methods", "methods_text"),
    "paper": ("latex", "paper"),
}

# the same for a comparison of several
COMPARISONS: Mapping[str, tuple[str, str]] = {
    "md": ("compare", "to_markdown"),
    "json": ("compare", "to_json"),
    "csv": ("compare", "to_csv"),
    "latex": ("compare_latex", "to_latex"),
    "bibtex": ("bibliography", "bibtex_of_several"),
}


def rendered(report: Mapping[str, Any], form: str) -> str:
    """A report as text.

    Args:
        report: as :func:`neurograph.report_of` gives it.
        form: "md", "json", "html" or "csv"; for a paper "latex" (methods and tables to be read by ``\\input``), "bibtex" (their sources),
            "methods" (the methods section alone, Markdown) or "paper" (a whole LaTeX document, which reads the sources as references.bib).

    Raises:
        InputError: another form.
    """
    return _made(FORMATS, form, report)


def rendered_comparison(comparison: Mapping[str, Any], form: str) -> str:
    """A comparison, as :mod:`neurograph.hw_profiles.report.compare` makes it, in one of :data:`COMPARISONS`.

    Raises:
        InputError: another form.
    """
    return _made(COMPARISONS, form, comparison)


def schema_text() -> str:
    """The JSON Schema (2020-12) of a report."""
    return resources.files(__name__).joinpath("report.schema.json").read_text(encoding="utf-8")


def _made(forms: Mapping[str, tuple[str, str]], form: str, found: Mapping[str, Any]) -> str:
    if form not in forms:
        raise InputError(f"format {form!r}: must be one of {', '.join(forms)}")
    module, function = forms[form]
    make: Callable[[Mapping[str, Any]], str] = getattr(import_module(f"{__name__}.{module}"), function)
    return make(found)

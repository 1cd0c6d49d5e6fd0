"""The energy report: a plain dict, and its renderings."""

from collections.abc import Callable, Mapping
from importlib import import_module, resources
from typing import Any

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
}

# the same for a comparison of several
COMPARISONS: Mapping[str, tuple[str, str]] = {
    "md": ("compare", "to_markdown"),
    "json": ("compare", "to_json"),
    "csv": ("compare", "to_csv"),
    "latex": ("compare_latex", "to_latex"),
}


def rendered(report: Mapping[str, Any], form: str) -> str:
    """A report in one of :data:`FORMATS`; the module of a format is loaded when it is asked for."""
    return _made(FORMATS[form], report)


def rendered_comparison(comparison: Mapping[str, Any], form: str) -> str:
    """A comparison, as :mod:`neurograph.hw_profiles.report.compare` makes it, in one of :data:`COMPARISONS`."""
    return _made(COMPARISONS[form], comparison)


def schema_text() -> str:
    """The JSON Schema (2020-12) of a report."""
    return resources.files(__name__).joinpath("report.schema.json").read_text(encoding="utf-8")


def _made(where: tuple[str, str], found: Mapping[str, Any]) -> str:
    module, function = where
    make: Callable[[Mapping[str, Any]], str] = getattr(import_module(f"{__name__}.{module}"), function)
    return make(found)

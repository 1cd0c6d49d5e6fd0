"""The energy report: a plain dict, and its renderings."""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from neurograph.hw_profiles.report.build import build, to_json
from neurograph.hw_profiles.report.markdown import to_markdown

__all__ = ["FORMATS", "build", "rendered", "to_json", "to_markdown"]

# format → module and function that make one text of a report
FORMATS: Mapping[str, tuple[str, str]] = {
    "md": ("markdown", "to_markdown"),
    "json": ("build", "to_json"),
    "csv": ("csv_tables", "to_csv"),
    "latex": ("latex", "to_latex"),
    "bibtex": ("bibliography", "bibtex"),
}


def rendered(report: Mapping[str, Any], form: str) -> str:
    """A report in one of :data:`FORMATS`; the module of a format is loaded when it is asked for."""
    module, function = FORMATS[form]
    make: Callable[[Mapping[str, Any]], str] = getattr(import_module(f"{__name__}.{module}"), function)
    return make(report)

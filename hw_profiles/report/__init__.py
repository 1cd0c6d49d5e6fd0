"""The energy report: a plain dict, and its renderings."""

from neurograph.hw_profiles.report.build import build, to_json
from neurograph.hw_profiles.report.markdown import to_markdown

__all__ = ["build", "to_json", "to_markdown"]

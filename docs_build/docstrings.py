"""Docstrings as Markdown: roles, literal blocks and formulas, which are written as Sphinx knows them.

Formulas become pictures out of matplotlib's mathtext, so that no page needs a script from another host; what they say is their alt text.
"""

from __future__ import annotations

import base64
import html
import io
import re
import textwrap
from functools import cache
from typing import Any

import griffe
from matplotlib import mathtext, rc_context
from matplotlib.font_manager import FontProperties

__all__ = ["MarkdownDocstrings", "as_markdown"]

_BLOCK = re.compile(r"^( *)\.\. math::\n((?:\1 +\S.*\n?|\n(?=\1 +\S))+)", re.MULTILINE)
_INLINE = re.compile(r":math:`([^`]+)`")
_ROLE = re.compile(r":[a-z]+:`~?([^`]+)`")
_ERRORS = re.compile(r"^( +)(\w+Error: .*?\.) (?=\w+Error: )", re.MULTILINE)  # several on a line of Raises
_STAR = re.compile(r"(`+[^`]*`+)|\*(?=\w+[),])")  # of a shape, (T, *shape), outside code
_LITERAL = re.compile(r"::$", re.MULTILINE)
_MATHTEXT = (  # what mathtext writes otherwise
    (r"\\[bB]ig\b|\\textstyle|&", ""),
    (r"\\ge\b", r"\\geq"),
    (r"\\le\b", r"\\leq"),
    (r"\\tfrac(\d)(\w)", r"\\frac{\1}{\2}"),
    (r"\\tfrac", r"\\frac"),
    (r"\\(overline|sqrt) (\w)", r"\\\1{\2}"),
)


class MarkdownDocstrings(griffe.Extension):
    """Rewrites every docstring that is loaded."""

    def on_object(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        """Called by griffe for each object."""
        if obj.docstring is not None:
            obj.docstring.value = as_markdown(obj.docstring.value)


def as_markdown(text: str) -> str:
    """A docstring without Sphinx's marks."""
    text = _BLOCK.sub(lambda match: textwrap.indent(_lines(match[2]), match[1]) + "\n", text)
    text = _INLINE.sub(lambda match: _picture(match[1], 13), text)
    text = _ROLE.sub(lambda match: f"`{match[1]}`", text)
    text = _ERRORS.sub(r"\1\2\n\1", text)
    return _STAR.sub(lambda match: match[1] or r"\*", _LITERAL.sub(":", text))


def _lines(latex: str) -> str:
    """One picture a formula: those that a wide space parts stand below each other, as those of several lines do."""
    formulas = re.split(r"\\qquad|\\\\", " ".join(latex.split()))
    return '<p class="formulas">' + "<br>".join(_picture(formula.strip().rstrip(","), 16) for formula in formulas) + "</p>"


@cache
def _picture(latex: str, points: int) -> str:
    known = latex
    for pattern, replacement in _MATHTEXT:
        known = re.sub(pattern, replacement, known)
    buffer = io.BytesIO()
    font = FontProperties(size=points, math_fontfamily="cm")
    with rc_context({"savefig.transparent": True}):
        depth = mathtext.math_to_image(f"${known}$", buffer, prop=font, format="svg", dpi=72)
    data = base64.b64encode(buffer.getvalue()).decode()
    return f'<img class="formula" alt="{html.escape(latex)}" style="vertical-align: {-depth:.1f}px" src="data:image/svg+xml;base64,{data}">'

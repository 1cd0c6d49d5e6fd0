"""Figures of matplotlib as SVG that stands inside a page: ids of its own, the page's text colour, the same text every time."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable, Mapping
from typing import Any

from matplotlib import rc_context
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

__all__ = ["BLUE", "GREEN", "GREY", "GRID", "INK", "ORANGE", "PURPLE", "VERMILLION", "svg"]

# Okabe and Ito's palette: told apart with any colour vision, on light and on dark paper
BLUE, ORANGE, GREEN, VERMILLION, PURPLE = "#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7"
# stand for colours that the page decides, light or dark, as it does for blue
INK, GREY, GRID = "#0a0b0c", "#0a0b0d", "#0a0b0e"
_PAGE_COLOURS: Mapping[str, str] = {BLUE: "var(--blue)", INK: "currentColor", GREY: "var(--muted)", GRID: "var(--rule)"}
_STYLE: Mapping[str, Any] = {
    "svg.fonttype": "none",  # text stays text: it can be read out, searched and scaled
    "text.parse_math": False,  # a name with dollar signs is a name
    "font.family": "sans-serif",
    "font.size": 8.5,
    "axes.titlesize": 9,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 8.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.edgecolor": GREY,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.facecolor": "none",
    "text.color": INK,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "path.simplify": False,
}


def svg(name: str, width: float, height: float, draw: Callable[[Figure], None]) -> str:
    """A figure of so many inches as an ``<svg>`` element; the same drawing gives the same text.

    Args:
        name: that every id in it begins with, so that several stand in one page; letters, digits and hyphens.
        draw: puts axes into the figure.
    """
    buffer = io.StringIO()
    with rc_context({**_STYLE, "svg.hashsalt": name}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")  # the page's own fonts may have it
        figure = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasSVG(figure)
        draw(figure)
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    return _inline(buffer.getvalue(), name)


def _inline(text: str, name: str) -> str:
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'\sid="', f' id="{name}-', text)
    text = re.sub(r'(xlink:href="|url\()#', rf"\g<1>#{name}-", text)
    for placeholder, colour in _PAGE_COLOURS.items():
        text = text.replace(placeholder, colour)
    width, height = (float(re.search(rf'{side}="([\d.]+)pt"', text).group(1)) for side in ("width", "height"))  # type: ignore[union-attr]
    head = f'<svg class="picture" viewBox="0 0 {width:g} {height:g}" width="{width:g}pt" aria-hidden="true"'
    return re.sub(r"<svg[^>]*", head, text, count=1).strip()

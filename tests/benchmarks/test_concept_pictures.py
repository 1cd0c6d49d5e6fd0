"""The pictures of docs/concepts can be drawn, and are whole SVG files with a light background of their own."""

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import concept_pictures as pictures
import pytest

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.parametrize("draw", [pictures.ticks, pictures.depth, pictures.scales])
def test_pictures_of_small_networks(draw, tmp_path):
    with pictures.plt.rc_context(pictures.STYLE):
        figure = draw()
        figure.savefig(tmp_path / "picture.svg", metadata={"Date": None})
    pictures.plt.close(figure)
    text = (tmp_path / "picture.svg").read_text()
    assert ElementTree.fromstring(text).tag.endswith("svg")
    assert "fill: #ffffff" in text


@pytest.mark.parametrize("name", ["ticks", "depth", "raster", "gates", "scales", "parity"])
def test_every_picture_is_there_and_shown_by_a_page(name):
    assert (ROOT / "docs" / "pictures" / f"concept_{name}.svg").is_file()
    pages = [page.read_text() for page in (ROOT / "docs" / "concepts").glob("*.md")]
    assert sum(f"../pictures/concept_{name}.svg" in page for page in pages) == 1

"""docs/nir_support.md says what runs, and `inspect` says the same."""

from __future__ import annotations

import re

import nir_support
import pytest
from nir_primitives import graphs
from pages import standing

from neurograph.export.lower import lower
from neurograph.export.support import support_of


@pytest.mark.lava
def test_the_page_is_what_runs(lava):
    assert without_shares(nir_support.page()) == without_shares(standing(nir_support.PAGE))


def without_shares(text):
    """Which of two equal scales a search takes hangs on a machine's sums, so the share of equal spikes may; all else may not."""
    return re.sub(r"\(\d+% of", "(some of", text)


def test_inspect_refuses_what_the_page_refuses():
    lines = [line.strip("| ").split(" | ") for line in standing(nir_support.PAGE).splitlines() if line.startswith("| ")]
    head, *rows = [line for line in lines if line[0] != "---"]
    assert head == list(nir_support.COLUMNS)
    made = graphs()
    assert [row[0] for row in rows] == list(made)
    columns = {"float": "float", "ONNX": "onnx", "fixed": "fixed", "Lava": "lava", "netx": "netx"}
    for name, *cells in rows:
        graph, time, _ = made[name]
        support = support_of(lower(graph, time))
        for column, cell in zip(head, cells, strict=True):
            assert bool(support[columns[column]]) == cell.startswith("no: "), (name, column, cell, support[columns[column]])

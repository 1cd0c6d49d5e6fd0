"""The notebook: it runs, and what is saved of it is small and of no machine."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")
pytest.importorskip("ipykernel")

TOUR = Path(__file__).resolve().parents[2] / "examples" / "tour.ipynb"


@pytest.mark.filterwarnings("default")  # of the client's own libraries; the notebook's are in its output
def test_the_notebook_runs_without_error_or_warning(tmp_path, environment):
    notebook = nbformat.read(TOUR, as_version=4)
    options = {"kernel_name": "python3", "timeout": 280, "startup_timeout": 200, "record_timing": False}
    client = nbclient.NotebookClient(notebook, resources={"metadata": {"path": str(tmp_path)}}, **options)
    client.execute(env=environment)  # raises what a cell raises
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    said = [output.text for output in outputs if output.output_type == "stream" and output.name == "stderr"]
    assert not said, said
    assert sum("image/png" in output.get("data", {}) for output in outputs) == 2


def test_what_is_saved_of_the_notebook_is_whole_small_and_of_no_machine():
    notebook = nbformat.read(TOUR, as_version=4)
    nbformat.validate(notebook)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert TOUR.stat().st_size < 300_000
    text = re.sub(r'"image/png": "[^"]*"', "", TOUR.read_text(encoding="utf-8"))
    assert not re.findall(r"/(?:home|root|tmp|Users|work)\b", text) and '"execution": {' not in text and '"stderr"' not in text

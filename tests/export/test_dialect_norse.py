"""Dialect norse-1.1 against Norse: its own models, its own exporter, the same spikes in 200 steps × 32 neurons.

What Norse makes of its own files is in test_nir_round_trip.py.
"""

from __future__ import annotations

import nir_framework_models as models
import numpy as np
import pytest
from frameworks import check, made, run
from nir_framework_models import uniform, zeros

pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.usefixtures("float64")]  # the warnings are the framework's own


def test_norse_lif_box_cell(tmp_path):
    def cell(nt):
        return nt.LIFBoxCell(nt.LIFBoxParameters(uniform(50, 200), uniform(0, 0.1), uniform(0.3, 0.6), zeros()))

    graph, wanted = made(models.norse, cell)
    check(graph, tmp_path, "norse-1.1", wanted, {"nir": "refused", "sinabs": 2578}, dt=1e-3)


def test_norse_lif_cell(tmp_path):
    def cell(nt):
        p = nt.LIFParameters(uniform(150, 400, 4), uniform(50, 200), uniform(0, 0.1), uniform(1.5, 3), zeros())
        return nt.LIFCell(p)

    graph, wanted = made(models.norse, cell)
    check(graph, tmp_path, "norse-1.1", wanted, {"nir": "refused"}, dt=1e-3)


def test_norse_iaf_cell(tmp_path):
    functional = models.framework("norse.torch.functional.iaf")
    graph, wanted = made(models.norse, lambda nt: nt.IAFCell(functional.IAFParameters(v_th=uniform(5, 9), v_reset=zeros())))
    check(graph, tmp_path, "norse-1.1", wanted, {"nir": 1195, "sinabs": 1355}, dt=1e-3)


def test_norse_li_box_cell_gives_the_same_voltages(tmp_path):
    functional = models.framework("norse.torch.functional.leaky_integrator_box")
    graph, wanted = made(models.norse, lambda nt: nt.LIBoxCell(functional.LIBoxParameters(uniform(50, 200), uniform(0, 0.1))))
    np.testing.assert_allclose(run(graph, tmp_path, "norse-1.1"), wanted.detach(), atol=1e-12)

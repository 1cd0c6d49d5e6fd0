"""Trained networks with real values beside a bundle: their counts against the formulas, their zeros, their accuracy; what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from spiky import karate_checkpoint

from neurograph.chips import target
from neurograph.cli.main import run_command
from neurograph.errors import InputError
from neurograph.export.bundle import Bundle, write_bundle
from neurograph.export.compile import compile_checkpoint
from neurograph.hw_profiles.report import to_markdown
from neurograph.reporting import Wanted, report_of
from neurograph.reporting.ann import trained_baselines
from neurograph.reporting.bundle import _rivals

TARGET = target("loihi2")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return write_bundle(compile_checkpoint(karate_checkpoint(), TARGET), TARGET, tmp_path_factory.mktemp("ann") / "karate")


def test_a_trained_gcn_does_the_work_of_the_formula(bundle: Bundle) -> None:
    report = report_of(bundle, ["horowitz45"], Wanted(anns=("gcn",)))
    rows = {(row["name"], row["accounting"]): row for row in report["baselines"]}
    formula, trained = rows["GCN", "fp32"], rows["gcn, trained", "fp32"]
    assert trained["macs"] == formula["macs"]
    assert trained["energy_j"]["total"] == pytest.approx(formula["energy_j"]["total"])
    sparse = rows["gcn, trained", "fp32, zeros skipped"]
    assert 0 < sparse["macs"] < rows["GCN", "fp32, zeros skipped"]["macs"]  # a ReLU's zeros too, not just those of the features
    assert trained["accuracy"] > 0.6  # two communities, most nodes tell
    assert "test accuracy" in to_markdown(report)


def test_a_trained_transformer_has_its_attention_counted(bundle: Bundle) -> None:
    (found,) = trained_baselines(bundle, ["transformer"], None, epochs=2)
    nodes, width = 34, bundle.network.populations[bundle.network.outputs[0]].shape[-1]
    assert found.terms["attention"] == 2 * nodes * nodes * width
    formula = _rivals(bundle, own=True)[0][0]
    assert (formula.name, formula.macs, formula.core_macs) == ("dense graph transformer", found.macs, found.core_macs)
    assert found.ends == {"encoder", "readout", "readout, propagation"} <= found.terms.keys()
    assert found.core_macs < found.macs


def test_training_beside_a_bundle_is_the_same_every_time(bundle: Bundle) -> None:
    first, second = (trained_baselines(bundle, ["mlp"], None, epochs=5) for _ in range(2))
    assert first == second


def test_what_cannot_be_trained_is_refused_by_name(bundle: Bundle, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["report", str(bundle.path), "--ann", "gnn"]) == 2
    assert "--ann 'gnn': does not exist; there are mlp, gcn, sgc, transformer" in capsys.readouterr().err
    bundle.manifest["origin"].pop("dataset")
    with pytest.raises(InputError, match=r"--ann gcn: bundle .* was not trained on a dataset here; leave --ann out"):
        trained_baselines(bundle, ["gcn"], Path("/nowhere"))

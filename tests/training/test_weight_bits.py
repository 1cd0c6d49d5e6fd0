"""benchmarks/weight_bits.py in short: it runs, goes on from its cache, and its figures are those of the models that it keeps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import weight_bits

from neurograph.training import load

SHORT = ["--dataset", "karate", "--seeds", "0", "--bits", "8,2", "--qat", "2", "--epochs", "6"]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cache")
    weight_bits.main([*SHORT, "--cache", str(folder)])
    return folder


def test_the_table_has_every_row_and_a_second_run_makes_none_anew(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (cache / "weight_bits.jsonl").read_text()
    assert len(before.splitlines()) == 5
    weight_bits.main([*SHORT, "--cache", str(cache), "--plot", str(cache / "curve.png")])
    assert (cache / "weight_bits.jsonl").read_text() == before
    printed = capsys.readouterr().out
    for words in ("karate, 1 seeds", "post-training", "trained for it", "float, trained on", "machine: "):
        assert words in printed
    assert (cache / "curve.png").read_bytes().startswith(b"\x89PNG")


def test_a_run_that_was_cut_off_goes_on(cache: Path, tmp_path: Path) -> None:
    for name in ("karate-0.pt", "karate-0-on.pt"):
        (tmp_path / name).write_bytes((cache / name).read_bytes())
    lines = (cache / "weight_bits.jsonl").read_text().splitlines()
    (tmp_path / "weight_bits.jsonl").write_text("\n".join(lines[:3]) + "\n")
    weight_bits.main([*SHORT, "--cache", str(tmp_path)])
    found, wanted = weight_bits.Cache(tmp_path).rows, weight_bits.Cache(cache).rows
    assert [(r.kind, r.bits, r.accuracy, r.mismatch) for r in found] == [(r.kind, r.bits, r.accuracy, r.mismatch) for r in wanted]


def test_figures_are_those_of_the_models(cache: Path) -> None:
    rows = {(row.kind, row.bits): row for row in weight_bits.Cache(cache).rows}
    assert rows["float", 0].accuracy == load(cache / "karate-0.pt").metrics["test_accuracy"]
    trained = load(cache / "karate-0-qat2.pt")
    assert trained.config.weight_bits == 2
    assert abs(rows["qat", 2].accuracy - trained.metrics["test_accuracy"]) <= 1 / np.count_nonzero(trained.graph.test_mask)
    assert rows["qat", 2].mismatch < rows["post", 2].mismatch


def test_numbers() -> None:
    assert weight_bits._numbers("3") == [3]
    assert weight_bits._numbers("0-2,7") == [0, 1, 2, 7]

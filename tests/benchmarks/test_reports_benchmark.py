"""benchmarks/reports.py in a short form: karate and a made dynamic graph, few epochs, the same way to the page."""

from __future__ import annotations

from pathlib import Path

import pages
import pytest
import reports


def test_reports_and_what_is_left_of_headlines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    cases = (
        reports.Case("spikegraphormer-karate", "spikegraphormer", "karate", ("gcn",)),
        reports.Case("dysign-blocks", "dysign-onchip", "blocks", ()),
    )
    monkeypatch.setattr(reports, "CASES", cases)
    monkeypatch.setattr(pages, "ROOT", tmp_path)
    (tmp_path / "docs").mkdir()
    (tmp_path / reports.PAGE).write_text(f"before\n{reports.BEGIN}\nold\n{reports.END}\nafter\n")
    reports.main(["--models", str(tmp_path / "models"), "--epochs", "3", "--write"])
    page = (tmp_path / reports.PAGE).read_text()
    assert page.startswith("before\n") and page.endswith("\nafter\n") and "old" not in page
    assert (
        "| spikes alone, against all but encoder and readout, fp32 | horowitz45 |" in page
        and "spikegraphormer-karate | dysign-blocks" in page
    )
    assert {path.name for path in (tmp_path / "docs/reports").iterdir()} == {f"{case.name}.md" for case in cases}
    assert "gcn, trained" in (tmp_path / "docs/reports/spikegraphormer-karate.md").read_text()
    assert capsys.readouterr().out.strip().endswith(page.split(reports.BEGIN)[1].split(reports.END)[0].strip())

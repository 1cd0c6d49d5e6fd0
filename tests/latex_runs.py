"""Running LaTeX and reading what it made."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest


class Made(NamedTuple):
    """What a run of LaTeX left: its log and the text of the pages, with plain blanks and one kind of micro sign."""

    log: str
    text: str

    @property
    def overfull_pt(self) -> float:
        """The widest box past its line, in points."""
        return max((float(points) for points in re.findall(r"Overfull \\[hv]box \(([\d.]+)pt too", self.log)), default=0.0)


def typeset(folder: Path, document: str, references: str) -> Made:
    """pdflatex, bibtex and pdflatex twice on a document whose bibliography is ``references``."""
    folder.joinpath("paper.tex").write_text(document, encoding="utf-8")
    folder.joinpath("references.bib").write_text(references, encoding="utf-8")
    latex = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "paper.tex"]
    for command in (latex, ["bibtex", "paper"], latex, latex):
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, errors="replace", timeout=240)
        assert done.returncode == 0, done.stdout[-3000:]
        assert "Warning--" not in done.stdout, done.stdout
    log = folder.joinpath("paper.log").read_text(encoding="latin-1").replace("\n", " ")
    shown = subprocess.run(["pdftotext", "-layout", "paper.pdf", "-"], cwd=folder, capture_output=True, check=True, timeout=60)
    text = shown.stdout.decode("utf-8").replace("μ", "µ")
    return Made(log, re.sub(r"[ \u2009\u202f\u00a0]+", " ", text))


def skip_without(*programs: str) -> None:
    """Skip the test by the names of the programs that are not installed."""
    missing = [program for program in programs if shutil.which(program) is None]
    if missing:
        pytest.skip(f"needs {', '.join(missing)}")

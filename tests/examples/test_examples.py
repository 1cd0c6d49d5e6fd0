"""Every example as a stranger runs it: a process of its own in an empty folder, its exit status, and the line that matters."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "examples"
SCRIPTS = sorted(path.name for path in FOLDER.glob("*.py"))

# script → arguments, lines of its output as patterns; {fixed} is Lava's fixed point, or our steps of it where Lava is not to be had
RUNS = {
    "karate_quickstart.py": ([], [r"fixed = {fixed}: 15,264 spike slots, 0 differ", r"8-bit integers", r"loihi1, chip events: .* J"]),
    "cora_to_lava.py": (
        ["--dataset", "karate", "--epochs", "30"],
        [r"torch = float: 0 of 15,264 spike slots differ", r"[\d,]+ synaptic events"],
    ),
    "bring_your_own_norse.py": ([], [r"fixed = {fixed}: 1,020 spike slots, 0 differ, 0 ties", r"8-bit weights change \d"]),
    "nir_from_snntorch.py": (
        [],
        [r"snntorch = float: 650 spike slots of 2 populations, 0 differ", r"assumed: dt 0.0001 s", r"fixed = {fixed}: 650 .*, 0 differ"],
    ),
    "dynamic_graph.py": (["--epochs", "8"], [r"window 2: nobody takes part", r"torch = float: 0 of 14,464 spike slots differ"]),
    "energy_table.py": ([], [r"\| mychip \| chip events \| [\d.]+ \([\d.]+–[\d.]+\)", r"references\.bib"]),
    "sweep.py": (["--bits", "2,8", "--ticks", "2"], [r"2 points on loihi1", r"★$", r"pareto\.png"]),
}


@pytest.fixture(scope="module")
def fixed():
    """The engine that the fixed engine is compared with here."""
    from neurograph.errors import LavaMissingError
    from neurograph.sim.lava import runtime

    try:
        runtime.find()
    except LavaMissingError:
        return "pipelined-fixed"
    return "lava-fixed"


@pytest.mark.parametrize("script", SCRIPTS)
def test_an_example_runs_and_says_what_it_found(script, tmp_path, environment, fixed):
    arguments, wanted = RUNS[script]
    if "snntorch" in script:
        pytest.importorskip("snntorch")
    done = _run([FOLDER / script, *arguments], tmp_path, environment)
    assert done.returncode == 0, done.stderr
    for pattern in wanted:
        assert re.search(pattern.replace("{fixed}", fixed), done.stdout, re.MULTILINE), f"no {pattern!r} in\n{done.stdout}"
    if script == "dynamic_graph.py" and fixed == "lava-fixed":
        assert re.search(r"fixed = lava-fixed: 0 of [\d,]+ spike slots, 0 of [\d,]+ values of u and v differ", done.stdout)
    if script == "energy_table.py":
        _check_paper(tmp_path / "energy-table")
    assert "Traceback" not in done.stderr and "Warning" not in done.stderr, done.stderr


def _check_paper(made):
    """Sources that the text cites stand in the bibliography; the script's own chip is one that `profiles validate` takes."""
    from neurograph.hw_profiles import load

    cited = {key for keys in re.findall(r"\\cite\{([^}]*)\}", (made / "energy.tex").read_text()) for key in keys.split(",")}
    listed = set(re.findall(r"^@\w+\{([^,]*),", (made / "references.bib").read_text(), re.MULTILINE))
    assert cited and cited <= listed
    assert (made / "methods.md").read_text().startswith("Operations of karate")
    assert load(str(made / "mychip.toml")).name == "mychip"


def test_a_wrong_value_is_refused_in_one_line(tmp_path, environment):
    done = _run([FOLDER / "sweep.py", "--bits", "9"], tmp_path, environment)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "error: --sweep bits: 9 is out of range, must be 2 to 8; change it\n"


def test_without_snntorch_its_example_says_how_to_get_it(tmp_path, environment):
    script = FOLDER / "nir_from_snntorch.py"
    code = f"import runpy, sys; sys.modules['snntorch'] = None; runpy.run_path({str(script)!r}, run_name='__main__')"
    done = _run(["-c", code], tmp_path, environment)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1 and "pip install snntorch==" in done.stderr


@pytest.mark.parametrize("script", SCRIPTS)
def test_an_example_says_how_it_is_called_and_what_its_status_means(script):
    said = ast.get_docstring(ast.parse((FOLDER / script).read_text(encoding="utf-8"))) or ""
    assert f"python examples/{script}" in said and "Exit status: 0 " in said


def test_the_table_of_examples_has_each():
    table = (FOLDER / "README.md").read_text(encoding="utf-8")
    there = re.findall(r"^\| \[([\w.]+)\]\(\1\) \|", table, re.MULTILINE)
    assert sorted(there) == sorted([*SCRIPTS, "tour.ipynb"])


def _run(arguments, folder, environment):
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, encoding="utf-8", timeout=280)

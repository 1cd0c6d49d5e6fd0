"""What is imported is declared, and what is declared is imported."""

import ast
import re
import sys
from functools import cache
from importlib import metadata
from pathlib import Path

try:
    import tomllib
except ModuleNotFoundError:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
DISTRIBUTIONS = {
    "distributed": "dask",
    "google": "protobuf",
    "sklearn": "scikit-learn",
    "tomllib": "tomli",
    "torch_geometric": "torch-geometric",
}
# Not ours to declare: Lava runs in an interpreter of its own, where its workers import one another as files; triton comes with torch
# where there is a GPU for it, and is asked for there alone.
ELSEWHERE = {"lava", "worker", "processes", "watch", "triton"}
OPTIONAL = {"optuna": "tune", "zeus": "measure", "dask": "cluster"}


@cache
def imported():
    """Top-level module → the files that import it."""
    found = {}
    for folder in ("neurograph", "export", "sim", "hw_profiles"):
        for file in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                names += [node.module] if isinstance(node, ast.ImportFrom) and node.level == 0 else []
                for name in names:
                    found.setdefault(name.partition(".")[0], set()).add(str(file.relative_to(ROOT)))
    return {name: files for name, files in found.items() if name not in sys.stdlib_module_names or name == "tomllib"}


def name_of(requirement):
    return re.match(r"[\w-]+", requirement)[0].lower()


def test_imports_and_dependencies_are_the_same():
    used = {DISTRIBUTIONS.get(name, name) for name in imported()} - ELSEWHERE - {"neurograph"}
    declared = {name_of(requirement) for requirement in PROJECT["dependencies"]}
    assert used - set(OPTIONAL) == declared
    for distribution, extra in OPTIONAL.items():
        assert distribution in used
        assert distribution in {name_of(requirement) for requirement in PROJECT["optional-dependencies"][extra]}


def test_what_is_optional_is_imported_in_functions_only():
    for module in (*OPTIONAL, "distributed", "triton"):
        for file in imported().get(module, ()):
            if file != "sim/device/triton_scan.py":  # itself imported by a function, for a GPU
                top = ast.parse((ROOT / file).read_text(encoding="utf-8")).body
                assert not any(isinstance(node, ast.Import | ast.ImportFrom) and module in ast.unparse(node) for node in top), file


def test_every_dependency_is_installed_in_a_version_that_is_allowed():
    from packaging.requirements import Requirement

    for text in PROJECT["dependencies"]:
        requirement = Requirement(text)
        if requirement.marker is None or requirement.marker.evaluate():
            assert requirement.specifier.contains(metadata.version(requirement.name), prereleases=True), text

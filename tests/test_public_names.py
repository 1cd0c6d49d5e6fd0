import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import neurograph

FACADE = Path(neurograph.__file__)


def test_the_listed_names_are_sorted_and_each_is_there():
    assert neurograph.__all__ == sorted(neurograph.__all__)
    for name in neurograph.__all__:
        assert getattr(neurograph, name) is not None
        assert name in dir(neurograph)


def test_what_type_checkers_see_is_what_is_loaded():
    seen = {}
    for node in ast.walk(ast.parse(FACADE.read_text())):
        if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING":
            for line in node.body:
                if isinstance(line, ast.ImportFrom):
                    seen |= {alias.name: line.module for alias in line.names}
    assert {*seen, "__version__"} == set(neurograph.__all__)
    for name, module in seen.items():
        home = importlib.import_module(module)
        there = getattr(home, name) if hasattr(home, name) else importlib.import_module(f"{module}.{name}")
        assert getattr(neurograph, name) is there


def test_every_listed_name_has_a_docstring():
    for name in neurograph.__all__:
        assert name == "__version__" or getattr(neurograph, name).__doc__, name


def test_an_unknown_name_is_refused_as_of_any_module():
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        neurograph.nothing  # noqa: B018


def test_importing_the_package_loads_no_library():
    heavy = "{'torch', 'numpy', 'scipy', 'h5py', 'typer', 'nir', 'norse'}"
    code = f"import sys, neurograph; print(sorted({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"


def test_a_bundle_may_be_named_by_its_path_and_is_shown_in_a_line(tmp_path):
    from pathlib import Path

    from neurograph import compile_checkpoint, data, open_bundle, report_of, run_engine, target, training, verify, write_bundle

    graph = data.load("karate")
    config, recipe = training.preset(graph)
    result = training.train(config, graph, recipe=recipe, epochs=2)
    training.save(tmp_path / "k.pt", result.model, graph, result)
    compiled = compile_checkpoint(training.load(tmp_path / "k.pt"), target("lava"))
    bundle = write_bundle(compiled, target("lava"), tmp_path / "b")
    run = run_engine("fixed", bundle.network, bundle.quantized, bundle.inputs)
    for shown in (bundle, compiled, compiled.network, run):
        assert len(repr(shown)) < 200 and "\n" not in repr(shown)
    assert all(pair.ok for pair in verify(str(tmp_path / "b"), ["torch", "float"]))
    assert report_of(Path(tmp_path / "b"), "loihi1") == report_of(open_bundle(tmp_path / "b"), ["loihi1"])

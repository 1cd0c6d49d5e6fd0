from pathlib import Path

try:
    import tomllib
except ModuleNotFoundError:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parent.parent
MAPPED = {"export": "neurograph.export", "sim": "neurograph.sim", "hw_profiles": "neurograph.hw_profiles", "neurograph": "neurograph"}


def test_every_folder_with_code_is_a_package_in_pyproject():
    listed = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"])
    found = set()
    for folder, package in MAPPED.items():
        for file in (ROOT / folder).rglob("*.py"):
            found.add(".".join([package, *file.relative_to(ROOT / folder).parts[:-1]]))
    assert found == listed - {"neurograph.training.configs"}  # which holds no code


def test_every_package_has_an_init():
    for folder in MAPPED:
        for file in (ROOT / folder).rglob("*.py"):
            assert (file.parent / "__init__.py").is_file(), file.parent

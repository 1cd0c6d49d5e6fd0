"""The version stands in pyproject.toml; what else names it agrees."""

from __future__ import annotations

import re
import sys
from importlib import metadata
from pathlib import Path

import neurograph

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_changelog_and_citation_have_the_version_of_the_project():
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert re.findall(r"^## \[(\d[^\]]*)\]", changelog, re.MULTILINE)[0] == PROJECT["version"]
    assert re.findall(r"^version: (\S+)$", citation, re.MULTILINE) == [PROJECT["version"]]
    assert re.findall(r"^license: (\S+)$", citation, re.MULTILINE) == [PROJECT["license"]]


def test_the_package_says_the_version_that_was_installed():
    assert neurograph.__version__ == metadata.version("neurograph")


def test_no_source_holds_the_version():
    """A copy in the code would be forgotten at the next release."""
    folders = (ROOT / "neurograph", ROOT / "export", ROOT / "sim", ROOT / "hw_profiles")
    held = re.compile(rf"""["']{re.escape(PROJECT["version"])}["']""")
    assert [str(file) for folder in folders for file in folder.rglob("*.py") if held.search(file.read_text(encoding="utf-8"))] == []


def test_links_of_the_project_files_lead_somewhere():
    """Pages under docs/extend are looked for where there are any."""
    for name in ("CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "examples/README.md"):
        file = ROOT / name
        for link in re.findall(r"\]\((?!https?:)([^)#]+)", file.read_text(encoding="utf-8")):
            there = (file.parent / link).exists()
            assert there or (link.startswith("docs/extend/") and not (ROOT / "docs/extend").is_dir()), f"{name}: {link}"

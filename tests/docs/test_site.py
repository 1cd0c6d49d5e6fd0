"""The documentation's site builds without a warning, loads nothing from another host, and its references are whole."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

import neurograph
from neurograph.cli.declare import declared

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "docs_build"))

from command_pages import commands_page, every_command  # noqa: E402
from docstrings import as_markdown  # noqa: E402
from outside_links import leads_outside, moved, on_the_site, promises_page  # noqa: E402

ELSEWHERE = ("http://", "https://", "//")
LOADS = {"script": "src", "img": "src", "iframe": "src", "source": "src", "video": "src", "audio": "src", "object": "data", "embed": "src"}


class Loads(HTMLParser):
    """What a page loads as it is shown; links that a reader may follow are none of it."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.classes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.classes |= set((given.get("class") or "").split())
        if tag in LOADS:
            self.found.append(given.get(LOADS[tag]) or "")
        if tag == "link" and (given.get("rel") or "") not in ("canonical", "next", "prev", "alternate"):
            self.found.append(given.get("href") or "")


def test_the_site_builds_without_warnings_and_its_pages_load_nothing_from_elsewhere(tmp_path):
    pytest.importorskip("material")
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "--site-dir", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    pages = list(tmp_path.rglob("*.html"))
    assert {"index.html", "commands.html", "python.html"} <= {page.name for page in pages}
    for page in pages:
        seen = Loads()
        seen.feed(page.read_text())
        assert not [source for source in seen.found if source.startswith(ELSEWHERE)], page
        assert "mermaid" not in seen.classes, f"{page}: the theme loads mermaid from another host; draw an SVG"
    for sheet in tmp_path.rglob("*.css"):
        assert not re.search(r"(url\(|@import )[\"']?(https?:)?//", sheet.read_text()), sheet
    commands = (tmp_path / "reference" / "commands.html").read_text()
    assert all(f'id="{words.replace(" ", "-")}"' in commands for words, _ in every_command())


def test_every_command_argument_and_option_is_in_the_reference():
    page = commands_page()
    for words, function in every_command():
        section = page.split(f"## `{words}` ")[1].split("\n## ")[0]
        for name, item in declared(function).items():
            spellings = [s for names in item.names for s in names.split("/")] or [name.upper()]
            assert all(f"`{spelling}`" in section for spelling in spellings), f"{words} {spellings}"
            assert (item.help or "").replace("|", "\\|") in section
            if item.min is not None:
                assert f"at least {item.min:,}" in section or f"{item.min:,} to " in section


def test_every_public_name_is_in_the_reference():
    pages = "".join(page.read_text() for page in (ROOT / "docs" / "reference").glob("*.md"))
    shown = set(re.findall(r"^::: (\S+)$", pages, re.MULTILINE))
    for name in neurograph.__all__:
        assert f"`{name}`" in pages, f"{name} is not in the table of reference/python.md"
        home = f"neurograph.{neurograph._WHERE.get(name, name)}"  # the module that has it, or the package that it is
        there = f"neurograph.{name}" in shown or any(f"{home}.".startswith(f"{entry}.") for entry in shown)
        assert there or name == "__version__", f"neurograph.{name} has no entry"


@pytest.mark.parametrize(
    ("page", "target", "found"),
    [
        ("engines.md", "../sim/compiled/columns.py", "sim/compiled/columns.py"),
        ("tutorial/cora.md", "../../examples/cora_to_lava.py", "examples/cora_to_lava.py"),
        ("tutorial/cora.md", "../engines.md", None),
        ("engines.md", "https://lava-nc.org", None),
        ("engines.md", "pictures/sweep_cora.svg", None),
    ],
)
def test_links_that_leave_the_documentation_are_told_apart(page, target, found):
    assert leads_outside(page, target) == found


def test_such_a_link_leads_to_a_page_of_the_file():
    assert (
        moved("a/b.md", "see [it](../../examples/x.py#L3) and [us](../../README.md)")
        == "see [it](../source/examples/x.py.md#L3) and [us](../index.md)"
    )
    assert moved("index.md", "[limits](../README.md#what-is-promised-and-what-is-not)") == "[limits](promises.md)"
    assert on_the_site("examples/x.py") == "source/examples/x.py.md"


def test_what_is_promised_stands_in_the_readme_and_on_the_site():
    page = promises_page((ROOT / "README.md").read_text())
    assert page.startswith("# What is promised, and what is not\n") and "**Limits of this version.**" in page and "## " not in page[2:]


def test_docstrings_lose_the_marks_of_sphinx():
    assert (
        as_markdown("as :func:`~a.b` of (T, *shape), ``*x``, thus::\n\n    code") == "as `a.b` of (T, \\*shape), ``*x``, thus:\n\n    code"
    )
    assert as_markdown("Raises:\n    AError: one. BError: two.") == "Raises:\n    AError: one.\n    BError: two."
    drawn = as_markdown("first\n\n.. math::\n    v \\ge \\tfrac1T\n\nthen :math:`\\hat A`")
    assert drawn.count("<img") == 2 and 'alt="v \\ge \\tfrac1T"' in drawn and "http" not in drawn

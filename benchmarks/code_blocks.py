"""The code blocks of README.md, CONTRIBUTING.md and docs/, and which of them a test runs (tests/docs/test_code_blocks.py).

    python benchmarks/code_blocks.py    prints how many there are, how many run, and each that does not, with the reason

``python`` blocks of a page share one namespace; ``sh`` blocks run in bash, as they stand, in one temporary folder a page, in which ``data``
is the folder of the shared datasets. ``<!-- not run: REASON -->`` on the line before a block leaves it out.
``<!-- begins with: NAME … -->`` puts files of README's first commands into the folder: ``karate.pt``, and ``karate``, the bundle. ``toml``
and ``json`` blocks must parse; those of SHOWN are only shown. A block of any other language, or one that is indented, is a mistake.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt
from pages import ROOT

RUN = ("python", "sh")
PARSED = ("toml", "json")
SHOWN = ("text", "output", "c", "bibtex", "mermaid", "xml")
_NOT_RUN = re.compile(r"<!-- not run: (.+?) -->\s*$")
_BEGINS = re.compile(r"^<!-- begins with: (.+?) -->$", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """One code block: where its first line of code stands, its language ("indented" if it has no fence), and why it is not run."""

    page: str
    line: int
    language: str
    code: str
    reason: str | None


def pages_with_code() -> list[str]:
    """Every page, as a path in the repository."""
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return [str(page.relative_to(ROOT)) for page in pages if page.is_file()]


def blocks_of(page: str) -> list[Block]:
    """The code blocks of a page, in order."""
    found, before = [], ""
    for token in MarkdownIt("commonmark").parse((ROOT / page).read_text()):
        if token.type in ("fence", "code_block"):
            language = (token.info.split() or ["none"])[0] if token.type == "fence" else "indented"
            why = _NOT_RUN.search(before)
            found.append(Block(page, (token.map or [0])[0] + (2 if token.type == "fence" else 1), language, token.content, why and why[1]))
        before = token.content if token.type == "html_block" else ""
    return found


def begins_with(page: str) -> list[str]:
    """Names of what lies in the folder of a page before its first block."""
    found = _BEGINS.search((ROOT / page).read_text())
    return found[1].split() if found else []


def not_run() -> Iterator[Block]:
    """The blocks that would run and are left out."""
    return (block for page in pages_with_code() for block in blocks_of(page) if block.language in RUN and block.reason is not None)


def main() -> None:
    """Print the figures."""
    blocks = [block for page in pages_with_code() for block in blocks_of(page)]
    for language in (*RUN, *PARSED, *SHOWN):
        alike = [block for block in blocks if block.language == language]
        ran = f", {sum(block.reason is None for block in alike)} of them run" if language in RUN else ""
        if alike:
            print(f"{len(alike)} blocks of {language} on {len({block.page for block in alike})} pages{ran}")
    left_out = list(not_run())
    print(f"{len(left_out)} are not run:")
    for block in left_out:
        print(f"  {Path(block.page)}:{block.line}: {block.reason}")


if __name__ == "__main__":
    main()

"""Pages of the documentation that a command makes: the text and its tables come out of one function, so that a test can compare them."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines) + "\n"


def print_or_write(description: str, name: str, make: Callable[[], str]) -> None:
    """The command line of such a script: print the page, or with --write put it where it stands in the documentation."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help=f"write {name} in place of printing it")
    options = parser.parse_args()
    text = make()
    if options.write:
        (ROOT / name).write_text(text)
    else:
        print(text)


def standing(name: str) -> str:
    """The page as it stands in the documentation."""
    return (ROOT / name).read_text()

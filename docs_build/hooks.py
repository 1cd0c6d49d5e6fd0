"""What mkdocs does for this site beside building it: the package to read, the pages that are made, and links that leave docs/."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parent.parent
COPY = ROOT / "build" / "docs"
MADE = "reference/commands.md"


def on_startup(**kwargs: Any) -> None:
    """The package as a wheel has it is what the references are made from; it has to be there before plugins look for it."""
    sys.path[:0] = [str(Path(__file__).parent), str(COPY)]  # mkdocs loads this file by its path, and takes back what it changes then
    from package_copy import package_copy

    package_copy(ROOT, COPY)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the command reference, README's promises, and a page for each file outside docs/ that a page links to."""
    from command_pages import commands_page
    from outside_links import on_the_site, outside_files, promises_page, shown

    files.append(File.generated(config, MADE, content=commands_page()))
    files.append(File.generated(config, "promises.md", content=promises_page((ROOT / "README.md").read_text())))
    wanted = {path for file in files.documentation_pages() for path in outside_files(file.src_uri, file.content_string)}
    for path in sorted(wanted - {"README.md"}):
        files.append(File.generated(config, on_the_site(path), content=shown(ROOT, path)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Lead links to files outside docs/ to their pages."""
    from outside_links import moved

    return moved(page.file.src_uri, markdown)

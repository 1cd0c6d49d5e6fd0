"""Links from pages to files of the repository outside docs/: the file is shown on a page of its own."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

__all__ = ["leads_outside", "moved", "on_the_site", "outside_files", "promises_page", "shown"]

_LINK = re.compile(r"(\]\()([^)#\s]+)((?:#[^)\s]*)?\))")
_LANGUAGES = {".py": "python", ".toml": "toml", ".c": "c", ".h": "c", ".sh": "sh", ".json": "json"}
_HOME = {"README.md": "index.md"}
_SECTIONS = {"README.md#what-is-promised-and-what-is-not": "promises.md"}  # sections of it that are pages here
_PROMISES = re.compile(r"^## (What is promised.*?)(?=^## )", re.MULTILINE | re.DOTALL)


def leads_outside(page: str, target: str) -> str | None:
    """The path in the repository that a link of a page of docs/ leads to, None if that lies in docs/ or on another machine."""
    if "://" in target or target.startswith(("mailto:", "/")):
        return None
    path = posixpath.normpath(posixpath.join("docs", posixpath.dirname(page), target))
    return None if path.split("/")[0] in ("docs", "..") else path


def outside_files(page: str, text: str) -> set[str]:
    """Files outside docs/ that a page links to."""
    found = {leads_outside(page, match[2]) for match in _LINK.finditer(text)}
    return {path for path in found if path is not None}


def on_the_site(path: str) -> str:
    """The page of a file outside docs/, as a path in docs/."""
    return _HOME.get(path, f"source/{path}.md")


def shown(root: Path, path: str) -> str:
    """That page, in Markdown.

    Raises:
        FileNotFoundError: a link that leads nowhere.
    """
    file = root / path
    if file.suffix == ".md":
        return file.read_text()
    if file.is_dir():
        return f"# `{path}/`\n\n" + "\n".join(f"- `{child.name}`" for child in sorted(file.iterdir()) if child.name[0] not in "._")
    return f"# `{path}`\n\n`````{_LANGUAGES.get(file.suffix, 'text')}\n{file.read_text().rstrip()}\n`````\n"


def moved(page: str, text: str) -> str:
    """The text of a page whose links to files outside docs/ lead to their pages."""

    def lead(match: re.Match[str]) -> str:
        path = leads_outside(page, match[2])
        if path is None:
            return match[0]
        section = _SECTIONS.get(path + match[3][:-1])
        if section is not None:
            return f"{match[1]}{posixpath.relpath(section, posixpath.dirname(page) or '.')})"
        return match[1] + posixpath.relpath(on_the_site(path), posixpath.dirname(page) or ".") + match[3]

    return _LINK.sub(lead, text)


def promises_page(readme: str) -> str:
    """README's section on what is promised, as a page of docs/.

    Raises:
        ValueError: it has none.
    """
    found = _PROMISES.search(readme)
    if found is None:
        raise ValueError("README.md has no section 'What is promised', which is a page of the site")
    return f"# {found[1].replace('](docs/', '](').rstrip()}\n"

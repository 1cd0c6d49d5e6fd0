"""BibTeX for a report: an entry for every source of its constants and for every tool that it rests on.

Entries are data, in ``hw_profiles/sources.bib``. A constant's ``url`` finds its entry by DOI, by address, or by one of the addresses in
the entry's ``sources``. A source with no entry becomes a ``@misc`` of its own words and address: it is never lost.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any, NamedTuple

from neurograph.hw_profiles.report.escaping import latex_text, url_text

__all__ = ["Entry", "bibtex", "bibtex_of_several", "constant_key", "constant_keys", "entries", "tools"]

_ENTRY = re.compile(r"^@(\w+)\{([^,\s]+),\n(.*?)^\}", re.MULTILINE | re.DOTALL)
_FIELD = re.compile(r"^  (\w+) = \{(.*)\},$", re.MULTILINE)


class Entry(NamedTuple):
    """One BibTeX entry."""

    kind: str
    key: str
    fields: Mapping[str, str]

    def text(self) -> str:
        """The entry as a .bib file has it, ending in a newline."""
        fields = "".join(f"  {name} = {{{value}}},\n" for name, value in self.fields.items() if name != "sources")
        return f"@{self.kind}{{{self.key},\n{fields}}}\n"

    def addresses(self) -> tuple[str, ...]:
        """What the ``url`` of a constant from this source begins with."""
        doi = (f"https://doi.org/{self.fields['doi']}",) if "doi" in self.fields else ()
        url = (self.fields["url"],) if "url" in self.fields else ()
        return (*doi, *url, *self.fields.get("sources", "").split())


@cache
def entries() -> Mapping[str, Entry]:
    """Key → entry of every source that comes with neurograph."""
    text = resources.files("neurograph.hw_profiles").joinpath("sources.bib").read_text(encoding="utf-8")
    found = (Entry(kind, key, MappingProxyType(dict(_FIELD.findall(body)))) for kind, key, body in _ENTRY.findall(text))
    return MappingProxyType({entry.key: entry for entry in found})


def constant_key(source: str, url: str) -> str:
    """Citation key of a constant's source."""
    return _of_constant(source, url).key


def tools(report: Mapping[str, Any]) -> tuple[str, ...]:
    """Keys of what a report rests on beside its constants: neurograph, NIR, Lava, and METIS, NeuroBench or SANA-FE where they were used."""
    methods = {p["placement"]["method"] for p in report["profiles"] if p["placement"]}
    used = {"karypis1998metis": "metis" in methods, "yik2025neurobench": "neurobench" in report, "boyle2025sanafe": "crosscheck" in report}
    return ("neurograph", "pedersen2024nir", "lava", *(key for key, is_used in used.items() if is_used))


def bibtex(report: Mapping[str, Any]) -> str:
    """The entries that a report's citations name, sorted by key: what ``--format bibtex`` writes."""
    found = {entry.key: entry for entry in _entries(report)}
    return "\n".join(found[key].text() for key in sorted(found))


def bibtex_of_several(comparison: Mapping[str, Any]) -> str:
    """The entries of all reports of a comparison, each once, sorted by key."""
    found = {key: _tool(key, comparison["neurograph"]) for key in comparison["tools"]}
    found |= {entry.key: entry for c in comparison["constants"] for entry in [_of_constant(c["source"], c["url"])]}
    return "\n".join(found[key].text() for key in sorted(found))


def constant_keys(found: Mapping[str, Any], profile: str) -> tuple[str, ...]:
    """Citation keys of the constants that a report, or a comparison, has of one profile."""
    return tuple(dict.fromkeys(constant_key(c["source"], c["url"]) for c in found["constants"] if c["profile"] == profile))


def _tool(key: str, version: str) -> Entry:
    entry = entries()[key]
    return entry._replace(fields={**entry.fields, "note": f"Version {version}"}) if key == "neurograph" else entry


def _entries(report: Mapping[str, Any]) -> Iterator[Entry]:
    for key in tools(report):
        yield _tool(key, report["neurograph"])
    for constant in report["constants"]:
        yield _of_constant(constant["source"], constant["url"])


def _of_constant(source: str, url: str) -> Entry:
    known = [(address, entry) for entry in entries().values() for address in entry.addresses() if _within(url, address)]
    if known:
        return max(known, key=lambda pair: len(pair[0]))[1]
    words = re.findall(r"[a-z0-9]+", source.lower())[:3]
    key = "-".join((*words, hashlib.sha256(f"{source}\n{url}".encode()).hexdigest()[:6]))
    fields = {"key": latex_text(source), "title": f"{{{latex_text(source)}}}"}
    return Entry("misc", key, fields | ({"howpublished": f"\\url{{{url_text(url)}}}", "url": url_text(url)} if url else {}))


def _within(url: str, address: str) -> bool:
    """Whether an address is another, or further down from it; DOIs in any case."""
    url, address = url.lower().rstrip("/"), address.lower().rstrip("/")
    return url == address or url.startswith((f"{address}/", f"{address}?", f"{address}#"))

"""Any text as LaTeX that prints it: ASCII only, for any engine, font encoding or BibTeX field."""

from __future__ import annotations

import re
import unicodedata

__all__ = ["latex_text", "url_text"]

_HOSTILE = {
    "\\": r"\textbackslash{}",
    "{": r"\textbraceleft{}",  # \{ would unbalance a BibTeX field
    "}": r"\textbraceright{}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "`": r"\textasciigrave{}",
    '"': r"\textquotedblright{}",
}
_SIGNS = {
    "–": "--",
    "—": "---",
    "…": r"\dots{}",
    "‘": r"\textquoteleft{}",
    "’": r"\textquoteright{}",
    "“": r"\textquotedblleft{}",
    "”": r"\textquotedblright{}",
    "\u00a0": "~",
    "ß": r"\ss{}",
    "ø": r"\o{}",
    "Ø": r"\O{}",
    "æ": r"\ae{}",
    "Æ": r"\AE{}",
    "œ": r"\oe{}",
    "Œ": r"\OE{}",
    "ł": r"\l{}",
    "Ł": r"\L{}",
    "ı": r"\i{}",
    "§": r"\S{}",
    "©": r"\textcopyright{}",
    "µ": r"\textmu{}",
    "μ": r"\textmu{}",
    "°": r"\textdegree{}",
}
_MATHS = {
    "→": r"\rightarrow",
    "←": r"\leftarrow",
    "↔": r"\leftrightarrow",
    "⇒": r"\Rightarrow",
    "×": r"\times",
    "†": r"\dagger",
    "‡": r"\ddagger",
    "·": r"\cdot",
    "±": r"\pm",
    "≤": r"\leq",
    "≥": r"\geq",
    "≠": r"\neq",
    "≈": r"\approx",
    "−": "-",
    "∞": r"\infty",
    "∈": r"\in",
    "⊗": r"\otimes",
    "∑": r"\sum",
    "ᵀ": r"^{\mathsf{T}}",
    **{chr(ord("⁰") + digit): f"^{{{digit}}}" for digit in (0, *range(4, 10))},
    "¹": "^{1}",
    "²": "^{2}",
    "³": "^{3}",
    "⁻": "^{-}",
    **{chr(ord("₀") + digit): f"_{{{digit}}}" for digit in range(10)},
}
_ACCENTS = {
    "\u0300": "`",
    "\u0301": "'",
    "\u0302": "^",
    "\u0303": "~",
    "\u0304": "=",
    "\u0306": "u",
    "\u0307": ".",
    "\u0308": '"',
    "\u030a": "r",
    "\u030b": "H",
    "\u030c": "v",
    "\u0327": "c",
}
_GREEK = re.compile("ALPHA|BETA|GAMMA|DELTA|EPSILON|ZETA|ETA|THETA|IOTA|KAPPA|LAMDA|MU|NU|XI|PI|RHO|SIGMA|TAU|UPSILON|PHI|CHI|PSI|OMEGA")
_LIGATURES = {("-", "-"), ("'", "'"), (",", ",")}
_GREEK_AS_LATIN = {"Α": "A", "Β": "B", "Ε": "E", "Ζ": "Z", "Η": "H", "Ι": "I", "Κ": "K", "Μ": "M", "Ν": "N", "Ο": "O", "ο": "o"} | {
    "Ρ": "P",
    "Τ": "T",
    "Χ": "X",
}


def latex_text(text: str) -> str:
    r"""Text that LaTeX prints as it is: ``a_b → µJ`` is ``a\_b \ensuremath{\rightarrow} \textmu{}J``.

    Characters with no spelling here are printed by their number, ``[U+4E2D]``, never dropped.
    """
    kept_apart = ("{}" if pair in _LIGATURES else "" for pair in zip(" " + text, text, strict=False))
    return "".join(gap + _character(character) for gap, character in zip(kept_apart, text, strict=True))


def url_text(url: str) -> str:
    r"""An address as the argument of ``\url``, balanced and without blanks."""
    return "".join(c if c.isascii() and c.isprintable() and c not in "{}\\ ^" else _percent(c) for c in url)


def _percent(character: str) -> str:
    return "".join(f"%{byte:02X}" for byte in character.encode("utf-8", "replace"))


def _character(character: str) -> str:
    if character in _HOSTILE or character in _SIGNS:
        return _HOSTILE.get(character) or _SIGNS[character]
    if character.isascii():
        return character if character.isprintable() else " "
    if character in _MATHS:
        return rf"\ensuremath{{{_MATHS[character]}}}"
    return _greek(character) or _accented(character) or f"[U+{ord(character):04X}]"


def _greek(character: str) -> str | None:
    """A Greek letter without accents, by its name."""
    if character in _GREEK_AS_LATIN:
        return _GREEK_AS_LATIN[character]
    found = re.fullmatch(r"GREEK (SMALL|CAPITAL) LETTER (\w+)", unicodedata.name(character, ""))
    if found is None or not _GREEK.fullmatch(found[2]):
        return None
    name = found[2].lower().replace("lamda", "lambda")
    return rf"\ensuremath{{\{name.capitalize() if found[1] == 'CAPITAL' else name}}}"


def _accented(character: str) -> str | None:
    """A letter with one accent of :data:`_ACCENTS`."""
    parts = unicodedata.normalize("NFD", character)
    if len(parts) != 2 or parts[1] not in _ACCENTS or not parts[0].isascii():
        return None
    return rf"\{_ACCENTS[parts[1]]}{{{parts[0]}}}"

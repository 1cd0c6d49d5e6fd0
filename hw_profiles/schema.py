"""Hardware profiles: one TOML file a chip, each constant a table with its unit, its range and its source.

A file has ``name``, ``title``, ``level``, ``node_nm``, ``scope`` and the sections ``energy``, ``time``, ``power`` and ``limits``::

    [energy.synaptic_event]
    value = 23.6
    unit = "pJ"
    low = 23.6          # optional, with high: the range; without it low = high = value
    status = "simulated"
    source = "Davies 2018, IEEE Micro 38(1), table 2"
    url = "https://doi.org/10.1109/MM.2018.112130359"
    checked = "secondary"
    includes = ["neuron"]   # optional: shares that were measured with it, which then have no line of their own
    note = "..."

``status`` says how the figure came to be: ``measured`` on a chip, ``simulated`` before one, ``fitted`` to one, ``derived`` by arithmetic
from published figures, ``specified`` (printed by who made it, or by who quotes them, without how it was got), or ``assumed``.
``checked`` says whether neurograph's authors saw it: ``primary`` at its source (of a paper that may be its abstract), ``secondary`` in
public copies or quotations of the source, ``unchecked`` neither.

A profile of level "chip events" may have limits and no energies: it is counted on and placed on, and gives no joules. To place on it takes
every limit of :data:`neurograph.hw_profiles.vocabulary.PLACEMENT_LIMITS`; :func:`placement_limits` says which are missing.
"""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from importlib import resources
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from neurograph.errors import InputError, ProfileError
from neurograph.hw_profiles.vocabulary import LIMIT_UNITS, PLACEMENT_LIMITS, SHARES, UNITS, VOCABULARY
from neurograph.plain_text import is_plain, line_of, parse_toml

__all__ = [
    "Constant",
    "Profile",
    "load",
    "names",
    "near",
    "placement_limits",
    "profile_text",
    "refuse_same_names",
]

Level = Literal["operations", "chip events"]
Status = Literal["measured", "simulated", "fitted", "derived", "assumed", "specified"]
Checked = Literal["primary", "secondary", "unchecked"]
Share = Literal["neuron", "spike", "routing", "barrier", "static"]

_COMPUTED = frozenset({"sha256", "path"})
_WAYS_OUT = {
    "missing": "add it",
    "extra_forbidden": "remove it or mend its name",
    "greater_than_equal": "give a value that is 0 or more",
    "model_type": "write a table [section.constant] with value, unit, status and source",
    "literal_error": "take one of those",
    "string_too_short": "say where the figure comes from",
    "string_pattern_mismatch": "take letters, digits, '.', '_' and '-', the first of them a letter or a digit",
    "finite_number": "give a number, or leave the constant out where it is not known",
    "float_type": "give a number, without quotation marks",
    "greater_than": "give a value above 0",
}
# of an event, in SI units: a value beyond it is one in another unit
_LARGEST = {"energy": (1.0, "1 J an event"), "time": (60.0, "60 s an event"), "power": (1e6, "1 MW"), "limits": (1e12, "1e12")}
_MAY_BE_ZERO = ("shared_synapse_lists", "programmable_neurons", "delay_max", "graded_spike_bits")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, ignored_types=(cached_property,))

    @model_validator(mode="after")
    def _can_be_printed(self) -> _Strict:
        for name in type(self).model_fields:
            value = getattr(self, name)
            if name != "path" and isinstance(value, str) and not is_plain(value):
                raise ValueError(f"{name} holds characters that a terminal would obey; leave them out")
        return self


class Constant(_Strict):
    """One figure of a profile, in its own unit, with where it comes from.

    ``includes`` names the shares of a chip's energy that were measured with it; they have no price of their own then.
    """

    value: float = Field(ge=0, strict=True)
    unit: str
    low: float | None = Field(default=None, ge=0, strict=True)
    high: float | None = Field(default=None, ge=0, strict=True)
    status: Status
    source: str = Field(min_length=1)
    url: str = ""
    checked: Checked = "unchecked"
    includes: tuple[Share, ...] = ()
    note: str = ""

    @model_validator(mode="after")
    def _ordered(self) -> Constant:
        low, high = self.bounds
        if not low <= self.value <= high:
            raise ValueError(f"value {self.value:g} is outside its own range {low:g} to {high:g}; mend low, value or high")
        return self

    @property
    def bounds(self) -> tuple[float, float]:
        """Low and high in the constant's own unit; the value itself where no range was given."""
        return (self.value if self.low is None else self.low, self.value if self.high is None else self.high)

    @property
    def has_range(self) -> bool:
        return self.low is not None or self.high is not None

    @property
    def si(self) -> tuple[float, float, float]:
        """(value, low, high) in joules, seconds or watts; limits stay in their own unit."""
        factor = next((units[self.unit] for units in UNITS.values() if self.unit in units), 1.0)
        low, high = self.bounds
        return self.value * factor, low * factor, high * factor


class Profile(_Strict):
    """What is known of one chip.

    Args:
        name: how the command line calls it: letters, digits, dots, dashes.
        title: for people.
        level: "operations" (arithmetic only) or "chip events" (which may have limits alone).
        node_nm: the process's name in nanometres.
        scope: what the profile leaves out.
        energy, time, power, limits: constants by name; :func:`vocabulary` lists the names.
        sha256: of the file's bytes.
        path: the file as it was given; the name alone for a profile that comes with neurograph.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    title: str = Field(min_length=1)
    level: Level
    node_nm: float | None = Field(default=None, gt=0, strict=True)
    scope: str = Field(min_length=1)
    energy: Mapping[str, Constant] = Field(default_factory=dict)
    time: Mapping[str, Constant] = Field(default_factory=dict)
    power: Mapping[str, Constant] = Field(default_factory=dict)
    limits: Mapping[str, Constant] = Field(default_factory=dict)
    sha256: str = ""
    path: str = ""

    def limit(self, key: str) -> int | None:
        """A limit's value, or None where the profile does not have it. Memory is in KiB."""
        return int(self.limits[key].value) if key in self.limits else None

    @cached_property
    def inside(self) -> Mapping[str, str]:
        """Share of the energy → the constant that it is inside of, by ``section.key``."""
        found: dict[str, str] = {share: f"energy.{key}" for key, constant in self.energy.items() for share in constant.includes}
        return MappingProxyType(found)


def near(word: str, options: Iterable[str]) -> str:
    """``" (near it: 'x', 'y')"`` for up to three options that look like a word, or nothing."""
    found = difflib.get_close_matches(word, list(options), n=3, cutoff=0.6)
    return f" (near it: {', '.join(repr(option) for option in found)})" if found else ""


NO_LIMITS = "no limits of placement"


def without_limits(profile: Profile) -> str:
    """That a profile lacks limits that placement needs, at most three by name; empty where it has all."""
    missing = [f"limits.{key}" for key in PLACEMENT_LIMITS if key not in profile.limits]
    more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
    return f"{NO_LIMITS} ({', '.join(missing[:3])}{more} {'is' if len(missing) == 1 else 'are'} missing)" if missing else ""


def placement_limits(profile: Profile) -> Mapping[str, float]:
    """What placement reads of a profile: limit → value in its own unit (memory in KiB).

    Raises:
        ProfileError: limits that placement needs and the profile lacks, all of them by name.
    """
    missing = [f"limits.{key}" for key in PLACEMENT_LIMITS if key not in profile.limits]
    if missing:
        raise ProfileError(
            f"profile {profile.path}: {', '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing, placement needs "
            f"{len(PLACEMENT_LIMITS)} limits; add {'it' if len(missing) == 1 else 'them'}, with a source"
        )
    return MappingProxyType({key: constant.value for key, constant in profile.limits.items()})


def refuse_same_names(profiles: Sequence[Profile]) -> None:
    """See that no two profiles have one name, by which placements and constants are kept.

    Raises:
        InputError: two that have.
    """
    seen: dict[str, Profile] = {}
    for profile in profiles:
        other = seen.setdefault(profile.name, profile)
        if other is not profile and other.path == profile.path:
            raise InputError(f"profile {profile.path}: is given twice, must be given once; leave one out")
        if other is not profile:
            raise InputError(
                f"profile {profile.path}: another one ({other.path}) is named {profile.name!r} too, must have a name of its own; "
                "change one's name, or leave one out"
            )


def names() -> tuple[str, ...]:
    """The profiles that come with neurograph, sorted."""
    files = resources.files("neurograph.hw_profiles").iterdir()
    return tuple(sorted(file.name.removesuffix(".toml") for file in files if file.name.endswith(".toml")))


def load(name_or_path: str | Path) -> Profile:
    """Read and check a profile.

    Args:
        name_or_path: one of :func:`names`, or a path to a TOML file of the user's.

    Raises:
        ProfileError: no such profile, not TOML, or it does not follow the schema; one line that names file, key and value.
    """
    return _parse(*_bytes(name_or_path))


def _bytes(name_or_path: str | Path) -> tuple[bytes, str]:
    """A profile's file, and what to call it in messages."""
    text = str(name_or_path)
    if isinstance(name_or_path, Path) or text.endswith(".toml") or "/" in text or "\\" in text:
        label = text
        try:
            data = Path(text).read_bytes()
        except OSError as error:
            raise ProfileError(
                f"profile {text}: cannot be read ({error.strerror or error}); give a file, or one of {', '.join(names())}"
            ) from None
    elif text in names():
        label = text
        data = resources.files("neurograph.hw_profiles").joinpath(f"{text}.toml").read_bytes()
    else:
        raise ProfileError(
            f"profile {text!r}: there is none of that name{near(text.lower(), names())}; take one of {', '.join(names())}, "
            "or give the path of a .toml file"
        )
    return data, label


def profile_text(name_or_path: str | Path) -> str:
    """The text of a profile's file, as :func:`load` reads it."""
    return _bytes(name_or_path)[0].decode("utf-8")


def _parse(data: bytes, label: str) -> Profile:
    try:
        content = parse_toml(data)
    except ValueError as error:
        raise ProfileError(
            f"profile {label}: is not TOML ({line_of(error)}); 'neurograph profiles show loihi1 --toml' shows the form"
        ) from None
    for key in sorted(_COMPUTED):
        if key in content:
            raise ProfileError(f"profile {label}: {key} is computed, not written; remove it")
    try:
        profile = Profile(**content, sha256=hashlib.sha256(data).hexdigest(), path=label)
    except ValidationError as error:
        raise ProfileError(f"profile {label}: {_explain(error, _unknown(content))}") from None
    for problem in _unknown(content) + _problems(profile):
        raise ProfileError(f"profile {label}: {problem}")
    return profile


def _unknown(content: Mapping[str, Any]) -> list[str]:
    """Constants that no section has, with the names near theirs."""
    return [
        _line(f"{section}.{key} is not a constant that neurograph knows{near(key, meanings)}; {section} may hold {', '.join(meanings)}")
        for section, meanings in VOCABULARY.items()
        for key in (content[section] if isinstance(content.get(section), dict) else ())
        if key not in meanings
    ]


def _explain(error: ValidationError, typos: Sequence[str]) -> str:
    """What is wrong on one line: names that are not known first, for a typo there explains what is missing."""
    found = sorted(error.errors(include_url=False), key=lambda problem: problem["type"] != "extra_forbidden")
    problems = [*typos, *(_problem(problem) for problem in found)]
    said = "; ".join(problems[:3])
    return said + (f"; and {len(problems) - 3} more" if len(problems) > 3 else "")


def _problem(problem: Any) -> str:
    key = ".".join(str(part) for part in problem["loc"]) or "the file"
    if problem["type"] == "missing":
        said = f"{key} is missing"
    elif problem["type"] == "extra_forbidden":
        kind, known = (
            ("profile", set(Profile.model_fields) - _COMPUTED) if len(problem["loc"]) == 1 else ("constant", set(Constant.model_fields))
        )
        close = near(str(problem["loc"][-1]), sorted(known))
        said = f"{key} = {_short(problem['input'])} is not a key that a {kind} has{close}"
    elif problem["type"] == "value_error":
        said = f"{key}: {problem['ctx']['error']}"
    else:
        said = f"{key} = {_short(problem['input'])}: {problem['msg']}"
    way_out = _WAYS_OUT.get(problem["type"])
    return _line(f"{said}, {way_out}" if way_out else said)


def _line(text: str) -> str:
    return " ".join(text.split())


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."


def _problems(profile: Profile) -> list[str]:
    """What the types cannot say: names from the vocabulary, units that fit their section, enough constants to be of use."""
    found = []
    for section, meanings in VOCABULARY.items():
        constants: Mapping[str, Constant] = getattr(profile, section)
        for key, constant in constants.items():
            if key not in meanings:
                continue
            largest, bound = _LARGEST[section]
            if section == "limits" and constant.unit != LIMIT_UNITS[key]:
                found.append(f"limits.{key}.unit = {constant.unit!r} must be {LIMIT_UNITS[key]!r}; convert the value")
            elif section == "limits" and constant.unit != "KiB" and not constant.value.is_integer():
                found.append(f"limits.{key}.value = {constant.value:g} {constant.unit} is not whole; give a whole number")
            elif constant.unit not in UNITS[section]:
                found.append(f"{section}.{key}.unit = {constant.unit!r} is no unit of {section}; take one of {', '.join(UNITS[section])}")
            elif not constant.source.strip():
                found.append(f"{section}.{key}.source = {constant.source!r} is empty; say where the figure comes from")
            elif constant.si[2] > largest:
                found.append(f"{section}.{key}.{_largest(constant)} {constant.unit} is more than {bound}: see to the unit")
            elif section == "limits" and not constant.value and key not in _MAY_BE_ZERO:
                found.append(f"limits.{key}.value = 0 {constant.unit}, must be at least 1; leave it out where there is no such limit")
    needed = ("mac_fp32", "add_fp32") if profile.level == "operations" else ()
    found += [f"energy.{key} is missing; a profile of level 'operations' needs it" for key in needed if key not in profile.energy]
    found += [
        f"energy.{key}.value = {profile.energy[key].value:g} {profile.energy[key].unit}, must be more than 0, for costs are divided by it; "
        "give what one costs"
        for key in needed
        if key in profile.energy and not profile.energy[key].si[0]
    ]
    found += _charged_twice(profile)
    if profile.level == "chip events":
        priced = bool(profile.energy or profile.time)
        if not any(key.startswith("synaptic_event") for key in profile.energy) and (priced or not profile.limits):
            found.append(
                "energy.synaptic_event is missing; a profile of level 'chip events' needs it, or one for each storage form, or has limits "
                "alone, without energy and time"
            )
        if "neuron_update_active" in profile.energy and "neuron_access" in profile.energy:
            found.append("energy.neuron_update_active and energy.neuron_access are two ways to say the same cost; keep one of them")
    return found


def _largest(constant: Constant) -> str:
    """Its greatest number, with the key that holds it."""
    return f"value = {constant.value:g}" if constant.high in (None, constant.value) else f"high = {constant.high:g}"


def _charged_twice(profile: Profile) -> list[str]:
    """Shares that are said to be inside of a constant: of an energy alone, and without a price of their own."""
    found = []
    for section in ("time", "power", "limits"):
        constants: Mapping[str, Constant] = getattr(profile, section)
        found += [f"{section}.{key}.includes: only an energy has shares; remove it" for key, c in constants.items() if c.includes]
    for share, key in profile.inside.items():
        again = [f"energy.{other}" for other in SHARES[share] if other in profile.energy]
        again += ["power.static_chip"] if share == "static" and "static_chip" in profile.power else []
        if again:
            found.append(f"{key}.includes has {share!r}, and {', '.join(again)} would charge it again; remove one of them")
    return found

"""A recorded run on the chip of each profile: as the bundle was placed on it, or placed now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from neurograph.errors import PlacementError, ProfileError
from neurograph.export import placement
from neurograph.export.placement.files import to_json
from neurograph.export.placement.place import Placement
from neurograph.hw_profiles.routing import Routing
from neurograph.hw_profiles.schema import Profile, placement_limits
from neurograph.sim.recording import Recording

__all__ = ["placements", "routings"]

_FILE = "placement.json"


def placements(
    bundle: Any, recording: Recording, profiles: Sequence[Profile], given: Path | None = None
) -> tuple[dict[str, Placement], dict[str, str]]:
    """The network on the chip of each profile of level "chip events", its traffic counted from the recording.

    Args:
        given: ``placement.json`` that ``neurograph place`` wrote, or its folder: taken for the chip that it was made for.

    Returns:
        profile's name → Placement, the same object for profiles of the same limits, and profile's name → why the network has none on it.

    Raises:
        PlacementError: ``given`` is of another chip or network, or damaged.
    """
    found: dict[str, Placement] = {}
    own_chip = None if given is None else _given(given, bundle, recording, profiles)
    refused: dict[str, str] = {}
    alike: dict[Any, Placement] = {}  # limits but for the chip's name → placement
    for profile in profiles:
        if profile.level != "chip events":
            continue
        try:
            limits = placement.Limits.of(profile.name, placement_limits(profile))
            key = replace(limits, target="")
            if own_chip is not None and own_chip.limits == limits:
                found[profile.name] = own_chip
                continue
            if key not in alike:
                own = bundle.path / _FILE
                if own.is_file() and bundle.manifest["profile_sha256"] == profile.sha256:
                    alike[key] = placement.load(own, bundle.quantized, recording=recording)
                else:
                    alike[key] = placement.place(bundle.quantized, limits, recording=recording)
            found[profile.name] = alike[key]
        except (PlacementError, ProfileError) as error:
            refused[profile.name] = str(error)
    return found, refused


def _given(path: Path, bundle: Any, recording: Recording, profiles: Sequence[Profile]) -> Placement:
    """A placement from a file, of the chip of one of the profiles."""
    file = path / _FILE if path.is_dir() else path
    placed = placement.load(file, bundle.quantized, recording=recording)
    target = placed.limits.target
    profile = next((p for p in profiles if p.name == target), None)
    if profile is None:
        raise PlacementError(
            f"placement {file}: was made for chip {target!r}, but the profiles are {', '.join(p.name for p in profiles)}; "
            f"add --profile {target}, or place the network on one of those"
        )
    limits = placement.Limits.of(profile.name, placement_limits(profile))
    differ = [
        f"{key} {getattr(placed.limits, key)} there, {value} here"
        for key, value in vars(limits).items()
        if getattr(placed.limits, key) != value
    ]
    if differ:
        raise PlacementError(
            f"placement {file}: was made for another chip of the name {target!r} ({'; '.join(differ)}); place the network again with "
            f"'neurograph place --profile {profile.path}'"
        )
    return placed


def routings(placed: Mapping[str, Placement]) -> dict[str, Routing]:
    """What energy and time need of each profile's placement."""
    contents = {id(one): to_json(one) for one in placed.values()}
    return {name: Routing.from_json({**contents[id(one)], "target": name}) for name, one in placed.items()}

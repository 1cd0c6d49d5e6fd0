"""A recorded run on the chip of each profile: as the bundle was placed on it, or placed now."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from neurograph.errors import PlacementError, ProfileError
from neurograph.export import placement
from neurograph.export.placement.files import to_json
from neurograph.hw_profiles.routing import Routing
from neurograph.hw_profiles.schema import Profile, placement_limits
from neurograph.sim.recording import Recording

__all__ = ["routings"]

_FILE = "placement.json"


def routings(bundle: Any, recording: Recording, profiles: Sequence[Profile]) -> tuple[dict[str, Routing], dict[str, str]]:
    """The recorded run on the chip of each profile of level "chip events".

    Returns:
        profile's name → Routing, and profile's name → why the network has no placement on it.
    """
    found: dict[str, Routing] = {}
    refused: dict[str, str] = {}
    alike: dict[Any, Any] = {}  # limits but for the chip's name → content of placement.json
    for profile in profiles:
        if profile.level != "chip events":
            continue
        try:
            limits = placement.Limits.of(profile.name, placement_limits(profile))
            key = replace(limits, target="")
            if key not in alike:
                own = bundle.path / _FILE
                if own.is_file() and bundle.manifest["profile_sha256"] == profile.sha256:
                    alike[key] = json.loads(own.read_text(encoding="utf-8"))
                else:
                    alike[key] = to_json(placement.place(bundle.quantized, limits, recording=recording))
            found[profile.name] = Routing.from_json({**alike[key], "target": profile.name})
        except (PlacementError, ProfileError) as error:
            refused[profile.name] = str(error)
    return found, refused

"""Settings hold what their annotations say, in every config and recipe."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest

from neurograph.data import load
from neurograph.errors import TrainingError
from neurograph.models import MODELS
from neurograph.models.dysign import DySignConfig
from neurograph.models.dysign_onchip import OnChipConfig
from neurograph.training import Recipe, settings_for
from neurograph.training.dynamic import DynamicRecipe

CONFIGS = [
    *(settings_for(name, "karate").config(load("karate")) for name in MODELS),
    DySignConfig(4, 2, 3),
    OnChipConfig(4, 2, 3),
    Recipe(),
    DynamicRecipe(),
]
CASES = [(config, field.name) for config in CONFIGS for field in fields(config)]


@pytest.mark.parametrize(("config", "name"), CASES, ids=[f"{type(c).__name__}.{n}" for c, n in CASES])
def test_no_field_takes_what_it_is_not(config: Any, name: str) -> None:
    assert replace(config, **{name: getattr(config, name)}) == config
    for value in (float("nan"), float("inf"), "no such word", [1]):
        with pytest.raises((ValueError, TrainingError), match=rf"{name} is .*, must be"):
            replace(config, **{name: value})
    if name.endswith("dropout"):
        with pytest.raises(ValueError, match=f"{name} is 1.0, must be at least 0 and below 1"):
            replace(config, **{name: 1.0})

"""Settings: what a model is trained with on a dataset, one TOML file each, in the package or of one's own.

::

    about = "SpikeGraphormer, onchip, on Cora"
    source = "neurograph tune, 60 trials, by validation accuracy"
    dataset = "cora"            # about and source are for those who read the file, and may be left out

    [model]                     # name, and fields of its config that are not the default
    name = "spikegraphormer"

    [recipe]                    # fields of the recipe that are not the default
    epochs = 300

    [data]
    adjacency = 0.1             # each node's row of the adjacency, times this, as features beside its own; 0: none
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from neurograph.data import GraphData, plain_name, with_adjacency
from neurograph.errors import TrainingError
from neurograph.models import BASELINE_NAMES, MODELS, ClassifierConfig, build
from neurograph.plain_text import line_of, parse_toml
from neurograph.settings_fields import shown
from neurograph.training.recipe import Recipe

__all__ = ["Settings", "names", "preset", "read_settings", "settings_for"]


_USUAL, _MOST_LAYERS, _MOST_WEIGHTS = 4096, 1000, 1 << 28


class _Data(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    adjacency: float = Field(default=0.0, ge=0, allow_inf_nan=False)


class Settings(BaseModel):
    """What a settings file holds; see the module. Checked when it is read."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    about: str = ""
    source: str = ""
    dataset: str
    model: Mapping[str, Any]
    recipe: Mapping[str, Any] = Field(default_factory=dict)
    data: _Data = _Data()

    @property
    def name(self) -> str:
        """Of the model."""
        return str(self.model["name"])

    def prepare(self, graph: GraphData) -> GraphData:
        """The graph with the features that the model is to see."""
        return with_adjacency(graph, self.data.adjacency) if self.data.adjacency else graph

    def config(self, graph: GraphData, **overrides: Any) -> ClassifierConfig:
        """The model's config for a prepared graph.

        Raises:
            TrainingError: values that the model refuses.
        """
        sizes = {"in_features": graph.features, "classes": graph.classes, "nodes": graph.nodes}
        chosen = {key: value for key, value in self.model.items() if key != "name"}
        try:
            config: ClassifierConfig = MODELS[self.name][1](**{**sizes, **chosen, **overrides})
        except (TypeError, ValueError) as error:
            raise TrainingError(f"settings of {self.name}: {error}; change it") from None
        _refuse_large(self.name, config, sizes, graph)
        return config

    def how(self) -> Recipe:
        """The recipe."""
        return Recipe(**self.recipe)


def names() -> tuple[str, ...]:
    """Settings in the package."""
    found = (file.name for file in resources.files(__package__).joinpath("configs").iterdir())
    return tuple(sorted(name.removesuffix(".toml") for name in found if name.endswith(".toml")))


def read_settings(name_or_path: str | Path) -> Settings:
    """Settings by name, or from a file whose path ends in ``.toml``.

    Raises:
        TrainingError: there are none, or they are not what :class:`Settings` says.
    """
    text = str(name_or_path)
    if not text.endswith(".toml"):
        return _packaged(text)
    try:
        return _parse(Path(text).read_bytes(), text)
    except OSError as error:
        raise TrainingError(
            f"settings {text}: cannot be read ({error.strerror}); give another file, or one of {', '.join(names())}"
        ) from None


def settings_for(model: str, dataset: str) -> Settings:
    """The tuned settings of a model on a dataset where the package has them, else the model's defaults."""
    name = f"{model}-{plain_name(dataset).partition(':')[0]}"
    if name in names():
        return _packaged(name)
    return Settings(about=f"{model}, defaults", source="neurograph", dataset=dataset, model={"name": model})


def preset(graph: GraphData, model: str = "spikegraphormer", **overrides: Any) -> tuple[ClassifierConfig, Recipe]:
    """Config and recipe for a graph: the tuned ones where its name has them, else the defaults.

    Args:
        graph: gives the sizes and the name; with the features that the settings ask for (:meth:`Settings.prepare`).
        model: name.
        overrides: fields of the config, e.g. ``attention=False``.
    """
    chosen = settings_for(model, graph.name)
    return chosen.config(graph, **overrides), chosen.how()


@cache
def _packaged(name: str) -> Settings:
    if name not in names():
        raise TrainingError(
            f"settings {name!r}: there are none of that name; take one of {', '.join(names())}, or a path that ends in .toml"
        )
    return _parse(resources.files(__package__).joinpath("configs").joinpath(f"{name}.toml").read_bytes(), name)


def _parse(data: bytes, label: str) -> Settings:
    where = f"settings {label}"
    try:
        found = Settings.model_validate(parse_toml(data))
    except ValidationError as error:
        raise TrainingError(f"{where}: {'; '.join(map(_said, error.errors()))}; mend it") from None
    except ValueError as error:  # which a ValidationError is too
        raise TrainingError(f"{where}: is not TOML ({line_of(error)}); mend it") from None
    _check(found, where)
    return found


def _said(error: Any) -> str:
    key = ".".join(str(part) for part in error["loc"])
    if error["type"] == "missing":
        return f"{key} is missing, must be there"
    if error["type"] == "extra_forbidden":
        known = Settings if len(error["loc"]) == 1 else _Data
        return f"{key} is not known, must be one of {', '.join(known.model_fields)}"
    return f"{key[:60]} is {shown(error['input'])}: {error['msg'].lower()}"


def _check(found: Settings, where: str) -> None:
    name = found.model.get("name")
    if not isinstance(name, str) or name not in (*MODELS, *BASELINE_NAMES):
        raise TrainingError(f"{where}: model.name is {str(name)[:60]!r}, must be one of {', '.join((*MODELS, *BASELINE_NAMES))}; mend it")
    known = {"recipe": {f.name for f in fields(Recipe)}}
    if name in MODELS:
        known["model"] = {"name", *MODELS[name][1].field_names()} - {"in_features", "classes", "nodes"}
    for section, allowed in known.items():
        odd = [key for key in getattr(found, section) if key not in allowed]
        if odd:
            raise TrainingError(f"{where}: {section}.{odd[0]} is not known, must be one of {', '.join(sorted(allowed))}; mend it")
    try:
        found.how()
    except (TypeError, ValueError) as error:
        raise TrainingError(f"{where}: recipe: {error}; mend it") from None


def _refuse_large(name: str, config: ClassifierConfig, sizes: Mapping[str, int], graph: GraphData) -> None:
    """Refuse a model that no memory would hold, before it is made: where a size is unusual, it is made without weights first."""
    own = {key: value for key, value in vars(config).items() if isinstance(value, int) and key not in sizes}
    many = [key for key, value in own.items() if key.endswith(("layers", "blocks")) and value > _MOST_LAYERS]
    if many:
        raise TrainingError(f"settings of {name}: {many[0]} is {own[many[0]]:,}, must be at most {_MOST_LAYERS}; change it")
    if max(own.values(), default=0) <= _USUAL:
        return
    import torch

    try:
        with torch.device("meta"):
            weights = sum(tensor.numel() for tensor in build(config, graph.edge_index, graph.batch).state_dict().values())
    except (RuntimeError, OverflowError, TypeError) as error:
        raise TrainingError(f"settings of {name}: sizes that no model can have ({line_of(error)}); change them") from None
    if weights > _MOST_WEIGHTS:
        raise TrainingError(f"settings of {name}: a model of {weights:,} weights, at most {_MOST_WEIGHTS:,}; make it narrower")

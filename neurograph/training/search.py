"""Hyper-parameter search by Optuna: settings with the best mean validation accuracy over seeds. Test nodes are never looked at."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from neurograph.data import is_set, plain_name
from neurograph.errors import NeurographError, TrainingError
from neurograph.models import MODELS
from neurograph.training.protocols import protocol
from neurograph.training.recipe import Recipe
from neurograph.training.settings import Settings, settings_for
from neurograph.training.train import train

__all__ = ["SPACES", "Found", "search", "to_toml"]

_DROPOUTS: dict[str, list[Any]] = {f"model.{name}": [0.0, 0.2, 0.4, 0.5, 0.6, 0.7, 0.8] for name in ("input_dropout", "readout_dropout")}
_RECIPE: dict[str, list[Any]] = {
    "recipe.learning_rate": [0.003, 0.01, 0.03],
    "recipe.weight_decay": [0.0, 1e-4, 5e-4, 2e-3, 5e-3],
    "recipe.consistency": [0.0, 0.5, 1.0, 2.0],
    "recipe.temperature": [0.3, 0.5],
    "data.adjacency": [0.0, 0.03, 0.1, 0.3],
}
_ATTENTION: dict[str, list[Any]] = {"model.attention_width": [16, 32, 64, 128], "model.encoder_gain": [2.0, 5.0, 10.0, 20.0, 40.0]}
_SGHORMER: dict[str, list[Any]] = {
    **_RECIPE,
    **_DROPOUTS,
    "model.encoder_gain": [5.0, 10.0, 20.0, 40.0],
    "model.encoder_shortcut": [False, True],
    "model.blocks": [1, 2],
    "model.width": [32, 64, 128],
    "model.spike_dropout": [0.0, 0.3, 0.5, 0.7],
    "model.linear_dropout": [0.0, 0.3, 0.5, 0.7],
    "model.readout": ["propagated", "plain", "both"],
}
SPACES: dict[str, Mapping[str, list[Any]]] = {
    "spikegraphormer": {
        **_RECIPE,
        **_DROPOUTS,
        **_ATTENTION,
        "model.gnn_width": [16, 64, 128],
        "model.gnn_layers": [1, 2, 3],
        "model.gnn_linear": [False, True],
        "model.gnn_jump": [False, True],
        "model.spike_dropout": [0.0, 0.3, 0.5, 0.7],
        "model.readout": ["propagated", "plain", "both"],
    },
    "spikegraphormer-paper": {
        **_RECIPE,
        **_DROPOUTS,
        **_ATTENTION,
        "model.encoder_gain": [1.0, 2.0, 5.0],
        "model.attention_threshold": [0.3, 0.5, 1.0],
        "model.gnn_width": [32, 64, 128],
        "model.gnn_layers": [1, 2, 4, 8],
        "model.gnn_share": [0.1, 0.3, 0.5, 0.8, 0.9],
        "model.gnn_gain": [5.0, 10.0, 20.0],
        "model.gnn_average": [True, False],
        "model.gnn_linear": [True, False],
        "model.gnn_dropout": [0.2, 0.5, 0.7],
        "model.node_dropout": [0.0, 0.3, 0.5],
        "model.readout": ["propagated", "plain", "both"],
    },
    "sghormer": _SGHORMER,
    "sghormer-paper": _SGHORMER,
}


@dataclass(frozen=True)
class Found:
    """The best of a search.

    Args:
        settings: to train with.
        val_accuracy: their mean over the seeds of the search, 0 to 1.
        trials: finished, pruned ones too.
    """

    settings: Settings
    val_accuracy: float
    trials: int


def search(
    model: str,
    dataset: str,
    root: Path | None = None,
    *,
    trials: int = 50,
    seeds: int = 2,
    epochs: int | None = None,
    study: Path | None = None,
    fixed: Mapping[str, Any] | None = None,
    report: Callable[[str], None] = lambda line: None,
) -> Found:
    """Search the space of a model (:data:`SPACES`); after the first seed of a trial the worse half is given up.

    The first trial is the model's settings on the dataset as they are, so that what is found is never worse by validation. A value of
    theirs that the space has not is searched too.

    Args:
        trials: to have in the end, those of an earlier search in ``study`` included.
        seeds: runs a trial.
        epochs: at most a run.
        study: SQLite file that keeps all trials, so that a search can be gone on with; None: in memory.
        fixed: values by name (``model.gnn_layers``) that are not searched.
        report: is given a line a trial.

    Raises:
        TrainingError: no space for the model, a name that is not in it, a study that cannot be used or whose trials were made otherwise, or
            Optuna is not installed.
    """
    try:
        import optuna
    except ImportError:
        raise TrainingError("search: Optuna is not installed; pip install 'neurograph[tune]'") from None
    if model not in SPACES:
        raise TrainingError(f"search: model {model!r} has no space to search, must be one of {', '.join(SPACES)}")
    dataset = plain_name(dataset)
    fixed = {**({"data.adjacency": 0.0} if is_set(dataset) else {}), **(fixed or {})}
    odd = [name for name in fixed if name not in SPACES[model]]
    if odd:
        raise TrainingError(f"search: {odd[0]} is not searched, must be one of {', '.join(SPACES[model])}")
    base = settings_for(model, dataset)
    start = {name: _value_of(base, name) for name in SPACES[model] if name not in fixed}
    space = {name: SPACES[model][name] + [value] * (value not in SPACES[model][name]) for name, value in start.items()}

    def objective(trial: Any) -> float:
        chosen = {**fixed, **{name: trial.suggest_categorical(name, values) for name, values in space.items()}}
        settings, scores = _with(base, dataset, chosen), []
        for seed in range(seeds):
            graph = settings.prepare(protocol(dataset).graph(dataset, root, seed))
            scores.append(train(settings.config(graph), graph, seed, settings.how(), epochs).val_accuracy)
            trial.report(float(np.mean(scores)), seed)
            if seed + 1 < seeds and trial.should_prune():
                raise optuna.TrialPruned
        report(f"trial {trial.number}: validation {np.mean(scores):.2%} {trial.params}")
        return float(np.mean(scores))

    def finished(study: Any) -> list[Any]:
        return study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.PRUNED))

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    storage = None if study is None else f"sqlite:///{study}"
    pruner = optuna.pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=0)
    try:
        kept = optuna.create_study(
            study_name=f"{model} on {dataset}",
            storage=storage,
            direction="maximize",
            pruner=pruner,
            load_if_exists=True,
        )
        kept.sampler = optuna.samplers.TPESampler(seed=len(kept.trials), multivariate=False)
        _same(kept, study, {"seeds": seeds, "epochs": epochs, "fixed": dict(sorted(fixed.items())), "start": start})
        left = trials - len(finished(kept))
        if not any(trial.params == start for trial in finished(kept)):
            kept.enqueue_trial(start)
        kept.optimize(objective, n_trials=max(0, left))
        best = kept.best_trial
    except NeurographError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split())[:160]
        raise TrainingError(f"search: study {study} cannot be used ({reason}); give another file") from error
    return Found(_with(base, dataset, {**best.params, **fixed}), float(best.value or 0.0), len(finished(kept)))


def _same(kept: Any, study: Path | None, about: Mapping[str, Any]) -> None:
    """Refuse trials whose scores cannot be compared with those to come."""
    for name, value in about.items():
        was = kept.user_attrs.get(name, value)
        if was != value:
            raise TrainingError(f"search: study {study} was made with {name} {was!r}, and this search has {value!r}; give another file")
        kept.set_user_attr(name, value)


def _value_of(settings: Settings, name: str) -> Any:
    """What settings say of a name of the space, or the default where they are silent."""
    section, _, key = name.partition(".")
    if section == "data":
        return getattr(settings.data, key)
    kind, said = (MODELS[settings.name][1], settings.model) if section == "model" else (Recipe, settings.recipe)
    return said.get(key, next(field.default for field in fields(kind) if field.name == key))


def _with(base: Settings, dataset: str, chosen: Mapping[str, Any]) -> Settings:
    sections: dict[str, dict[str, Any]] = {"model": dict(base.model), "recipe": dict(base.recipe), "data": base.data.model_dump()}
    for name, value in chosen.items():
        section, _, key = name.partition(".")
        sections[section][key] = value
    about = f"{base.name} on {dataset}"
    return Settings.model_validate({"about": about, "source": "neurograph tune, by validation accuracy", "dataset": dataset, **sections})


def to_toml(settings: Settings) -> str:
    """Settings as a file that :func:`neurograph.training.read_settings` reads."""
    lines = [f'{key} = "{getattr(settings, key)}"' for key in ("about", "source", "dataset")]
    sections = {"model": dict(settings.model), "recipe": dict(settings.recipe), "data": settings.data.model_dump()}
    for name, values in sections.items():
        lines += ["", f"[{name}]", *(f"{key} = {_value(value)}" for key, value in values.items())]
    return "\n".join(lines) + "\n"


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else repr(value)

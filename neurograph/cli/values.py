"""The names that an option or an argument may take, for completion in a shell.

They are written down here because a shell asks at every tab, and the modules that have them take a second to load.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

__all__ = ["names_of"]

_SETS = "mutag proteins enzymes nci1 ptc_mr dd imdb-binary imdb-multi collab"
_DATASETS = f"karate digits cora citeseer pubmed computers photo cs physics actor squirrel chameleon texas {_SETS} cluster pattern sbm rmat"
_MODELS = "spikegraphormer spikegraphormer-paper sghormer sghormer-paper"
_TARGETS = "lava loihi1 loihi2 generic netx onnx"
_ENGINES = "float fixed pipelined-float pipelined-fixed lava-float lava-fixed netx onnx"

# Parameter, or command.parameter where another command means something else by it → what it may be.
_VALUES = {
    "ann": "mlp gcn sgc transformer",
    "check.engines": f"torch {_ENGINES}",
    "dataset": f"{_DATASETS} dblp blocks",
    "datasets_show.name": f"{_DATASETS} dblp blocks",
    "device": "cpu cuda",
    "dialect": "nir norse-1.1 rockpool sinabs snntorch snntorch-zero spikingjelly",
    "form": "md json html csv latex bibtex methods paper schema",
    "gates": "auto threshold product",
    "method": "metis greedy greedy-nodes random",
    "nir_form": "auto graph portable",
    "precision": "float32 mixed",
    "record": "all spikes outputs none",
    "relays": "needed cores",
    "report.engine": "processes dask",
    "reproduce.datasets": _DATASETS,
    "reproduce.table": "accuracy ablations ablations-paper ablations-sghormer",
    "rules": "lava brian2loihi nengo_loihi",
    "simulate.engine": _ENGINES,
    "target": _TARGETS,
    "train.model": f"{_MODELS} dysign-onchip dysign",
    "tune.model": _MODELS,
}
_FILES = {
    "config": ("neurograph.training", "configs"),
    "profile": ("neurograph.hw_profiles", ""),
    "profiles_show.name": ("neurograph.hw_profiles", ""),
}


def names_of(command: str, parameter: str) -> tuple[str, ...]:
    """What a parameter of a command's function may be; nothing where it is a file, a number or free text."""
    for key in (f"{command}.{parameter}", parameter):
        if key in _VALUES:
            return tuple(_VALUES[key].split())
        if key in _FILES:
            return _toml_files(*_FILES[key])
    return ()


def _toml_files(package: str, folder: str) -> tuple[str, ...]:
    found = find_spec(package)  # which does not load it
    if found is None or found.origin is None:
        return ()
    return tuple(sorted(path.stem for path in Path(found.origin).parent.joinpath(folder).glob("*.toml")))

"""The commands, by name; the module of a command is loaded when the command is asked for, so what it does is said here for the list."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any, NamedTuple, Union

__all__ = ["COMMANDS", "Command", "Group"]


class Command(NamedTuple):
    """A function, where it is, and what the list of commands says of it: at most 60 characters, as wide as terminals are."""

    module: str
    function: str
    help: str

    def load(self) -> Callable[..., Any]:
        """The function."""
        found: Callable[..., Any] = getattr(import_module(f"neurograph.cli.{self.module}"), self.function)
        return found


class Group(NamedTuple):
    """Commands under one word."""

    help: str
    commands: dict[str, Command]


_PROFILES = {
    "list": Command("catalogue", "profiles_list", "Every profile, with how many constants are measured or assumed."),
    "show": Command("catalogue", "profiles_show", "Every constant with unit, range, status and source."),
    "validate": Command("catalogue", "profiles_validate", "Check a profile file against the schema."),
}
_DATASETS = {
    "list": Command("catalogue", "datasets_list", "Names and one line each."),
    "show": Command("catalogue", "datasets_show", "Load a dataset and print its sizes and split."),
}
_LAVA = {
    "status": Command("catalogue", "lava_status", "Which interpreter would run Lava; exit 1 where none would."),
    "install": Command("catalogue", "lava_install", "Make an environment with Lava (needs a Python 3.10)."),
}

COMMANDS: dict[str, Union[Command, Group]] = {
    "demo": Command("demo", "demo", "The whole way on bundled data: train, export, check, report."),
    "train": Command("train", "train", "Train a model on a graph and write a checkpoint."),
    "export": Command("export", "export", "Compile a trained model for a target and verify it."),
    "simulate": Command("run", "simulate", "Run a bundle in one engine."),
    "check": Command("run", "check", "Compare engines spike by spike; exit 1 on any mismatch."),
    "report": Command("report", "report", "Count one inference and print its energy by profile."),
    "place": Command("chips", "place", "Place a bundle on the cores of a chip, and count its traffic."),
    "inspect": Command("inspect", "inspect", "Say what is in a file, and what can run it."),
    "tune": Command("tables", "tune", "Search the settings of a model on a dataset with Optuna."),
    "reproduce": Command("tables", "reproduce", "Print an accuracy table beside the published figures."),
    "profiles": Group("Hardware profiles: constants with their sources.", _PROFILES),
    "datasets": Group("Datasets that 'train' knows.", _DATASETS),
    "lava": Group("The Lava runtime.", _LAVA),
}

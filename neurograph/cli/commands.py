"""The commands, by name; the module of a command is loaded when the command is asked for."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any, NamedTuple, Union

__all__ = ["COMMANDS", "Command", "Group"]


class Command(NamedTuple):
    """A function and where it is."""

    module: str
    function: str

    def load(self) -> Callable[..., Any]:
        """The function."""
        found: Callable[..., Any] = getattr(import_module(f"neurograph.cli.{self.module}"), self.function)
        return found


class Group(NamedTuple):
    """Commands under one word."""

    help: str
    commands: dict[str, Command]


COMMANDS: dict[str, Union[Command, Group]] = {
    "train": Command("train", "train"),
    "tune": Command("tables", "tune"),
    "reproduce": Command("tables", "reproduce"),
    "export": Command("export", "export"),
    "simulate": Command("run", "simulate"),
    "check": Command("run", "check"),
    "report": Command("report", "report"),
    "place": Command("chips", "place"),
    "inspect": Command("inspect", "inspect"),
    "profiles": Group(
        "Hardware profiles: constants with their sources.",
        {
            "list": Command("catalogue", "profiles_list"),
            "show": Command("catalogue", "profiles_show"),
            "validate": Command("catalogue", "profiles_validate"),
        },
    ),
    "datasets": Group(
        "Datasets that 'train' knows.", {"list": Command("catalogue", "datasets_list"), "show": Command("catalogue", "datasets_show")}
    ),
    "lava": Group("The Lava runtime.", {"status": Command("catalogue", "lava_status"), "install": Command("catalogue", "lava_install")}),
    "demo": Command("demo", "demo"),
}

"""Plain command lines are read as typer reads them."""

from pathlib import Path

import pytest
import typer
from hypothesis import given, settings
from hypothesis import strategies as st

from neurograph.cli.commands import COMMANDS, Command
from neurograph.cli.declare import argument, declared, option
from neurograph.cli.full import app
from neurograph.cli.plain import parse, plain_call

TOP = typer.main.get_command(app())
FLAT = {(name,): item for name, item in COMMANDS.items() if isinstance(item, Command)}
FLAT |= {(name, sub): command for name, item in COMMANDS.items() if not isinstance(item, Command) for sub, command in item.commands.items()}


def typers(path, words):
    """What typer makes of the words of a command; None where it refuses them, or shows help."""
    command = TOP
    for name in path:
        command = command.commands[name]
    try:
        context = command.make_context(path[-1], list(words))
    except (typer.Exit, SystemExit):
        return None
    except Exception as error:
        if hasattr(error, "format_message"):
            return None
        raise
    return context.params


def words_of(path):
    """Lists of words that a command may be given: its options with and without values, good and bad ones, and others."""
    names = [name for item in declared(FLAT[path].load()).values() for both in item.names for name in both.split("/")]
    values = st.sampled_from(["a", "x.h5", "3", "0", "-3", "9", "0.05", "1e3", "nan", "", "-", "--", "--help", "-h", "a=b", "ä", "4.0"])
    options = st.sampled_from([*names, "--fly", "-x"])
    equals = st.builds("{}={}".format, options, values)
    return st.lists(st.one_of(values, values, options, equals), max_size=6)


@pytest.mark.parametrize("path", FLAT, ids=" ".join)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_what_is_plain_is_what_typer_reads(path, data):
    words = data.draw(words_of(path))
    found = parse(FLAT[path].load(), words)
    if found is not None:
        assert found == typers(path, words)


@pytest.mark.parametrize(
    ("words", "given"),
    [
        ("simulate b", {}),
        ("simulate b --engine float --timeout 5 --json -o r.h5", {"engine": "float", "timeout_s": 5.0, "as_json": True}),
        ("simulate --engine=float b", {"engine": "float"}),
        ("export m.pt --target loihi2 --no-verify --weight-bits 4", {"verify": False, "weight_bits": 4, "target": "loihi2"}),
        ("report b --profile loihi1 --profile loihi2", {"profile": ["loihi1", "loihi2"]}),
        ("profiles show loihi2 --toml", {"name": "loihi2", "as_toml": True}),
        ("datasets list", {}),
    ],
)
def test_usual_lines_are_plain(words, given):
    first, *rest = words.split()
    path = (first,) if isinstance(COMMANDS[first], Command) else (first, rest.pop(0))
    found = parse(FLAT[path].load(), rest)
    assert found is not None and found == typers(path, rest) and given.items() <= found.items()
    assert plain_call(words.split()) is not None


@pytest.mark.parametrize(
    "words",
    ["", "--help", "fly", "profiles", "profiles fly", "simulate", "simulate a b", "simulate b --engine", "simulate b --timeout 0.05"],
)
def test_other_lines_are_left_to_typer(words):
    assert plain_call(words.split()) is None


def test_a_parameter_of_every_kind():
    def command(place, number, flag, many):
        pass

    command.__annotations__ = {"place": "Path", "number": "int | None", "flag": "bool", "many": "list[str]"}
    command.__defaults__ = (
        argument(),
        option(None, "--number", "-n", min=1, max=3),
        option(True, "--flag/--no-flag"),
        option([], "--many"),
    )
    path = Path("p")
    assert parse(command, ["p"]) == {"place": path, "number": None, "flag": True, "many": []}
    found = parse(command, ["-n", "3", "p", "--no-flag", "--many", "a", "--many=b"])
    assert found == {"place": path, "number": 3, "flag": False, "many": ["a", "b"]}
    for refused in (
        ["p", "-n", "4"],
        ["p", "-n", "0"],
        ["p", "-n", "x"],
        ["p", "-n", "1", "-n", "2"],
        ["p", "--flag", "--no-flag"],
        ["-n3", "p"],
    ):
        assert parse(command, refused) is None

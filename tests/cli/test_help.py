"""What a newcomer sees first: the list of commands, help at every level, misspelled words, and completion in a shell."""

import os
import shutil
import subprocess
import sys

import pytest
import typer
from calling import call, refused

from neurograph import data, hw_profiles
from neurograph.cli.commands import COMMANDS, Command
from neurograph.cli.declare import declared
from neurograph.cli.full import app
from neurograph.cli.values import names_of
from neurograph.data.snapshots import DYNAMIC
from neurograph.export import dialects, placement, targets
from neurograph.reporting.ann import ANNS
from neurograph.reporting.sweep import engines as sweep_engines
from neurograph.sim.engines import ENGINES
from neurograph.sim.integer_rules import RULES
from neurograph.sim.recording import RECORDS

FLAT = {(name,): item for name, item in COMMANDS.items() if isinstance(item, Command)}
FLAT |= {(name, sub): command for name, item in COMMANDS.items() if not isinstance(item, Command) for sub, command in item.commands.items()}
GROUPS = [(name,) for name, item in COMMANDS.items() if not isinstance(item, Command)]


def lines(text):
    return " ".join(text.split())


@pytest.mark.parametrize("path", [(), *GROUPS, *FLAT], ids=lambda path: " ".join(path) or "neurograph")
def test_help_is_plain_text_that_fits_the_terminal(capsys, monkeypatch, path):
    for columns in (40, 60, 80, 200):
        monkeypatch.setenv("COLUMNS", str(columns))
        monkeypatch.setenv("FORCE_COLOR", "1")
        status, out, err = call(capsys, *path, "--help")
        assert status == 0 and err == "" and out.startswith(f"Usage: {' '.join(['neurograph', *path])} ")
        assert out.isprintable() or set(out) - set("\n") == {c for c in out if c.isprintable()}
        assert max(map(len, out.splitlines())) <= min(columns, 100)
    status, again, _ = call(capsys, *path, "-h")
    assert again == out and call(capsys, "help", *path)[:2] == (0, out)
    if path in FLAT:
        assert lines(FLAT[path].load().__doc__) in lines(out)
        assert all(name.partition("/")[0] in out for item in declared(FLAT[path].load()).values() for name in item.names)


def test_the_list_of_commands_is_whole_in_80_columns(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    _, out, _ = call(capsys, "--help")
    for name, item in COMMANDS.items():
        assert f"  {name:<11}{item.help}" in out.splitlines()
    for name, group in COMMANDS.items():
        for command in () if isinstance(group, Command) else group.commands.values():
            assert command.help in call(capsys, name, "--help")[1]


@pytest.mark.parametrize("path", [(), *GROUPS])
def test_without_a_command_the_help_goes_to_stderr(capsys, path):
    status, out, err = call(capsys, *path)
    assert status == 2 and out == "" and err.startswith("Usage: ") and "Commands:" in err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("exprot m.pt", ["'exprot'", "Did you mean 'export'?", "'neurograph --help'"]),
        ("profiles shwo", ["'shwo'", "Did you mean 'show'?", "'neurograph profiles --help'"]),
        ("export m.pt --taget loihi2", ["--taget", "--target", "'neurograph export --help'"]),
        ("export --target loihi2", ["Missing argument", "'neurograph export --help'"]),
        ("simulate b --timeout 0", ["--timeout", ": 0: ", "0.1"]),
        ("simulate b --engine fxed", ["'fxed'", "fixed"]),
        ("report b --format htm", ["did you mean html?"]),
    ],
)
def test_a_wrong_word_is_answered_with_the_right_ones(capsys, words, says):
    refused(capsys, *words.split(), says=says)


def completed(shell, line, **environment):
    """What the program answers to a shell that completes the last word of a line."""
    words = line.split(" ")
    asked = {
        "bash": {"COMP_WORDS": "\n".join(words), "COMP_CWORD": str(len(words) - 1)},
        "zsh": {"_TYPER_COMPLETE_ARGS": line},
        "fish": {"_TYPER_COMPLETE_ARGS": line, "_TYPER_COMPLETE_FISH_ACTION": "get-args"},
    }[shell]
    environment = {**os.environ, **asked, "_NEUROGRAPH_COMPLETE": f"complete_{shell}", **environment}
    done = subprocess.run([sys.executable, "-m", "neurograph"], capture_output=True, text=True, timeout=120, env=environment)
    assert done.returncode == 0 and done.stderr == ""
    return done.stdout


def test_a_shell_completes_commands_options_and_names():
    assert completed("bash", "neurograph e").split() == ["export"]
    assert completed("bash", "neurograph profiles ").split() == ["list", "show", "validate"]
    assert completed("bash", "neurograph export --t").split() == ["--target", "--ticks"]
    assert completed("bash", "neurograph export m.pt --target lo").split() == ["loihi1", "loihi2"]
    assert completed("bash", "neurograph simulate ").split() == []  # files: bash's own
    assert '"--target":' in completed("zsh", "neurograph export --t")
    assert completed("fish", "neurograph profiles show loihi1-").startswith("loihi1-sanafe")


def test_bash_completes_with_what_was_installed(tmp_path):
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("needs bash")
    program = tmp_path / "bin" / "neurograph"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m neurograph "$@"\n')
    program.chmod(0o755)
    environment = {**os.environ, "HOME": str(tmp_path), "PATH": f"{program.parent}{os.pathsep}{os.environ['PATH']}"}
    script = """
neurograph --install-completion && source ~/.bashrc && complete -p neurograph || exit 1
COMP_WORDS=(neurograph report b --format h); COMP_CWORD=4
_neurograph_completion neurograph
echo "answer ${COMPREPLY[*]}"
"""
    done = subprocess.run([bash, "--norc", "-c", script], capture_output=True, text=True, timeout=120, env=environment)
    assert done.returncode == 0 and "bash completion installed" in done.stdout, done.stderr
    assert done.stdout.splitlines()[-1] == "answer html"


def test_names_for_completion_are_those_that_are_taken():
    sets = set(data.names()) - {"tu"}  # which is the beginning of a name
    real = {
        "export.target": targets.TARGETS,
        "export.gates": targets.GATES,
        "export.relays": targets.RELAYS,
        "export.dialect": dialects.DIALECTS,
        "export.profile": hw_profiles.names(),
        "profiles_show.name": hw_profiles.names(),
        "train.dataset": sets | set(DYNAMIC),
        "reproduce.datasets": sets,
        "simulate.engine": ENGINES,
        "check.engines": ("torch", *ENGINES),
        "simulate.rules": RULES,
        "simulate.record": RECORDS,
        "place.method": placement.METHODS,
        "report.ann": ANNS,
        "report.engine": sweep_engines.ENGINES,
    }
    for where, names in real.items():
        assert set(names_of(*where.split("."))) == set(names), where


@pytest.mark.parametrize("module", ["report.FORMATS:report.form", "train.MODELS:tune.model"])
def test_names_for_completion_are_those_of_the_commands(module):
    from importlib import import_module

    home, where = module.split(":")
    name, attribute = home.split(".")
    assert names_of(*where.split(".")) == getattr(import_module(f"neurograph.cli.{name}"), attribute)


def test_names_that_torch_has_are_complete():
    from neurograph.cli.dynamic import DYNAMIC_MODELS
    from neurograph.cli.train import MODELS
    from neurograph.reproduce.tables import TABLES
    from neurograph.training import settings

    assert names_of("train", "model") == (*MODELS, *DYNAMIC_MODELS)
    assert names_of("train", "config") == settings.names()
    assert set(names_of("reproduce", "table")) == set(TABLES)


def test_a_whole_and_a_lazy_parser_list_the_same():
    whole, lazy = (typer.main.get_command(app(words)) for words in (None, ()))
    assert list(whole.commands) == list(lazy.commands) and set(whole.commands) == set(COMMANDS)

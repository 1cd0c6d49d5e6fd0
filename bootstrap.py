"""Set up this project's own environment in .venv and run one thing in it. Standard library only.

    python3 bootstrap.py demo     the whole way on bundled data
    python3 bootstrap.py test     the test suite
    python3 bootstrap.py lint     ruff, mypy on the wheel, the import contract
    python3 bootstrap.py docs     the documentation site, into site/; a warning is an error
    python3 bootstrap.py audit    bandit on the sources, pip-audit on what neurograph depends on
    python3 bootstrap.py setup    the environment alone

Lava 0.10 runs on Python 3.10 only. Where none is found, the core is installed on the Python at hand (3.10 or newer) and goes on
without Lava.
NEUROGRAPH_VENV names another environment folder, NEUROGRAPH_PYTHON the Python to make it with.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = Path(os.environ.get("NEUROGRAPH_VENV", ROOT / ".venv"))
BIN = VENV / "bin"
CLOSURE = """
import re
from importlib import metadata
seen, open_ = {}, ["neurograph"]
while open_:
    name = open_.pop()
    try:
        found = metadata.distribution(name)
    except metadata.PackageNotFoundError:  # for another system or Python
        continue
    seen[name] = found.version
    wanted = [r for r in found.requires or () if "extra ==" not in r]
    open_ += {re.sub("[-_.]+", "-", re.match("[A-Za-z0-9._-]+", r)[0]).lower() for r in wanted} - {*seen, *open_}
print("\\n".join(f"{name}=={version.partition('+')[0]}" for name, version in sorted(seen.items()) if name != "neurograph"))
"""
PROBE = "import sys; print(sys.version_info[0], sys.version_info[1])"


def main(arguments):
    """Run a command of this script and return its exit status."""
    command = arguments[0] if arguments else "help"
    if command not in COMMANDS:
        print(__doc__.strip())
        return 0 if command in ("help", "-h", "--help") else 2
    setup()
    return COMMANDS[command](arguments[1:])


def setup():
    """Make the environment, unless it is there for this pyproject.toml already."""
    stamp, wanted = VENV / "neurograph-stamp", hashlib.sha256((ROOT / "pyproject.toml").read_bytes()).hexdigest()
    if stamp.is_file() and stamp.read_text() == wanted:
        return
    python, version = find_python()
    extras = "lava,frameworks,dev" if version == (3, 10) else "frameworks,dev"
    say(f"setting up {VENV} with Python {version[0]}.{version[1]} (some GB of PyTorch the first time)")
    if version != (3, 10) and "NEUROGRAPH_PYTHON" not in os.environ:
        say(
            "no Python 3.10 found, and Lava 0.10 runs on nothing else: going on without Lava "
            "(set NEUROGRAPH_PYTHON to a Python 3.10 to have it)"
        )
    if not (BIN / "python").exists() or probe(str(BIN / "python")) != version:
        shutil.rmtree(VENV, ignore_errors=True)
        run([python, "-m", "venv", str(VENV)])
    run([str(BIN / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "uv"])
    run([str(BIN / "uv"), "pip", "install", "--quiet", "--python", str(BIN / "python"), "-e", f"{ROOT}[{extras}]"], cwd=ROOT)
    stamp.write_text(wanted)


def find_python():
    """A Python 3.10 if there is one, else the one that runs this; with its version."""
    asked = os.environ.get("NEUROGRAPH_PYTHON")
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"), "versions")
    found = sorted(str(path) for path in pyenv.glob("3.10*/bin/python3.10"))
    for candidate in [asked] if asked else [sys.executable, "python3.10", *found]:
        if probe(candidate) == (3, 10):
            return candidate, (3, 10)
    python = asked or sys.executable
    version = probe(python)
    if version is None or version < (3, 10):
        sys.exit(f"error: {python} is Python {version or '?'}, at least 3.10 is needed; set NEUROGRAPH_PYTHON to a newer one")
    return python, version


def probe(python):
    """(major, minor) of an interpreter, or None."""
    try:
        done = subprocess.run([python, "-c", PROBE], capture_output=True, text=True, timeout=30, check=True)
        major, minor = done.stdout.split()
        return int(major), int(minor)
    except (OSError, subprocess.SubprocessError, ValueError):
        return None


def demo(arguments):
    """`neurograph demo`."""
    return subprocess.call([str(BIN / "neurograph"), "demo", *arguments])


def test(arguments):
    """The test suite, two processes wide. Threads of theirs that wait sleep: spinning, they would take the cores from one another."""
    environment = {"OMP_WAIT_POLICY": "passive", **os.environ}
    return subprocess.call([str(BIN / "python"), "-m", "pytest", *(arguments or ["-n", "2"])], cwd=ROOT, env=environment)


def lint(arguments):
    """Lint and types. Types and imports are checked on the wheel, because static tools do not follow the package mapping."""
    wheel = ROOT / "build" / "lint"
    shutil.rmtree(ROOT / "build", ignore_errors=True)
    tool = [str(BIN / "uv"), "pip", "install", "--quiet", "--python", str(BIN / "python"), "--no-deps", "--target", str(wheel), str(ROOT)]
    status = subprocess.call(tool)
    environment = {**os.environ, "MYPYPATH": str(wheel), "PYTHONPATH": str(wheel)}
    config = str(ROOT / "pyproject.toml")
    for command in (
        [str(BIN / "ruff"), "check", str(ROOT)],
        [str(BIN / "ruff"), "format", "--check", str(ROOT)],
        [str(BIN / "mypy"), "--config-file", config, "-p", "neurograph"],
        [str(BIN / "lint-imports"), "--config", config],
    ):
        say(" ".join(Path(part).name for part in command[:2]))
        status |= subprocess.call(command, cwd=wheel, env=environment)
    return status


def docs(arguments):
    """The documentation site."""
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    return subprocess.call([str(BIN / "mkdocs"), "build", "--quiet", *arguments], cwd=ROOT, env=environment)


def audit(arguments):
    """bandit, and known flaws of neurograph's own dependencies as they are installed; says so where the advisories cannot be reached."""
    say("bandit")
    sources = [str(ROOT / name) for name in ("neurograph", "export", "sim", "hw_profiles", "bootstrap.py")]
    status = subprocess.call([str(BIN / "bandit"), "-q", "-c", str(ROOT / "pyproject.toml"), "-r", *sources])
    say("pip-audit")
    pinned = subprocess.run([str(BIN / "python"), "-c", CLOSURE], capture_output=True, text=True, check=True).stdout
    with tempfile.TemporaryDirectory() as folder:
        wanted = Path(folder, "requirements.txt")
        wanted.write_text(pinned)
        command = [str(BIN / "pip-audit"), "--no-deps", "--disable-pip", "--progress-spinner", "off", "--format", "json", "-r", str(wanted)]
        done = subprocess.run(command, capture_output=True, text=True)
    try:
        found = json.loads(done.stdout)["dependencies"]
    except ValueError:
        say(f"pip-audit: NOT audited, it ends with {done.returncode}: {(done.stderr.strip().splitlines() or ['no message'])[-1][:200]}")
        return status
    flaws = [(one["name"], one["version"], flaw["id"]) for one in found for flaw in one.get("vulns", ())]
    unknown = [one["name"] for one in found if "skip_reason" in one]
    print(f"pip-audit: {len(found) - len(unknown)} of {len(found)} packages looked up, {len(flaws)} known flaws")
    for flaw in flaws:
        print("  {} {}: {}".format(*flaw))
    if unknown:
        some = f"{', '.join(unknown[:5])}{' ...' if len(unknown) > 5 else ''}"
        say(f"pip-audit: {len(unknown)} NOT audited, the advisory service gives no answer ({some}); run it where it can be reached")
    return status | bool(flaws)


def run(command, **options):
    """Run a step of the set-up; end here if it fails."""
    if subprocess.call(command, **options) != 0:
        sys.exit(f"error: {' '.join(command[:6])} ... failed; see above")


def say(message):
    """A line of progress, to stderr."""
    print(message, file=sys.stderr, flush=True)


COMMANDS = {"demo": demo, "test": test, "lint": lint, "audit": audit, "docs": docs, "setup": lambda arguments: 0}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""The NIR readers of other frameworks, each as its users call it: a .nir file and spikes in, spikes out.

Every reader runs through ``run(jobs)``, one after the other; what the framework refuses comes back as a :class:`Refusal` with its words.
They compute in float64 where they can. Norse rounds weights and parameters to float32 as it reads them; snnTorch, Sinabs and Rockpool
run in float32, for their spikes are float32 whatever the dtype of the model.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import io
import json
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

import nir
import numpy as np
import torch
from numpy.typing import NDArray

__all__ = [
    "READERS",
    "SPIKINGJELLY",
    "Job",
    "Reader",
    "Refusal",
    "Run",
    "find_spikingjelly",
    "install_spikingjelly",
    "one_by_one",
    "run_spikingjelly",
]

Array = NDArray[Any]
SPIKINGJELLY = "2.0.0"  # the first with a NIR reader on PyPI; needs Python 3.11
SPIKINGJELLY_VARIABLE = "NEUROGRAPH_SPIKINGJELLY_PYTHON"
DT = 1e-4


@dataclass(frozen=True)
class Job:
    """What to run: a file, its input (T, …), and neurons to watch beside the output, by node name."""

    path: Path
    x: Array
    watch: tuple[str, ...] = ()


@dataclass(frozen=True)
class Refusal:
    """That a framework does not read or run a file, in its words."""

    reason: str


Run = dict[str, Array] | Refusal  # "output" and every node watched → spikes (T, neurons)


@dataclass(frozen=True)
class Reader:
    """One framework's reader.

    Args:
        name: as its users write it.
        call: how the file is read.
        package: on PyPI; version: that runs here.
        run: jobs → what came out.
        time: how the framework steps, as fields of neurograph's TimeMetadata.
        r: (tau in seconds) → the r with which a tick's input i of this reader's LIF adds what NIR's equation says.
        note: what else to know.
    """

    name: str
    call: str
    package: str
    run: Callable[[Sequence[Job]], list[Run]]
    time: dict[str, Any]
    r: Callable[[Array], Array] = np.ones_like
    note: str = ""
    version: Callable[[str], str] = field(default=metadata.version)

    @property
    def missing(self) -> str | None:
        """Why it cannot run here, or None."""
        try:
            self.version(self.package)
        except (metadata.PackageNotFoundError, LookupError) as error:
            return f"{self.name} is not installed ({error})"
        return None


def one_by_one(
    make: Callable[[Path], Any], dtype: torch.dtype = torch.float32, time_axis: bool = False
) -> Callable[[Sequence[Job]], list[Run]]:
    """A runner of jobs in this process; ``time_axis``: the framework takes (batch, time, …) in place of (batch, …)."""

    def run(jobs: Sequence[Job]) -> list[Run]:
        results: list[Run] = []
        for job in jobs:
            try:
                with quiet(dtype), torch.no_grad():
                    x = torch.from_numpy(job.x).to(dtype)[:, None]
                    heard = step_by_step(make(job.path).to(dtype), x[:, None] if time_axis else x, job.watch)
                    results.append({name: spikes.reshape(len(x), -1) for name, spikes in heard.items()})
            except Exception as error:  # whatever a framework raises is its refusal
                results.append(Refusal(reason_of(error)))
        return results

    return run


def reason_of(error: BaseException) -> str:
    """The first line of an error, with its type."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


@contextlib.contextmanager
def quiet(dtype: torch.dtype) -> Iterator[None]:
    """A default dtype, and no prints, warnings or logging of the frameworks."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(logging.NOTSET)
        torch.set_default_dtype(before)


def step_by_step(module: Any, x: torch.Tensor, watch: tuple[str, ...]) -> dict[str, Array]:
    """One call a tick, the state handed on; hooks only listen. Shapes: x (T, 1, …) → those of the output and of each node watched."""
    heard: dict[str, list[Array]] = {name: [] for name in ("output", *watch)}

    def listen(name: str) -> Callable[..., None]:
        return lambda _module, _arguments, out: heard[name].append(_array(out))

    for name in watch:
        module.get_submodule(name).register_forward_hook(listen(name))
    state = None
    for row in x:
        out, state = module(row, state)
        heard["output"].append(_array(out))
    return {name: np.concatenate(rows) for name, rows in heard.items()}


def _array(out: Any) -> Array:
    return np.array((out[0] if isinstance(out, tuple) else out).detach().numpy())


def _norse(path: Path) -> Any:
    return importlib.import_module("norse.torch").from_nir(nir.read(path), dt=DT)


def _snntorch(path: Path) -> Any:
    return importlib.import_module("snntorch.import_nir").import_from_nir(nir.read(path))


def _sinabs(path: Path) -> Any:
    return importlib.import_module("sinabs.nir").from_nir(nir.read(path), batch_size=1)


def _rockpool(path: Path) -> Any:
    return importlib.import_module("rockpool.nn.modules.torch.nir").from_nir(nir.read(path))


def _nirtorch(path: Path) -> Any:
    return importlib.import_module("nirtorch").nir_to_torch(nir.read(path), {}, dtype=torch.float64)


# SpikingJelly, in an interpreter of its own


def find_spikingjelly() -> Path:
    """The interpreter with SpikingJelly 2.0: this one, ``$NEUROGRAPH_SPIKINGJELLY_PYTHON``, or the environment that ``--install`` made.

    Raises:
        LookupError: none, with the way out.
    """
    if importlib.util.find_spec("spikingjelly") and metadata.version("spikingjelly") == SPIKINGJELLY:
        return Path(sys.executable)
    if os.environ.get(SPIKINGJELLY_VARIABLE):
        return Path(os.environ[SPIKINGJELLY_VARIABLE])
    if (_cache() / "bin/python").exists():
        return _cache() / "bin/python"
    raise LookupError(
        f"no interpreter with spikingjelly {SPIKINGJELLY}, which needs Python 3.11: run 'python benchmarks/nir_readers.py --install', or "
        f"set ${SPIKINGJELLY_VARIABLE}"
    )


def install_spikingjelly() -> None:
    """Make an environment with SpikingJelly in the user's cache, by uv; with CPU PyTorch where PyTorch's own index can be reached.

    Raises:
        subprocess.CalledProcessError: uv could not.
    """
    beside = Path(sys.executable).parent / "uv"
    uv = str(beside) if beside.exists() else shutil.which("uv") or "uv"
    subprocess.run([uv, "venv", "--quiet", "--clear", "--python", "3.11", str(_cache())], check=True)
    command = [uv, "pip", "install", "--quiet", "--python", str(_cache() / "bin/python"), "torch", f"spikingjelly[nir]=={SPIKINGJELLY}"]
    if subprocess.run([*command, "--torch-backend", "cpu"], check=False).returncode != 0:
        print("note: no CPU PyTorch from download.pytorch.org, taking PyPI's (some GB)", file=sys.stderr)
        subprocess.run(command, check=True)


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "neurograph" / f"spikingjelly-{SPIKINGJELLY}"


def _spikingjelly_version(_package: str) -> str:
    find_spikingjelly()
    return SPIKINGJELLY


def _run_spikingjelly(jobs: Sequence[Job]) -> list[Run]:
    return run_spikingjelly([(job, {}) for job in jobs])


def run_spikingjelly(jobs: Sequence[tuple[Job, dict[str, Any]]]) -> list[Run]:
    """All jobs in one child process, each with what else :mod:`spikingjelly_child` is to know of it."""
    with tempfile.TemporaryDirectory() as folder:
        listed = []
        for index, (job, more) in enumerate(jobs):
            np.save(f"{folder}/{index}.npy", job.x)
            listed.append(
                {"graph": str(job.path), "x": f"{folder}/{index}.npy", "out": f"{folder}/{index}.npz", "watch": job.watch, **more}
            )
        Path(folder, "jobs.json").write_text(json.dumps(listed))
        script = Path(__file__).with_name("spikingjelly_child.py")
        command = [str(find_spikingjelly()), str(script), f"{folder}/jobs.json"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=280, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"{script.name}: ended with status {done.returncode}: {done.stderr.strip().splitlines()[-1:]}")
        refusals = json.loads(done.stdout.strip().splitlines()[-1])
        return [Refusal(refusals[str(i)]) if str(i) in refusals else dict(np.load(f"{folder}/{i}.npz")) for i in range(len(jobs))]


_EULER = {"dt": DT, "scheme": "forward_euler", "compare": ">", "reset": "value"}

READERS: dict[str, Reader] = {
    "norse": Reader("Norse", "norse.torch.from_nir(graph, dt=1e-4)", "norse", one_by_one(_norse, torch.float64), _EULER),
    "snntorch": Reader("snnTorch", "snntorch.import_nir.import_from_nir(graph)", "snntorch", one_by_one(_snntorch), _EULER),
    "spikingjelly": Reader(
        "SpikingJelly",
        "nir_exchange.import_from_nir(graph, dtype=torch.float64)",
        "spikingjelly",
        _run_spikingjelly,
        {**_EULER, "compare": ">="},
        version=_spikingjelly_version,
    ),
    "sinabs": Reader(
        "Sinabs",
        "sinabs.nir.from_nir(graph, batch_size=1)",
        "sinabs",
        one_by_one(_sinabs),
        {"dt": 1.0, "scheme": "exponential_euler", "compare": ">=", "reset": "subtract"},
        r=lambda tau: -1 / np.expm1(-1 / tau),
        note="counts tau in ticks",
    ),
    "rockpool": Reader(
        "Rockpool",
        "rockpool.nn.modules.torch.nir.from_nir(graph)",
        "rockpool",
        one_by_one(_rockpool, time_axis=True),
        {"dt": DT, "scheme": "exponential_euler", "compare": ">=", "reset": "subtract"},
        note="takes dt from the file, as the least tau_mem/(1 + r)",
    ),
    "nirtorch": Reader("nirtorch", "nirtorch.nir_to_torch(graph, {})", "nirtorch", one_by_one(_nirtorch, torch.float64), _EULER),
}

"""A user's own model: a factory that builds it, and a file with its weights.

Weights are tensors and load without running code. A whole pickled module is code of whoever made the file, and is refused unless the caller
says that it is trusted.
"""

from __future__ import annotations

import importlib
import pickle  # nosec B403  # its exceptions alone
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from neurograph.errors import CheckpointError, InputError
from neurograph.files import is_zip
from neurograph.torch_files import PickledObjectsError, UnsafeFileError, read_torch_file

__all__ = ["load_model"]

_SPEC = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")
_MOST = 20  # keys that a message lists


def load_model(spec: str | None, weights: str | Path, *, allow_pickle: bool = False) -> nn.Module:
    """Build a model and load its weights.

    Args:
        spec: ``package.module:factory``, importable also from the current directory; called with no arguments. A class is a factory too.
            It may be None for a whole pickled module.
        weights: a state dict, or a dictionary that holds one under ``state_dict``.
        allow_pickle: load a file of pickled Python objects, which runs code from it.

    Returns:
        The model in eval mode.

    Raises:
        InputError: a spec of another form, a module or attribute that is missing, a factory that raises or gives no module.
        CheckpointError: a file that is missing, cut off, no torch file, pickled code, or whose tensors do not fit the model.
    """
    path = Path(weights)
    with _current_directory():
        factory = None if spec is None else _factory(spec)  # cheap, and what a pickled module may need imported
        content = _read(path, allow_pickle)
        if isinstance(content, nn.Module):
            return content.eval()
        if factory is None:
            raise InputError(f"weights {path}: hold tensors, but not the module they belong to; give --model package.module:factory")
        state = _state(content, path)
        return _filled(_made(spec or "", factory), state, path).eval()


@contextmanager
def _current_directory() -> Iterator[None]:
    here = str(Path.cwd())
    added = here not in sys.path
    if added:
        sys.path.insert(0, here)
    try:
        yield
    finally:
        if added and here in sys.path:
            sys.path.remove(here)


def _factory(spec: str) -> Callable[[], Any]:
    if not _SPEC.fullmatch(spec):
        raise InputError(f"--model {spec!r}: must be package.module:factory, as in mymodels.net:build")
    name, attribute = spec.split(":")
    try:
        found: Any = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name and (name == error.name or name.startswith(f"{error.name}.")):
            raise InputError(
                f"--model {spec!r}: no module {error.name!r}; run it from the folder that holds it, or install its package"
            ) from None
        raise InputError(f"--model {spec!r}: {name} needs module {error.name!r}, which is not installed; install it") from None
    except (Exception, SystemExit) as error:  # whatever the user's module does when it is imported
        raise InputError(f"--model {spec!r}: importing {name} raises {_told(error)}; mend it") from None
    for part in attribute.split("."):
        if not hasattr(found, part):
            names = ", ".join(n for n, v in vars(found).items() if callable(v) and not n.startswith("_"))[:200]
            raise InputError(f"--model {spec!r}: {name} has no {attribute!r}; it has {names or 'nothing that can be called'}")
        found = getattr(found, part)
    if not callable(found):
        raise InputError(f"--model {spec!r}: {attribute} is a {type(found).__name__}, must be a function or class that takes no arguments")
    return found  # type: ignore[no-any-return]


def _made(spec: str, factory: Callable[[], Any]) -> nn.Module:
    try:
        model = factory()
    except (Exception, SystemExit) as error:  # whatever the user's factory raises
        raise InputError(f"--model {spec!r}: calling it without arguments raises {_told(error)}; mend the factory") from None
    if not isinstance(model, nn.Module):
        raise InputError(f"--model {spec!r}: gives a {type(model).__name__}, must give a torch.nn.Module; return the model itself")
    return model


def _read(path: Path, allow_pickle: bool) -> Any:
    where = f"weights {path}"
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise CheckpointError(f"{where}: {what}, must be a file that torch.save wrote")
    if not allow_pickle:
        return _tensors(path, where)
    try:
        return torch.load(path, map_location="cpu", weights_only=False)  # nosec B614  # --allow-pickle says that it is trusted
    except pickle.UnpicklingError as error:
        raise CheckpointError(f"{where}: damaged ({_line(error)}); copy it anew") from None
    except (Exception, SystemExit) as error:  # with pickled code anything
        raise CheckpointError(f"{where}: cannot be loaded ({_told(error)}); copy it anew, or save model.state_dict()") from None


def _tensors(path: Path, where: str) -> Any:
    with path.open("rb") as file:
        start = file.read(2)
    if start != b"PK" and start[:1] != b"\x80" and not is_zip(path):  # torch.save before 1.6 wrote a bare pickle
        raise CheckpointError(f"{where}: not a torch file; write it with torch.save(model.state_dict(), path)")
    try:
        return read_torch_file(path, legacy=True)
    except PickledObjectsError as error:
        raise CheckpointError(
            f"{where}: {error}, and unpickling runs code of whoever made the file; save model.state_dict(), or pass --allow-pickle if you "
            "trust it"
        ) from None
    except UnsafeFileError as error:
        raise CheckpointError(f"{where}: {error}; copy it anew, or write it with torch.save(model.state_dict(), path)") from None


def _state(content: Any, path: Path) -> dict[str, Tensor]:
    """The state dict in a file."""
    where = f"weights {path}"
    if isinstance(content, Mapping) and str(content.get("format", "")).startswith("neurograph"):
        raise CheckpointError(f"{where}: a neurograph checkpoint, which says itself what its model is; leave out --model")
    if isinstance(content, Mapping) and isinstance(content.get("state_dict"), Mapping):
        content = content["state_dict"]
    if not isinstance(content, Mapping) or not content or not all(isinstance(v, Tensor) for v in content.values()):
        keys = ", ".join(map(str, list(content)[:8])) if isinstance(content, Mapping) else ""
        what = f"a dictionary with {keys or 'nothing'}" if isinstance(content, Mapping) else f"a {type(content).__name__}"
        raise CheckpointError(f"{where}: holds {what}, must hold tensors by name, or such a dictionary under 'state_dict'")
    state = {str(name): tensor for name, tensor in content.items()}
    for name, tensor in state.items():
        broken = int((~torch.isfinite(tensor)).sum()) if tensor.is_floating_point() else 0
        if broken:
            raise CheckpointError(f"{where}: tensor {name!r} holds {broken} NaN or infinite values, must hold none; train it again")
    return state


def _filled(model: nn.Module, state: dict[str, Tensor], path: Path) -> nn.Module:
    own = model.state_dict()
    if all(name.startswith("module.") for name in state) and not any(name.startswith("module.") for name in own):
        state = {name.removeprefix("module."): tensor for name, tensor in state.items()}  # of nn.DataParallel
    if any(tensor.dtype == torch.float64 for tensor in state.values()):
        model = model.double()
    lazy = (nn.UninitializedParameter, nn.UninitializedBuffer)
    faults = [f"missing {name}" for name in own if name not in state]
    faults += [f"unexpected {name}" for name in state if name not in own]
    faults += [
        f"{name} has shape {tuple(state[name].shape)}, the model's {tuple(tensor.shape)}"
        for name, tensor in own.items()
        if name in state and not isinstance(tensor, lazy) and tensor.shape != state[name].shape
    ]
    if faults:
        more = f"; and {len(faults) - _MOST} more" if len(faults) > _MOST else ""
        raise CheckpointError(
            f"weights {path}: do not fit {type(model).__name__}: {'; '.join(faults[:_MOST])}{more}; give the factory of this model"
        )
    try:
        model.load_state_dict(state)
    except (RuntimeError, TypeError, ValueError) as error:
        name = type(model).__name__
        raise CheckpointError(f"weights {path}: do not fit {name} ({_line(error)}); give the factory of this model") from None
    return model


def _told(error: BaseException) -> str:
    return f"{type(error).__name__}: {_line(error)}"


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__

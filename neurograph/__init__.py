"""neurograph: a deployment compiler for spiking graph networks.

What a script needs lies here by name, and each is loaded when it is asked for::

    from neurograph import compile_checkpoint, data, report_of, target, training, verify, write_bundle

Names that stay: those of ``__all__`` here, and of the ``__all__`` of the modules and packages among them.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from neurograph import data, errors, models, nn, operations, training
    from neurograph.chips import target
    from neurograph.errors import NeurographError
    from neurograph.export.bundle import Bundle, open_bundle, write_bundle
    from neurograph.export.compile import Compiled, compile_checkpoint, compile_graph
    from neurograph.export.targets import Target
    from neurograph.export.torch_modules import compile_module, load_model
    from neurograph.hw_profiles.report import rendered
    from neurograph.hw_profiles.schema import profile_text
    from neurograph.network import Network, Population, Projection
    from neurograph.operations import count_operations
    from neurograph.reporting import report_of
    from neurograph.sim.check import run_engine
    from neurograph.sim.parity import Comparison, compare
    from neurograph.sim.recording import Recording
    from neurograph.sim.recording_file import open_recording
    from neurograph.verification import verify

    __version__: str

__all__ = [
    "Bundle",
    "Comparison",
    "Compiled",
    "Network",
    "NeurographError",
    "Population",
    "Projection",
    "Recording",
    "Target",
    "__version__",
    "compare",
    "compile_checkpoint",
    "compile_graph",
    "compile_module",
    "count_operations",
    "data",
    "errors",
    "load_model",
    "models",
    "nn",
    "open_bundle",
    "open_recording",
    "operations",
    "profile_text",
    "rendered",
    "report_of",
    "run_engine",
    "target",
    "training",
    "verify",
    "write_bundle",
]

_PACKAGES = ("data", "errors", "models", "nn", "operations", "training")
_HOMES = {  # module → names that it has
    "chips": ("target",),
    "errors": ("NeurographError",),
    "export.bundle": ("Bundle", "open_bundle", "write_bundle"),
    "export.compile": ("Compiled", "compile_checkpoint", "compile_graph"),
    "export.targets": ("Target",),
    "export.torch_modules": ("compile_module", "load_model"),
    "hw_profiles.report": ("rendered",),
    "hw_profiles.schema": ("profile_text",),
    "network": ("Network", "Population", "Projection"),
    "operations": ("count_operations",),
    "reporting": ("report_of",),
    "sim.check": ("run_engine",),
    "sim.parity": ("Comparison", "compare"),
    "sim.recording": ("Recording",),
    "sim.recording_file": ("open_recording",),
    "verification": ("verify",),
}
_WHERE = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    from importlib import import_module, metadata

    if name == "__version__":
        return metadata.version("neurograph")
    if name in _PACKAGES:
        return import_module(f"{__name__}.{name}")
    if name in _WHERE:
        return getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

"""The bundle: the directory that `neurograph export` writes and every later command reads.

model.nir      the interchange graph           network.h5   the float and the integer Network
manifest.json  versions, target, scales and errors, sha256 of every other file
check.h5       sample input, expected spikes (torch, float, fixed), labels
lava/          python lava/run.py, with its own program.npz; needs only what lava-nc brings
model.net      target netx: the integer Network as one sequential lava-dl network, static input built in
onnx/          target onnx, in place of lava/: network.onnx, the float Network over its ticks
host/          encoder and readout as ONNX; output.onnx is what is real-valued behind the last spikes
placement.json where every neuron lies on the chips of the target, with core_map.svg, the picture of it (targets that are chips)
"""

from typing import TYPE_CHECKING, Any

from neurograph.export.bundle.manifest import FORMAT, MANIFEST, VERSION

if TYPE_CHECKING:
    from neurograph.export.bundle.read import Bundle, open_bundle
    from neurograph.export.bundle.write import write_bundle

__all__ = ["FORMAT", "MANIFEST", "VERSION", "Bundle", "open_bundle", "write_bundle"]


def __getattr__(name: str) -> Any:
    # Reading brings NumPy, and writing the compiler; each is loaded where it is asked for.
    if name in ("Bundle", "open_bundle"):
        from neurograph.export.bundle import read

        return getattr(read, name)
    if name == "write_bundle":
        from neurograph.export.bundle import write

        return write.write_bundle
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

"""The bundle: the directory that `neurograph export` writes and every later command reads.

model.nir      the interchange graph           network.h5   the float and the integer Network
manifest.json  versions, target, scales and errors, sha256 of every other file
check.h5       sample input, expected spikes (torch, float, fixed), labels
run.safetensors the integer Network, sample input and labels once more, in a form that is read at once; not in bundles of many MB
lava/          python lava/run.py, with its own program.npz; needs only what lava-nc brings
model.net      target netx: the integer Network as one sequential lava-dl network, static input built in
onnx/          target onnx, in place of lava/: network.onnx, the float Network over its ticks
host/          encoder and readout as ONNX; output.onnx is what is real-valued behind the last spikes
placement.json where every neuron lies on the chips of the target, with core_map.svg, the picture of it (targets that are chips)
"""

from typing import TYPE_CHECKING, Any

from neurograph.export.bundle.read import FORMAT, MANIFEST, VERSION, Bundle, open_bundle

if TYPE_CHECKING:
    from neurograph.export.bundle.write import write_bundle

__all__ = ["FORMAT", "MANIFEST", "VERSION", "Bundle", "open_bundle", "write_bundle"]


def __getattr__(name: str) -> Any:
    if name == "write_bundle":  # brings the compiler, which reading a bundle does without
        from neurograph.export.bundle.write import write_bundle

        return write_bundle
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

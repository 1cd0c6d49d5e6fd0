"""Making a bundle's own sample ready to run (:mod:`neurograph.sim.compiled.ready`), once a run of it has shown what it gives."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from neurograph.errors import CompilerMissingError
from neurograph.export.bundle.read import Bundle
from neurograph.export.bundle.ready_cache import MOST_BYTES, keep
from neurograph.export.plain_onnx import Model, read_model
from neurograph.sim.compiled.ready import LinearReadout, ready
from neurograph.sim.compiled.stored import run_stored
from neurograph.sim.recording import Recording

__all__ = ["keep_ready"]

Array = NDArray[Any]


def keep_ready(bundle: Bundle, run: Recording, accuracy: float | None) -> None:
    """Put the bundle's sample into the cache, ready to run, if that gives what ``run`` gave.

    Args:
        bundle: with integers.
        run: of the fixed engine, rules "lava", with the spikes of every population.
        accuracy: of ``run``.
    """
    readout = None if accuracy is None else _readout(bundle, run)
    if (accuracy is None) != (readout is None) or bundle.readout is not None:
        return
    content = ready(bundle.quantized, bundle.inputs, readout, most_bytes=MOST_BYTES)
    if content is None:
        return
    try:
        again = run_stored(bytearray(content))
    except CompilerMissingError:
        return
    if again is None or again.spikes != run.counts() or (again.wraps, again.clips) != (run.notes["wraps"], run.notes["clips"]):
        return
    if readout is None or (again.right is not None and again.right / again.tested == accuracy):
        keep(bundle.files, content)


def _readout(bundle: Bundle, run: Recording) -> LinearReadout | None:
    """The readout as matrices, where it is linear and gives what the bundle's own does."""
    model = read_model(bundle.files.path_of("host/readout.onnx"))
    if model is None or not {"weight", "bias"} <= model.constants.keys():
        return None
    rates = {name: bundle.quantized.populations[name].shape[-1] for name in model.nodes[0].inputs if name in bundle.manifest["outputs"]}
    with bundle.files.hdf5("check.h5") as file:
        labels, tested = file["labels"][()], file["test_mask"][()]
    if any(bundle.quantized.populations[name].shape[0] != len(labels) for name in rates):
        return None  # graphs are classified, not nodes
    weight, bias = model.constants["weight"], model.constants["bias"]
    found = LinearReadout(rates, weight, bias, _propagation(model, len(labels)), labels, tested)
    last = np.concatenate([run.spikes[name][0].mean(axis=0).reshape(len(labels), -1) for name in rates], axis=1)
    if weight.shape[1] != last.shape[1]:  # it hears more than these rates, once
        return None
    logits, wanted = (last if found.propagation is None else found.propagation @ last) @ weight.T + bias, bundle.logits(run)
    return found if wanted is not None and np.allclose(logits, wanted, rtol=1e-4, atol=1e-4) else None


def _propagation(model: Model, nodes: int) -> sp.csr_matrix | None:
    """The matrix of a propagation that is written as rows of like length (:class:`neurograph.export.targets.onnx_weights.Rows`)."""
    prefix = "propagation/columns_"
    widths = [name.removeprefix(prefix) for name in model.constants if name.startswith(prefix)]
    if not widths:
        return None
    blocks = []
    for width in widths:
        columns, values = model.constants[f"{prefix}{width}"], model.constants[f"propagation/weights_{width}"].reshape(-1, int(width))
        starts = np.arange(0, columns.size + 1, int(width))
        blocks.append(sp.csr_matrix((values.ravel(), columns.ravel(), starts), shape=(len(columns), nodes)))
    rows = sp.vstack(blocks, format="csr").astype(np.float64)
    rows.eliminate_zeros()
    back = model.constants.get("propagation/back")
    return rows if back is None else rows[back]

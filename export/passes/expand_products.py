"""expand_products: a propagation over nodes with a dense map over features (a graph convolution) becomes one sparse matrix.

One synapse of A ⊗ W is a product of two numbers, and rounding it as one integer needs it to be one number. The matrix has
nnz(A) · nnz(W) entries, and never as many as nodes².

Ensures: no projection that carries spikes is a Kron with weights in both factors.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import scipy.sparse as sp

from neurograph.errors import UnsupportedError
from neurograph.network import Network, Projection
from neurograph.weights import Identity, Kron, Sparse

__all__ = ["MOST_SYNAPSES", "expand_products", "product_synapses"]

MOST_SYNAPSES = 1 << 25  # 400 MB in CSR


def expand_products(network: Network) -> Network:
    """A network that does the same with such products written out.

    Raises:
        UnsupportedError: products of more than :data:`MOST_SYNAPSES` synapses, all of them.
    """
    large = [p for p in network.spiking_projections if _is_product(p) and _synapses(p) > MOST_SYNAPSES]
    if large:
        raise UnsupportedError(
            "the integer network",
            [f"projection {p.name}: {_synapses(p):,} synapses of a propagation with a dense map, at most {MOST_SYNAPSES:,}" for p in large],
            "use fewer features, or put a neuron between the map and the propagation",
        )
    spiking = {id(p) for p in network.spiking_projections}
    projections = tuple(
        replace(p, weights=Sparse(sp.csr_matrix(p.weights.to_csr()))) if id(p) in spiking and _is_product(p) else p
        for p in network.projections
    )
    return replace(network, projections=projections)


def product_synapses(network: Network) -> int:
    """How many synapses its products are written out as."""
    return sum(_synapses(p) for p in network.spiking_projections if _is_product(p))


def _is_product(projection: Projection) -> bool:
    weights = projection.weights
    return isinstance(weights, Kron) and sp.issparse(weights.left) and not isinstance(weights.right, Identity)


def _synapses(projection: Projection) -> int:
    assert isinstance(projection.weights, Kron)
    right = projection.weights.right
    return int(sp.csr_matrix(projection.weights.left).nnz) * (1 if isinstance(right, Identity) else int(np.count_nonzero(right)))

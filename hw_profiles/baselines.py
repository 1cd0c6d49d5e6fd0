"""Operations of networks with real-valued activations of the same width, by formula: what a spiking network is compared with.

Every count is a multiply-add of one inference over the whole graph; norms, activations, softmax and biases are left out, as FLOP counters
leave them out. N nodes, F input features, D width, C classes, nnz entries of the (normalised) adjacency matrix.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from neurograph.errors import InputError

__all__ = ["READOUT_SUM", "Baseline", "gcn", "graph_transformer", "gru_gcn", "in_turn"]

READOUT_SUM = "readout, propagation"  # a term: the readout's sum over neighbours


@dataclass(frozen=True)
class Baseline:
    """A network that is not run, only counted.

    Args:
        terms: multiply-adds by kind of work.
        effective: of some terms, those multiply-adds that meet no zero: of the features in a formula, of every activation in a run.
        ends: terms of the encoder and the readout, which a spiking network leaves to its host too.
        sparse: terms that go over sparse weights.
        accuracy: 0 to 1 on test data, of a network that was trained.
    """

    name: str
    terms: Mapping[str, int]
    note: str = ""
    effective: Mapping[str, int] = field(default_factory=dict)
    ends: frozenset[str] = frozenset()
    sparse: frozenset[str] = frozenset()
    accuracy: float | None = None

    @property
    def macs(self) -> int:
        return sum(self.terms.values())

    @property
    def core_macs(self) -> int:
        """Without encoder and readout."""
        return sum(macs for name, macs in self.terms.items() if name not in self.ends)

    @property
    def effective_terms(self) -> dict[str, int]:
        """Terms without the multiply-adds that meet a feature of 0, where that is known."""
        return {**self.terms, **self.effective}


def graph_transformer(
    *,
    nodes: int,
    in_features: int,
    width: int,
    classes: int,
    layers: int = 1,
    ffn_width: int = 0,
    gnn_width: int = 0,
    gnn_layers: int = 1,
    nonzeros: int = 0,
    nonzero_features: int | None = None,
    name: str = "dense graph transformer",
) -> Baseline:
    """Softmax attention over all pairs of nodes, with or without a branch of graph convolutions of G features beside it.

    ``N·F·(D + G)`` in, then per layer ``4·N·D²`` for Q, K, V and the output, ``N²·D`` for QKᵀ, ``N²·D`` for its product with V and
    ``2·N·D·ffn_width`` for the feed-forward part, then ``N·(D + G)·C`` out. Heads share the width, so their number does not matter. The
    other branch takes ``nnz·G`` a layer, ``N·G²`` from its second layer on, and lets the readout be propagated too, ``nnz·C``: the work of
    :class:`neurograph.models.baselines.GraphTransformer`.

    Args:
        ffn_width: inner width of the feed-forward part; 0 leaves it out, which favours this baseline.
        gnn_width, gnn_layers: of the other branch; 0: there is none.
        nonzeros: entries of the normalised adjacency matrix, for that branch.
        nonzero_features: of all nodes together, where it is known.
    """
    _positive(nodes=nodes, in_features=in_features, width=width, classes=classes, layers=layers, gnn_layers=gnn_layers)
    if gnn_width:
        _positive(gnn_width=gnn_width, nonzeros=nonzeros)
    terms = {
        "input linear": nodes * in_features * (width + gnn_width),
        "Q, K, V and output linear": layers * 4 * nodes * width * width,
        "attention QKᵀ": layers * nodes * nodes * width,
        "attention AV": layers * nodes * nodes * width,
        "feed-forward": layers * 2 * nodes * width * ffn_width,
        "graph convolution": (gnn_layers - 1) * nodes * gnn_width * gnn_width,
        "propagation": nonzeros * gnn_layers * gnn_width,
        "readout": nodes * (width + gnn_width) * classes,
        READOUT_SUM: nonzeros * classes if gnn_width else 0,
    }
    note = f"{layers} layer(s) of width {width}" + (f", feed-forward {ffn_width}" if ffn_width else ", no feed-forward part")
    note += f"; beside them {gnn_layers} graph convolution(s) of width {gnn_width}" if gnn_width else ""
    effective = {} if nonzero_features is None else {"input linear": nonzero_features * (width + gnn_width)}
    ends, sparse = frozenset({"input linear", "readout", READOUT_SUM}), frozenset({"propagation", READOUT_SUM})
    return Baseline(name, {key: value for key, value in terms.items() if value}, note, effective, ends, sparse)


def gcn(
    *,
    nodes: int,
    nonzeros: int,
    in_features: int,
    width: int,
    classes: int,
    layers: int = 2,
    nonzero_features: int | None = None,
    name: str = "GCN",
) -> Baseline:
    """Graph convolutions ``A (X W)``: per layer ``N·in·out`` for the linear map and ``nnz·out`` for the sum over neighbours.

    Args:
        nonzeros: entries of the normalised adjacency matrix: directed edges plus the self-loops that were added.
        nonzero_features: of all nodes together, where it is known.
    """
    _positive(nodes=nodes, nonzeros=nonzeros, in_features=in_features, width=width, classes=classes, layers=layers)
    widths = [in_features, *[width] * (layers - 1), classes]
    pairs = list(itertools.pairwise(widths))
    terms = {"linear": sum(nodes * a * b for a, b in pairs), "propagation": sum(nonzeros * b for _, b in pairs)}
    skipped = 0 if nonzero_features is None else (nodes * in_features - nonzero_features) * widths[1]
    effective = {} if nonzero_features is None else {"linear": terms["linear"] - skipped}
    note = f"{layers} layer(s) of width {width}, {nonzeros:,} nonzeros in the adjacency matrix"
    return Baseline(name, terms, note, effective, sparse=frozenset({"propagation"}))


def gru_gcn(
    snapshots: Sequence[tuple[int, int]],
    *,
    nodes: int,
    in_features: int,
    width: int,
    classes: int,
    layers: int = 2,
    own: bool = True,
    last: bool = False,
    name: str = "GRU-GCN",
) -> Baseline:
    """Graph convolutions within each snapshot and a GRU over the snapshots, as :class:`neurograph.models.gru_gcn.GruGcn`.

    Per snapshot, of n nodes that take part: ``n·in·D`` a layer for the linear map, as much for the nodes' own term, ``nnz·in`` for the sum
    over neighbours, which comes before it; ``6·n·D²`` for the gates of the GRU, three of what arrives and three of the state. ``N·D·C`` for
    each state that is read. The first layer, which meets the features, is the encoder.

    Args:
        snapshots: (n, nnz) of each, nnz entries of its normalised adjacency matrix, self-loops among them. An empty one is (0, 0).
        nodes: N, of which all are read.
        own: with the nodes' own term. last: the state after the last snapshot alone is read.
    """
    _positive(nodes=nodes, in_features=in_features, width=width, classes=classes, layers=layers, snapshots=len(snapshots))
    there, nonzeros = (sum(sizes) for sizes in zip(*snapshots, strict=True))
    inner, maps, reads = (layers - 1) * width, 2 if own else 1, 1 if last else len(snapshots)
    terms = {
        "encoder linear": maps * there * in_features * width,
        "encoder propagation": nonzeros * in_features,
        "linear": maps * there * inner * width,
        "propagation": nonzeros * inner,
        "GRU gates": there * 6 * width * width,
        "readout": reads * nodes * width * classes,
    }
    note = f"{layers} layer(s) of width {width}, {len(snapshots)} snapshots, {nonzeros:,} nonzeros in their adjacency matrices"
    ends, sparse = frozenset({"encoder linear", "encoder propagation", "readout"}), frozenset({"encoder propagation", "propagation"})
    return Baseline(name, {key: value for key, value in terms.items() if value}, note, ends=ends, sparse=sparse)


def in_turn(parts: Sequence[Baseline], name: str, note: str = "") -> Baseline:
    """Several networks run one after the other as one: their terms by kind of work added up."""
    terms: dict[str, int] = {}
    for part in parts:
        for key, macs in part.terms.items():
            terms[key] = terms.get(key, 0) + macs
    ends, sparse = (frozenset(key for part in parts for key in getattr(part, kind)) for kind in ("ends", "sparse"))
    return Baseline(name, terms, note, ends=ends, sparse=sparse)


def _positive(**sizes: int) -> None:
    for key, size in sizes.items():
        if size < 1:
            raise InputError(f"baseline: {key} is {size}, must be at least 1; give the size of the graph or the model")

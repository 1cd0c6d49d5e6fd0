"""From what a run showed to a NIR graph: one node a neuron module, trees of linear nodes between them, edges, and the time metadata."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import nir
import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from torch import nn

from neurograph.errors import GraphError, UnsupportedError
from neurograph.export import nodes as ext
from neurograph.export.nir_io import TimeMetadata
from neurograph.export.torch_modules.frameworks import GraphLinear
from neurograph.export.torch_modules.kinds import CONVOLUTIONS, kind_of_module
from neurograph.export.torch_modules.linear import LINEAR, dense, pooling
from neurograph.export.torch_modules.neurons import Neuron, RefusedError, Rule
from neurograph.export.torch_modules.recorder import Recorder
from neurograph.export.torch_modules.trees import Fixed, Leaf, Sum, Tree, Weighted, node_of, push
from neurograph.export.torch_modules.values import Expr, Value, leaves, retimed, template

__all__ = ["Builder", "node_name"]

Array = NDArray[Any]
Shape = tuple[int, ...]
_FLAT = (nn.Linear, GraphLinear, nn.BatchNorm1d)
_THRESHOLDS = ("ge", "gt", "le", "lt", "greater", "greater_equal", "less", "less_equal", "heaviside", "sign")


def node_name(path: str) -> str:
    """The name of a module's node: its path with dots as underscores."""
    return path.replace(".", "_") or "model"


class Builder:
    """Builds the graph of one run.

    Args:
        model: the copy that ran.
        recorder: what was seen.
        dt: seconds a tick.
    """

    def __init__(self, model: nn.Module, recorder: Recorder, dt: float) -> None:
        self.model, self.recorder, self.dt = model, recorder, dt
        self.rows = any(isinstance(m, (*CONVOLUTIONS, *LINEAR)) and not isinstance(m, _FLAT) for m in model.modules())
        self.nodes: dict[str, Any] = {}
        self.edges: list[tuple[str, str]] = []
        self.offenders: list[str] = []
        self.left_out: list[str] = []  # outputs that the graph does not hold, in words
        self.rows_before: list[Shape] = []  # dimensions that a Linear met before its features, where no convolution makes them nodes
        self.names: dict[str, str] = {}
        self._done: dict[tuple[Any, ...], list[Leaf]] = {}
        self._trees: dict[Expr, Tree] = {}
        self._made: list[Tree] = []  # kept, so that their identities stay theirs

    def build(self, outputs: list[Value], ticks: int, shapes: Mapping[str, Shape], kind: Any) -> nir.NIRGraph:
        """The graph.

        Args:
            outputs: values of what forward returned.
            ticks: T.
            shapes: input → shape.
            kind: "static", "spikes" or "values".

        Raises:
            UnsupportedError: all offenders by their qualified names.
        """
        neurons = {path: self._neuron(path) for path in self.recorder.inputs_of}
        biased = frozenset(path for path, module in self.model.named_modules() if _adds(module))
        self._refuse(outputs, neurons)
        wanted = {path: template(calls, biased) for path, calls in self.recorder.inputs_of.items()}
        rule = _one_rule({path: n.rule for path, n in neurons.items() if n.rule is not None})
        for name, shape in shapes.items():
            self.nodes[self.source(name)] = nir.Input(input_type=np.array(shape))
        for path, neuron in neurons.items():
            self._add_neuron(path, neuron)
        for path, neuron in neurons.items():
            self._connect(path, neuron, wanted[path], rule)
        self._add_outputs(outputs, neurons, ticks)
        if self.offenders:
            raise _unsupported(list(dict.fromkeys(self.offenders)))
        time = TimeMetadata(self.dt, ticks, kind, reset=rule.reset, reset_acts=rule.acts or "same_step")
        try:
            return nir.NIRGraph(self.nodes, sorted(set(self.edges)), metadata={"neurograph": asdict(time)})
        except (ValueError, TypeError, KeyError, AttributeError, IndexError) as error:
            reason = " ".join(str(error).split())
            raise GraphError(f"model {type(self.model).__name__}: its graph does not hold together ({reason})") from None

    # Names and offenders

    def population(self, path: str) -> str:
        """The name of a neuron module's node."""
        return self._name(node_name(path), path)

    def source(self, name: str) -> str:
        """The name of an input's node."""
        return self._name(name, f"input {name}")

    def is_real(self, path: str) -> bool:
        """Whether real values go out of a neuron module."""
        return self._neuron(path).real

    def _name(self, wanted: str, owner: str) -> str:
        """A name that no other node has."""
        wanted = wanted.replace("/", "_")
        name, number = wanted, 0
        while self.names.setdefault(name, owner) != owner:
            number += 1
            name = f"{wanted}_{number}"
        return name

    def _neuron(self, path: str) -> Neuron:
        kind = kind_of_module(self.model.get_submodule(path))
        assert kind is not None and kind.neuron is not None
        return kind.neuron

    def _refuse(self, outputs: list[Value], neurons: Mapping[str, Neuron]) -> None:
        """Everything on the way to a neuron or an output that has no counterpart, at once."""
        found: dict[str, None] = {}
        for path, calls in self.recorder.inputs_of.items():
            for part in (p for expr in calls for p in _parts(expr)):
                if part.op == "refused":
                    found[str(part.key)] = None
                elif part.op == "state":
                    found[f"the state of module {part.key[0]!r} used as a signal"] = None
                elif part.op == "rate":
                    found[f"function {part.key} over ticks, in front of neuron {path!r}"] = None
        for value in outputs:
            found |= {str(part.key): None for part in _parts(value.expr) if part.op == "refused"}
        found |= dict.fromkeys(self.recorder.branches)
        for path, reason in self.recorder.remarks.items():
            found[f"module {path!r}: {reason}"] = None
        for path, arrays in self.recorder.outputs.items():
            if not neurons[path].real and not all(np.isin(a, (0, 1)).all() for a in arrays):
                found[f"module {path!r}: spikes other than 0 and 1"] = None
        self.offenders += found
        if self.offenders:
            raise _unsupported(self.offenders)

    # Neurons

    def _shape(self, path: str) -> Shape:
        return self.recorder.shapes[path]

    def _add_neuron(self, path: str, neuron: Neuron) -> None:
        name = self.population(path)
        try:
            self.nodes[name] = neuron.node(self._shape(path), self.dt)
        except RefusedError as error:
            kind = kind_of_module(self.model.get_submodule(path))
            self.offenders.append(f"module {path!r}: {kind.name if kind else ''} ({error})")
            self.nodes[name] = nir.Scale(np.ones(self._shape(path)))

    def _connect(self, path: str, neuron: Neuron, expr: Expr, rule: Rule) -> None:
        name = self.population(path)
        try:
            tree = self._tree(expr)
            if neuron.before is not None:
                tree = dense(f"{name}_input", neuron.before, None, tree)
            ends = self._ends(tree, name)
        except RefusedError as error:
            found = str(error)
            self.offenders.append(found if found.startswith(("module ", "function ")) else f"function in front of neuron {path!r}: {found}")
            return
        self.edges += [(self._delayed(end, name), name) for end in ends]
        if neuron.recurrent is None:
            return
        for index, node in enumerate(neuron.recurrent(self._shape(path), self.dt, rule.acts or "same_step")):
            back = self._name(f"{name}_recurrent" + (f"_{index}" if index else ""), f"{path} recurrent {index}")
            self.nodes[back] = _typed(node, self._shape(path), self._shape(path))
            self.edges += [(name, back), (back, name)]

    # Linear nodes

    def _tree(self, expr: Expr) -> Tree:
        if expr not in self._trees:
            self._trees[expr] = self._new_tree(expr)
        return self._trees[expr]

    def _new_tree(self, expr: Expr) -> Tree:
        if expr.op in ("input", "neuron"):
            path = str(expr.key)
            name = self.source(path) if expr.op == "input" else self.population(path)
            return Leaf(name, expr.shape, -(expr.tick or 0))
        args = tuple(self._tree(a) for a in expr.args)
        if expr.op == "zero":
            return Sum((), expr.shape)
        if expr.op == "add":
            return Sum(args, expr.shape)
        if expr.op == "module":
            path, outer = expr.key
            module = self.model.get_submodule(path)
            handler = next(LINEAR[base] for base in type(module).__mro__ if base in LINEAR)
            try:
                self._check_rows(module, args[0].shape)
                return handler(module, node_name(path), args[0], expr.shape, outer)
            except RefusedError as error:
                raise RefusedError(f"module {path!r}: {type(module).__module__}.{type(module).__qualname__} ({error})") from None
        if expr.op == "affine":
            scale, shift = expr.key
            one = np.ones(()) if scale is None else self.recorder.constants[scale]
            zero = np.zeros(()) if shift is None else self.recorder.constants[shift]
            return push(args[0], one, zero, "scale")
        if expr.op == "aggregate":
            path, *parts = expr.key
            data, indices, indptr, shape = (self.recorder.constants[part] for part in parts)
            node = ext.Aggregate(data, indices.astype(np.int32), indptr.astype(np.int32), shape.astype(np.int64), expr.shape[-1])
            return Fixed(node_name(path) + "_propagate", node, args[0], expr.shape, over_nodes=True)
        if expr.op == "pool":
            return pooling("avg_pool2d", args[0], expr.shape, *expr.key)
        if expr.op == "cat":
            return _side_by_side(int(expr.key), args, expr.shape)
        if expr.op == "reshape":
            return _reshaped(args[0], expr.shape)
        raise RefusedError(f"function {expr.key}")

    def _check_rows(self, module: nn.Module, shape: Shape) -> None:
        """Rows are nodes of a graph, or what a convolution gave; else they are a batch of samples, which is not one network."""
        if isinstance(module, (nn.Linear, GraphLinear)) and len(shape) > 1 and not self.rows:
            self.rows_before.append(shape[:-1])
            raise RefusedError(f"an input of shape {shape}, but the model has no convolution; give it one row, {shape[-1:]}")

    def _ends(self, tree: Tree, target: str) -> list[Leaf]:
        """Nodes whose sum a tree is, made on the way. A lag of one in a neuron's own loop is the loop's; others are Delays."""
        if isinstance(tree, Leaf):
            return [Leaf(tree.name, tree.shape, 0 if tree.lag == 1 and tree.name == target else tree.lag)]
        if isinstance(tree, Sum):
            return self._summed([end for term in tree.terms for end in self._ends(term, target)])
        own = target if _reads_itself(tree, target) else ""
        key = (id(tree), own)
        if key not in self._done:
            node = self._node(tree)
            name = self._name(tree.name, f"{tree.name} {id(tree)} {own}")
            self.nodes[name] = node
            self._made.append(tree)
            for end in self._ends(tree.arg, target):
                self.edges.append((self._delayed(end, name), name))
            self._done[key] = [Leaf(name, tree.shape)]
        return self._done[key]

    def _node(self, tree: Any) -> Any:
        if isinstance(tree, Weighted):
            return _typed(tree.make(tree.weight, tree.bias), tree.arg.shape, tree.shape)
        made = tree.node if isinstance(tree, Fixed) else node_of(tree)
        if made is None:
            raise RefusedError("a constant that differs within a channel is added; add one a channel")
        return _typed(made, tree.arg.shape, tree.shape)

    def _summed(self, ends: list[Leaf]) -> list[Leaf]:
        """An edge can't stand twice in a graph: what is added n times is multiplied by n."""
        made = []
        for end in dict.fromkeys(ends):
            times = ends.count(end)
            if times == 1:
                made.append(end)
                continue
            name = self._name(f"{end.name}_times_{times}", f"{end} times {times}")
            self.nodes[name] = nir.Scale(np.full(end.shape, float(times)))
            self.edges.append((self._delayed(end, name), name))
            made.append(Leaf(name, end.shape))
        return made

    def _delayed(self, end: Leaf, target: str) -> str:
        if end.lag == 0:
            return end.name
        name = self._name(f"{end.name}_delay_{end.lag}", f"{end}")
        if name not in self.nodes:
            self.nodes[name] = nir.Delay(np.full(end.shape, end.lag * self.dt))
            self.edges.append((end.name, name))
        return name

    # Outputs

    def _add_outputs(self, outputs: list[Value], neurons: Mapping[str, Neuron], ticks: int) -> None:
        ends: dict[str, Shape] = {}
        for index, value in enumerate(outputs):
            expr = value.expr if value.whole else retimed(value.expr, 1 - ticks)
            if expr.op == "state":
                self.left_out.append(f"output {index}, the state of {expr.key[0]!r}")
                continue
            per_tick = not any(p.op in ("rate", "state") or (p.tick or 0) < 0 for p in _parts(expr))
            try:
                found = self._ends(self._tree(expr), "") if per_tick else None
            except RefusedError:
                found = None  # what the host does behind the last neuron
            if found is None:
                self.left_out.append(f"output {index}, {_behind(expr)}")
                ends |= {self.population(str(leaf.key)): leaf.shape for leaf in leaves(expr) if leaf.op == "neuron"}
            else:
                ends |= {self._delayed(end, ""): end.shape for end in found}
        if not any(leaf.op == "neuron" for value in outputs for leaf in leaves(value.expr)):
            spiking = ", ".join(repr(p) for p, n in neurons.items() if not n.real) or "none"
            self.offenders.append(f"outputs without spikes (neurons: {spiking}); return the spikes")
        for index, (name, shape) in enumerate(ends.items()):
            output = self._name(f"output_{index}", f"output {index}")
            self.nodes[output] = nir.Output(output_type=np.array(shape))
            self.edges.append((name, output))


def _typed(node: Any, source: Shape, target: Shape) -> Any:
    """NIR 1.0.8 works out shapes as if kernels were square and groups one, and leaves those of pooling open."""
    node.input_type, node.output_type = {"input": np.array(source)}, {"output": np.array(target)}
    return node


def _adds(module: nn.Module) -> bool:
    """Whether it adds a constant to what goes through it."""
    return getattr(module, "bias", None) is not None or hasattr(module, "running_mean")


def _unsupported(offenders: list[str]) -> UnsupportedError:
    way_out = "replace or leave out each of them, or compute it on the host"
    if any(o.startswith("function ") and o.split(" in module ")[0].rsplit(".", 1)[-1] in _THRESHOLDS for o in offenders):
        way_out += "; in place of a neuron written by hand take a module: norse.torch.LIFBoxCell, or snntorch.Leaky for v = beta v + x"
    return UnsupportedError("NIR", offenders, way_out)


def _behind(expr: Expr) -> str:
    """What an output makes of the spikes, in words."""
    parts = _parts(expr)
    modules = dict.fromkeys(f"module {str(p.key[0])!r}" for p in parts if p.op == "module")
    spikes = dict.fromkeys(repr(str(p.key)) for p in parts if p.op == "neuron")
    over = "what it sums or averages over ticks"
    return f"{' and '.join([*modules, over])}, from the spikes of {', '.join(spikes)}"


def _parts(expr: Expr) -> list[Expr]:
    return [expr, *(p for a in expr.args for p in _parts(a))]


def _one_rule(rules: Mapping[str, Rule]) -> Rule:
    """The one rule of reset that a graph's time metadata can hold.

    Raises:
        UnsupportedError: neurons whose rules differ, all by name.
    """
    resets = {rule.reset for rule in rules.values()}
    acts = {rule.acts for rule in rules.values() if rule.acts is not None}
    if len(resets) > 1 or len(acts) > 1:
        raise UnsupportedError(
            "one NIR graph", [f"module {path!r}: {rule}" for path, rule in rules.items()], "give all its neurons the same rule of reset"
        )
    return Rule(resets.pop() if resets else "value", acts.pop() if acts else None)


def _reads_itself(tree: Tree, target: str) -> bool:
    if isinstance(tree, Leaf):
        return tree.name == target and tree.lag == 1
    return any(_reads_itself(t, target) for t in (tree.terms if isinstance(tree, Sum) else (tree.arg,)))


def _side_by_side(axis: int, args: tuple[Tree, ...], shape: Shape) -> Tree:
    """Concatenation as a sum: each part goes to its own places through a map of ones."""
    start, terms = 0, list[Tree]()
    for arg in args:
        size, whole = arg.shape[axis], shape[axis]
        place = np.zeros((whole, size))
        place[start + np.arange(size), np.arange(size)] = 1.0
        start += size
        if isinstance(arg, Sum) and not arg.terms:
            continue
        terms.append(_placed(place, arg, axis, shape))
    return Sum(tuple(terms), shape)


def _placed(place: Array, arg: Tree, axis: int, shape: Shape) -> Tree:
    if len(shape) == 1:
        csr = sp.csr_matrix(place)
        node: Any = ext.SparseLinear(csr.data, csr.indices, csr.indptr, np.array(csr.shape))
        return Fixed("cat", node, arg, shape)
    if len(shape) == 2 and axis == 1:
        return dense("cat", place, None, arg)
    if axis == 0 and len(shape) == 2:
        return Fixed("cat", nir.Conv1d(shape[1], place[:, :, None], 1, 0, 1, 1, np.zeros(len(place))), arg, shape)
    if axis == 0 and len(shape) == 3:
        size = (shape[1], shape[2])
        node = nir.Conv2d(size, place[:, :, None, None], (1, 1), (0, 0), (1, 1), 1, np.zeros(len(place)))
        return Fixed("cat", node, arg, shape)
    raise RefusedError(f"function torch.cat along dimension {axis} of {shape}, must be the channels")


def _reshaped(arg: Tree, shape: Shape) -> Tree:
    """NIR can flatten, and nothing else."""
    if len(shape) != 1:
        raise RefusedError(f"a reshape of {arg.shape} to {shape}; give the sample in that shape, or flatten")
    node = nir.Flatten({"input": np.array(arg.shape)}, start_dim=0, end_dim=-1)
    return Fixed("flatten", node, arg, shape)

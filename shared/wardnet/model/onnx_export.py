"""Write a model as ONNX: one input of features, one output like `Model.predict`.

Input `features`: doubles, shape (rows, features), NaN where missing. Output `prediction`: doubles,
shape (rows, outputs). The features' names and what is known of the model are in the metadata.

References
----------
ONNX 1.17 operators; ai.onnx.ml 3, TreeEnsembleRegressor.
"""

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from wardnet.errors import Reason, WardnetError
from wardnet.model.package import Package
from wardnet.model.shape import Centred, Entry, Grown, Head, Layered, shape
from wardnet.statistics.regression.families import HIGHEST
from wardnet.statistics.trees.predict import Trees

if TYPE_CHECKING:
    import onnx

INPUT: Final = "features"
OUTPUT: Final = "prediction"

_OPSET: Final = 17
_TREES: Final = 3
_IR: Final = 8
_ACTIVATIONS: Final = {"relu": "Relu", "tanh": "Tanh", "logistic": "Sigmoid"}


def to_onnx(package: Package) -> bytes:
    """Return the bytes of an ONNX file.

    Raises
    ------
    WardnetError
        `EXTRA_MISSING` without onnx; `MODEL_EXPORT` for a model that has no counterpart; those of
        `Package.model`.
    """
    try:
        import onnx  # noqa: PLC0415 - an extra, and slow to load
    except ImportError as error:
        raise WardnetError(Reason.EXTRA_MISSING, rule="onnx") from error
    model = package.model()
    found = shape(model, package.asked.answer.method, form="ONNX")
    graph = _Graph(onnx)
    match found:
        case Layered():
            _layered(graph, found)
        case Grown():
            _grown(graph, found)
        case Centred():
            _centred(graph, found)
    classes = list(model.classes)
    return graph.model(package, found.entries, classes or [model.outcome]).SerializeToString()


class _Graph:
    """Gather nodes; every name is that of the node that makes it."""

    def __init__(self, library: Any) -> None:  # noqa: ANN401 - a module
        self._onnx = library
        self._nodes: list[Any] = []
        self._constants: list[Any] = []

    def add(self, kind: str, *inputs: str, domain: str = "", **attributes: object) -> str:
        """Add a node; return the name of what it makes."""
        name = f"{kind}_{len(self._nodes)}"
        make = self._onnx.helper.make_node
        self._nodes.append(make(kind, list(inputs), [name], name, domain=domain, **attributes))
        return name

    def constant(self, values: NDArray[Any]) -> str:
        """Add an array; return its name."""
        name = f"constant_{len(self._constants)}"
        self._constants.append(self._onnx.numpy_helper.from_array(np.asarray(values), name))
        return name

    def number(self, value: float) -> str:
        """Add a number; return its name."""
        return self.constant(np.array(value, np.float64))

    def tensor(self, name: str, values: NDArray[Any]) -> object:
        """Return an array as an attribute."""
        return self._onnx.numpy_helper.from_array(values, name)

    def finish(self, name: str) -> None:
        """Make something the output."""
        self._nodes.append(self._onnx.helper.make_node("Identity", [name], [OUTPUT], OUTPUT))

    @property
    def double(self) -> int:
        """Return the number of the type of doubles."""
        return int(self._onnx.TensorProto.DOUBLE)

    def model(
        self, package: Package, entries: Sequence[Entry], outputs: Sequence[str]
    ) -> "onnx.ModelProto":
        """Return the whole, with what is known of it."""
        helper = self._onnx.helper
        features = [entry.name for entry in entries]
        graph = helper.make_graph(
            self._nodes,
            package.statement.name,
            [helper.make_tensor_value_info(INPUT, self.double, ["rows", len(features)])],
            [helper.make_tensor_value_info(OUTPUT, self.double, ["rows", None])],
            self._constants,
        )
        opsets = [helper.make_opsetid("", _OPSET), helper.make_opsetid("ai.onnx.ml", _TREES)]
        model = helper.make_model(
            graph, opset_imports=opsets, ir_version=_IR, producer_name="wardnet"
        )
        statement = package.statement
        helper.set_model_props(
            model,
            {
                "features": json.dumps(features),
                "outputs": json.dumps(list(outputs)),
                "model": statement.name,
                "digest": package.digest,
                "method": package.asked.answer.method,
                "intended_use": statement.intended_use,
                "limits": statement.limits,
            },
        )
        self._onnx.checker.check_model(model)
        return model  # type: ignore[no-any-return]


def _layered(graph: _Graph, found: Layered) -> None:
    at = INPUT
    if found.fill is not None:
        at = graph.add("Where", graph.add("IsNaN", at), graph.constant(found.fill), at)
    for place, (weights, intercepts) in enumerate(found.layers):
        if place and found.activation in _ACTIVATIONS:
            at = graph.add(_ACTIVATIONS[found.activation], at)
        at = graph.add("MatMul", at, graph.constant(weights))
        at = graph.add("Add", at, graph.constant(intercepts))
    at = _head(graph, at, found.head)
    graph.finish(at if found.fill is not None else _without_missing(graph, at))


def _head(graph: _Graph, at: str, head: Head) -> str:
    match head:
        case "numbers":
            return at
        case "rate":
            return graph.add("Exp", graph.add("Min", at, graph.number(float(HIGHEST))))
        case "odds":
            second = graph.add("Sigmoid", at)
            first = graph.add("Sub", graph.number(1.0), second)
            return graph.add("Concat", first, second, axis=1)
        case "scores":
            return graph.add("Softmax", at, axis=1)


def _without_missing(graph: _Graph, at: str) -> str:
    """Let a row with a missing feature have no prediction, whatever an operator makes of it."""
    axes = graph.constant(np.array([1], np.int64))
    sums = graph.add("ReduceSum", INPUT, axes, keepdims=1)
    return graph.add("Add", at, graph.add("Mul", sums, graph.number(0.0)))


def _centred(graph: _Graph, found: Centred) -> None:
    """Find the nearest centre by the squares of differences, added up over the features."""
    clusters, features = found.centres.shape
    middle = graph.constant(np.array([1], np.int64))
    last = graph.constant(np.array([2], np.int64))
    scaled = graph.add("Div", INPUT, graph.constant(found.scales))
    centres = (found.centres / found.scales).reshape(1, clusters, features)
    apart = graph.add("Sub", graph.add("Unsqueeze", scaled, middle), graph.constant(centres))
    distances = graph.add("ReduceSum", graph.add("Mul", apart, apart), last, keepdims=0)
    nearest = graph.add("ArgMin", distances, axis=1, keepdims=1)
    chosen = graph.add("Equal", nearest, graph.constant(np.arange(clusters)))
    graph.finish(_without_missing(graph, graph.add("Cast", chosen, to=graph.double)))


def _grown(graph: _Graph, found: Grown) -> None:
    trees = found.trees
    outputs = len(trees.plan.outcome.outputs)
    grown = list(nodes(trees))
    leaves = [node for node in grown if node[2] == "LEAF"]
    ensemble = graph.add(
        "TreeEnsembleRegressor",
        INPUT,
        domain="ai.onnx.ml",
        n_targets=outputs,
        aggregate_function="SUM",
        nodes_treeids=[node[0] for node in grown],
        nodes_nodeids=[node[1] for node in grown],
        nodes_modes=[node[2] for node in grown],
        nodes_featureids=[node[3] for node in grown],
        nodes_values_as_tensor=graph.tensor("cuts", np.array([node[4] for node in grown])),
        nodes_truenodeids=[node[5] for node in grown],
        nodes_falsenodeids=[node[5] + 1 if node[5] else 0 for node in grown],
        nodes_missing_value_tracks_true=[node[6] for node in grown],
        target_treeids=[leaf[0] for leaf in leaves],
        target_nodeids=[leaf[1] for leaf in leaves],
        target_ids=[trees.trees[leaf[0]].output for leaf in leaves],
        target_weights_as_tensor=graph.tensor(
            "leaves", np.array([trees.trees[leaf[0]].values[leaf[1]] for leaf in leaves])
        ),
    )
    at = graph.add("Cast", ensemble, to=graph.double)
    if not trees.plan.forest:
        head: Head = "numbers"
        if trees.classes:
            head = "odds" if outputs == 1 else "scores"
        graph.finish(_head(graph, at, head))
        return
    means = graph.add("Div", at, graph.number(len(trees.trees) / outputs))
    graph.finish(_shares(graph, means, outputs) if trees.classes else means)


def _shares(graph: _Graph, at: str, outputs: int) -> str:
    """Bring the means of a forest to chances that add up to 1."""
    shares = graph.add("Clip", at, graph.number(0.0), graph.number(1.0))
    if outputs == 1:
        return graph.add("Concat", graph.add("Sub", graph.number(1.0), shares), shares, axis=1)
    axes = graph.constant(np.array([1], np.int64))
    whole = graph.add("ReduceSum", shares, axes, keepdims=1)
    nothing = graph.add("Equal", whole, graph.number(0.0))
    divided = graph.add("Div", shares, whole)
    return graph.add("Where", nothing, graph.number(1.0 / outputs), divided)


def nodes(trees: Trees) -> Iterator[tuple[int, int, str, int, float, int, int]]:
    """Yield every node that rows reach.

    Yields
    ------
    tuple
        Tree, node, kind (`BRANCH_LT` or `LEAF`), feature, the number below which rows go to the
        left child, that child (the right one is the next), and 1 where missing values go left.
    """
    for number, tree in enumerate(trees.trees):
        branches = tree.branches
        for node in branches.reached():
            left = int(branches.left[node])
            if left < 0:
                yield number, node, "LEAF", 0, 0.0, 0, 0
                continue
            feature = int(branches.feature[node])
            cut = trees.bins.cut(feature, int(branches.cut[node]))
            missing = int(branches.missing_left[node])
            yield number, node, "BRANCH_LT", feature, cut, left, missing

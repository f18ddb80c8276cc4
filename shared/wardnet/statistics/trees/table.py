"""Write trees as an answer: what a person reads as rows, what predicts as arrays."""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Final

import numpy as np
from numpy.typing import NDArray

from wardnet.question.answer import MAXIMUM_BYTES, Cell, Table, Tensor, tensor
from wardnet.statistics import parameters as read
from wardnet.statistics.outcomes import Outcome
from wardnet.statistics.rounding import nearest
from wardnet.statistics.trees.binned import Bins
from wardnet.statistics.trees.plan import Plan
from wardnet.statistics.trees.tree import Tree

KEYS: Final = ("part", "name")
VALUES: Final = ("share", "splits", "loss", "rows")

MODEL: Final = "model"
FEATURE: Final = "feature"
AFTER: Final = "after trees"
"""Parts of the table: the whole, each feature, and the loss after so many trees."""

OUTPUTS: Final = "outputs"
NODES: Final = "nodes"
FEATURES: Final = "features"
MISSING_LEFT: Final = "missing_left"
NUMBERS: Final = "numbers"
"""Arrays of a model: of each tree, the output and the number of nodes; of each node, level by
level, the feature (-1 in a leaf), the side of missing values, and the cut or the leaf's value.
"""

_REST: Final = 256 << 10
_NODE_BYTES: Final = 22
_TREE_BYTES: Final = 80


def check_size(method: str, *, trees: int, leaves: int, outcome: Outcome) -> None:
    """Refuse a model that may not fit an answer, before any round is spent on it."""
    one = (2 * leaves - 1) * _NODE_BYTES + _TREE_BYTES
    if (trees + 1) * len(outcome.outputs) * one > MAXIMUM_BYTES - _REST:
        read.refuse(method, "trees", "may give more splits than an answer can hold; ask for fewer")


def model_table(
    trees: Sequence[Tree],
    *,
    plan: Plan,
    bins: Bins,
    gains: NDArray[np.float64],
    losses: Sequence[float],
    rows: int,
) -> Table:
    """Return the answer of a model.

    Parameters
    ----------
    gains : ndarray of float64, shape (features,)
        Sums of the splits' gains, as `Growing` has them.
    losses : sequence of float
        After 0, 1, 2 ... trees, in the unit of scores; none of a forest.
    rows : int
        That were trained on.
    """
    splits = np.zeros(gains.size, np.int64)
    for tree in trees:
        asked = tree.branches.feature[tree.branches.reached()]
        splits += np.bincount(asked[asked >= 0], minlength=splits.size)
    whole = sum(gains.tolist()) or 1.0
    curve = [told_loss(loss, plan.outcome) for loss in losses]
    last = curve[-1] if curve else None
    lines: list[tuple[Cell, ...]] = [(MODEL, "", None, int(splits.sum()), last, rows)]
    for feature, gain, asked_in in zip(plan.features, gains, splits, strict=True):
        lines.append((FEATURE, feature.name, _short(gain / whole), int(asked_in), None, None))
    lines += [(AFTER, str(place), None, None, loss, None) for place, loss in enumerate(curve)]
    tensors = tuple(_tensors(trees, plan=plan, bins=bins))
    return Table(keys=KEYS, values=VALUES, rows=tuple(lines), tensors=tensors)


def told_loss(loss: float, outcome: Outcome) -> float:
    """Return a mean loss of scores as the answer holds it."""
    return _short(loss * float(outcome.unit) ** 2)


def _short(number: float) -> float:
    return float(f"{number:.6g}")


def _tensors(trees: Sequence[Tree], *, plan: Plan, bins: Bins) -> Iterator[Tensor]:
    starts = 0 if plan.forest else len(plan.outcome.outputs)
    reached = [tree.branches.reached() for tree in trees]
    yield tensor(OUTPUTS, np.array([tree.output for tree in trees]))
    yield tensor(NODES, np.array([len(nodes) for nodes in reached]))
    pairs = list(zip(trees, reached, strict=True))
    yield tensor(FEATURES, _joined([tree.branches.feature[nodes] for tree, nodes in pairs]))
    yield tensor(
        MISSING_LEFT, _joined([tree.branches.missing_left[nodes] for tree, nodes in pairs])
    )
    numbers = [
        _number(tree, node, outcome=plan.outcome, bins=bins, start=place < starts)
        for place, (tree, nodes) in enumerate(pairs)
        for node in nodes
    ]
    yield tensor(NUMBERS, np.array(numbers))


def _joined(arrays: Sequence[NDArray[np.generic]]) -> NDArray[np.int32]:
    return np.concatenate(arrays).astype(np.int32)


def _number(tree: Tree, node: int, *, outcome: Outcome, bins: Bins, start: bool) -> float:
    """Return the cut of a split, or the value of a leaf in the outcome's unit."""
    feature = int(tree.branches.feature[node])
    if feature >= 0:
        return bins.cut(feature, int(tree.branches.cut[node]))
    origin = outcome.origin if start else Fraction(0)
    return nearest(Fraction(float(tree.values[node])) * outcome.unit + origin)

"""Predict from an answer that states trees."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NoReturn

import numpy as np
from numpy.typing import NDArray

from wardnet.errors import Reason, WardnetError
from wardnet.question.answer import Table
from wardnet.question.rows import Rows
from wardnet.statistics.features import Feature
from wardnet.statistics.model import Model
from wardnet.statistics.trees.binned import Bins
from wardnet.statistics.trees.binning import MAXIMUM_BINS
from wardnet.statistics.trees.plan import MAXIMUM_DEPTH, MAXIMUM_TREES, Plan
from wardnet.statistics.trees.table import (
    FEATURE,
    FEATURES,
    MISSING_LEFT,
    NODES,
    NUMBERS,
    OUTPUTS,
    VALUES,
)
from wardnet.statistics.trees.tree import Branches, Tree
from wardnet.sums.elementary import sigmoid, softmax

_BLOCK: Final = 1 << 15
"""Rows that walk together, so that their bins stay near the processor."""


@dataclass(frozen=True)
class Trees(Model):
    """Predict by the sum, or for a forest the mean, of trees.

    Parameters
    ----------
    plan : Plan
        What the trees are of.
    bins : Bins
        Divided at the cuts of the trees.
    trees : tuple of Tree
        Those of a boosting begin with one leaf for each output. The values are in the outcome's
        unit where it is a number.
    shares : mapping of str to float
        Each feature's share of the gains.
    """

    plan: Plan
    bins: Bins
    trees: tuple[Tree, ...]
    shares: Mapping[str, float]

    @property
    def columns(self) -> Sequence[str]:
        """Return the features' columns."""
        return sorted({feature.column.name for feature in self.plan.features})

    @property
    def outcome(self) -> str:
        """Return the outcome's column."""
        return self.plan.outcome.column.name

    @property
    def classes(self) -> Sequence[str]:
        """Return the outcome's levels; none where it is a number."""
        return self.plan.outcome.classes

    def predict(self, rows: Rows) -> NDArray[Any]:
        """Return numbers or chances; missing values take the side that was learnt."""
        bins, found = self.bins.place(rows), np.zeros((len(self.plan.outcome.outputs), rows.size))
        for first in range(0, rows.size, _BLOCK):
            block = np.ascontiguousarray(bins[:, first : first + _BLOCK])
            for tree in self.trees:
                found[tree.output, first : first + _BLOCK] += self._values(tree, block)
        return self._mean(found).T if self.plan.forest else self._response(found).T

    def importance(self) -> Mapping[str, float]:
        """Return each feature's share of the gains."""
        return self.shares

    def _values(self, tree: Tree, bins: NDArray[np.uint8]) -> NDArray[np.float64]:
        start = np.zeros(bins.shape[1], np.intp)
        levels = int(tree.branches.depths().max())
        at = tree.branches.walk(bins, start, missing=self.bins.missing, levels=levels)
        return tree.values.take(at)

    def _response(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        if not self.classes:
            return scores
        if len(scores) > 1:
            return softmax(scores)
        return np.stack([sigmoid(-scores[0]), sigmoid(scores[0])])

    def _mean(self, sums: NDArray[np.float64]) -> NDArray[np.float64]:
        means = sums / (len(self.trees) / len(sums))
        if not self.classes:
            return means
        shares = np.clip(means, 0.0, 1.0)
        if len(shares) == 1:
            return np.stack([1.0 - shares[0], shares[0]])
        whole = shares[0].copy()
        for each in shares[1:]:  # one after the other, so that the bits are the same anywhere
            whole += each
        chances = np.full_like(shares, 1.0 / len(shares))
        np.divide(shares, whole, out=chances, where=whole > 0)
        return chances


def read(plan: Plan, table: Table) -> Trees:
    """Return the model that an answer states.

    Raises
    ------
    WardnetError
        `MALFORMED` for what no training gives: then nothing is predicted, and nothing hangs.
    """
    outputs, sizes, features, missing_left = (
        _integers(table, name) for name in (OUTPUTS, NODES, FEATURES, MISSING_LEFT)
    )
    numbers = _array(table, NUMBERS, "float64")
    outputs_of_plan = len(plan.outcome.outputs)
    if not (0 < outputs.size == sizes.size <= (MAXIMUM_TREES + 1) * outputs_of_plan):
        _malformed(OUTPUTS, "one for each tree")
    if outputs.min() < 0 or outputs.max() >= outputs_of_plan:
        _malformed(OUTPUTS, "an output that the outcome does not have")
    if sizes.min() < 1 or sizes.max() >= 1 << MAXIMUM_DEPTH + 1:
        _malformed(NODES, "between one node and a full tree's")
    if not int(sizes.sum(dtype=np.int64)) == features.size == missing_left.size == numbers.size:
        _malformed(NODES, "as many nodes as the arrays hold")
    if features.min() < -1 or features.max() >= len(plan.features):
        _malformed(FEATURES, "a feature that the question does not name")
    if missing_left.min() < 0 or missing_left.max() > 1:
        _malformed(MISSING_LEFT, "0 or 1")
    edges = list[NDArray[np.int64]]()
    cuts = np.zeros(features.size, np.int32)
    for number, feature in enumerate(plan.features):
        asked = features == number
        every = np.unique(numbers[asked])
        edges.append(_edges(feature, every))
        cuts[asked] = np.searchsorted(every, numbers[asked])
    bins = Bins(plan.features, tuple(edges))
    first, trees = 0, list[Tree]()
    for output, size in zip(outputs.tolist(), sizes.tolist(), strict=True):
        nodes = slice(first, first + size)
        branches = _branches(features[nodes], cuts[nodes], missing_left[nodes])
        values = np.where(features[nodes] < 0, numbers[nodes], 0.0)
        trees.append(Tree(output, branches, values))
        first += size
    return Trees(plan, bins, tuple(trees), _shares(plan, table))


def _edges(feature: Feature, cuts: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the codes to divide a feature at; a cut above all values is none of them."""
    if cuts.size > MAXIMUM_BINS:
        _malformed(NUMBERS, f"at most {MAXIMUM_BINS} cuts of a feature")
    try:
        codes = np.array([feature.code(cut) for cut in cuts.tolist()], np.int64)
    except ValueError:
        _malformed(NUMBERS, "a cut that the feature does not have")
    edges = codes[codes < feature.codes]
    if edges.size >= MAXIMUM_BINS:
        _malformed(NUMBERS, f"fewer than {MAXIMUM_BINS} cuts below a feature's values")
    return edges


def _branches(
    feature: NDArray[np.int32], cut: NDArray[np.int32], missing_left: NDArray[np.int32]
) -> Branches:
    """Return a tree whose nodes stand level by level, so that its shape follows from its leaves."""
    splits = np.flatnonzero(feature >= 0)
    left = np.full(feature.size, -1, np.int32)
    left[splits] = 2 * np.arange(splits.size) + 1
    if feature.size != 2 * splits.size + 1 or np.any(left[splits] <= splits):
        _malformed(FEATURES, "a tree, level by level")
    branches = Branches(feature, cut, missing_left.astype(np.bool_), left)
    if branches.depths().max() > MAXIMUM_DEPTH:
        _malformed(FEATURES, f"at most {MAXIMUM_DEPTH} splits one after the other")
    return branches


def _shares(plan: Plan, table: Table) -> Mapping[str, float]:
    place = 2 + VALUES.index("share")
    found = {row[1]: row[place] for row in table.rows if len(row) > place and row[0] == FEATURE}
    shares: dict[str, float] = {}
    for feature in plan.features:
        share = found.get(feature.name)
        if not isinstance(share, float | int) or not 0 <= share <= 1:
            _malformed(feature.name, "a share of the gains between 0 and 1")
        shares[feature.name] = float(share)
    return shares


def _integers(table: Table, name: str) -> NDArray[np.int32]:
    return _array(table, name, "int32")


def _array(table: Table, name: str, kind: str) -> NDArray[Any]:
    tensors = [each for each in table.tensors if each.name == name]
    if len(tensors) != 1 or tensors[0].type != kind or len(tensors[0].shape) != 1:
        _malformed(name, "is there once, in one dimension")
    return tensors[0].array()


def _malformed(field: str, rule: str) -> NoReturn:
    raise WardnetError(Reason.MALFORMED, field=field, rule=rule)

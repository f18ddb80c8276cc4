"""Write trees as an answer's table, one row per split, and predict from such a table."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

import numpy as np
from numpy.typing import NDArray

from wardnet import canonical
from wardnet.question.answer import Cell, Table
from wardnet.statistics import parameters as read
from wardnet.statistics.features import Feature
from wardnet.statistics.outcomes import Outcome
from wardnet.statistics.rounding import nearest
from wardnet.statistics.trees.binned import Bins
from wardnet.statistics.trees.growth import Node

KEYS: Final = ("output", "tree", "node")
VALUES: Final = ("feature", "below", "missing", "gain", "left", "right")

_REST: Final = 192 << 10
_SPLIT_BYTES: Final = 88
_LEAF_BYTES: Final = 21


@dataclass(frozen=True)
class Tree:
    """Hold a finished tree.

    Parameters
    ----------
    number, output : int
        Which tree (0 is the start of a boosting) of which output.
    nodes : tuple of Node
        Level by level.
    values : ndarray of float64, shape (nodes,)
        What each leaf adds to a row's score, a multiple of `2**-GRID`.
    """

    number: int
    output: int
    nodes: tuple[Node, ...]
    values: NDArray[np.float64]


def check_size(
    method: str, *, trees: int, splits: int, outcome: Outcome, features: Sequence[Feature]
) -> None:
    """Refuse a model that may not fit an answer, before any round is spent on it."""
    names = max(len(canonical.encode(feature.name)) for feature in features)
    names += max(len(canonical.encode(output)) for output in outcome.outputs)
    one = splits * (_SPLIT_BYTES + names) + (splits + 1) * _LEAF_BYTES
    if (trees + 1) * len(outcome.outputs) * one > canonical.MAXIMUM_BYTES - _REST:
        read.refuse(method, "trees", "may give more splits than an answer can hold; ask for fewer")


def model_table(trees: Sequence[Tree], *, bins: Bins, outcome: Outcome) -> Table:
    """Return the table of a model; the nodes below node k are 2 k + 1 and 2 k + 2."""
    rows = [row for tree in trees for row in _rows(tree, bins, outcome)]
    return Table(keys=KEYS, values=VALUES, rows=tuple(rows))


def _rows(tree: Tree, bins: Bins, outcome: Outcome) -> Iterator[tuple[Cell, ...]]:
    def value(number: int) -> Cell:
        if tree.nodes[number].split is not None:
            return None
        score = Fraction(float(tree.values[number])) * outcome.unit
        return nearest(score + (outcome.origin if tree.number == 0 else 0))

    keys = outcome.outputs[tree.output], str(tree.number)
    if tree.nodes[0].split is None:
        yield (*keys, "0", None, None, None, None, value(0), value(0))
    heap = {0: 0}
    for number, node in enumerate(tree.nodes):
        if node.split is None:
            continue
        place, split = heap[number], node.split
        heap[node.left], heap[node.left + 1] = 2 * place + 1, 2 * place + 2
        yield (
            *keys,
            str(place),
            bins.features[split.feature].name,
            bins.cut(split.feature, split.cut),
            "left" if split.missing_left else "right",
            float(f"{split.gain:.6g}"),
            value(node.left),
            value(node.left + 1),
        )


def scores(
    table: Table, columns: Mapping[str, NDArray[np.float64]]
) -> dict[str, NDArray[np.float64]]:
    """Return the sum of the trees' values for every row, by output.

    Parameters
    ----------
    table : Table
        Of a model.
    columns : mapping of str to ndarray of float64, shape (rows,)
        By feature's name; NaN where missing, 1 for the level that a feature asks for.
    """
    size = len(next(iter(columns.values())))
    trees: dict[tuple[str, str], dict[int, tuple[Cell, ...]]] = {}
    for output, tree, node, *split in table.rows:
        trees.setdefault((str(output), str(tree)), {})[int(str(node))] = tuple(split)
    found: dict[str, NDArray[np.float64]] = {}
    for (output, _), splits in trees.items():
        score = found.setdefault(output, np.zeros(size))
        score += _walk(splits, columns, size)
    return found


def _walk(
    splits: Mapping[int, tuple[Cell, ...]], columns: Mapping[str, NDArray[np.float64]], size: int
) -> NDArray[np.float64]:
    value = np.zeros(size)
    here = {0: np.arange(size)}
    for node in sorted(splits):
        feature, below, missing, _, left, right = splits[node]
        rows = here.pop(node)
        if feature is None:
            value[rows] = left
            continue
        asked = columns[str(feature)][rows]
        goes_left = (asked < float(below or 0)) | (np.isnan(asked) & (missing == "left"))
        for place, side, leaf in ((1, rows[goes_left], left), (2, rows[~goes_left], right)):
            if leaf is None:
                here[2 * node + place] = side
            else:
                value[side] = leaf
    return value

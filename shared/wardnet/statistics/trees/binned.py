"""A batch's rows as trees see them: a byte per feature, kept from round to round.

Nothing here needs the kept rows: where they are gone, they are made again, with the same bits.
"""

import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from wardnet.question.rows import Rows
from wardnet.statistics.features import Feature
from wardnet.question.drawing import row_keys
from wardnet.statistics.trees.growth import Node


@dataclass(frozen=True)
class Bins:
    """Hold the common bins of all features.

    Parameters
    ----------
    features : tuple of Feature
        Which.
    edges : tuple of ndarray of int64, shape (bins - 1,)
        Per feature, the first code of every bin but the first.
    """

    features: tuple[Feature, ...]
    edges: tuple[NDArray[np.int64], ...]

    @property
    def missing(self) -> int:
        """Return the bin of missing values, the last; the same for all features."""
        return max(edges.size for edges in self.edges) + 1

    @property
    def size(self) -> int:
        """Return the number of bins, at most 256, the one of missing values included."""
        return self.missing + 1

    def place(self, rows: Rows) -> NDArray[np.uint8]:
        """Return each row's bins, shape (features, rows.size)."""
        placed = np.empty((len(self.features), rows.size), np.uint8)
        for line, feature, edges in zip(placed, self.features, self.edges, strict=True):
            codes = feature.encode(rows)
            line[:] = np.searchsorted(edges, codes, side="right")
            line[codes < 0] = self.missing
        return placed

    def cut(self, feature: int, cut: int) -> float:
        """Return the number below which a split's rows go left."""
        edges = self.edges[feature]
        asked = self.features[feature]
        return asked.cut(int(edges[cut]) if cut < edges.size else asked.codes)


@dataclass(slots=True)
class Binned:
    """Hold a batch's rows that have an outcome.

    Parameters
    ----------
    bins : ndarray of uint8, shape (features, rows)
        Each row's bins.
    outcome : ndarray of float64 or int64, shape (rows,)
        The outcome as a number from 0 to 1, or its class.
    keys : ndarray of uint64, shape (rows,)
        What sampling draws by.
    patient : ndarray of uint32, shape (rows,), or None
        Whose rows.
    scores : ndarray of float64, shape (outputs, rows)
        Sums of the leaves of the first `added` trees of every output.
    added : int
        How many trees the scores hold.
    lineage : str
        Which trees.
    terms : dict of int to tuples
        Weights, gradients and hessians for the trees that grow now.
    """

    bins: NDArray[np.uint8]
    outcome: NDArray[Any]
    keys: NDArray[np.uint64]
    patient: NDArray[np.uint32] | None
    scores: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 0)))
    added: int = 0
    lineage: str = ""
    terms: dict[int, tuple[NDArray[Any], ...]] = field(default_factory=dict)


_KEPT: Final[dict[tuple[object, ...], tuple[list[weakref.ref[Any]], Binned]]] = {}
"""Rows of arrays that are still alive, by the arrays' identities."""


def binned(
    rows: Rows,
    *,
    bins: Bins,
    columns: Sequence[str],
    outcome: Callable[[Rows], NDArray[Any]],
    known: Callable[[Rows], NDArray[np.bool_]],
    lineage: str,
) -> Binned:
    """Return a batch's rows, as they were kept or made anew.

    Parameters
    ----------
    columns : sequence of str
        All that the model looks at, in a fixed order.
    outcome, known : Callable
        Each row's outcome, and whether it has one.
    lineage : str
        Of the bins; rows are kept for one model.
    """
    arrays = [rows.columns[name] for name in columns]
    key = (lineage, *map(id, arrays))
    kept = _KEPT.get(key)
    if kept is not None and all(ref() is array for ref, array in zip(kept[0], arrays, strict=True)):
        return kept[1]
    some = rows.take(known(rows))
    made = Binned(bins.place(some), outcome(some), row_keys(some, columns), some.patient)
    _KEPT[key] = ([weakref.ref(array, lambda _: _KEPT.pop(key, None)) for array in arrays], made)
    return made


def walk(nodes: Sequence[Node], rows: Binned, *, missing: int) -> NDArray[np.intp]:
    """Return the node in which each row ends, shape (rows,)."""
    at = np.zeros(rows.bins.shape[1], np.intp)
    left = np.array([node.left for node in nodes], np.intp)
    if left[0] < 0:
        return at
    splits = [node.split for node in nodes]
    feature = np.array([0 if split is None else split.feature for split in splits], np.intp)
    goes_right = np.zeros((len(nodes), missing + 1), np.intp)
    for number, split in enumerate(splits):
        if split is not None:
            goes_right[number, split.cut + 1 : missing] = 1
            goes_right[number, missing] = not split.missing_left
    step = np.where(left[:, np.newaxis] < 0, np.arange(len(nodes))[:, np.newaxis], 0)
    step = step + np.where(left[:, np.newaxis] < 0, 0, left[:, np.newaxis] + goes_right)
    flat, places = step.reshape(-1), np.arange(at.size)
    cells = rows.bins.reshape(-1)
    for _ in range(max(node.depth for node in nodes)):
        asked = cells.take(feature.take(at) * at.size + places)
        at = flat.take(at * (missing + 1) + asked)
    return at


def histograms(
    rows: Binned,
    slot: NDArray[np.intp],
    *,
    slots: int,
    size: int,
    gradient: NDArray[np.float64],
    hessian: NDArray[np.float64] | None,
) -> NDArray[np.int64]:
    """Add up rows, gradients and hessians by node, feature and bin.

    Parameters
    ----------
    slot : ndarray of intp, shape (rows,)
        Each row's node; -1 for none.
    slots, size : int
        Number of nodes and of bins.
    gradient, hessian : ndarray of float64, shape (rows,)
        Whole numbers, so large that no sum reaches 2**53: then doubles add them exactly. Without
        hessians each row counts 1.

    Returns
    -------
    ndarray of int64, shape (slots, features, size, 2 or 3)
    """
    inside = np.flatnonzero(slot >= 0)
    every = inside.size == slot.size
    first = slot.take(inside) * size
    weights = [each.take(inside) for each in (gradient, hessian) if each is not None]
    found = np.empty((slots, len(rows.bins), size, 1 + len(weights)), np.int64)
    for number, line in enumerate(rows.bins):
        index = first + (line if every else line.take(inside))
        for kind, weight in enumerate([None, *weights]):
            counted = np.bincount(index, weight, minlength=slots * size)
            found[:, number, :, kind] = counted.reshape(slots, size)
    return found

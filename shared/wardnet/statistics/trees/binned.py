"""A batch's rows as trees see them: a byte per feature, and where they are in the trees."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from wardnet.question.drawing import row_keys
from wardnet.question.rows import Rows
from wardnet.statistics.features import Feature
from wardnet.statistics.trees.binning import MAXIMUM_LOOKUP
from wardnet.statistics.trees.splitting import GRADIENTS, HESSIANS, ROWS
from wardnet.statistics.trees.tree import Branches

_EXACT_BITS: Final = 53
"""Of a double: whole numbers below `2**53` are added exactly."""


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
            if feature.codes <= MAXIMUM_LOOKUP:
                every = np.searchsorted(edges, np.arange(feature.codes), side="right")
                line[:] = np.append(every, self.missing).astype(np.uint8).take(codes, mode="wrap")
            else:
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
    missing : int
        The bin of missing values.
    outcome : ndarray of float64 or int64, shape (rows,)
        The outcome as a number from 0 to 1, or its class.
    keys : ndarray of uint64, shape (rows,)
        What sampling draws by.
    patient : ndarray of uint32, shape (rows,), or None
        Whose rows.
    fullest : ndarray of int64, shape (features,)
        Rows in each feature's fullest bin.
    scores : ndarray of float64, shape (outputs, rows)
        Sums of the leaves of the first `added` trees of every output.
    added : int
        How many trees the scores hold.
    lineage : str
        Which trees.
    terms : dict of int to tuples
        Weights, gradients and hessians for the trees that grow now.
    places : dict of int to (Branches, ndarray)
        In which node of a tree that grows now, as it was, each row is.
    """

    bins: NDArray[np.uint8]
    missing: int
    outcome: NDArray[Any]
    keys: NDArray[np.uint64]
    patient: NDArray[np.uint32] | None
    fullest: NDArray[np.int64]
    scores: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 0)))
    added: int = 0
    lineage: str = ""
    terms: dict[int, tuple[NDArray[Any], ...]] = field(default_factory=dict)
    places: dict[int, tuple[Branches, NDArray[np.intp]]] = field(default_factory=dict)

    def walk(self, tree: int, branches: Branches) -> NDArray[np.intp]:
        """Return the node of a growing tree in which each row is, shape (rows,)."""
        before, at = self.places.get(tree, (None, np.zeros(self.outcome.size, np.intp)))
        depths, fresh = branches.depths(), branches.left >= 0
        if before is not None:
            if branches.goes_on_from(before):
                fresh[: before.left.size] &= before.left < 0
            else:
                at = np.zeros(self.outcome.size, np.intp)
        above = depths[fresh]
        levels = int(above.max() - above.min()) + 1 if above.size else 0
        at = branches.walk(self.bins, at, missing=self.missing, levels=levels)
        self.places[tree] = branches, at
        return at


def binned(
    rows: Rows,
    *,
    bins: Bins,
    columns: Sequence[str],
    outcome: Callable[[Rows], NDArray[Any]],
    known: Callable[[Rows], NDArray[np.bool_]],
) -> Binned:
    """Return a batch's rows in bins.

    Parameters
    ----------
    columns : sequence of str
        All that the model looks at, in a fixed order.
    outcome, known : Callable
        Each row's outcome, and whether it has one.
    """
    some = rows.take(known(rows))
    keys = row_keys(some, columns)
    placed = bins.place(some)
    fullest = np.array([np.bincount(line).max(initial=0) for line in placed], np.int64)
    return Binned(placed, bins.missing, outcome(some), keys, some.patient, fullest)


def histograms(
    rows: Binned,
    slot: NDArray[np.intp],
    *,
    slots: int,
    size: int,
    weights: Sequence[NDArray[np.float64]],
) -> NDArray[np.int64]:
    """Add up rows, gradients and hessians by node, feature and bin.

    Parameters
    ----------
    slot : ndarray of intp, shape (rows,)
        Each row's node; -1 for none.
    slots, size : int
        Number of nodes and of bins.
    weights : sequence of ndarray of float64, shape (rows,)
        Gradients and, where they are not all 1, hessians, none below 0: whole numbers, so large
        that no sum reaches 2**53; then doubles add them exactly.

    Returns
    -------
    ndarray of int64, shape (1 + weights, slots, features, size)

    Notes
    -----
    Where no bin is too full, the rows are counted in the low bits of the hessians' sums: adding up
    is most of what a hospital does, and so it is done twice instead of three times.
    """
    inside = np.flatnonzero(slot >= 0)
    every = inside.size == slot.size
    first = slot.take(inside) * size
    gradients, *hessians = [each if every else each.take(inside) for each in weights]
    largest = max((int(each.max(initial=0)) for each in hessians), default=0)
    bits = (_EXACT_BITS - largest.bit_length()) // 2
    counted = [each * 2.0**bits + 1.0 for each in hessians]
    found = np.empty((1 + len(weights), slots, len(rows.bins), size), np.int64)
    for number, line in enumerate(rows.bins):
        index = first + (line if every else line.take(inside))
        add = partial(_add, index, (slots, size))
        found[GRADIENTS, :, number] = add(gradients)
        if counted and rows.fullest[number] < 1 << bits:
            both = add(counted[0])
            found[ROWS, :, number] = both & (1 << bits) - 1
            found[HESSIANS, :, number] = both >> bits
            continue
        found[ROWS, :, number] = add(None)
        for each in hessians:
            found[HESSIANS, :, number] = add(each)
    return found


def _add(
    index: NDArray[np.intp], shape: tuple[int, int], weight: NDArray[np.float64] | None
) -> NDArray[np.int64]:
    sums = np.bincount(index, weight, minlength=shape[0] * shape[1])
    return sums.reshape(shape).astype(np.int64, copy=False)

"""A batch's rows as trees see them: a byte per feature, and where they are in the trees."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from wardnet.compiled import compiled
from wardnet.once import Once
from wardnet.question.drawing import row_keys
from wardnet.question.rows import Rows
from wardnet.statistics.features import Feature
from wardnet.statistics.trees.binning import MAXIMUM_LOOKUP
from wardnet.statistics.trees.tree import Branches

_EXACT_BITS: Final = 53
"""Of a double: whole numbers below `2**53` are added exactly."""


@dataclass(frozen=True)
class Bins(Once):
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
    scores : ndarray of float64, shape (outputs, rows)
        Sums of the leaves of the trees that were added.
    lineage : str
        Which trees.
    chances : ndarray of float64, shape (outputs, rows), or None
        What the scores say of each class, or of the row's own one of two, once it was asked.
    terms : dict of int to tuples
        For the trees that grow now.
    places : dict of int to (Branches, ndarray)
        In which node of a tree that grows now, as it was, each row is.
    """

    bins: NDArray[np.uint8]
    missing: int
    outcome: NDArray[Any]
    keys: NDArray[np.uint64]
    patient: NDArray[np.uint32] | None
    scores: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 0)))
    lineage: str = ""
    chances: NDArray[np.float64] | None = None
    terms: dict[int, "Terms"] = field(default_factory=dict)
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
    return Binned(placed, bins.missing, outcome(some), keys, some.patient)


@dataclass(frozen=True, slots=True)
class Terms:
    """Hold what rows add to the bins they are in: whole numbers, of which doubles add any exactly.

    Both parts of a complex number are added at once, in half the time of one after the other; and
    the rows are counted in the low bits of the hessians' sums.

    Parameters
    ----------
    weight : ndarray of int64, shape (rows,)
        How often each row counts; those that do not count are in no node.
    values : ndarray of complex128, shape (rows,)
        Gradients, and hessians times `2**bits` plus 1.
    bits : int
        Fewer than `2**bits` rows may be added to a bin at once; 0 where there are no hessians, for
        any number.
    """

    weight: NDArray[np.int64]
    values: NDArray[np.complex128]
    bits: int

    @property
    def most(self) -> int:
        """Return how many rows may be added to a bin at once."""
        return (1 << self.bits) - 1 if self.bits else max(1, self.weight.size)

    def add_sums(self, added: NDArray[np.complex128], found: NDArray[np.int64]) -> None:
        """Add to the rows, gradients and, where there are any, hessians on the first axis."""
        low = added.imag.astype(np.int64)
        found[1] += added.real.astype(np.int64)
        if not self.bits:
            found[0] += low
            return
        found[0] += low & self.most
        low >>= self.bits
        found[2] += low


def to_terms(
    weight: NDArray[np.int64],
    gradients: NDArray[np.float64],
    hessians: NDArray[np.float64] | None = None,
) -> Terms:
    """Return the terms of rows; where hessians are all 1, none are given."""
    values = np.empty(gradients.size, np.complex128)
    values.real, values.imag, bits = gradients, 1.0, 0
    if hessians is not None:
        bits = (_EXACT_BITS - int(hessians.max(initial=0)).bit_length()) // 2
        values.imag += hessians * 2.0**bits
    return Terms(weight, values, bits)


def histograms(
    rows: Binned, slot: NDArray[np.intp], *, slots: int, size: int, terms: Terms
) -> NDArray[np.int64]:
    """Add up rows, gradients and hessians by node, feature and bin.

    Parameters
    ----------
    slot : ndarray of intp, shape (rows,)
        Each row's node; -1 for none.
    slots, size : int
        Number of nodes and of bins.

    Returns
    -------
    ndarray of int64, shape (2 or 3, slots, features, size)
        Without hessians where there are none.
    """
    found = np.zeros((3 if terms.bits else 2, slots, len(rows.bins), size), np.int64)
    inside = np.flatnonzero(slot >= 0).astype(np.uint32)
    first = (slot * size).astype(np.uint32)
    # No more rows meet in a bin than there are in its node.
    fullest = int(np.bincount(slot.take(inside), minlength=1).max())
    together = terms.most if fullest > terms.most else max(1, inside.size)
    for begin in range(0, inside.size, together):
        added = np.zeros((len(rows.bins), slots * size), np.complex128)
        _add(rows.bins, inside[begin : begin + together], first, terms.values, added)
        terms.add_sums(added.reshape(-1, slots, size).swapaxes(0, 1), found)
    return found


def _add(
    bins: NDArray[np.uint8],
    rows: NDArray[np.uint32],
    first: NDArray[np.uint32],
    values: NDArray[np.complex128],
    sums: NDArray[np.complex128],
) -> None:
    """Add the values of some rows to the bins that they are in, from the first one of their node.

    Parameters
    ----------
    bins : ndarray of uint8, shape (features, all rows)
    rows : ndarray of uint32
        Which.
    first : ndarray of uint32, values : ndarray of complex128, shape (all rows,)
    sums : ndarray of complex128, shape (features, nodes * bins)
        What is added to.
    """
    loop = compiled(_add_one_by_one, _ADD, steps=rows.size * len(bins))
    if loop is not None:
        loop(bins, rows, first, values, sums)
        return
    narrow = np.uint16 if sums.shape[1] <= 1 << 16 else np.int64
    every = rows.size == values.size
    begin, some = first.take(rows).astype(narrow), values.take(rows)
    for line, added in zip(bins, sums, strict=True):
        own = line if every else line.take(rows)
        np.add.at(added, (begin + own).astype(np.intp), some)


_ADD: Final = "void(u1[:, ::1], u4[::1], u4[::1], c16[::1], c16[:, ::1])"


def _add_one_by_one(
    bins: NDArray[np.uint8],
    rows: NDArray[np.uint32],
    first: NDArray[np.uint32],
    values: NDArray[np.complex128],
    sums: NDArray[np.complex128],
) -> None:
    """Do what `_add` does, two features at a time: what a row adds is looked up half as often."""
    features = bins.shape[0]
    for feature in range(0, features - 1, 2):
        line, other = bins[feature], bins[feature + 1]
        added, also = sums[feature], sums[feature + 1]
        for place in range(rows.size):
            row = rows[place]
            begin, value = first[row], values[row]
            added[begin + line[row]] += value
            also[begin + other[row]] += value
    if features % 2:
        line, added = bins[features - 1], sums[features - 1]
        for place in range(rows.size):
            row = rows[place]
            added[first[row] + line[row]] += values[row]

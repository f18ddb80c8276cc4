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

_BITS: Final = 63
"""Of a sum's magnitude; the 64th is the sign."""


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
    """Hold what rows add to the bins that they are in, as whole numbers.

    Rows are counted in the low bits of the hessians' sums: two sums to add up instead of three.

    Parameters
    ----------
    weight : ndarray of int64, shape (rows,)
        How often each row counts; those that do not count are in no node.
    values : ndarray of int64, shape (rows, 2)
        Gradients, and hessians times `2**bits` plus 1.
    bits : int
        Fewer than `2**bits` rows may be added to a bin at once; 0 where there are no hessians, for
        any number.
    """

    weight: NDArray[np.int64]
    values: NDArray[np.int64]
    bits: int

    @property
    def most(self) -> int:
        """Return how many rows may be added at once: their count must stay in the low bits."""
        return (1 << self.bits) - 1 if self.bits else max(1, self.weight.size)

    def add_sums(self, added: NDArray[np.int64], found: NDArray[np.int64]) -> None:
        """Add to the rows, gradients and, where there are any, hessians on the first axis."""
        gradients, rows = added[..., 0], added[..., 1]
        found[1] += gradients
        if not self.bits:
            found[0] += rows
            return
        found[0] += rows & self.most
        found[2] += rows >> self.bits


def to_terms(
    weight: NDArray[np.int64],
    gradients: NDArray[np.float64],
    hessians: NDArray[np.float64] | None = None,
) -> Terms:
    """Return the terms of rows; without hessians, each counts 1."""
    rows, bits = np.ones(gradients.size, np.int64), 0
    if hessians is not None:
        bits = (_BITS - int(hessians.max(initial=0)).bit_length()) // 2
        rows += hessians.astype(np.int64) << bits
    return Terms(weight, np.stack([gradients.astype(np.int64), rows], axis=1), bits)


def histograms(
    rows: Binned, at: NDArray[np.intp], *, places: NDArray[np.intp], size: int, terms: Terms
) -> NDArray[np.int64]:
    """Add up rows, gradients and hessians by node, feature and bin.

    Parameters
    ----------
    at : ndarray of intp, shape (rows,)
        Each row's node; -1 for none.
    places : ndarray of intp, shape (nodes + 1,)
        Where each node stands among those that are counted; -1 for others, and the last.
    size : int
        Number of bins.

    Returns
    -------
    ndarray of int64, shape (2 or 3, counted nodes, features, size)
        Without hessians where there are none.
    """
    shape = int(places.max()) + 1, len(rows.bins), size
    found = np.zeros((3 if terms.bits else 2, *shape), np.int64)
    for begin in range(0, at.size, terms.most):
        added = np.zeros((*shape, 2), np.int64)
        block = begin, min(begin + terms.most, at.size)
        _add(rows.bins, block, at, places, terms.values, added)
        terms.add_sums(added, found)
    return found


def _add(  # noqa: PLR0917 - as the compiled loop, which takes no names
    bins: NDArray[np.uint8],
    block: tuple[int, int],
    at: NDArray[np.intp],
    places: NDArray[np.intp],
    values: NDArray[np.int64],
    sums: NDArray[np.int64],
) -> None:
    """Add the values of a block of rows to the bins that they are in.

    Parameters
    ----------
    bins : ndarray of uint8, shape (features, rows)
    block : tuple of int
        The first row, and the one after the last.
    at, places : ndarray of intp
        As `histograms` takes them.
    values : ndarray of int64, shape (rows, 2)
    sums : ndarray of int64, shape (counted nodes, features, size, 2)
        What is added to.
    """
    loop = compiled(_add_one_by_one, _ADD, steps=bins.size)
    if loop is not None:
        loop(bins, block, at, places, values, sums)
        return
    _, features, size, _ = sums.shape
    place = places.take(at[slice(*block)])
    inside = np.flatnonzero(place >= 0)
    first = place.take(inside) * (features * size)
    inside += block[0]
    gradients, others = np.ascontiguousarray(values.take(inside, axis=0).T)
    flat = sums.reshape(-1, 2)
    for line in bins:
        own = first + line.take(inside)
        np.add.at(flat[:, 0], own, gradients)
        np.add.at(flat[:, 1], own, others)
        first += size


_ADD: Final = "void(u1[:, ::1], UniTuple(i8, 2), i8[::1], i8[::1], i8[:, ::1], i8[:, :, :, ::1])"


def _add_one_by_one(  # noqa: PLR0917 - compiled
    bins: NDArray[np.uint8],
    block: tuple[int, int],
    at: NDArray[np.intp],
    places: NDArray[np.intp],
    values: NDArray[np.int64],
    sums: NDArray[np.int64],
) -> None:
    """Do what `_add` does, two features at a time: what a row adds is looked up half as often."""
    _, features, size, _ = sums.shape
    flat = sums.reshape(-1, 2)
    begin, end = block
    rows, first = np.empty(end - begin, np.uint32), np.empty(end - begin, np.uint32)
    some, inside = np.empty((end - begin, 2), np.int64), 0
    for row in range(begin, end):  # without a branch, which would be guessed wrong half the time
        place = places[at[row]]
        rows[inside], first[inside] = row, place * features * size
        some[inside, 0], some[inside, 1] = values[row, 0], values[row, 1]
        inside += place >= 0
    for feature in range(0, features, 2):
        line, other = bins[feature], bins[min(feature + 1, features - 1)]
        skip = np.uint32(feature * size)
        both = feature + 1 < features
        for number in range(inside):
            row, here = rows[number], first[number] + skip
            gradient, rest = some[number, 0], some[number, 1]
            one = np.uint32(here + line[row])
            flat[one, 0] += gradient
            flat[one, 1] += rest
            if both:
                two = np.uint32(here + size + other[row])
                flat[two, 0] += gradient
                flat[two, 1] += rest

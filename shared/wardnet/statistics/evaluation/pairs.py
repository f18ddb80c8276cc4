"""How many comparable pairs of rows a score puts in order, from counts alone.

Rows are ordered by a key. Of two rows that can be compared, the one with the lower key has an
event. The row that a key begins at, among all rows in order, is written in binary: two keys then
first differ in one bit, and so are in the two halves of one *node* of a tree. In each node, counts
of the lower half's events and of the upper half's rows, in bins of the score, tell how many pairs
the score puts in order, as they do for two classes.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from wardnet.statistics.evaluation.bins import Bins, Codes, Counts
from wardnet.statistics.evaluation.order import of_event
from wardnet.sums.arrays import Sums
from wardnet.sums.members import Index

TIES: Final = 2e-6
"""Share of all pairs that may count as ties without being equal; half of it is an error."""

MOST_LEVELS: Final = 16
"""Of the tree."""

BUDGET: Final = 1 << 16
"""Most bins that one round counts: 1 MB."""

_HALVES: Final = 2


@dataclass(frozen=True)
class Pairs:
    """Hold the tree, and the bins of its nodes.

    Parameters
    ----------
    rows : ndarray of int64, shape (keys,)
        With each key.
    scores : int
        How many cells of scores there are.
    levels : int
        Of the tree that are looked at.
    bins : Bins
        Events of the lower half, and rows of the upper one, by node and cell of the score.
    """

    rows: Counts
    scores: int
    levels: int
    bins: Bins

    @cached_property
    def begins(self) -> NDArray[np.int64]:
        """Return how many rows have a lower key, shape (keys,)."""
        return np.cumsum(self.rows) - self.rows

    @cached_property
    def _compared(self) -> NDArray[np.int64]:
        return _compared(self.rows)

    @cached_property
    def comparable(self) -> int:
        """Return how many pairs can be compared."""
        return _pairs(self.rows, self._compared) // 2

    @property
    def bits(self) -> int:
        """Return how many bits tell rows apart."""
        return int(self.rows.sum()).bit_length()

    @property
    def _score_bits(self) -> int:
        return self.scores.bit_length()

    def places(self, keys: Index, scores: Codes) -> Iterator[tuple[Codes, NDArray[np.bool_]]]:
        """Yield for each level the place of every row among the bins, and its half of the node.

        Parameters
        ----------
        keys, scores : ndarray of int64, shape (rows,)
            Each row's key, and the cell of its score.
        """
        begins = self.begins[keys]
        for level in range(self.levels):
            node = (1 << level) + (begins >> self.bits - level)
            upper = (begins >> self.bits - level - 1) & 1
            yield node << self._score_bits | scores, upper == 1

    def count(self, keys: Index, scores: Codes) -> NDArray[np.int64]:
        """Return this round's counts of rows."""
        near = np.argsort(keys << self._score_bits | scores)  # their bins then are near, too
        keys, scores = keys[near], scores[near]
        size, event = _HALVES * self.bins.size, of_event(keys)
        found = np.zeros(size, np.int64)
        for places, upper in self.places(keys, scores):
            index = self.bins.index(places, upper)
            found += np.bincount(index[(upper | event) & (index >= 0)], minlength=size)
        return found

    def read(self, total: Sums) -> "Pairs":
        """Put this round's counts in."""
        return replace(self, bins=self.bins.read(total))

    def divided(self) -> "Pairs":
        """Divide the bins that hold most pairs."""
        lower, upper = self.bins.counts
        together = lower.astype(np.float64) * upper
        whole = float(self.comparable)
        parts = self.bins.parts(together, whole=whole, ties=TIES, budget=BUDGET)
        return replace(self, bins=self.bins.divided(parts))

    def at_rest(self) -> "Pairs":
        """Divide no more."""
        return replace(self, bins=self.bins.divided(np.zeros(self.bins.edges.size - 1, np.int64)))

    @cached_property
    def _lower(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        return self._half(0)

    @cached_property
    def _upper(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        return self._half(1)

    def _half(self, half: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return, per bin, twice the node's rows of a half below it, ties half, and all of them."""
        counts = self.bins.counts[half]
        node = self.bins.edges[:-1] >> self._score_bits
        ends = np.concatenate([[0], np.cumsum(counts)])
        first = np.searchsorted(node, node, side="left")
        last = np.searchsorted(node, node, side="right")
        return 2 * (ends[:-1] - ends[first]) + counts, ends[last] - ends[first]

    @cached_property
    def index(self) -> Fraction | None:
        """Return the share of pairs that the score puts in order; None where there are none.

        Pairs that no node tells apart count half, as ties do.
        """
        if not self.comparable:
            return None
        upper, (below, lower) = self.bins.counts[1], self._lower
        twice = self.comparable + _pairs(upper, below - lower)
        return Fraction(twice, 2 * self.comparable)

    def influence(self, keys: Index, scores: Codes) -> NDArray[np.float64]:
        """Return each row's pairs in order less the share that is expected, shape (rows,).

        Scaled by a power of two to at most 1 in magnitude.
        """
        event, compared = of_event(keys), self._compared[keys]
        (below, lower), (under, upper) = self._lower, self._upper
        above = 2 * upper - under
        twice = compared.copy()
        for places, high in self.places(keys, scores):
            at = np.searchsorted(self.bins.edges, places, side="right") - 1
            own = np.where(high, below[at] - lower[at], above[at] - upper[at])
            twice += np.where(high | event, own, 0)
        expected = float(2 * (self.index or Fraction(0)))
        return np.asarray((twice - expected * compared) * 2.0 ** -(self.bits + 1))

    def variance(self, squares: Fraction) -> Fraction:
        """Return the variance of the index, from the sum of squared influences."""
        return squares * Fraction(4**self.bits, self.comparable**2)


def tree(name: str, rows: Counts, *, scores: int) -> Pairs:
    """Return the nodes of rows per key, before any is divided by score.

    As few levels as leave next to no pairs in one half of a node.

    Parameters
    ----------
    name : str
        Of the arrays.
    rows : ndarray of int64, shape (keys,)
        With each key.
    scores : int
        How many cells of scores there are.
    """
    begins, bits = np.cumsum(rows) - rows, int(rows.sum()).bit_length()
    event = of_event(np.arange(rows.size))
    counts = [np.zeros((_HALVES, 0), np.int64)]
    comparable = rest = _pairs(rows, _compared(rows)) // 2
    for level in range(min(MOST_LEVELS, bits)):
        if rest <= TIES / 4 * comparable:
            break
        upper = begins >> bits - level - 1 & 1
        halves = np.zeros((_HALVES, 1 << level), np.int64)
        np.add.at(halves, (upper, begins >> bits - level), np.where(event | (upper == 1), rows, 0))
        rest -= _pairs(*halves)
        counts.append(halves)
    levels = len(counts) - 1
    edges = np.arange(1, (1 << levels) + 1, dtype=np.int64) << scores.bit_length()
    nodes = Bins(name, edges, np.concatenate(counts, axis=1), edges[:0], edges[:0])
    return Pairs(rows, scores, levels, nodes).divided()


def _compared(rows: Counts) -> NDArray[np.int64]:
    """Return with how many rows one of each key is compared, shape (keys,)."""
    event = of_event(np.arange(rows.size))
    ends, events = np.cumsum(rows), np.where(event, rows, 0)
    return np.cumsum(events) - events + np.where(event, ends[-1] - ends, 0)


def _pairs(some: Counts, others: Counts) -> int:
    """Return the sum of the products."""
    return int(some.astype(np.object_).dot(others))

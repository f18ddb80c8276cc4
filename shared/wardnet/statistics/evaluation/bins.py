"""Counts of rows by kind in ever finer bins of integers, as fine as a question needs them.

Doubles are ordered like the integers that their bits make (`codes`), so that a bin is a run of
integers and can be divided down to a single one. Which bins are divided next, everybody sees from
the counts.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import fsum
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from wardnet.errors import Reason, WardnetError
from wardnet.statistics.evaluation.inquiry import count_spec, rows_in
from wardnet.statistics.method import Part, Settled
from wardnet.sums.arrays import ArraySpec, Sums
from wardnet.sums.members import count

Codes = NDArray[np.int64]
Counts = NDArray[np.int64]

MOST_BINS: Final = 1 << 18
"""That one round counts, over all kinds: 4 MB for two."""

_FEWEST: Final = 2
_MOST: Final = 256
"""Parts into which a bin is divided in a round."""

_MAGNITUDE: Final = np.int64(2**63 - 1)
"""All bits of a double but its sign."""


@dataclass(frozen=True)
class Bins:
    """Hold bins, what they hold, and which of them are divided now.

    Parameters
    ----------
    name : str
        Of the array.
    edges : ndarray of int64, shape (bins + 1,)
        Where bins begin, and where the last one ends.
    counts : ndarray of int64, shape (kinds, bins)
        Rows of each kind.
    opened : ndarray of intp
        Which bins are divided now.
    asked : ndarray of int64
        Where the bins of this round begin; the last entry is an end. Empty once all is known.
    known : bool
        Whether `counts` hold; else this round counts for the first time.
    """

    name: str
    edges: Codes
    counts: Counts
    opened: NDArray[np.intp]
    asked: Codes
    known: bool = True

    @property
    def size(self) -> int:
        """Return how many bins this round counts."""
        return max(0, self.asked.size - 1)

    @property
    def wide(self) -> NDArray[np.bool_]:
        """Return which bins can be divided."""
        return np.diff(self.edges) > 1

    def arrays(self) -> Sequence[ArraySpec]:
        """Declare the rows per kind and bin."""
        return [count_spec(self.name, len(self.counts) * self.size)] if self.size else ()

    def index(self, places: Codes, kind: NDArray[Any]) -> NDArray[np.int64]:
        """Return each row's entry in this round's counts, shape (rows,); -1 for none."""
        at = np.searchsorted(self.asked, places, side="right") - 1
        inside = (at >= 0) & (at < self.size)
        return np.where(inside, at + self.size * kind.astype(np.int64), -1)

    def local(self, index: NDArray[np.int64]) -> Part:
        """Count rows by their entries."""
        return {self.name: count(index, cells=len(self.counts) * self.size)} if self.size else {}

    def finish(self, part: Settled) -> Sums:
        """Return the counts as declared."""
        return {self.name: part[self.name][np.newaxis]} if self.size else {}

    def read(self, total: Sums) -> "Bins":
        """Put this round's counts in.

        Raises
        ------
        WardnetError
            `IMPLAUSIBLE_TOTAL` where the parts of a bin are not the bin.
        """
        found = rows_in(total, self.name).reshape(len(self.counts), -1)
        if not self.known:
            return replace(self, counts=found, known=True)
        edges = _merged(self.edges, self.asked)
        old = np.searchsorted(self.edges, edges[:-1], side="right") - 1
        new = np.searchsorted(self.asked, edges[:-1], side="right") - 1
        opened = np.isin(old, self.opened)
        rows = np.where(opened, found[:, np.clip(new, 0, self.size - 1)], self.counts[:, old])
        for kind, before in enumerate(self.counts):
            again = np.bincount(old, weights=rows[kind], minlength=before.size)
            if np.any(again[self.opened] != before[self.opened]):
                raise WardnetError(
                    Reason.IMPLAUSIBLE_TOTAL, rule="a bin is not the sum of its parts"
                )
        return replace(self, edges=edges, counts=rows)

    def divided(self, parts: NDArray[np.int64]) -> "Bins":
        """Ask for bins, shape (bins,), in so many parts each next; 0 leaves one as it is."""
        chosen = np.flatnonzero((parts > 1) & self.wide)
        return replace(self, opened=chosen, asked=_divide(self.edges, chosen, parts[chosen]))

    def parts(
        self, pairs: NDArray[np.float64], *, whole: float, ties: float, budget: int
    ) -> NDArray[np.int64]:
        """Return into how many parts each bin is divided, shape (bins,), to leave few pairs.

        Parameters
        ----------
        pairs : ndarray of float64, shape (bins,)
            That lie together in each bin.
        whole : float
            How many there are.
        ties : float
            The share of them that may lie together; then no bin is divided.
        budget : int
            Most bins that a round counts.

        Notes
        -----
        Parts in proportion to the root of the pairs leave fewest of them together.
        """
        parts = np.zeros(pairs.size, np.int64)
        pairs = np.where(self.wide, pairs, 0.0)
        allowed = ties * whole
        if fsum(pairs) <= allowed:
            return parts
        roots = np.sqrt(pairs)
        total = fsum(roots)
        enough = 3.0 * total * total / (allowed or 1.0)
        many = int(max(3, min(budget, enough)))
        fullest = np.argsort(-pairs, kind="stable")[: many // 3]
        fullest = fullest[pairs[fullest] > 0]
        more = (many - _FEWEST * fullest.size) / fsum(roots[fullest])
        parts[fullest] = np.minimum(_FEWEST + roots[fullest] * more, _MOST).astype(np.int64)
        return parts


def bins(name: str, edges: Codes, *, kinds: int) -> Bins:
    """Return bins that are counted for the first time."""
    counts = np.zeros((kinds, edges.size - 1), np.int64)
    return Bins(name, edges, counts, np.arange(edges.size - 1), edges, known=False)


def codes(numbers: NDArray[np.float64]) -> Codes:
    """Return numbers as integers in the same order, same shape; those from 0 on as their bits.

    Examples
    --------
    >>> np.argsort(codes(np.array([2.0, -1.0, 0.0, -3.0]))).tolist()
    [3, 1, 2, 0]
    """
    bits = np.ascontiguousarray(numbers + 0.0).view(np.int64)
    return np.asarray(np.where(bits < 0, bits ^ _MAGNITUDE, bits), np.int64)


def _divide(edges: Codes, chosen: NDArray[np.intp], parts: NDArray[np.int64]) -> Codes:
    """Return where the parts of the chosen bins begin and end."""
    if not chosen.size:
        return np.zeros(0, np.int64)
    low, high = np.repeat(edges[chosen], parts), np.repeat(edges[chosen + 1], parts)
    steps = -((low - high) // np.repeat(parts, parts))
    place = np.arange(low.size) - np.repeat(np.cumsum(parts) - parts, parts)
    return _merged(np.minimum(low + steps * place, high), edges[chosen + 1])


def _merged(*ascending: Codes) -> Codes:
    """Return all codes of ascending arrays in order, each once; faster than `np.unique` of them."""
    ordered = np.sort(np.concatenate(ascending), kind="stable")
    once: Codes = ordered[np.append(True, ordered[1:] != ordered[:-1])]
    return once

"""Find the values on either side of quantiles, in rounds of counting twenty parts of an interval.

Every target, a rank in a group, starts with an interval that holds the whole grid. Each round
counts the rows in twenty parts of it, and the part that holds the rank is the next interval, until
that is a single code.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from wardnet.errors import Reason, WardnetError
from wardnet.question.rows import Rows
from wardnet.statistics.variables import Variable
from wardnet.sums.accumulate import MAXIMUM_ROWS
from wardnet.sums.arrays import ArraySpec, Sums
from wardnet.sums.members import Index, Members, count, members, where_not

_SIDES: Final = ("low", "high")

PARTS: Final = 20
MAXIMUM_ROUNDS: Final = 8
"""`ceil(log20(2**31))`, enough for the finest grid."""


@dataclass(frozen=True)
class Found:
    """Hold the two rows between which each quantile lies, and how many rows lie beyond.

    Parameters
    ----------
    variable : Variable
        Whose quantiles.
    n : ndarray of int64, shape (groups,)
        Rows with a value.
    place : ndarray of float64, shape (groups, probabilities)
        `(n - 1) * probability`: where a quantile lies, 0 for the smallest row.
    lower, upper : ndarray of int64, shape (groups, probabilities)
        Codes of the row at `floor(place)` and of the next one.
    low_side, high_side : ndarray of int64, shape (groups, probabilities)
        Rows at or below `lower`; rows at or above `upper`.
    """

    variable: Variable
    n: NDArray[np.int64]
    place: NDArray[np.float64]
    lower: NDArray[np.int64]
    upper: NDArray[np.int64]
    low_side: NDArray[np.int64]
    high_side: NDArray[np.int64]

    @property
    def beyond(self) -> NDArray[np.int64]:
        """Return how many are on the side that has fewer, shape (groups, probabilities)."""
        return np.minimum(self.low_side, self.high_side)

    @property
    def names(self) -> list[str]:
        """Return the names of the arrays of patients on each side, first all lower sides."""
        quantiles = range(self.place.shape[1])
        return [f"{side}:{each}:{self.variable.name}" for side in _SIDES for each in quantiles]

    def arrays(self) -> Sequence[ArraySpec]:
        """Declare the patients on each side of every quantile."""
        return [
            ArraySpec(name, self.n.shape, limit=MAXIMUM_ROWS, guard=self.variable.present)
            for name in self.names
        ]

    def local(self, rows: Rows, group: Index) -> dict[str, Members]:
        """Return a batch's patients on each side."""
        codes = rows.columns[self.variable.name]
        absent = self.variable.missing(rows)
        others = [absent | np.greater(codes, bound[group]) for bound in self.lower.T]
        others += [absent | np.less(codes, bound[group]) for bound in self.upper.T]
        return {
            name: members(where_not(other, group), cells=self.n.size, patient=rows.patient)
            for name, other in zip(self.names, others, strict=True)
        }

    def in_patients(self, total: Sums) -> "Found":
        """Return the same with the sides in patients instead of rows."""
        counts = np.stack([total[name].astype(np.int64) for name in self.names], axis=1)
        low_side, high_side = np.hsplit(counts, 2)
        return replace(self, low_side=low_side, high_side=high_side)


@dataclass(frozen=True)
class Search:
    """Hold how far the search for one variable's quantiles has come.

    Parameters
    ----------
    variable : Variable
        On a grid.
    probabilities : tuple of float
        Between 0 and 1.
    width : int
        Codes in a part of an interval, a power of `PARTS`.
    low, below : ndarray of int64, shape (groups, 2 * probabilities)
        First code of each target's interval, and rows below it; first all lower targets.
    inside : ndarray of int64, same shape, or None
        Rows in each interval; None in the first round.
    n : ndarray of int64, shape (groups,), or None
        Rows with a value; None in the first round.
    """

    variable: Variable
    probabilities: tuple[float, ...]
    width: int
    low: NDArray[np.int64]
    below: NDArray[np.int64]
    inside: NDArray[np.int64] | None = None
    n: NDArray[np.int64] | None = None

    @property
    def name(self) -> str:
        """Return the name of the round's array."""
        return f"parts:{self.variable.name}"

    def arrays(self) -> Sequence[ArraySpec]:
        """Declare the rows in every part."""
        shape = (*self.low.shape, PARTS)
        return [ArraySpec(self.name, shape, limit=MAXIMUM_ROWS, guard=self.variable.present)]

    def local(self, rows: Rows, group: Index) -> dict[str, NDArray[np.int64]]:
        """Count a batch's rows in every part; targets with the same intervals share the work."""
        codes = rows.columns[self.variable.name].astype(np.int64)
        intervals, of = np.unique(self.low, axis=1, return_inverse=True)
        counts = [self._parts(codes, group, low) for low in intervals.T]
        return {self.name: np.stack(counts, axis=1)[:, of]}

    def step(self, total: Sums) -> "Search | Found":
        """Narrow every interval to the part that holds the target's rank."""
        counts = total[self.name].astype(np.int64)
        inside = counts.sum(axis=2)
        before = inside[:, :1] if self.inside is None else self.inside
        if np.any(inside != before) or counts.min() < 0:
            raise WardnetError(Reason.IMPLAUSIBLE_TOTAL, rule="a part has other rows than before")
        n = inside[:, 0] if self.n is None else self.n
        place = np.maximum(n - 1, 0)[:, np.newaxis] * np.array(self.probabilities)
        previous = np.floor(place).astype(np.int64)
        following = np.minimum(previous + 1, np.maximum(n - 1, 0)[:, np.newaxis])
        ranks = np.hstack([previous, following])
        cumulative = self.below[..., np.newaxis] + counts.cumsum(axis=2)
        part = np.minimum((cumulative <= ranks[..., np.newaxis]).sum(axis=2), PARTS - 1)
        within, up_to = _pick(counts, part), _pick(cumulative, part)
        low, below = self.low + part * self.width, up_to - within
        if self.width > 1:
            width = self.width // PARTS
            return replace(self, width=width, low=low, below=below, inside=within, n=n)
        half = len(self.probabilities)
        return Found(
            variable=self.variable,
            n=n,
            place=place,
            lower=low[:, :half],
            upper=low[:, half:],
            low_side=up_to[:, :half],
            high_side=(n[:, np.newaxis] - below)[:, half:],
        )

    def _parts(
        self, codes: NDArray[np.int64], group: Index, low: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """Count rows in the parts of one interval per group, shape (groups, PARTS)."""
        place = codes - low[group]
        nowhere = (place < 0) | (place >= self.width * PARTS) | (codes < 0) | (group < 0)
        index = where_not(nowhere, group.astype(np.int64) * PARTS + place // self.width)
        return count(index, cells=low.size * PARTS).reshape(low.size, PARTS)


def search(variable: Variable, *, groups: int, probabilities: tuple[float, ...]) -> Search:
    """Open the search for one variable's quantiles in every group."""
    start = np.zeros((groups, 2 * len(probabilities)), np.int64)
    width = 1
    while width * PARTS < (variable.cells or 1):
        width *= PARTS
    return Search(variable, probabilities, width, low=start, below=start)


def _pick(values: NDArray[np.int64], part: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.take_along_axis(values, part[..., np.newaxis], axis=2)[..., 0]

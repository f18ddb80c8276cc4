"""The area under the ROC curve with its variance, from ever finer counts of scores by class.

A bin of scores that holds both classes is divided until none is left, or until all of them together
hold less than `TIES` of all pairs. Two rows of a bin count as a tie, as two equal scores do.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Final

import numpy as np
from numpy.typing import NDArray

from wardnet.question.answer import Cell
from wardnet.statistics.distributions import critical
from wardnet.statistics.evaluation.asked import TWO, Judged
from wardnet.statistics.evaluation.bins import Bins, Codes, Counts, bins, codes
from wardnet.statistics.evaluation.inquiry import Inquiry, line
from wardnet.statistics.method import Part, Settled
from wardnet.statistics.rounding import nearest, root
from wardnet.statistics.tables import Line
from wardnet.sums.arrays import ArraySpec, Sums

TIES: Final = 2e-6
"""Share of all pairs that may lie together in a bin without being equal; half of it is an error."""

MOST_ROUNDS: Final = 30

_FIRST_BINS: Final = 1024
_PARTS_OF_A_CUT: Final = 64
"""Into how many parts the bin that a cut goes through is divided."""


@dataclass(frozen=True)
class Curve(Inquiry):
    """Hold what is known of the scores of one class and of the others.

    Parameters
    ----------
    place : int
        Of the class among the model's.
    of : str
        How its line is called; empty where there are only two classes.
    budget : int
        Most bins that a round counts.
    cuts : int
        Into how many parts of as many rows each the scores are divided as well; 0 for none.
    scores : Bins
        Rows of the others, and of the class, by their scores.
    round : int
        From 0.
    """

    place: int
    of: str
    budget: int
    cuts: int
    scores: Bins
    round: int = 0

    def arrays(self) -> Sequence[ArraySpec]:
        """Declare the rows per bin, of the others and of the class."""
        return self.scores.arrays()

    def local(self, judged: Judged) -> Part:
        """Count a batch's rows per bin and class."""
        if not self.scores.size:
            return {}
        own = judged.truth == self.place
        return self.scores.local(self.scores.index(codes(judged.scores[self.place]), own))

    def finish(self, part: Settled) -> Sums:
        """Return the counts as declared."""
        return self.scores.finish(part)

    def step(self, total: Sums) -> "Curve":
        """Put the counts in; divide the bins that hold most pairs, and those a cut goes through."""
        if not self.scores.size:
            return self
        known = replace(self, scores=self.scores.read(total), round=self.round + 1)
        return replace(known, scores=known.scores.divided(known.parts()))

    def parts(self) -> NDArray[np.int64]:
        """Return into how many parts each bin is divided next."""
        others, own = self.scores.counts
        if self.round >= MOST_ROUNDS:
            return np.zeros(len(own), np.int64)
        whole = float(others.sum()) * float(own.sum())
        pairs = others.astype(np.float64) * own
        parts = self.scores.parts(pairs, whole=whole, ties=TIES, budget=self.budget)
        parts[self.through()] = _PARTS_OF_A_CUT
        return parts

    def through(self) -> Codes:
        """Return the bins that a cut goes through."""
        ends = self._ends()
        places = np.searchsorted(ends, self._wanted(), side="left")
        inside = (places < ends.size) & (ends[np.minimum(places, ends.size - 1)] != self._wanted())
        return np.asarray(places[inside], np.int64)

    def _ends(self) -> Counts:
        """Return how many rows lie up to the end of each bin."""
        return np.cumsum(self.scores.counts.sum(axis=0))

    def _wanted(self) -> Counts:
        """Return after how many rows the scores are cut: the first parts are larger by one."""
        if not self.cuts:
            return np.zeros(0, np.int64)
        each, larger = divmod(int(self._ends()[-1]), self.cuts)
        return np.array([k * each + min(k, larger) for k in range(1, self.cuts)], np.int64)

    def thresholds(self) -> Codes:
        """Return the codes at which the parts begin, without the first; ties go below a cut."""
        places = np.searchsorted(self._ends(), self._wanted(), side="left")
        return self.scores.edges[1:][places]

    def lines(self) -> Iterable[Line]:
        """Return the area."""
        if self.scores.known:
            yield line("auc", *area(*self.scores.counts), of=self.of)


def curve(place: int, *, of: str, budget: int, cuts: int) -> Curve:
    """Return the curve of a class before the first round."""
    return Curve(place, of, budget, cuts, bins(f"scores of {place}", chances(), kinds=TWO))


def chances() -> Codes:
    """Return where bins of probabilities begin, and where the last one ends."""
    first = codes(np.arange(_FIRST_BINS) / _FIRST_BINS)
    return np.append(first, codes(np.ones(1)) + 1)


def area(others: Counts, own: Counts) -> tuple[Cell, ...]:
    """Return the area under the curve, its standard error and its 95 % interval.

    Parameters
    ----------
    others, own : ndarray of int64, shape (bins,)
        Rows of either kind per bin, by ascending score.

    Notes
    -----
    `area` is the share of pairs that the score puts in the right order, a tie counting half. With
    `v` that share for each row of a kind, the variance is `var(v of own) / own + var(v of others) /
    others`.

    References
    ----------
    DeLong, DeLong, Clarke-Pearson (1988), Comparing the areas under two or more correlated receiver
    operating characteristic curves. Sun, Xu (2014), for the way through ranks.

    Examples
    --------
    >>> area(np.array([2, 1, 0]), np.array([0, 1, 2]))[0]
    0.9444444444444444
    """
    held = (others + own) > 0
    below, above = others[held].astype(np.object_), own[held].astype(np.object_)
    wins = 2 * np.cumsum(below) - below  # twice the pairs that a row of its own wins in this bin
    losses = 2 * (above.sum() - np.cumsum(above)) + above
    negatives, positives = int(below.sum()), int(above.sum())
    if not negatives or not positives:
        return (None,)
    value = Fraction(int(above.dot(wins)), 2 * negatives * positives)
    if min(negatives, positives) < TWO:
        return (nearest(value),)
    variance = _variance(above, wins, 2 * negatives) / positives
    variance += _variance(below, losses, 2 * positives) / negatives
    reach = Fraction(critical(None)) * Fraction(root(variance))
    low, high = max(value - reach, Fraction(0)), min(value + reach, Fraction(1))
    return (nearest(value), root(variance), nearest(low), nearest(high))


def _variance(weights: NDArray[np.object_], values: NDArray[np.object_], unit: int) -> Fraction:
    """Return the variance of `values / unit`, with ddof 1."""
    n, first = int(weights.sum()), int(weights.dot(values))
    second = int(weights.dot(values * values))
    return (second - Fraction(first * first, n)) / ((n - 1) * unit * unit)

"""The area under the ROC curve with its variance, from ever finer counts of scores by class.

Probabilities from 0 to 1 are ordered like the integers that their bits make, so that a bin is a run
of integers and can be divided down to a single one. A bin that holds both classes is divided until
none is left, or until all of them together hold less than `TIES` of all pairs. Two rows of a bin
count as a tie, as two equal scores do.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil, fsum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from wardnet.errors import Reason, WardnetError
from wardnet.question.answer import Cell
from wardnet.statistics.distributions import critical
from wardnet.statistics.evaluation.asked import TWO, Judged
from wardnet.statistics.evaluation.inquiry import Inquiry, count_spec, line, rows_in
from wardnet.statistics.method import Part, Settled
from wardnet.statistics.rounding import nearest, root
from wardnet.statistics.tables import Line
from wardnet.sums.arrays import ArraySpec, Sums
from wardnet.sums.members import count

Codes = NDArray[np.int64]
Counts = NDArray[np.int64]

TIES: Final = 2e-6
"""Share of all pairs that may lie together in a bin without being equal; half of it is an error."""

MOST_BINS: Final = 1 << 18
"""That one round counts, over all classes: 4 MB."""

MOST_ROUNDS: Final = 30

_FIRST_BINS: Final = 1024
_PARTS: Final = 64
"""Into how many parts at most a bin is divided in a round."""

_FEWEST: Final = 2
"""Parts; dividing into fewer is none."""


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
    edges : ndarray of int64, shape (bins + 1,)
        Where bins begin, and where the last one ends.
    counts : ndarray of int64, shape (2, bins), or None
        Rows of the others, and of the class; None before the first round.
    opened : ndarray of bool, shape (bins,)
        Which bins are divided now.
    asked : ndarray of int64
        Where the bins of this round begin; the last entry is an end.
    round : int
        From 0.
    """

    place: int
    of: str
    budget: int
    cuts: int
    edges: Codes
    counts: Counts | None
    opened: NDArray[np.bool_]
    asked: Codes
    round: int = 0

    @property
    def _name(self) -> str:
        return f"scores of {self.place}"

    def arrays(self) -> Sequence[ArraySpec]:
        """Declare the rows per bin, of the others and of the class."""
        bins = self.asked.size - 1
        return [count_spec(self._name, 2 * bins)] if bins > 0 else ()

    def local(self, judged: Judged) -> Part:
        """Count a batch's rows per bin and class."""
        bins = self.asked.size - 1
        if bins <= 0:
            return {}
        at = np.searchsorted(self.asked, codes(judged.scores[self.place]), side="right") - 1
        index = np.where(at < bins, at + bins * (judged.truth == self.place), -1)
        return {self._name: count(np.where(at < 0, -1, index), cells=2 * bins)}

    def finish(self, part: Settled) -> Sums:
        """Return the counts as declared."""
        return {name: counts[np.newaxis] for name, counts in part.items()}

    def step(self, total: Sums) -> "Curve":
        """Put the counts in, and choose which bins are divided next."""
        if self.asked.size <= 1:
            return self
        found = rows_in(total, self._name).reshape(2, -1)
        if self.counts is None:
            known = replace(self, counts=found)
        else:
            known = self._divided(found, self.counts)
        return _open(replace(known, round=self.round + 1))

    def _divided(self, found: Counts, before: Counts) -> "Curve":
        """Replace the opened bins by their parts."""
        edges = np.union1d(self.edges, self.asked)
        old = np.searchsorted(self.edges, edges[:-1], side="right") - 1
        new = np.clip(
            np.searchsorted(self.asked, edges[:-1], side="right") - 1, 0, len(found[0]) - 1
        )
        opened = self.opened[old]
        rows = np.where(opened, found[:, new], before[:, old])
        for kind in range(TWO):
            again = np.bincount(old, weights=rows[kind], minlength=before.shape[1])
            if np.any(again[self.opened] != before[kind][self.opened]):
                raise WardnetError(
                    Reason.IMPLAUSIBLE_TOTAL, rule="a bin is not the sum of its parts"
                )
        return replace(self, edges=edges, counts=rows)

    def mixed(self, counts: Counts, wide: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return the bins that hold most pairs, unless all of them hold next to none."""
        chosen = np.zeros(wide.size, np.bool_)
        pairs = counts[0].astype(np.float64) * counts[1]
        pairs[~wide] = 0.0
        share = fsum(pairs) / (float(counts[0].sum()) * float(counts[1].sum()) or 1.0)
        if share <= TIES:
            return chosen
        parts = min(_PARTS, max(_FEWEST, ceil(2.0 * share / TIES)))  # as few as are enough
        order = np.argsort(-pairs, kind="stable")[: self.budget // parts]
        chosen[order[pairs[order] > 0]] = True
        return chosen

    def through(self) -> Codes:
        """Return the bins that a cut goes through."""
        ends = self._ends()
        places = np.searchsorted(ends, self._wanted(), side="left")
        inside = (places < ends.size) & (ends[np.minimum(places, ends.size - 1)] != self._wanted())
        return np.asarray(places[inside], np.int64)

    def _ends(self) -> Counts:
        """Return how many rows lie up to the end of each bin."""
        counts = self.counts if self.counts is not None else np.zeros((2, 0), np.int64)
        return np.cumsum(counts.sum(axis=0))

    def _wanted(self) -> Counts:
        """Return after how many rows the scores are cut: the first parts are larger by one."""
        if not self.cuts:
            return np.zeros(0, np.int64)
        each, larger = divmod(int(self._ends()[-1]), self.cuts)
        return np.array([k * each + min(k, larger) for k in range(1, self.cuts)], np.int64)

    def thresholds(self) -> Codes:
        """Return the codes at which the parts begin, without the first; ties go below a cut."""
        places = np.searchsorted(self._ends(), self._wanted(), side="left")
        return self.edges[1:][places]

    def lines(self) -> Iterable[Line]:
        """Return the area."""
        if self.counts is not None:
            yield line("auc", *area(*self.counts), of=self.of)


def curve(place: int, *, of: str, budget: int, cuts: int) -> Curve:
    """Return the curve of a class before the first round."""
    first = codes(np.arange(_FIRST_BINS) / _FIRST_BINS)
    edges = np.append(first, codes(np.ones(1)) + 1)
    opened = np.ones(_FIRST_BINS, np.bool_)
    return Curve(place, of, budget, cuts, edges, None, opened, edges)


def codes(scores: NDArray[np.float64]) -> Codes:
    """Return numbers from 0 to 1 as integers in the same order, same shape."""
    return np.ascontiguousarray(scores + 0.0).view(np.int64)


def _open(known: Curve) -> Curve:
    """Choose the bins that hold most pairs, and those that a cut goes through."""
    chosen = np.zeros(known.edges.size - 1, np.bool_)
    if known.round < MOST_ROUNDS and known.counts is not None:
        wide = np.diff(known.edges) > 1
        chosen[known.through()] = True
        chosen |= known.mixed(known.counts, wide)
        chosen &= wide
    parts = min(_PARTS, known.budget // max(1, int(chosen.sum())))
    return replace(known, opened=chosen, asked=_divide(known.edges, chosen, parts))


def _divide(edges: Codes, chosen: NDArray[np.bool_], parts: int) -> Codes:
    """Return where the parts of the chosen bins begin and end."""
    if not chosen.any():
        return np.zeros(0, np.int64)
    low, high = edges[:-1][chosen, np.newaxis], edges[1:][chosen, np.newaxis]
    steps = -((low - high) // parts)
    return np.unique(np.minimum(low + steps * np.arange(parts + 1), high))


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

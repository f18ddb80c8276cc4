"""How well a score orders rows: the concordance index, with its standard error.

First the rows of each key are counted, and those in ever finer bins of scores; then pairs in order
(`pairs.py`); then every row's share in the index gives its variance.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Final

import numpy as np
from numpy.typing import NDArray

from wardnet.errors import Reason, WardnetError
from wardnet.question.dictionary import Column
from wardnet.statistics.distributions import critical
from wardnet.statistics.evaluation.asked import Judged
from wardnet.statistics.evaluation.bins import Bins, Codes, bins, codes
from wardnet.statistics.evaluation.inquiry import (
    Inquiry,
    add_up,
    count_spec,
    fractions,
    line,
    real_spec,
    rows_in,
    settled,
)
from wardnet.statistics.evaluation.order import Order
from wardnet.statistics.evaluation.pairs import TIES, Pairs, tree
from wardnet.statistics.method import Part, Settled
from wardnet.statistics.rounding import nearest, root
from wardnet.statistics.tables import Line
from wardnet.sums.arrays import ArraySpec, Sums
from wardnet.sums.members import Index, count

MEASURE: Final = "concordance"

_FOR_SCORES: Final = 12
_FOR_PAIRS: Final = 10
MOST_ROUNDS: Final = _FOR_SCORES + _FOR_PAIRS + 1

_FIRST_BINS: Final = 1024
_BUDGET: Final = 1 << 17
"""Most bins of scores that one round counts: 1 MB."""


@dataclass(frozen=True)
class Concordance(Inquiry):
    """Hold what is known of keys and scores, then of both.

    Parameters
    ----------
    order : Order
        What gives rows their keys.
    of : str
        How its line is called.
    rising : bool
        Whether larger scores belong to larger keys; a risk belongs to smaller ones.
    hidden : str
        The rule that withholds it; empty for none.
    scores : Bins
        Rows by their scores.
    rows : ndarray of int64, shape (keys,), or None
        With each key, once they are known.
    pairs : Pairs or None
        Once rows and scores are known.
    error : float or None
        The standard error.
    round : int
        From 0, anew for pairs.
    done : bool
        Whether all is known.
    """

    order: Order
    of: str
    rising: bool
    hidden: str
    scores: Bins
    rows: NDArray[np.int64] | None = None
    pairs: Pairs | None = None
    error: float | None = None
    round: int = 0
    done: bool = False

    @property
    def _rows_name(self) -> str:
        return f"keys of {self.of}"

    @property
    def _error_name(self) -> str:
        return f"spread of {self.of}"

    def arrays(self) -> Sequence[ArraySpec]:
        """Declare rows per key and per bin of scores; then per node; then a sum of squares."""
        if self.done or self.hidden:
            return ()
        if self.pairs is None:
            keys = [count_spec(self._rows_name, self.order.size)] if self.rows is None else []
            return [*keys, *self.scores.arrays()]
        return self.pairs.bins.arrays() or [real_spec(self._error_name, 1, 1)]

    def local(self, judged: Judged) -> Part:
        """Return a batch's part."""
        if self.done or self.hidden:
            return {}
        keys = judged.keys[self.of]
        inside = keys >= 0
        keys, scores = keys[inside], codes(judged.scores[-1][inside])
        if self.pairs is None:
            some = self.scores.index(scores, np.zeros(scores.size, np.int8))
            counted = {self._rows_name: count(keys, cells=self.order.size)}
            return {**(counted if self.rows is None else {}), **self.scores.local(some)}
        cells = self._cells(scores)
        if self.pairs.bins.size:
            return {self.pairs.bins.name: self.pairs.count(keys, cells)}
        influence = self.pairs.influence(keys, cells)
        everywhere = np.zeros(keys.size, np.int8)
        return {self._error_name: add_up(everywhere, [influence * influence], groups=1)}

    def _cells(self, scores: Codes) -> Index:
        """Return the cell of each score among those with rows, shape (rows,)."""
        filled = np.cumsum(self.scores.counts[0] > 0) - 1
        at: Index = filled[np.searchsorted(self.scores.edges, scores, side="right") - 1]
        return at

    def finish(self, part: Settled) -> Sums:
        """Return the hospital's sums as declared."""
        return {
            name: settled(each) if name == self._error_name else each[np.newaxis]
            for name, each in part.items()
        }

    def step(self, total: Sums) -> "Concordance":
        """Go on to what is not known yet.

        Raises
        ------
        WardnetError
            `IMPLAUSIBLE_TOTAL` for a negative sum of squares.
        """
        if self.done or self.hidden:
            return self
        if self.pairs is None:
            return self._counted(total)
        if self.pairs.bins.size:
            known = self.pairs.read(total)
            last = self.round >= _FOR_PAIRS - 1
            pairs = known.at_rest() if last else known.divided()
            return replace(self, pairs=pairs, round=self.round + 1)
        ((squares,),) = fractions(total, self._error_name)
        if squares < 0:
            raise WardnetError(Reason.IMPLAUSIBLE_TOTAL, rule="a square is below 0")
        return replace(self, error=root(self.pairs.variance(squares)), done=True)

    def _counted(self, total: Sums) -> "Concordance":
        """Divide the fullest bins of scores, unless next to no two rows are in one."""
        rows = rows_in(total, self._rows_name) if self.rows is None else self.rows
        read = self.scores.read(total)
        held = read.counts[0].astype(np.float64)
        pairs, whole = held * (held - 1), float(int(rows.sum()) ** 2)
        parts = read.parts(pairs, whole=whole, ties=TIES, budget=_BUDGET)
        scores = read.divided(parts * (self.round < _FOR_SCORES - 1))
        known = replace(self, rows=rows, scores=scores, round=self.round + 1)
        if scores.size:
            return known
        filled = int(np.count_nonzero(scores.counts[0]))
        found = tree(f"pairs of {self.of}", rows, scores=filled)
        return replace(known, pairs=found, round=0, done=not found.comparable)

    def lines(self) -> Iterable[Line]:
        """Return the index, its standard error and its interval.

        Notes
        -----
        With `w` the pairs in order of a row, a tie counting half, and `m` all its pairs, the
        variance is that of the infinitesimal jackknife, `sum((w - C m)**2) / pairs**2`.

        References
        ----------
        Harrell, Califf, Pryor, Lee, Rosati (1982), Evaluating the yield of medical tests. Therneau,
        Watson (2015), The concordance statistic and the Cox model, for the variance.
        """
        hidden = {MEASURE: self.hidden} if self.hidden else None
        index = None if self.pairs is None else self.pairs.index
        if index is None:
            yield line(MEASURE, None, of=self.of, hidden=hidden)
            return
        value = index if self.rising else 1 - index
        if self.error is None:
            yield line(MEASURE, nearest(value), of=self.of)
            return
        reach = Fraction(critical(None)) * Fraction(self.error)
        low, high = max(value - reach, Fraction(0)), min(value + reach, Fraction(1))
        yield line(MEASURE, nearest(value), self.error, nearest(low), nearest(high), of=self.of)


def concordance(
    order: Order, *, of: str, rising: bool, edges: Codes, hidden: str = ""
) -> Concordance:
    """Return the inquiry before the first round.

    Parameters
    ----------
    edges : ndarray of int64
        Where the first bins of scores begin, and where the last one ends.
    """
    return Concordance(order, of, rising, hidden, bins(f"scores by {of}", edges, kinds=1))


def numbers(column: Column) -> Codes:
    """Return where bins of predictions of a column begin, and where the last one ends.

    Most are within the column's bounds; 0 is an edge, so that none holds both signs.
    """
    inside = nearest(column.origin) + nearest(column.top - column.origin) * (
        np.arange(_FIRST_BINS) / (_FIRST_BINS - 1)
    )
    edges = codes(np.append(inside, [-np.inf, 0.0, np.inf]))
    return np.append(np.unique(edges), edges[-1] + 1)

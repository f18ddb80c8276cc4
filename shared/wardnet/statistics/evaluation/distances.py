"""How far predicted numbers are from the true ones."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Final

import numpy as np

from wardnet.privacy.rules import GuardTotals
from wardnet.statistics.evaluation.asked import Asked, Judged
from wardnet.statistics.evaluation.inquiry import (
    COMPLETE,
    Inquiry,
    add_up,
    count_spec,
    fractions,
    line,
    real_spec,
    rows_in,
    settled,
)
from wardnet.statistics.method import Part, Settled
from wardnet.statistics.rounding import nearest, power_of_two, root
from wardnet.statistics.tables import Line
from wardnet.sums.arrays import ArraySpec, Sums
from wardnet.sums.members import count

_SUMS: Final = "distances"
_ROWS: Final = "rows"

FARTHEST: Final = 8
"""A prediction counts as at most so many widths of the outcome's bounds away from their middle."""

MEASURES: Final = (
    "n",
    "rmse",
    "mae",
    "mean_error",
    "r2",
    "calibration_intercept",
    "calibration_slope",
    "correlation",
)


@dataclass(frozen=True)
class Distances(Inquiry):
    """Hold sums over rows of numbers, once they are known.

    Parameters
    ----------
    asked : Asked
        What is evaluated.
    guards : GuardTotals
        The patients.
    n : int or None
        Rows.
    sums : tuple of Fraction
        Of the outcome, the prediction, their squares and product, and the distance's size.
    """

    asked: Asked
    guards: GuardTotals
    n: int | None = None
    sums: tuple[Fraction, ...] = ()

    @property
    def _middle(self) -> float:
        return nearest((self.asked.column.origin + self.asked.column.top) / 2)

    @property
    def _scale(self) -> Fraction:
        """Return a power of two above twice the largest distance from the middle."""
        column = self.asked.column
        return power_of_two(2 * FARTHEST * (column.top - column.origin))

    def arrays(self) -> Sequence[ArraySpec]:
        """Declare the rows, and the sums."""
        return [] if self.n is not None else [count_spec(_ROWS, 1), real_spec(_SUMS, 1, 6)]

    def local(self, judged: Judged) -> Part:
        """Add up a batch's terms."""
        if self.n is not None:
            return {}
        scale = float(self._scale)
        true = (judged.truth - self._middle) / scale
        said = np.clip((judged.scores[0] - self._middle) / scale, -0.5, 0.5)
        terms = [true, said, true * true, said * said, true * said, np.abs(true - said)]
        everywhere = np.zeros(true.size, np.int8)
        return {
            _ROWS: count(everywhere, cells=1),
            _SUMS: add_up(everywhere, terms, groups=1),
        }

    def finish(self, part: Settled) -> Sums:
        """Return the hospital's sums as declared."""
        if self.n is not None:
            return {}
        return {_ROWS: part[_ROWS][np.newaxis], _SUMS: settled(part[_SUMS])}

    def step(self, total: Sums) -> "Distances":
        """Read the sums."""
        if self.n is not None:
            return self
        rows = rows_in(total, _ROWS)
        self.guards.check_rows(COMPLETE, rows)
        return replace(self, n=int(rows[0]), sums=tuple(fractions(total, _SUMS)[0]))

    def lines(self) -> Iterable[Line]:
        """Return the measures."""
        for measure, value in zip(MEASURES, self._measures(), strict=True):
            yield line(measure, value)

    def _measures(self) -> Sequence[int | float | None]:
        """Return the measures.

        Notes
        -----
        `r2 = 1 - sum (y - f)**2 / sum (y - mean)**2`; intercept and slope are those of a straight
        line through the outcomes over the predictions.
        """
        if not self.n:
            return (self.n, *(None,) * (len(MEASURES) - 1))
        n, scale = self.n, self._scale
        y, f, yy, ff, yf, size = self.sums
        squares = max(yy - 2 * yf + ff, Fraction(0))
        y_spread, f_spread, joint = yy - y * y / n, ff - f * f / n, yf - y * f / n
        slope = joint / f_spread if f_spread > 0 else None
        middle = Fraction(self._middle)
        start = None if slope is None else (y - slope * f) / n * scale + middle * (1 - slope)
        correlated = y_spread > 0 and f_spread > 0
        return (
            n,
            root(squares / n * scale * scale),
            nearest(size / n * scale),
            nearest((f - y) / n * scale),
            nearest(1 - squares / y_spread) if y_spread > 0 else None,
            None if start is None else nearest(start),
            None if slope is None else nearest(slope),
            nearest(joint / Fraction(root(y_spread * f_spread))) if correlated else None,
        )

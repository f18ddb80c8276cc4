"""Bring inputs to mean 0 and standard deviation 1 by what all hospitals add up exactly."""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from wardnet.learning.inputs import Input
from wardnet.question.rows import Rows
from wardnet.statistics.rounding import nearest, root

_WORD: Final = 63
"""Sums of squares below `2**63` are added up as words, others as integers of any length."""


@dataclass(frozen=True, slots=True)
class Scaling:
    """Hold how the inputs of a model are brought to a common scale.

    Parameters
    ----------
    centre, scale, fill, spread : ndarray of float64, shape (inputs,)
        What is subtracted; what that is divided by, 0 for a constant input, which always gives 0;
        what a missing value counts as; the standard deviation. All in the inputs' units.
    imputes : bool
        Whether `fill` is taken; else what a row without a value gives is NaN.
    """

    centre: NDArray[np.float64]
    scale: NDArray[np.float64]
    fill: NDArray[np.float64]
    spread: NDArray[np.float64]
    imputes: bool

    def apply(self, inputs: tuple[Input, ...], rows: Rows) -> NDArray[np.float64]:
        """Return what goes into a model, shape (rows.size, inputs)."""
        x = np.empty((rows.size, len(inputs)))
        for place, each in enumerate(inputs):
            values = each.values(rows)
            if self.imputes:
                values = np.where(np.isnan(values), self.fill[place], values)
            scale = self.scale[place]
            x[:, place] = (values - self.centre[place]) / scale if scale else values * 0.0
        return x


def powers(each: Input, rows: Rows) -> list[int]:
    """Return how many rows have a value, the sum of their codes, and that of the squares."""
    codes: NDArray[Any] = each.codes(rows)
    if 2 * each.bits + rows.size.bit_length() >= _WORD:
        codes = codes.astype(np.object_)
    present = int(np.count_nonzero(~each.missing(rows)))
    return [present, int(codes.sum()), int(codes @ codes)]


def mean_and_sd(each: Input, total: Iterable[int]) -> tuple[float, float]:
    """Return mean and standard deviation (dividing by the rows) from the total of `powers`.

    Exact but for one rounding each. The total is of at least one row.
    """
    rows, codes, squares = (int(number) for number in total)
    mean = Fraction(codes, rows)
    variance = Fraction(squares, rows) - mean * mean
    return nearest(each.origin + each.step * mean), root(each.step * each.step * variance)


def scaling(
    inputs: tuple[Input, ...], totals: NDArray[np.object_], *, standardise: bool, impute: bool
) -> Scaling:
    """Return the scaling that the totals of `powers`, shape (inputs, 3), give."""
    found = [mean_and_sd(each, total) for each, total in zip(inputs, totals, strict=True)]
    means = np.array([mean for mean, _ in found])
    spread = np.array([sd for _, sd in found])
    return Scaling(
        centre=means if standardise else np.zeros(len(inputs)),
        scale=spread if standardise else (spread > 0).astype(np.float64),
        fill=_fill(inputs, means),
        spread=spread,
        imputes=impute,
    )


def _fill(inputs: tuple[Input, ...], means: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean of a number; for the levels of a column, 1 for the most frequent one."""
    fill = means.copy()
    for name in {each.column.name for each in inputs if each.level >= 0}:
        places = [at for at, each in enumerate(inputs) if each.column.name == name]
        shares = means[places]
        most = 0.5 if len(places) == 1 else float(shares.max())  # a column of two levels has one
        first = int(np.argmax(shares >= most))
        fill[places] = 0.0
        fill[places[first]] = float(shares[first] >= most)
    return fill

"""Find first centres: cut the rows in halves until there are as many parts as clusters.

No row is ever a centre: each is the mean of a part.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from hashlib import sha256
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from wardnet.errors import Reason, WardnetError
from wardnet.question.answer import Table
from wardnet.question.rows import Rows
from wardnet.statistics.design import COMPLETE
from wardnet.statistics.method import Part, settle
from wardnet.statistics.solve import Matrix, decimals
from wardnet.statistics.unsupervised.overall import Space, decimals_of, vector
from wardnet.statistics.unsupervised.partition import Division, Lloyd
from wardnet.statistics.unsupervised.rounds import PRODUCTS, Conditions, Stage
from wardnet.sums.accumulate import MAXIMUM_ROWS
from wardnet.sums.arrays import ArraySpec, Sums
from wardnet.sums.products import UNIT, cut, no_products, products, whole

FEW_DISTINCT: Final = "more clusters than there are different rows: ask for fewer"

_UNIT_VALUE: Final = Decimal(2) ** -UNIT
_SAME: Final = Decimal(2) ** -40
"""Share of all rows' squares below which the rows of a part are the same."""

_POWERS: Final = 64


@dataclass(frozen=True, slots=True)
class Cut:
    """Hold where a part was cut.

    Parameters
    ----------
    part : int
        Which.
    direction : tuple of float
        Across which direction of z.
    least : float
        How far along it the new part begins.
    """

    part: int
    direction: tuple[float, ...]
    least: float


def divide(plan: Division, conditions: Conditions, space: Space) -> Stage | Table:
    """Return the first round around the given centres, or of looking for some."""
    if plan.given:
        units = decimals_of(np.array(plan.given))
        return Lloyd(plan, conditions, space, space.to_z(units).astype(np.float64))
    return _next(plan, conditions, space, parts=(space.overall.products,), cuts=())


@dataclass(frozen=True)
class Halves(Stage):
    """Look at the part that the last cut made.

    Parameters
    ----------
    plan, conditions, space
        What is asked, by which rules, and where distances are measured.
    parts : tuple of ndarray of int, shape (1 + features, 1 + features)
        Cross products of 1 and t in each part before the last cut.
    cuts : tuple of Cut
        In order; each made one part more.

    References
    ----------
    Su, Dy (2007), In search of deterministic methods for initializing k-means and Gaussian mixture
    clustering, section 3.2 (PCA-Part).
    """

    plan: Division
    conditions: Conditions
    space: Space
    parts: tuple[NDArray[Any], ...]
    cuts: tuple[Cut, ...]

    def arrays(self) -> Sequence[ArraySpec]:
        """Declare the cross products of 1 and t in the new part."""
        size = 1 + len(self.plan.features.factors)
        return [ArraySpec(PRODUCTS, (1, size, size), MAXIMUM_ROWS << UNIT, COMPLETE, UNIT)]

    def local(self, rows: Rows) -> Part:
        """Add up a batch's rows of the new part."""
        features = self.plan.features
        size = 1 + len(features.factors)
        limbs = no_products(size, size)
        for entries, _ in features.blocks(rows):
            at = self._part(self.space.place(entries[1:]))
            sliced = cut(entries[:, at == len(self.cuts)], slices=features.slices)
            limbs += products(sliced, sliced)
        return {PRODUCTS: limbs}

    def _part(self, z: NDArray[np.float64]) -> NDArray[np.intp]:
        """Return each row's part."""
        at = np.zeros(z.shape[1], np.intp)
        for new, each in enumerate(self.cuts, start=1):
            along = np.zeros(z.shape[1])
            for weight, values in zip(each.direction, z, strict=True):
                along += weight * values
            at[(at == each.part) & (along >= each.least)] = new
        return at

    def finish(self, part: Part) -> Sums:
        """Turn limbs into integers."""
        return {PRODUCTS: whole(settle(part)[PRODUCTS])[np.newaxis]}

    def step(self, total: Sums) -> Stage | Table:
        """Tell the halves apart; go on with the next cut."""
        new, parts = total[PRODUCTS][0], list(self.parts)
        parts[self.cuts[-1].part] = rest = parts[self.cuts[-1].part] - new
        for each in (new, rest):
            odd = int(each[0, 0]) % (1 << UNIT) or np.any(each != each.T)
            if odd or np.any(np.abs(each) > each[0, 0]):
                raise WardnetError(Reason.IMPLAUSIBLE_TOTAL, rule="rows that are no half of others")
            if not each[0, 0]:
                return self.plan.failed(FEW_DISTINCT, self.space, self.conditions)
        return _next(self.plan, self.conditions, self.space, parts=(*parts, new), cuts=self.cuts)


def _next(
    plan: Division,
    conditions: Conditions,
    space: Space,
    *,
    parts: tuple[NDArray[Any], ...],
    cuts: tuple[Cut, ...],
) -> Stage | Table:
    """Cut the part with the largest squares, or begin with the means of all."""
    sums = decimals(np.stack([each[0] for each in parts])) * _UNIT_VALUE
    means = space.from_t(sums[:, 1:] / sums[:, :1])
    if len(parts) == plan.clusters:
        return Lloyd(plan, conditions, space, means.astype(np.float64))
    stretch = decimals_of(space.stretch[:, 0])
    own = decimals(np.stack([np.diagonal(each)[1:] for each in parts])) * _UNIT_VALUE
    squares = ((own - sums[:, 1:] ** 2 / sums[:, :1]) * stretch**2).sum(axis=1)
    part = int(np.argmax(squares))
    variances = np.diagonal(space.overall.covariance) / space.divisors**2
    if squares[part] <= variances.sum() * space.overall.n * _SAME:
        return plan.failed(FEW_DISTINCT, space, conditions)
    held = decimals(parts[part][1:, 1:]) * _UNIT_VALUE
    centred = held - np.outer(sums[part, 1:], sums[part, 1:]) / sums[part, 0]
    spread = centred * np.outer(stretch, stretch)
    direction = _drawn(spread, plan, len(cuts)) if plan.search else _longest(spread)
    least = float(direction.dot(means[part]))
    new = Cut(part, tuple(map(float, direction)), least)
    return Halves(plan, conditions, space, parts, (*cuts, new))


def _longest(squares: Matrix) -> Matrix:
    """Return about the direction in which squares are largest.

    Where two directions are nearly as good, either will do.
    """
    row: Matrix = squares[int(np.argmax((squares**2).sum(axis=1)))]
    return _turned(squares, row, powers=_POWERS)


def _drawn(squares: Matrix, plan: Division, number: int) -> Matrix:
    """Return a direction that is drawn, rather one in which squares are large."""
    row: list[Decimal] = []
    for place in range(len(squares)):
        key = f"{plan.seed}:{plan.search}:{number}:{place}".encode()
        row.append(Decimal(int.from_bytes(sha256(key).digest()[:8], "big", signed=True)))
    return _turned(squares, vector(row), powers=1)


def _turned(squares: Matrix, row: Matrix, *, powers: int) -> Matrix:
    """Return a direction turned by powers of a matrix, its largest entry 1 in magnitude."""
    for _ in range(powers):
        row = squares.dot(row / np.abs(row).max())
    return np.asarray(row / np.abs(row).max())

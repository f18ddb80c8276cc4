"""Standard errors that hold where the model's variance does not: of rows, or of whole hospitals.

With A the information (X'X of a linear model) and e a row's residual, the variance of the estimates
is `A^-1 M A^-1`. For HC0 to HC3, `M = X' diag(e**2 / (1 - h)**k) X` with the row's leverage h; for
clusters, M is the sum over hospitals of the outer product of a hospital's X'e with itself.

References
----------
MacKinnon, White (1985), Some heteroskedasticity-consistent covariance matrix estimators. Zeileis
(2006), Object-oriented computation of sandwich estimators, for generalised linear models. Liang,
Zeger (1986), Longitudinal data analysis using generalized linear models, for clusters.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal, localcontext
from fractions import Fraction
from types import MappingProxyType
from typing import Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from wardnet.errors import Reason, WardnetError
from wardnet.privacy.rules import DisclosureRules
from wardnet.question.rows import Rows
from wardnet.statistics.design import COMPLETE, Design, predictor
from wardnet.statistics.method import Part, Settled, settle
from wardnet.statistics.regression.leverages import leverages, roots_of, scaled
from wardnet.statistics.rounding import power_of_two
from wardnet.statistics.solve import PRECISE, Matrix
from wardnet.sums.accumulate import MAXIMUM_ROWS
from wardnet.sums.arrays import ArraySpec, Sums
from wardnet.sums.members import count, members
from wardnet.sums.products import MOST_SLICES, UNIT, cut, no_products, products, whole

Kind: TypeAlias = Literal["classical", "HC0", "HC1", "HC2", "HC3", "cluster"]

CLASSICAL: Final = "classical"
CLUSTER: Final = "cluster"

_POWERS: Final = MappingProxyType({"HC0": 0, "HC1": 0, "HC2": 1, "HC3": 2})
"""k of `(1 - h)**k`."""

FURTHER_ROUNDS: Final = 2

_HOSPITALS: Final = "hospitals"
_ROWS: Final = "rows by leverage"
_SPREAD: Final = "spread of residuals"

_CERTAIN: Final = 2.0**-10
"""Below this, 1 - h is nothing that a residual can be divided by."""

_KEPT: Final = 72
"""Bits below 1 that are kept of a hospital's X'e."""

ALONE: Final = "a row decides on a coefficient nearly alone: take HC0 or HC1, or fewer columns"
ONE_HOSPITAL: Final = "fewer than two hospitals with rows"

Terms: TypeAlias = Callable[
    [NDArray[np.float64], NDArray[np.float64]], tuple[NDArray[np.float64], NDArray[np.float64]]
]
"""From the linear predictor and the outcome of rows to their weights and residuals."""


@dataclass(frozen=True, slots=True)
class Spread:
    """Hold how far estimates may be off.

    Parameters
    ----------
    variances : ndarray of Decimal, shape (coefficients,), or None
        Their squared standard errors; None where there are none.
    freedom : int or None
        Degrees of freedom of the t distribution; None for the normal one.
    rule : str
        Why there are none, where the data or the rules do not allow them.
    """

    variances: Matrix | None
    freedom: int | None = None
    rule: str = ""


@dataclass(frozen=True)
class Robust:
    """Hold what the rounds after the estimates need.

    Parameters
    ----------
    kind : str
        Other than `classical`.
    design : Design
        The columns.
    rules : DisclosureRules
        Which say how many patients a hospital needs that is a cluster, and at each level.
    n, rank : int
        Rows, and coefficients without the aliased ones.
    scaled : tuple of float
        The estimates, as coefficients of the scaled columns.
    largest : Fraction
        A power of two that no residual exceeds; with HC3, divided by `1 - h`.
    roots : tuple of tuples of float
        As `leverages` takes them; none where they are not needed.
    inverse : ndarray of Decimal, shape (coefficients, coefficients)
        Of the information, in units.
    freedom : int or None
        Of the classical standard errors.
    hospitals : int or None
        How many have rows; None before it is known.
    """

    kind: Kind
    design: Design
    rules: DisclosureRules
    n: int
    rank: int
    scaled: tuple[float, ...]
    largest: Fraction
    roots: tuple[tuple[float, ...], ...]
    inverse: Matrix
    freedom: int | None
    hospitals: int | None = None

    @property
    def _counts(self) -> bool:
        """Say whether this round counts the hospitals."""
        return self.kind == CLUSTER and self.hospitals is None

    @property
    def _size(self) -> int:
        return len(self.design.regressors)

    def arrays(self) -> Sequence[ArraySpec]:
        """Declare hospitals with patients, with too few of them or at a level; then M."""
        if self._counts:
            return [ArraySpec(_HOSPITALS, (1, 3), 1, COMPLETE)]
        shape = (1, self._size, self._size)
        if self.kind == CLUSTER:
            return [ArraySpec(_SPREAD, shape, (MAXIMUM_ROWS << _KEPT) ** 2, COMPLETE, 2 * _KEPT)]
        spread = ArraySpec(_SPREAD, shape, MAXIMUM_ROWS << UNIT, COMPLETE, UNIT)
        return [spread, ArraySpec(_ROWS, (1, 1), MAXIMUM_ROWS, COMPLETE)]

    def local(self, rows: Rows, terms: Terms) -> Part:
        """Return a batch's part."""
        if self._counts:
            cells, guards = self.design.cells(rows), self.design.guards()
            return {
                name: members(cells[name], cells=guard.cells, patient=rows.patient)
                for name, guard in guards.items()
            }
        size = self._size
        limbs = no_products(size, 1 if self.kind == CLUSTER else size)
        alone = np.zeros(1, np.int64)
        (factor,) = self.design.outcome.factors
        for _, entries in self.design.blocks(rows):
            x, y = entries[:size], entries[size] * float(factor.scale) + float(factor.origin)
            weights, residuals = terms(predictor(self.scaled, x), y)
            residuals = np.clip(residuals * float(1 / self.largest), -1.0, 1.0)
            if self.kind == CLUSTER:
                one = cut(residuals[np.newaxis], slices=[MOST_SLICES])
                limbs += products(cut(x, slices=self.design.slices[:size]), one)
                continue
            rest = 1.0 - leverages(self.roots, x, weights)
            alone += count(np.where(rest < _CERTAIN, 0, -1), cells=1)
            both = cut(x * self._divided(residuals, rest), slices=[MOST_SLICES] * size)
            limbs += products(both, both)
        return {_SPREAD: limbs} if self.kind == CLUSTER else {_SPREAD: limbs, _ROWS: alone}

    def _divided(
        self, residuals: NDArray[np.float64], rest: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return `e / (1 - h)**(k / 2)`, shape (rows,)."""
        below = np.maximum(rest, _CERTAIN)
        match _POWERS[self.kind]:
            case 0:
                return residuals
            case 1:
                return np.asarray(residuals / np.sqrt(below))
            case _:
                return residuals / below

    def finish(self, part: Part) -> Sums:
        """Return the hospital's sums as declared."""
        settled: Settled = settle(part)
        if self._counts:
            return {_HOSPITALS: np.array([self._counted(settled)], np.int64)}
        sums = whole(settled[_SPREAD])
        if self.kind == CLUSTER:
            own = sums[:, 0] >> (UNIT - _KEPT)
            return {_SPREAD: np.outer(own, own)[np.newaxis]}
        return {_SPREAD: sums[np.newaxis], _ROWS: settled[_ROWS][np.newaxis]}

    def _counted(self, patients: Settled) -> tuple[bool, bool, bool]:
        """Say whether there are patients, too few of them, and too few at a level.

        A column of a level adds up the residuals of this level's patients alone: X'e tells of them
        what the guards of the whole model keep back of small cells.
        """
        some = bool(patients[COMPLETE][0])
        few = {name: bool(self.rules.too_small(each).any()) for name, each in patients.items()}
        alone = few.pop(COMPLETE)
        return some, some and alone, some and any(few.values())

    def step(self, total: Sums) -> "Robust | Spread":
        """Go on to M, or end."""
        if not self._counts:
            return self._spread(total)
        hospitals, small, at_level = total[_HOSPITALS][0].tolist()
        if not 0 <= min(small, at_level) <= max(small, at_level) <= hospitals:
            raise WardnetError(Reason.IMPLAUSIBLE_TOTAL, rule="fewer hospitals than none")
        if small or at_level:
            where = "a hospital" if small else "a level at a hospital"
            return Spread(None, rule=f"{where} with {self.rules.cell_rule}")
        if hospitals <= 1:
            return Spread(None, rule=ONE_HOSPITAL)
        return replace(self, hospitals=hospitals)

    def _spread(self, total: Sums) -> Spread:
        """Return the variances.

        Raises
        ------
        WardnetError
            `IMPLAUSIBLE_TOTAL` for a negative square.
        """
        if self.kind != CLUSTER and total[_ROWS].any() and _POWERS[self.kind]:
            return Spread(None, rule=ALONE)
        unit = Fraction(1, 1 << (2 * _KEPT if self.kind == CLUSTER else UNIT))
        found = total[_SPREAD][0]
        if np.any(np.diagonal(found) < 0):
            raise WardnetError(Reason.IMPLAUSIBLE_TOTAL, rule="a square is below 0")
        with localcontext(PRECISE):
            middle = self.design.in_units(found, self.largest**2 * unit, both=True)
            factor, freedom = self._correction()
            if factor is None:
                return Spread(None, freedom)
            covariance = self.inverse.dot(middle).dot(self.inverse)
            return Spread(np.diagonal(covariance) * factor, freedom)

    def _correction(self) -> tuple[Decimal | None, int | None]:
        """Return what the variance is multiplied by, and the degrees of freedom."""
        n, rest = Decimal(self.n), self.n - self.rank
        if rest <= 0:
            return None, self.freedom
        if self.hospitals is not None:
            groups = Decimal(self.hospitals)
            return groups / (groups - 1) * (n - 1) / rest, self.hospitals - 1
        return n / rest if self.kind == "HC1" else Decimal(1), self.freedom


def robust(
    kind: Kind,
    columns: Design,
    estimates: Matrix,
    information: Matrix,
    inverse: Matrix,
    *,
    aliased: Sequence[int],
    n: int,
    largest: Decimal,
    freedom: int | None,
    rules: DisclosureRules,
) -> Robust:
    """Return the rounds after the estimates.

    Parameters
    ----------
    estimates : ndarray of Decimal, shape (coefficients,)
        In units.
    information, inverse : ndarray of Decimal, shape (coefficients, coefficients)
        In units; 0 where aliased.
    largest : Decimal
        No residual exceeds it.
    """
    roots: tuple[tuple[float, ...], ...] = ()
    power = _POWERS.get(kind, 0)
    if power:
        roots = roots_of(columns, information, aliased)
    bound = Fraction(largest) * Fraction(1025, 1024) / Fraction(_CERTAIN) ** ((power + 1) // 2)
    return Robust(
        kind,
        columns,
        rules,
        n,
        len(estimates) - len(aliased),
        scaled(columns, estimates),
        power_of_two(bound),
        roots,
        inverse,
        freedom,
    )

"""Ridge, lasso and elastic net: the minimum of a square with a penalty on standardised columns."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from typing import Final

import numpy as np

from wardnet.statistics.solve import PRECISE, Matrix, solve

_MOST_ATTEMPTS: Final = 20
_SLACK: Final = 1 + Decimal(2) ** -40
"""How far a gradient may be beyond the penalty where an estimate is 0: rounding is far below."""


@dataclass(frozen=True, slots=True)
class Penalty:
    """Hold what is added to half a square: `sum(lasso |z|) + sum(ridge z**2) / 2`.

    Parameters
    ----------
    lasso, ridge : tuple of Decimal
        One per column, at least 0; 0 for the intercept.
    """

    lasso: tuple[Decimal, ...]
    ridge: tuple[Decimal, ...]

    def of(self, estimates: Matrix) -> Decimal:
        """Return the penalty of estimates."""
        with localcontext(PRECISE):
            terms = zip(estimates.tolist(), self.lasso, self.ridge, strict=True)
            return sum(
                (lasso * abs(z) + ridge * z * z / 2 for z, lasso, ridge in terms), Decimal(0)
            )


def penalty(squares: Matrix, *, strength: Decimal, lasso_share: Decimal) -> Penalty:
    """Return the penalty on the coefficients of standardised columns.

    Parameters
    ----------
    squares : ndarray of Decimal, shape (columns, columns)
        X'X, the intercept first.
    strength : Decimal
        At least 0.
    lasso_share : Decimal
        0 for ridge to 1 for lasso.

    Notes
    -----
    With `s` the standard deviation of a column over all rows (divisor n) it is
    `strength * (lasso_share * sum(|s z|) + (1 - lasso_share) / 2 * sum((s z)**2))`.
    """
    with localcontext(PRECISE):
        n = squares[0, 0]
        variances = [
            max(squares[at, at] / n - (squares[0, at] / n) ** 2, Decimal(0))
            for at in range(len(squares))
        ]
        lasso = tuple(strength * lasso_share * each.sqrt() for each in variances)
        ridge = tuple(strength * (1 - lasso_share) * each for each in variances)
        return Penalty(lasso, ridge)


def minimise(
    squares: Matrix,
    right: Matrix,
    added: Penalty,
    *,
    skip: Sequence[int] = (),
    weighted: bool = False,
) -> Matrix | None:
    """Return the z that minimises `z'Az/2 - b'z + penalty`; None if it is not found.

    Parameters
    ----------
    squares : ndarray of Decimal, shape (columns, columns)
        A, positive semidefinite.
    right : ndarray of Decimal, shape (columns,)
        b.
    added : Penalty
        Of z.
    skip : sequence of int
        Columns whose estimate is to be 0.
    weighted : bool
        As `solve` takes it; z is not found where another column is aliased.

    Notes
    -----
    Coordinate descent in doubles finds which estimates are not 0, and their signs; the estimates
    then solve a linear system, and are right if the gradient nowhere exceeds the penalty.

    References
    ----------
    Friedman, Hastie, Tibshirani (2010), Regularization paths for generalized linear models.
    """
    with localcontext(PRECISE):
        ridged = squares + np.diag(np.array(added.ridge, np.object_))
        if not any(added.lasso):
            return _solved(ridged, right, skip, weighted=weighted)
        if not ridged[0, 0]:
            return None  # no row weighs anything
        start = np.zeros(len(right))
        for attempt in range(_MOST_ATTEMPTS):
            start = _descend(ridged, right, added, start, rounds=50 << attempt // 2, skip=skip)
            signs = [Decimal(int(sign)) for sign in np.sign(start)]
            active = [at for at, lasso in enumerate(added.lasso) if lasso == 0 or signs[at] != 0]
            out = sorted({*skip, *set(range(len(right))).difference(active)})
            pushed = right - np.array(
                [lasso * sign for lasso, sign in zip(added.lasso, signs, strict=True)], np.object_
            )
            found = _solved(ridged, pushed, out, weighted=weighted)
            if found is not None and _is_minimum(ridged, right, added, found, skip):
                return found
    return None


def _solved(
    squares: Matrix, right: Matrix, skip: Sequence[int], *, weighted: bool
) -> Matrix | None:
    size = len(right)
    joined = np.full((size + 1, size + 1), Decimal(0), np.object_)
    joined[:size, :size] = squares
    joined[:size, size] = joined[size, :size] = right
    solved = solve(joined, columns=size, skip=skip, weighted=weighted)
    return solved.solution[:, 0] if set(solved.aliased) == set(skip) else None


def _descend(
    squares: Matrix,
    right: Matrix,
    added: Penalty,
    start: np.ndarray[tuple[int], np.dtype[np.float64]],
    *,
    rounds: int,
    skip: Sequence[int],
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return the estimates after some rounds of coordinate descent, columns centred."""
    left_out = {0, *skip}
    n = squares[0, 0]
    centred = squares - np.outer(squares[0], squares[0]) / n
    slopes = right - squares[0] * right[0] / n
    scales = [max(centred[at, at], Decimal(0)).sqrt() for at in range(len(right))]
    used = [at for at, scale in enumerate(scales) if scale > 0 and at not in left_out]
    # In units in which every diagonal is 1, so that a double holds whatever the columns' units are.
    a = [[float(centred[i, j] / (scales[i] * scales[j])) for j in used] for i in used]
    b = [float(slopes[i] / scales[i]) for i in used]
    bounds = [float(added.lasso[i] / scales[i]) for i in used]
    z = [float(Decimal(start[i]) * scales[i]) for i in used]
    for _ in range(rounds):
        for i, row in enumerate(a):
            gradient = b[i] + z[i]
            for entry, other in zip(row, z, strict=True):
                gradient -= entry * other
            size = max(abs(gradient) - bounds[i], 0.0)
            z[i] = size if gradient > 0 else -size
    result = np.zeros(len(right))
    for place, value in zip(used, z, strict=True):
        result[place] = float(Decimal(value) / scales[place])
    return result


def _is_minimum(
    squares: Matrix, right: Matrix, added: Penalty, found: Matrix, skip: Sequence[int]
) -> bool:
    """Say whether the gradient at the solution stays within the penalty."""
    gradient = right - squares.dot(found)
    for at, lasso in enumerate(added.lasso):
        if at in skip or not lasso:
            continue
        if found[at] == 0 and abs(gradient[at]) > lasso * _SLACK:
            return False
        if found[at] != 0 and gradient[at] * found[at] < 0:
            return False
    return True

"""Find the best split of a node from its histograms, with the same bits at every hospital."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from wardnet.compiled import compiled

ROWS: Final = 0
GRADIENTS: Final = 1
HESSIANS: Final = 2
"""What a histogram holds of each bin, on its second axis but one."""

_NODES: Final = 64
"""That a training looks at, or more: so often it searches."""

_NOISE: Final = 2.0**-40
"""Of a node's score; a gain that is no larger may be rounding."""


@dataclass(frozen=True, slots=True)
class Split:
    """Hold how a node sends its rows on.

    Parameters
    ----------
    feature : int
        Which is asked.
    cut : int
        The last bin that goes left.
    missing_left : bool
        Whether rows without a value go left.
    gain : float
        By how much the split lowers the loss, twice, above 0.
    """

    feature: int
    cut: int
    missing_left: bool
    gain: float


@dataclass(frozen=True, slots=True)
class Scale:
    """Hold what turns integers into scores.

    Parameters
    ----------
    gradient, hessian : int
        The integer k stands for `k * 2**-unit`.
    penalty : float
        Added to every sum of hessians (ridge).
    """

    gradient: int
    hessian: int
    penalty: float

    def score(self, sums: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return G**2 / (H + penalty) of sums of every kind; nan or inf without hessians."""
        gradient: NDArray[np.float64] = sums[GRADIENTS] * 2.0**-self.gradient
        hessian = sums[HESSIANS] * 2.0**-self.hessian
        hessian += self.penalty
        gradient *= gradient
        with np.errstate(divide="ignore", invalid="ignore"):
            gradient /= hessian
        return gradient


@dataclass(frozen=True, slots=True)
class Limits:
    """Hold what a split must fulfil.

    Parameters
    ----------
    rows : int
        Fewest rows on each side, at least 1.
    hessian : int
        Least sum of hessians on each side, in their unit.
    """

    rows: int
    hessian: int


def best_split(
    histograms: NDArray[np.int64],
    *,
    allowed: NDArray[np.bool_],
    scale: Scale,
    limits: Limits,
) -> tuple[Split, NDArray[np.int64]] | None:
    """Return a node's best split and the sums of its left side; None where there is none.

    Parameters
    ----------
    histograms : ndarray of int64, shape (3, features, bins)
        Rows, gradients and hessians; the last bin is that of missing values.
    allowed : ndarray of bool, shape (features,)
        Which features the node may ask.

    Notes
    -----
    gain = G_l**2 / (H_l + penalty) + G_r**2 / (H_r + penalty) - G**2 / (H + penalty). Of equal
    gains the first feature wins, then missing values on the right, then the lowest cut. Sums stay
    below 2**53, so that doubles hold them exactly.

    References
    ----------
    Chen, Guestrin (2016), XGBoost: a scalable tree boosting system, equation 7.
    """
    missing, whole = histograms[..., -1], histograms[:, 0].sum(axis=-1)
    gains = _gains(histograms, scale, limits)
    gains[~allowed] = -np.inf
    feature, side, cut = (int(at) for at in np.unravel_index(np.argmax(gains), gains.shape))
    parent = float(scale.score(whole.astype(np.float64)))
    gain = float(gains[feature, side, cut]) - parent
    if not gain > parent * _NOISE:
        return None
    left = histograms[:, feature, : cut + 1].sum(axis=-1) + side * missing[:, feature]
    larger_left = bool(2 * left[ROWS] >= whole[ROWS])
    missing_left = bool(side) if missing[ROWS, feature] > 0 else larger_left
    return Split(feature, cut, missing_left, gain), left


def _gains(histograms: NDArray[np.int64], scale: Scale, limits: Limits) -> NDArray[np.float64]:
    """Return the scores of both sides together, shape (features, 1 or 2, bins - 1).

    With missing values on the right and, where there are any, on the left; minus infinity where a
    side is too small.
    """
    missing = histograms[..., -1:]
    ways = 2 if missing.any() else 1
    loop = compiled(_gains_one_by_one, _GAINS, steps=histograms.size * _NODES)
    if loop is not None:
        _, features, bins = histograms.shape
        gains = np.empty((features, ways, bins - 1))
        units = 2.0**-scale.gradient, 2.0**-scale.hessian, scale.penalty
        loop(histograms, units, (limits.rows, limits.hessian), gains)
        return gains
    known = np.cumsum(histograms[..., :-1], axis=-1)
    whole = (known[..., -1:] + missing).astype(np.float64)
    sides = [(known + way * missing).astype(np.float64) for way in range(ways)]
    return np.stack([_of_sides(left, whole - left, scale, limits) for left in sides], axis=1)


def _of_sides(
    left: NDArray[np.float64], right: NDArray[np.float64], scale: Scale, limits: Limits
) -> NDArray[np.float64]:
    gains = scale.score(left)
    gains += scale.score(right)
    small = np.minimum(left[ROWS], right[ROWS]) < limits.rows
    small |= np.minimum(left[HESSIANS], right[HESSIANS]) < limits.hessian
    gains[small] = -np.inf
    return gains


_GAINS: Final = "void(i8[:, :, ::1], UniTuple(f8, 3), UniTuple(i8, 2), f8[:, :, ::1])"


def _gains_one_by_one(
    histograms: NDArray[np.int64],
    units: tuple[float, float, float],
    least: tuple[int, int],
    gains: NDArray[np.float64],
) -> None:
    """Do what `_gains` does; units are powers of two, whose products need no rounding."""
    (gradient, hessian, penalty), (rows, weight) = units, least
    _, features, bins = histograms.shape
    for feature in range(features):
        each, slopes, bends = histograms[0, feature], histograms[1, feature], histograms[2, feature]
        all_rows, all_slopes, all_bends = each.sum(), slopes.sum(), bends.sum()
        for way in range(gains.shape[1]):
            n, g, h = way * each[-1], way * slopes[-1], way * bends[-1]
            for cut in range(bins - 1):
                n, g, h = n + each[cut], g + slopes[cut], h + bends[cut]
                if min(n, all_rows - n) < rows or min(h, all_bends - h) < weight:
                    gains[feature, way, cut] = -np.inf
                    continue
                left, right = g * gradient, (all_slopes - g) * gradient
                below, beyond = h * hessian + penalty, (all_bends - h) * hessian + penalty
                gains[feature, way, cut] = left * left / below + right * right / beyond

"""Find the best split of a node from its histograms, with the same bits at every hospital."""

from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from wardnet.compiled import compiled

ROWS: Final = 0
GRADIENTS: Final = 1
HESSIANS: Final = 2
"""Places in a node's histograms."""

Histograms: TypeAlias = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]
"""A node's rows, gradients and hessians by feature and bin, of which the last is that of missing
values; shape (features, bins) each."""

_NODES: Final = 256
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

    def score(self, sums: NDArray[np.int64]) -> NDArray[np.float64]:
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
    histograms: Histograms,
    *,
    sums: NDArray[np.int64],
    allowed: NDArray[np.bool_],
    scale: Scale,
    limits: Limits,
) -> tuple[Split, NDArray[np.int64]] | None:
    """Return a node's best split and the sums of its left side; None where there is none.

    Parameters
    ----------
    histograms : Histograms
        The node's.
    sums : ndarray of int64, shape (3,)
        The node's rows, gradients and hessians; the bins of each feature add up to them.
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
    gains = _gains(histograms, scale, limits)
    gains[~allowed] = -np.inf
    best, (_, ways, cuts) = int(gains.argmax()), gains.shape
    (feature, side), cut = divmod(best // cuts, ways), best % cuts
    parent = float(scale.score(sums))
    gain = float(gains[feature, side, cut]) - parent
    if not gain > parent * _NOISE:
        return None
    bins = [each[feature] for each in histograms]
    left = np.array([each[: cut + 1].sum() + side * each[-1] for each in bins])
    larger_left = bool(2 * left[ROWS] >= sums[ROWS])
    missing_left = bool(side) if bins[ROWS][-1] > 0 else larger_left
    return Split(feature, cut, missing_left, gain), left


def _gains(histograms: Histograms, scale: Scale, limits: Limits) -> NDArray[np.float64]:
    """Return the scores of both sides together, shape (features, 1 or 2, bins - 1).

    With missing values on the right and, where there are any, on the left; minus infinity where a
    side is too small.
    """
    features, bins = histograms[ROWS].shape
    ways = 2 if histograms[ROWS][:, -1].any() else 1
    loop = compiled(_gains_one_by_one, _GAINS, steps=features * bins * _NODES)
    if loop is not None:
        gains = np.empty((features, ways, bins - 1))
        units = 2.0**-scale.gradient, 2.0**-scale.hessian, scale.penalty
        loop(histograms, units, (limits.rows, limits.hessian), gains)
        return gains
    every = np.stack(histograms)
    known, missing = np.cumsum(every[..., :-1], axis=-1), every[..., -1:]
    whole = known[..., -1:] + missing
    sides = [known + way * missing for way in range(ways)]
    return np.stack([_of_sides(left, whole - left, scale, limits) for left in sides], axis=1)


def _of_sides(
    left: NDArray[np.int64], right: NDArray[np.int64], scale: Scale, limits: Limits
) -> NDArray[np.float64]:
    gains = scale.score(left)
    gains += scale.score(right)
    small = np.minimum(left[ROWS], right[ROWS]) < limits.rows
    small |= np.minimum(left[HESSIANS], right[HESSIANS]) < limits.hessian
    gains[small] = -np.inf
    return gains


_GAINS: Final = "void(UniTuple(i8[:, ::1], 3), UniTuple(f8, 3), UniTuple(i8, 2), f8[:, :, ::1])"


def _gains_one_by_one(
    histograms: Histograms,
    units: tuple[float, float, float],
    least: tuple[int, int],
    gains: NDArray[np.float64],
) -> None:
    """Do what `_gains` does: sides one after the other, and then the scores of many at once."""
    rows, gradients, hessians = histograms
    (gradient, hessian, penalty), (fewest, lightest) = units, least
    features, bins = rows.shape
    sides = np.empty((3, bins - 1), np.int64)
    for feature in range(features):
        n, g, h = rows[feature], gradients[feature], hessians[feature]
        all_rows, all_slopes, all_bends = n.sum(), g.sum(), h.sum()
        for way in range(gains.shape[1]):
            left_rows, left_slope, left_bend = way * n[-1], way * g[-1], way * h[-1]
            for cut in range(bins - 1):
                left_rows, left_slope = left_rows + n[cut], left_slope + g[cut]
                left_bend = left_bend + h[cut]
                sides[0, cut], sides[1, cut], sides[2, cut] = left_rows, left_slope, left_bend
            for cut in range(bins - 1):
                left_rows, left_slope, left_bend = sides[0, cut], sides[1, cut], sides[2, cut]
                right_rows, right_bend = all_rows - left_rows, all_bends - left_bend
                left, right = left_slope * gradient, (all_slopes - left_slope) * gradient
                score = left * left / (left_bend * hessian + penalty)
                score += right * right / (right_bend * hessian + penalty)
                few = min(left_rows, right_rows) < fewest
                light = min(left_bend, right_bend) < lightest
                gains[feature, way, cut] = -np.inf if few | light else score

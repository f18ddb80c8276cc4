"""Find the best split of every node from its histograms, with the same bits at every hospital."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

ROWS: Final = 0
GRADIENTS: Final = 1
HESSIANS: Final = 2
"""What a histogram holds of each bin, on its second axis but one."""

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

    def score(
        self, gradients: NDArray[np.int64], hessians: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """Return G**2 / (H + penalty) of sums; 0 where there are no hessians and no penalty."""
        gradient = gradients * 2.0**-self.gradient
        hessian = hessians * 2.0**-self.hessian + self.penalty
        np.multiply(gradient, gradient, out=gradient)
        score = np.zeros(gradient.shape)
        np.divide(gradient, hessian, out=score, where=hessian > 0)
        return score


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


def best_splits(
    histograms: NDArray[np.int64],
    *,
    allowed: NDArray[np.bool_],
    scale: Scale,
    limits: Limits,
) -> list[tuple[Split, NDArray[np.int64]] | None]:
    """Return each node's best split and the sums of its left side; None where there is none.

    Parameters
    ----------
    histograms : ndarray of int64, shape (nodes, 3, features, bins)
        Rows, gradients and hessians; the last bin is that of missing values.
    allowed : ndarray of bool, shape (nodes, features)
        Which features a node may ask.

    Notes
    -----
    gain = G_l**2 / (H_l + penalty) + G_r**2 / (H_r + penalty) - G**2 / (H + penalty). Of equal
    gains the first feature wins, then missing values on the right, then the lowest cut.

    References
    ----------
    Chen, Guestrin (2016), XGBoost: a scalable tree boosting system, equation 7.
    """
    nodes, _, _, bins = histograms.shape
    missing = histograms[..., -1:]
    right_missing: NDArray[np.int64] = np.cumsum(histograms[..., :-1], axis=-1)
    whole = right_missing[..., -1:] + missing
    sides: list[NDArray[np.int64]] = [right_missing]
    if missing.any():
        sides.append(right_missing + missing)
    parent = scale.score(whole[:, GRADIENTS, 0, 0], whole[:, HESSIANS, 0, 0])
    gains = np.concatenate([_gains(left, whole - left, scale, limits) for left in sides], axis=-1)
    gains[~allowed] = -np.inf
    flat = gains.reshape(nodes, -1)
    best = np.argmax(flat, axis=1)
    found: list[tuple[Split, NDArray[np.int64]] | None] = []
    for node, place in enumerate(best.tolist()):
        gain = float(flat[node, place] - parent[node])
        if not gain > float(parent[node]) * _NOISE:
            found.append(None)
            continue
        feature, side_cut = divmod(place, gains.shape[-1])
        side, cut = divmod(side_cut, bins - 1)
        left = np.array(sides[side][node, :, feature, cut], np.int64)
        known = missing[node, ROWS, feature, 0] > 0
        larger_left = bool(2 * left[ROWS] >= whole[node, ROWS, 0, 0])
        found.append((Split(feature, cut, bool(side) if known else larger_left, gain), left))
    return found


def _gains(
    left: NDArray[np.int64], right: NDArray[np.int64], scale: Scale, limits: Limits
) -> NDArray[np.float64]:
    """Return the scores of both sides together; minus infinity where a side is too small."""
    gains = scale.score(left[:, GRADIENTS], left[:, HESSIANS])
    gains += scale.score(right[:, GRADIENTS], right[:, HESSIANS])
    small = np.minimum(left[:, ROWS], right[:, ROWS]) < limits.rows
    small |= np.minimum(left[:, HESSIANS], right[:, HESSIANS]) < limits.hessian
    gains[small] = -np.inf
    return np.asarray(gains)

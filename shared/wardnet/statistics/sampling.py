"""Draw the rows and features of a tree by a seed, the same wherever a row is kept."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from wardnet.question.drawing import scatter

_POISSON: Final = (
    6786177901268885274,
    13572355802537770549,
    16965444753172213186,
    18096474403383694065,
    18379231815936564285,
    18435783298447138329,
    18445208545532234003,
    18446555009401533385,
)
"""`floor(2**64 * P(N <= k))` for N of Poisson's distribution with mean 1 and k = 0 ... 7."""


def draw_share(
    keys: NDArray[np.uint64], share: float, *, seed: int, tree: int
) -> NDArray[np.int64]:
    """Return 1 for about `share` of the rows, 0 for the others, shape (rows,)."""
    if share >= 1:
        return np.ones(keys.size, np.int64)
    bound = np.uint64(int(share * 2.0**64))
    return (_keyed(keys, seed, tree) < bound).astype(np.int64)


def draw_bag(keys: NDArray[np.uint64], *, seed: int, tree: int) -> NDArray[np.int64]:
    """Return how often each row is in a tree's bag, shape (rows,): 0 to 8, once on average.

    Notes
    -----
    Poisson's distribution is that of a bootstrap of many rows, and needs no number of rows.

    References
    ----------
    Oza, Russell (2001), Online bagging and boosting.
    """
    bounds = np.array(_POISSON, np.uint64)
    return np.searchsorted(bounds, _keyed(keys, seed, tree), side="right").astype(np.int64)


def draw_features(
    features: int, some: int, *, seed: int, tree: int, node: int
) -> NDArray[np.bool_]:
    """Return which features a node may ask, exactly `some` of them, shape (features,)."""
    if some == features:
        return np.ones(features, np.bool_)
    places = np.arange(features, dtype=np.uint64) + np.uint64(node << 16)
    rank = np.argsort(_keyed(scatter(places), seed, tree), kind="stable")
    drawn = np.zeros(features, np.bool_)
    drawn[rank[:some]] = True
    return drawn


def _keyed(keys: NDArray[np.uint64], seed: int, tree: int) -> NDArray[np.uint64]:
    key = scatter(scatter(np.array([seed], np.uint64)) ^ np.uint64(tree))
    return scatter(keys ^ key)

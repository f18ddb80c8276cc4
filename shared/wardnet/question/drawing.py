"""Draw rows by a seed, the same wherever a row is kept.

A row has no name that two hospitals share, and its place depends on the split; so what is drawn
depends on what the row holds. Rows that are alike in all columns that are looked at are drawn
together.
"""

from collections.abc import Iterable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from wardnet.question.rows import Rows

_STEP: Final = np.uint64(0x9E3779B97F4A7C15)
_FIRST: Final = np.uint64(0xBF58476D1CE4E5B9)
_SECOND: Final = np.uint64(0x94D049BB133111EB)


def row_keys(rows: Rows, names: Iterable[str]) -> NDArray[np.uint64]:
    """Return a number for each row's content, shape (rows.size,)."""
    keys = np.zeros(rows.size, np.uint64)
    for name in names:
        values = rows.columns[name]
        if values.dtype == np.float64:
            known = np.where(np.isnan(values), np.inf, values) + 0.0  # one zero, one missing value
            keys = scatter(keys ^ known.view(np.uint64))
        else:
            keys = scatter(keys ^ values.astype(np.int64).view(np.uint64))
    return keys


def scatter(keys: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Scatter numbers over all 64 bits, same shape.

    References
    ----------
    Steele, Lea, Flood (2014), Fast splittable pseudorandom number generators (SplitMix64).
    """
    keys = keys + _STEP
    keys = (keys ^ (keys >> np.uint64(30))) * _FIRST
    keys = (keys ^ (keys >> np.uint64(27))) * _SECOND
    return keys ^ (keys >> np.uint64(31))

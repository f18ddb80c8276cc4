"""The exponential function from elementwise IEEE operations: the same bits on any processor.

`numpy.exp` gives other last bits with other vector units, and so would every sum that follows.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

_LARGEST: Final = 700.0
_LOG2_E: Final = 1.4426950408889634
_LN2_HIGH: Final = 6.93147180369123816490e-01
"""Natural logarithm of 2 to 32 bits, so that its products with exponents are exact."""

_LN2_LOW: Final = 1.90821492927058770002e-10
_FACTORIALS: Final = (
    6227020800.0,
    479001600.0,
    39916800.0,
    3628800.0,
    362880.0,
    40320.0,
    5040.0,
    720.0,
    120.0,
    24.0,
    6.0,
    2.0,
    1.0,
    1.0,
)
_INVERSES: Final = tuple(1.0 / factorial for factorial in _FACTORIALS)


def exp(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return e to the power of x, elementwise.

    Parameters
    ----------
    x : ndarray of float64
        Taken as -700 below and as 700 above, where the result is 0 or infinite for all purposes.

    Returns
    -------
    ndarray of float64, same shape
        Off by at most 1.3 units of the last place.

    Notes
    -----
    x = k ln 2 + r with a whole k and |r| <= ln(2) / 2; then a Taylor polynomial of degree 13 in r
    by Horner's rule, and k added to the exponent.

    References
    ----------
    Cody, Waite (1980), Software manual for the elementary functions, chapter 6.
    """
    x = np.clip(x, -_LARGEST, _LARGEST)
    power = np.rint(x * _LOG2_E)
    rest = (x - power * _LN2_HIGH) - power * _LN2_LOW
    value = np.full_like(rest, _INVERSES[0])
    for inverse in _INVERSES[1:]:
        value *= rest
        value += inverse
    scale: NDArray[np.float64] = ((power.astype(np.int64) + 1023) << 52).view(np.float64)
    value *= scale
    return value


def sigmoid(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return 1 / (1 + exp(-x)), elementwise, between 0 and 1."""
    return 1.0 / (1.0 + exp(-x))


def softmax(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return shares in proportion to exp(x), shape (kinds, rows), that add up to 1 in each row."""
    grown = exp(x - x.max(axis=0))
    whole = grown[0].copy()
    for each in grown[1:]:  # one after the other: numpy's own order of adding depends on the shape
        whole += each
    return np.asarray(grown / whole)

"""Exponential and logarithm from elementwise IEEE operations: the same bits on any processor.

Those of numpy give other last bits with other vector units, and so would every sum that follows.
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
_ROOT_OF_HALF: Final = 0.7071067811865476
_ODD_INVERSES: Final = tuple(1.0 / odd for odd in range(23, 1, -2))
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


def log(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the natural logarithm of x, elementwise.

    Parameters
    ----------
    x : ndarray of float64
        Above 0.

    Returns
    -------
    ndarray of float64, same shape
        Off by at most 2 units of the last place.

    Notes
    -----
    x = 2**k m with m between the roots of 1/2 and 2; then `log m = 2 artanh((m - 1) / (m + 1))`, as
    a series by Horner's rule.

    References
    ----------
    Cody, Waite (1980), Software manual for the elementary functions, chapter 5.
    """
    part, power = np.frexp(x)
    small = part < _ROOT_OF_HALF
    above = np.where(small, 2 * part, part) - 1.0
    exponent = power.astype(np.float64) - small
    ratio = above / (2.0 + above)
    square = ratio * ratio
    series = np.full_like(square, _ODD_INVERSES[0])
    for inverse in _ODD_INVERSES[1:]:
        series *= square
        series += inverse
    # log m = above - ratio (above - rest), so that the first, exact term carries the digits.
    rest = 2.0 * square * series
    value = (exponent * _LN2_LOW - ratio * (above - rest)) + above
    return np.asarray(value + exponent * _LN2_HIGH)


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

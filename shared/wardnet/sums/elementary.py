"""Exponential and logarithm from elementwise IEEE operations: the same bits on any processor.

Those of numpy give other last bits with other vector units, and so would every sum that follows.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from wardnet.compiled import compiled

_OPERATIONS: Final = 20
"""That an exponential or a logarithm takes, about."""

_LARGEST: Final = 700.0
_LOG2_E: Final = 1.4426950408889634
_LN2_HIGH: Final = 6.93147180369123816490e-01
"""Natural logarithm of 2 to 32 bits, so that its products with exponents are exact."""

_LN2_LOW: Final = 1.90821492927058770002e-10
_ROOT_OF_HALF: Final = 0.7071067811865476

_EXP: Final = (
    4.13813679705723846039e-08,
    -1.65339022054652515390e-06,
    6.61375632143793436117e-05,
    -2.77777777770155933842e-03,
    1.66666666666666019037e-01,
)
"""Of `r (e^r + 1) / (e^r - 1) - 2` by powers of the square of r, from the highest to the first."""

_LOG: Final = (
    1.479819860511658591e-01,
    1.531383769920937332e-01,
    1.818357216161805012e-01,
    2.222219843214978396e-01,
    2.857142874366239149e-01,
    3.999999999940941908e-01,
    6.666666666666735130e-01,
)
"""Of `2 artanh(s) / s - 2` by powers of the square of s, from the highest to the first."""


def exp(x: NDArray[np.float64], *, often: bool = False) -> NDArray[np.float64]:
    """Return e to the power of x, elementwise.

    Parameters
    ----------
    x : ndarray of float64
        Taken as -700 below and as 700 above, where the result is 0 or infinite for all purposes.
    often : bool
        Whether as many are asked for a hundred times or more: then compiling may be worth it.

    Returns
    -------
    ndarray of float64, same shape
        Off by at most 1.3 units of the last place.

    Notes
    -----
    x = k ln 2 + r with a whole k and |r| <= ln(2) / 2. With c = r - p(r^2) for the polynomial p
    that has the least error, `e^r = 1 + (r + r c / (2 - c))`; then k is added to the exponent.

    References
    ----------
    Cody, Waite (1980), Software manual for the elementary functions, chapter 6.
    Sun Microsystems (1993), Freely distributable mathematics library, e_exp.c.
    """
    loop = compiled(_exp_one_by_one, _EXP_LOOP, steps=x.size * _OPERATIONS) if often else None
    if loop is not None:
        found, bits = np.empty(x.shape), np.empty(x.shape, np.int64)
        loop(np.ascontiguousarray(x).reshape(-1), found.reshape(-1), bits.reshape(-1))
        found *= bits.view(np.float64)
        return found
    x = np.clip(x, -_LARGEST, _LARGEST)
    power = np.rint(x * _LOG2_E)
    rest = (x - power * _LN2_HIGH) - power * _LN2_LOW
    odd = rest - _polynomial(_EXP, rest * rest)
    value = odd * rest
    value /= 2.0 - odd
    value += rest
    value += 1.0
    scale: NDArray[np.float64] = ((power.astype(np.int64) + 1023) << 52).view(np.float64)
    value *= scale
    return value


def log(x: NDArray[np.float64], *, often: bool = False) -> NDArray[np.float64]:
    """Return the natural logarithm of x, elementwise.

    Parameters
    ----------
    x : ndarray of float64
        Above 0.
    often : bool
        As `exp` takes it.

    Returns
    -------
    ndarray of float64, same shape
        Off by at most 2 units of the last place.

    Notes
    -----
    x = 2**k m with m between the roots of 1/2 and 2; then `log m = 2 artanh((m - 1) / (m + 1))`, by
    the polynomial that has the least error.

    References
    ----------
    Cody, Waite (1980), Software manual for the elementary functions, chapter 5.
    Sun Microsystems (1993), Freely distributable mathematics library, e_log.c.
    """
    above, power = np.frexp(np.asarray(x, order="C"))
    loop = compiled(_log_one_by_one, _LOG_LOOP, steps=x.size * _OPERATIONS) if often else None
    if loop is not None:
        loop(above.reshape(-1), power.reshape(-1))
        return above
    small = np.less(above, _ROOT_OF_HALF).astype(np.float64)
    exponent = power - small
    small *= above  # doubles what is small
    above += small
    above -= 1.0
    ratio = above / (2.0 + above)
    # log m = above - ratio (above - rest), so that the first, exact term carries the digits.
    rest = above - _polynomial(_LOG, ratio * ratio)
    rest *= ratio
    value: NDArray[np.float64] = exponent * _LN2_LOW
    value -= rest
    value += above
    exponent *= _LN2_HIGH
    value += exponent
    return value


def sigmoid(x: NDArray[np.float64], *, often: bool = False) -> NDArray[np.float64]:
    """Return 1 / (1 + exp(-x)), elementwise, between 0 and 1; `often` as `exp` takes it."""
    return 1.0 / (1.0 + exp(-x, often=often))


def softmax(x: NDArray[np.float64], *, often: bool = False) -> NDArray[np.float64]:
    """Return shares in proportion to exp(x), shape (kinds, rows), that add up to 1 in each row.

    `often` is as `exp` takes it.
    """
    grown = exp(x - x.max(axis=0), often=often)
    whole = grown[0].copy()
    for each in grown[1:]:  # one after the other: numpy's own order of adding depends on the shape
        whole += each
    return np.asarray(grown / whole)


def _polynomial(coefficients: Sequence[float], x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a polynomial without a constant, by Horner's rule from the highest coefficient."""
    value = coefficients[0] * x
    for coefficient in coefficients[1:]:
        value += coefficient
        value *= x
    return value


_EXP_LOOP: Final = "void(f8[::1], f8[::1], i8[::1])"


def _exp_one_by_one(
    x: NDArray[np.float64], value: NDArray[np.float64], scale: NDArray[np.int64]
) -> None:
    """Do what `exp` does, but for the last product; `scale` is filled with the bits of 2**k."""
    for place in range(x.size):
        limited = min(max(x[place], -_LARGEST), _LARGEST)
        power = np.rint(limited * _LOG2_E)
        rest = (limited - power * _LN2_HIGH) - power * _LN2_LOW
        square, bent = rest * rest, 0.0
        for coefficient in _EXP:
            bent = (bent + coefficient) * square
        odd = rest - bent
        value[place] = odd * rest / (2.0 - odd) + rest + 1.0
        scale[place] = (np.int64(power) + 1023) << 52


_LOG_LOOP: Final = "void(f8[::1], i4[::1])"


def _log_one_by_one(above: NDArray[np.float64], power: NDArray[np.int32]) -> None:
    """Do what `log` does, in the place of the first of the two parts of its numbers."""
    for place in range(above.size):
        part, small = above[place], np.float64(above[place] < _ROOT_OF_HALF)
        exponent = power[place] - small
        part = part + small * part - 1.0
        ratio = part / (2.0 + part)
        square, bent = ratio * ratio, 0.0
        for coefficient in _LOG:
            bent = (bent + coefficient) * square
        rest = (part - bent) * ratio
        above[place] = exponent * _LN2_LOW - rest + part + exponent * _LN2_HIGH

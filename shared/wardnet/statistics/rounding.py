"""Round exact rational results to the nearest double, the same on any machine."""

from fractions import Fraction
from math import isqrt
from typing import Final

_BITS: Final = 64
"""Bits of an integer root before rounding; more than 53 + 1, so that rounding twice is harmless."""


def nearest(value: Fraction) -> float:
    """Return the double nearest to `value` (ties to even), which must be in a double's range."""
    return value.numerator / value.denominator  # correctly rounded for integers of any size


def root(value: Fraction) -> float:
    """Return the double nearest to the square root of `value`, at least 0.

    Examples
    --------
    >>> root(Fraction(2)), root(Fraction(9, 4)), root(Fraction(0))
    (1.4142135623730951, 1.5, 0.0)
    """
    excess = value.numerator.bit_length() - value.denominator.bit_length()
    shift = _BITS - excess // 2
    scaled = value * Fraction(4) ** shift
    whole = isqrt(int(scaled))
    # A last bit that says "and a bit more" keeps the result on the right side of a tie.
    inexact = whole * whole != scaled
    return nearest(Fraction(2 * whole + inexact) / Fraction(2) ** (shift + 1))


def power_of_two(bound: Fraction) -> Fraction:
    """Return the smallest power of two that is at least `bound`; 1 for 0.

    Examples
    --------
    >>> power_of_two(Fraction(5)), power_of_two(Fraction(8)), power_of_two(Fraction(1, 3))
    (Fraction(8, 1), Fraction(8, 1), Fraction(1, 2))
    """
    if not bound:
        return Fraction(1)
    power = Fraction(2) ** (bound.numerator.bit_length() - bound.denominator.bit_length() - 1)
    while power < bound:
        power *= 2
    return power

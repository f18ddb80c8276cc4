"""Tails of the normal, chi-squared, t and F distributions, the same to the bit on any machine.

References
----------
Abramowitz, Stegun (1964), 6.1.40 (log gamma), 6.5.29 and 6.5.31 (incomplete gamma), 26.5.8
(incomplete beta). Lentz (1976) for continued fractions.
"""

from collections.abc import Callable, Iterator
from decimal import Context, Decimal, localcontext
from functools import cache, wraps
from itertools import count
from typing import Final, ParamSpec

P = ParamSpec("P")

TAU: Final = Decimal("6.28318530717958647692528676655900576839433879875021164194989")
"""Twice pi."""

_WORKING: Final = Context(prec=50, Emin=-999_999_999, Emax=999_999_999)
_CLOSE: Final = Decimal(10) ** -30
_TINY: Final = Decimal(10) ** -100_000

_BERNOULLI: Final = tuple(
    Decimal(numerator) / denominator
    for numerator, denominator in (
        (1, 12),
        (-1, 360),
        (1, 1260),
        (-1, 1680),
        (1, 1188),
        (-691, 360360),
        (1, 156),
        (-3617, 122400),
        (43867, 244188),
        (-174611, 125400),
    )
)
_FAR: Final = 1000
"""Where these ten terms of Stirling's series leave less than 1e-60."""


def _working(function: Callable[P, Decimal]) -> Callable[P, Decimal]:
    """Compute with the precision of this module, whatever the caller's is."""

    @wraps(function)
    def precise(*args: P.args, **kwargs: P.kwargs) -> Decimal:
        with localcontext(_WORKING):
            return function(*args, **kwargs)

    return precise


@_working
def normal_tails(z: Decimal) -> Decimal:
    """Return the probability that a standard normal number is beyond z on either side.

    Examples
    --------
    >>> float(normal_tails(Decimal("1.959963984540054")))
    0.05000000000000003
    """
    return chi_squared_tail(z * z, freedom=1)


@_working
def chi_squared_tail(x: Decimal, *, freedom: int) -> Decimal:
    """Return the probability of more than x, at least 0, with so many degrees of freedom."""
    shape, half = Decimal(freedom) / 2, x / 2
    if half <= 0:
        return Decimal(1)
    front = (shape * half.ln() - half - _log_gamma(shape)).exp()
    if half < shape + 1:
        return 1 - front * _series(shape, half)
    return front / _fraction(half + 1 - shape, _gamma_steps(shape, half))


@_working
def t_tails(t: Decimal, *, freedom: int) -> Decimal:
    """Return the probability that Student's t is beyond t on either side."""
    return _beta(freedom / (freedom + t * t), t * t / (freedom + t * t), Decimal(freedom), 1)


@_working
def f_tail(f: Decimal, *, upper: int, lower: int) -> Decimal:
    """Return the probability of more than f, at least 0, on so many degrees of freedom."""
    whole = lower + upper * f
    return _beta(lower / whole, upper * f / whole, Decimal(lower), upper)


@cache
def critical(freedom: int | None) -> Decimal:
    """Return what Student's t, or a normal number for None, exceeds in 5 % on either side."""
    with localcontext(_WORKING):
        older, newer = Decimal("1.9"), Decimal("2.1")
        gap_before = _beyond(older, freedom)
        while True:
            gap = _beyond(newer, freedom)
            if abs(newer - older) < _CLOSE * newer or gap == gap_before:
                return newer
            older, newer, gap_before = (
                newer,
                newer - gap * (newer - older) / (gap - gap_before),
                gap,
            )


def _beyond(t: Decimal, freedom: int | None) -> Decimal:
    # The logarithm is nearly straight in t, so the secant cannot run away.
    tails = normal_tails(t) if freedom is None else t_tails(t, freedom=freedom)
    return tails.ln() - Decimal("0.05").ln()


def _beta(x: Decimal, rest: Decimal, twice_a: Decimal, twice_b: int) -> Decimal:
    """Return the regularised incomplete beta function at x, with `rest = 1 - x` to full digits."""
    a, b = twice_a / 2, Decimal(twice_b) / 2
    if x <= 0 or rest <= 0:
        return Decimal(0) if x <= 0 else Decimal(1)
    front = (_log_gamma(a + b) - _log_gamma(a) - _log_gamma(b) + a * x.ln() + b * rest.ln()).exp()
    if x < (a + 1) / (a + b + 2):
        return front / a / _fraction(Decimal(1), _beta_steps(x, a, b))
    return 1 - front / b / _fraction(Decimal(1), _beta_steps(rest, b, a))


def _log_gamma(x: Decimal) -> Decimal:
    product = Decimal(1)
    while x < _FAR:
        product *= x
        x += 1
    tail = sum((term / x ** (2 * k + 1) for k, term in enumerate(_BERNOULLI)), Decimal(0))
    return (x - Decimal("0.5")) * x.ln() - x + _LOG_ROOT + tail - product.ln()


def _series(shape: Decimal, x: Decimal) -> Decimal:
    term = total = 1 / shape
    for step in count(1):
        term *= x / (shape + step)
        total += term
        if term < _CLOSE * total:
            break
    return total


def _gamma_steps(shape: Decimal, x: Decimal) -> Iterator[tuple[Decimal, Decimal]]:
    return ((k * (shape - k), x + 1 - shape + 2 * k) for k in count(1))


def _beta_steps(x: Decimal, a: Decimal, b: Decimal) -> Iterator[tuple[Decimal, Decimal]]:
    for m in count():
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        yield odd, Decimal(1)
        k = m + 1
        yield k * (b - k) * x / ((a + 2 * k - 1) * (a + 2 * k)), Decimal(1)


def _fraction(first: Decimal, steps: Iterator[tuple[Decimal, Decimal]]) -> Decimal:
    """Return the continued fraction `first + a1 / (b1 + a2 / (b2 + ...))`."""
    value = above = first or _TINY
    below = Decimal(0)
    for a, b in steps:
        below = 1 / ((b + a * below) or _TINY)
        above = (b + a / above) or _TINY
        value *= above * below
        if abs(above * below - 1) < _CLOSE:
            break
    return value


_LOG_ROOT: Final = _WORKING.ln(
    _WORKING.sqrt(2 * Decimal("3.14159265358979323846264338327950288419716939937510582097494"))
)
"""The logarithm of the square root of two pi."""

"""From power sums to mean, variance, skewness and kurtosis, exactly until the last rounding."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from wardnet.statistics.rounding import nearest, root

MOMENTS: Final[tuple[str, ...]] = (
    "mean",
    "variance",
    "sd",
    "skewness",
    "kurtosis",
    "skewness_adjusted",
    "kurtosis_adjusted",
)


@dataclass(frozen=True, slots=True)
class PowerSums:
    """Hold the sums of u, u**2, u**3, u**4 over n values `x = origin + scale * u`.

    Parameters
    ----------
    n : int
        Number of values, at least 0.
    origin, scale : Fraction
        The map from u to the column's unit; scale above 0.
    sums : tuple of four Fraction
        Exact; or the last three rounded row by row to a unit far below their size.
    coarse : bool
        Whether that unit is not far enough below: then nothing that follows is right.
    """

    n: int
    origin: Fraction
    scale: Fraction
    sums: tuple[Fraction, ...]
    coarse: bool = False

    @property
    def spread(self) -> Fraction:
        """Return `n * sum(u**2) - sum(u)**2`; never below 0 where the sums are exact."""
        return self.n * self.sums[1] - self.sums[0] ** 2


def describe(power: PowerSums) -> tuple[float | None, ...]:
    """Return the statistics named in `MOMENTS`; None where undefined.

    Notes
    -----
    With the central moments m2, m3, m4 (divisor n):

    - variance = m2 * n / (n - 1), for n >= 2; sd is its root
    - skewness g1 = m3 / m2**1.5, kurtosis g2 = m4 / m2**2 - 3, undefined where m2 = 0
    - skewness_adjusted G1 = g1 * sqrt(n (n - 1)) / (n - 2), for n >= 3
    - kurtosis_adjusted G2 = (n - 1) / ((n - 2) (n - 3)) * ((n + 1) g2 + 6), for n >= 4

    References
    ----------
    Joanes, Gill (1998), Comparing measures of sample skewness and kurtosis, The Statistician 47(1).
    """
    n = power.n
    if not n:
        return (None,) * len(MOMENTS)
    first, second, third, fourth = power.sums
    mean = nearest(power.origin + power.scale * first / n)
    # n**k times the k-th central moment of u
    spread = max(power.spread, Fraction(0))
    skew = n * n * third - 3 * n * first * second + 2 * first**3
    tail = n**3 * fourth - 4 * n * n * first * third + 6 * n * first**2 * second - 3 * first**4
    variance = power.scale**2 * spread / (n * (n - 1)) if n > 1 else None
    shown = None if variance is None else (nearest(variance), root(variance))
    if not spread:
        return (mean, *(shown or (None, None)), None, None, None, None)
    skewness = skew * abs(skew) / spread**3  # the square of g1, with its sign
    kurtosis = tail / spread**2 - 3
    factor = Fraction(n * (n - 1), (n - 2) ** 2) if n > 2 else None
    return (
        mean,
        *(shown or (None, None)),
        _signed_root(skewness),
        nearest(kurtosis),
        None if factor is None else _signed_root(skewness * factor),
        nearest(((n + 1) * kurtosis + 6) * (n - 1) / ((n - 2) * (n - 3))) if n > 3 else None,
    )


def _signed_root(value: Fraction) -> float:
    return root(value) if value >= 0 else -root(-value)

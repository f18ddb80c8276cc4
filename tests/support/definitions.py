"""Statistics as their definitions write them, in exact fractions until the last step."""

import math
from collections.abc import Sequence
from fractions import Fraction

from wardnet.statistics.rounding import nearest, root


def exact_moments(values: Sequence[Fraction]) -> dict[str, float]:
    """Return a summary of at least four different values, correctly rounded."""
    n = len(values)
    mean = sum(values, Fraction(0)) / n
    second, third, fourth = (
        sum(((v - mean) ** k for v in values), Fraction(0)) / n for k in (2, 3, 4)
    )
    squared = third**2 / second**3
    skewness = math.copysign(root(squared), third)
    return {
        "n": n,
        "mean": nearest(mean),
        "variance": nearest(second * n / (n - 1)),
        "sd": root(second * n / (n - 1)),
        "skewness": skewness,
        "kurtosis": nearest(fourth / second**2 - 3),
        "skewness_adjusted": math.copysign(
            root(squared * Fraction(n * (n - 1), (n - 2) ** 2)), third
        ),
        "kurtosis_adjusted": nearest(
            ((n + 1) * (fourth / second**2 - 3) + 6) * (n - 1) / ((n - 2) * (n - 3))
        ),
    }

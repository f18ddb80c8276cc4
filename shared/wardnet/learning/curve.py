"""How good the weights are that a round begins with: one row of the answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import sqrt
from typing import Final, TypeAlias

import numpy as np

from wardnet.errors import Reason, WardnetError
from wardnet.learning.training import LARGEST_LOSS, LOSS_UNIT
from wardnet.privacy.rules import DisclosureRules
from wardnet.statistics.rounding import nearest
from wardnet.sums.accumulate import MAXIMUM_ROWS
from wardnet.sums.arrays import Sums

TRAINING: Final = "training"
VALIDATION: Final = "validation"
"""Sums of losses, and rows hit; of those trained on also how many hospitals diverged."""

LOSSES: Final = MAXIMUM_ROWS * LARGEST_LOSS << LOSS_UNIT
"""Largest sum of a hospital's losses."""

Point: TypeAlias = tuple[str, float, float | None, float | None]
"""A round's number, loss, loss on the rows aside, and accuracy (None where withheld) or error."""


@dataclass(frozen=True, slots=True)
class Size:
    """Hold how many rows are trained on and validated on, and how many hospitals train."""

    trained: int
    validated: int
    hospitals: int


def measured(
    total: Sums, size: Size, *, number: int, unit: float | None, rules: DisclosureRules
) -> Point:
    """Return a round's row of the curve.

    Parameters
    ----------
    total : Sums
        With `TRAINING` and, where rows are set aside, `VALIDATION`.
    number : int
        Of the round, from 0.
    unit : float or None
        What an error of 1 stands for; None for classes.
    rules : DisclosureRules
        Of an accuracy.

    Raises
    ------
    WardnetError
        `IMPLAUSIBLE_TOTAL`.
    """
    loss, hits = _checked(total, TRAINING, size.trained)
    rows, aside = size.trained, None
    if size.validated:
        aside, hits = _checked(total, VALIDATION, size.validated)
        rows = size.validated
    if unit is not None:
        return str(number), loss, aside, unit * sqrt(2.0 * (loss if aside is None else aside))
    small = bool(rules.too_small(np.array([hits, rows - hits])).any())
    return str(number), loss, aside, None if small else hits / rows


def newest(curve: Sequence[Point]) -> Mapping[str, float]:
    """Return the last losses of a curve, by name; none of an empty one."""
    if not curve:
        return {}
    number, loss, aside, _ = curve[-1]
    when = f"after {number} round{'' if number == '1' else 's'} of training"
    told = {f"loss {when}": loss}
    return told if aside is None else {**told, f"validation loss {when}": aside}


def _checked(total: Sums, name: str, rows: int) -> tuple[float, int]:
    """Return the mean loss and the hits."""
    loss, hits = (int(each) for each in total[name][0, :2])
    if not (loss >= 0 and 0 <= hits <= rows):
        raise WardnetError(Reason.IMPLAUSIBLE_TOTAL, rule="losses below 0, or more hits than rows")
    return nearest(Fraction(loss, rows << LOSS_UNIT)), hits

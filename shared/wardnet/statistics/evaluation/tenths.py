"""Hosmer's and Lemeshow's test: ten parts of as many rows each, by ascending probability."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Final

import numpy as np

from wardnet.privacy.rules import DisclosureRules
from wardnet.statistics.distributions import chi_squared_tail
from wardnet.statistics.evaluation.asked import Judged
from wardnet.statistics.evaluation.bins import codes
from wardnet.statistics.evaluation.curve import Curve
from wardnet.statistics.evaluation.inquiry import (
    Inquiry,
    add_up,
    count_spec,
    fractions,
    line,
    real_spec,
    rows_in,
    settled,
)
from wardnet.statistics.method import Part, Settled
from wardnet.statistics.rounding import nearest
from wardnet.statistics.solve import decimal
from wardnet.statistics.tables import Line
from wardnet.sums.arrays import ArraySpec, Sums
from wardnet.sums.members import count, members

PARTS: Final = 10

_EXPECTED: Final = "expected in tenths"
_ROWS: Final = "rows in tenths"
_PATIENTS: Final = "patients in tenths"
_TEST: Final = ("hosmer_lemeshow", "hosmer_lemeshow_p_value")


@dataclass(frozen=True)
class Tenths(Inquiry):
    """Hold the curve, until it tells where the parts begin, and then what is in them.

    Parameters
    ----------
    curve : Curve
        Of the second class.
    rules : DisclosureRules
        Which say how many patients a part needs.
    statistic : Fraction or None
        Once it is known, and defined.
    hidden : Mapping of str to str
        The rule that withholds it.
    done : bool
        Whether all is known.
    """

    curve: Curve
    rules: DisclosureRules
    statistic: Fraction | None = None
    hidden: Mapping[str, str] | None = None
    done: bool = False

    @property
    def _curved(self) -> bool:
        """Say whether the curve is known."""
        return not self.curve.arrays()

    def arrays(self) -> Sequence[ArraySpec]:
        """Declare the curve's arrays, then rows, patients and expected rows of each part."""
        if self.done or not self._curved:
            return self.curve.arrays()
        return [
            count_spec(_ROWS, TWO_KINDS * PARTS),
            count_spec(_PATIENTS, PARTS),
            real_spec(_EXPECTED, PARTS, 1),
        ]

    def local(self, judged: Judged) -> Part:
        """Return a batch's part."""
        if self.done or not self._curved:
            return self.curve.local(judged)
        begins = self.curve.thresholds()
        part = np.searchsorted(begins, codes(judged.positive), side="right")
        return {
            _ROWS: count(part + PARTS * judged.truth, cells=TWO_KINDS * PARTS),
            _PATIENTS: members(part, cells=PARTS, patient=judged.patient),
            _EXPECTED: add_up(part, [judged.positive], groups=PARTS),
        }

    def finish(self, part: Settled) -> Sums:
        """Return the hospital's sums as declared."""
        if self.done or not self._curved:
            return self.curve.finish(part)
        counts = {name: part[name][np.newaxis] for name in (_ROWS, _PATIENTS)}
        return {**counts, _EXPECTED: settled(part[_EXPECTED])}

    def step(self, total: Sums) -> "Tenths":
        """Compare what was expected with what happened."""
        if self.done:
            return self
        if not self._curved:
            return replace(self, curve=self.curve.step(total))
        if self.rules.too_small(rows_in(total, _PATIENTS)).any():
            rule = f"a tenth with {self.rules.cell_rule}"
            return replace(self, hidden=dict.fromkeys(_TEST, rule), done=True)
        rows = rows_in(total, _ROWS).reshape(TWO_KINDS, PARTS).tolist()
        expected = [each for (each,) in fractions(total, _EXPECTED)]
        return replace(self, statistic=_statistic(rows, expected), done=True)

    def lines(self) -> Iterable[Line]:
        """Return the curve's line, the statistic and its p value."""
        yield from self.curve.lines()
        value = tail = None
        if self.statistic is not None:
            value = nearest(self.statistic)
            tail = float(chi_squared_tail(decimal(self.statistic), freedom=PARTS - 2))
        yield line(_TEST[0], value, hidden=self.hidden)
        yield line(_TEST[1], tail, hidden=self.hidden)


TWO_KINDS: Final = 2
"""Rows of the first class and of the second."""


def _statistic(rows: Sequence[Sequence[int]], expected: Sequence[Fraction]) -> Fraction | None:
    """Return the sum of `(observed - expected)**2 / variance`; None where a variance is 0."""
    statistic = Fraction(0)
    for others, observed, mean in zip(*rows, expected, strict=True):
        n = others + observed
        if not 0 < mean < n:
            return None
        statistic += (observed - mean) ** 2 / (mean * (1 - mean / n))
    return statistic

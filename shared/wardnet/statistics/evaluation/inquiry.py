"""What `evaluate` finds out, each over as many rounds as it takes, and all side by side."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Final

import numpy as np
from numpy.typing import NDArray

from wardnet.errors import Reason, WardnetError
from wardnet.question.answer import Cell
from wardnet.statistics.evaluation.asked import Judged
from wardnet.statistics.method import Part, Settled
from wardnet.statistics.tables import Line
from wardnet.sums.accumulate import MAXIMUM_ROWS, SLICE, integers, pieces
from wardnet.sums.arrays import ArraySpec, Sums
from wardnet.sums.members import Index

COMPLETE: Final = "complete"
"""Guard of one cell: the patients with a row that has an outcome and a prediction."""

KEYS: Final = ("measure", "of")
VALUES: Final[tuple[str, ...]] = ("value", "standard_error", "low", "high")

_SLICES: Final = 3
_UNIT: Final = _SLICES * SLICE


class Inquiry(ABC):
    """Find out one thing."""

    def arrays(self) -> Sequence[ArraySpec]:
        """Declare what the present round adds up; nothing once all is known."""
        return ()

    def local(self, judged: Judged) -> Part:
        """Return a batch's part."""
        del judged
        return {}

    def finish(self, part: Settled) -> Sums:
        """Return the hospital's sums."""
        return part

    def step(self, total: Sums) -> "Inquiry":
        """Return what is known after a round."""
        del total
        return self

    @abstractmethod
    def lines(self) -> Iterable[Line]:
        """Return what is told, once all is known."""

    def details(self) -> Iterable[Line]:
        """Return what is told in several lines each."""
        return ()


def count_spec(name: str, entries: int) -> ArraySpec:
    """Declare numbers of rows."""
    return ArraySpec(name, (1, entries), limit=MAXIMUM_ROWS, guard=COMPLETE)


def rows_in(total: Sums, name: str) -> NDArray[np.int64]:
    """Return numbers of rows, shape (entries,).

    Raises
    ------
    WardnetError
        `IMPLAUSIBLE_TOTAL` for a negative one.
    """
    found: NDArray[np.int64] = total[name][0].astype(np.int64)
    if np.any(found < 0):
        raise WardnetError(Reason.IMPLAUSIBLE_TOTAL, rule="fewer rows than none")
    return found


def real_spec(name: str, groups: int, kinds: int) -> ArraySpec:
    """Declare sums of terms of rows, each at most 1 in magnitude."""
    return ArraySpec(name, (1, groups, kinds), MAXIMUM_ROWS << _UNIT, COMPLETE, _UNIT)


def add_up(index: Index, terms: Sequence[NDArray[np.float64]], *, groups: int) -> NDArray[np.int64]:
    """Add terms, each shape (rows,), up exactly per group, as limbs for `settled`."""
    stacked = np.stack(list(terms))
    limbs = np.zeros((1 + _SLICES, groups, len(stacked)), np.int64)
    for piece in pieces(index, groups=groups):
        limbs += piece.add_up(stacked[:, piece.order], slices=[_SLICES] * len(stacked))
    return limbs


def settled(limbs: NDArray[np.int64]) -> NDArray[np.object_]:
    """Return sums as `real_spec` declares them."""
    return integers(limbs)[np.newaxis]


def fractions(total: Sums, name: str) -> list[list[Fraction]]:
    """Return sums of terms as numbers, per group and kind."""
    return [[Fraction(int(each), 1 << _UNIT) for each in group] for group in total[name][0]]


def line(
    measure: str, *entries: Cell, of: str = "", hidden: Mapping[str, str] | None = None
) -> Line:
    """Return one line: a value, and where it has one its standard error and interval.

    Parameters
    ----------
    hidden : mapping of str to str or None
        By measure: the rule that withholds it.
    """
    rule = (hidden or {}).get(measure)
    rest = (None,) * (len(VALUES) - len(entries))
    return Line((measure, of), (*entries, *rest), dict.fromkeys(VALUES, rule) if rule else {})

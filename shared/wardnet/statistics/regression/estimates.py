"""What models answer: one table of coefficients, then of how well the model fits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from typing import Final

from wardnet.question.answer import Cell, Table
from wardnet.statistics import parameters as read
from wardnet.statistics.distributions import critical, normal_tails, t_tails
from wardnet.statistics.solve import PRECISE, Matrix
from wardnet.statistics.tables import Line, table

KEYS: Final = ("part", "term")
VALUES: Final[tuple[str, ...]] = (
    "estimate",
    "standard_error",
    "statistic",
    "p_value",
    "low",
    "high",
)

COEFFICIENT: Final = "coefficient"
FIT: Final = "fit"
"""The two parts of the table."""

ALIASED: Final = "aliased: the columns before it make it up"


@dataclass(frozen=True, slots=True)
class Estimates:
    """Hold a fitted model's coefficients, in units.

    Parameters
    ----------
    names : tuple of str
        One per coefficient.
    values : ndarray of Decimal, shape (coefficients,)
        The estimates.
    variances : ndarray of Decimal, shape (coefficients,), or None
        Their squared standard errors; None where a penalty leaves them without meaning.
    freedom : int or None
        Degrees of freedom of the t distribution; None for the normal one.
    aliased : tuple of int
        Coefficients that have no estimate.
    rule : str
        Why there are no standard errors, where the data or the rules do not allow them.
    """

    names: tuple[str, ...]
    values: Matrix
    variances: Matrix | None = None
    freedom: int | None = None
    aliased: tuple[int, ...] = ()
    rule: str = ""

    def lines(self) -> list[Line]:
        """Return one line per coefficient."""
        with localcontext(PRECISE):
            return [self._line(at, name) for at, name in enumerate(self.names)]

    def _line(self, at: int, name: str) -> Line:
        hidden: dict[str, str] = dict.fromkeys(VALUES[1:], self.rule) if self.rule else {}
        if at in self.aliased:
            hidden = dict.fromkeys(VALUES, ALIASED)
        estimate = self.values[at]
        entries: tuple[Cell, ...] = (float(estimate), None, None, None, None, None)
        if self.variances is not None and self.variances[at] > 0:
            error = self.variances[at].sqrt()
            reach = critical(self.freedom) * error
            statistic = estimate / error
            tails = (
                normal_tails(statistic)
                if self.freedom is None
                else t_tails(statistic, freedom=self.freedom)
            )
            known = (error, statistic, tails, estimate - reach, estimate + reach)
            entries = (float(estimate), *map(float, known))
        return Line((COEFFICIENT, name), entries, hidden)


def fitted(estimates: Estimates, fit: Mapping[str, Decimal | int | None]) -> Table:
    """Return the table of a fitted model.

    Parameters
    ----------
    fit : Mapping of str to Decimal, int or None
        How well it fits; None where undefined.
    """
    facts = [
        Line((FIT, name), (_cell(value), *(None,) * (len(VALUES) - 1)), {})
        for name, value in fit.items()
    ]
    return table(keys=KEYS, values=VALUES, lines=[*estimates.lines(), *facts])


def _cell(value: Decimal | int | None) -> Cell:
    return float(value) if isinstance(value, Decimal) else value


def without_estimates(names: Sequence[str], fit: Sequence[str], *, rule: str) -> Table:
    """Return the table of a model that is withheld, or that has no estimates, by one rule."""
    hidden: dict[str, str] = dict.fromkeys(VALUES, rule)
    labels = [*((COEFFICIENT, name) for name in names), *((FIT, name) for name in fit)]
    lines = [Line(label, (None,) * len(VALUES), hidden) for label in labels]
    return table(keys=KEYS, values=VALUES, lines=lines)


def check_answer(method: str, names: Sequence[str], fit: Sequence[str]) -> None:
    """Refuse a model whose table may not fit an answer."""
    labels = [*((COEFFICIENT, name) for name in names), *((FIT, name) for name in fit)]
    read.check_answer(method, "terms", keys=KEYS, labels=labels, values=VALUES)

"""Cohorts as Python expressions: `(col("age") >= 40) & ~col("sex").isin(["female"])`."""

from collections.abc import Iterable, Iterator
from datetime import date, datetime, time
from decimal import Decimal
from typing import TypeAlias

import numpy as np
from pydantic import ValidationError
from pydantic.dataclasses import dataclass

from wardnet.errors import Reason, WardnetError
from wardnet.question.conditions import (
    FOLD_RULE,
    And,
    Between,
    Cohort,
    Compare,
    Fold,
    In,
    Missing,
    Not,
    Operator,
    Or,
)

Value: TypeAlias = str | int | float | bool | Decimal | date | datetime


@dataclass(frozen=True)
class Term:
    """Build a condition: `(col("age") >= 40) & ~col("sex").isin(["female"])`.

    Parameters
    ----------
    cohort : Cohort
        What has been built so far.
    """

    cohort: Cohort

    def __and__(self, other: "Term") -> "Term":
        """Select where both hold."""
        return Term(And(of=(*_flat(And, self), *_flat(And, other))))

    def __or__(self, other: "Term") -> "Term":
        """Select where at least one holds."""
        return Term(Or(of=(*_flat(Or, self), *_flat(Or, other))))

    def __invert__(self) -> "Term":
        """Select where it is false."""
        return Term(Not(of=self.cohort))

    def __bool__(self) -> bool:
        """Refuse `and`, `or` and chained comparisons, which Python would misread."""
        message = "combine conditions with &, | and ~, and put each in parentheses"
        raise TypeError(message)


def _flat(kind: type[And] | type[Or], term: Term) -> Iterator[Cohort]:
    if isinstance(term.cohort, kind):
        yield from term.cohort.of
    else:
        yield term.cohort


class col:  # noqa: N801 - reads as a word in `where=col("age") >= 40`
    """Name a column in a condition.

    Parameters
    ----------
    name : str
        A column of the dataset's dictionary.

    Examples
    --------
    >>> (col("age") >= 40).cohort
    Compare(column='age', operator='>=', value='40', kind='compare')
    """

    __slots__ = ("_name",)
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, name: str) -> None:
        self._name = name

    def __eq__(self, value: Value) -> Term:  # type: ignore[override]
        """Select where the column equals `value`."""
        return self._term("==", value)

    def __ne__(self, value: Value) -> Term:  # type: ignore[override]
        """Select where the column differs from `value`."""
        return self._term("!=", value)

    def __lt__(self, value: Value) -> Term:
        """Select where the column is below `value`."""
        return self._term("<", value)

    def __le__(self, value: Value) -> Term:
        """Select where the column is at most `value`."""
        return self._term("<=", value)

    def __gt__(self, value: Value) -> Term:
        """Select where the column is above `value`."""
        return self._term(">", value)

    def __ge__(self, value: Value) -> Term:
        """Select where the column is at least `value`."""
        return self._term(">=", value)

    def isin(self, values: Iterable[Value]) -> Term:
        """Select where the column is one of `values`."""
        return Term(In(column=self._name, values=tuple(literal(value) for value in values)))

    def between(self, low: Value, high: Value) -> Term:
        """Select where the column lies from `low` to `high`, both included."""
        return Term(Between(column=self._name, low=literal(low), high=literal(high)))

    def missing(self) -> Term:
        """Select where the column has no value."""
        return Term(Missing(column=self._name))

    def _term(self, operator: Operator, value: Value) -> Term:
        return Term(Compare(column=self._name, operator=operator, value=literal(value)))


def fold(part: int, *, of: int, seed: int = 0, by: Iterable[str] = ()) -> Term:
    """Select one of several parts of about the same size, drawn by a seed.

    Parameters
    ----------
    part : int
        Which one, from 1.
    of : int
        How many there are, 2 to 100.
    seed : int
        Another one draws other parts.
    by : iterable of str
        Where rows name no patients: the columns by whose values a row is drawn. Rows that are alike
        in them fall into one part. Where rows name patients, each is drawn whole, and `by` is left
        out.

    Examples
    --------
    >>> train, test = ~fold(1, of=5), fold(1, of=5)
    """
    try:
        return Term(Fold(part=part, of=of, seed=seed, by=tuple(by)))
    except ValidationError as error:
        raise WardnetError(
            Reason.PARAMETER_INVALID, method="cohort", parameter="fold", rule=FOLD_RULE
        ) from error


def literal(value: Value | None) -> str:
    """Write a Python value as a cohort literal.

    Examples
    --------
    >>> literal(40), literal(2.5), literal(True), literal(date(2026, 1, 31))
    ('40', '2.5', 'true', '2026-01-31')
    """
    if value is None or value != value:  # noqa: PLR0124 - true of every kind of NaN
        raise WardnetError(
            Reason.PARAMETER_INVALID,
            method="cohort",
            parameter="a value",
            rule='is missing; ask for missing values with col("...").missing()',
        )
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if isinstance(value, datetime) and value.tzinfo is None and value.time() == time():
        return value.date().isoformat()  # as a column of dates reads it, and one of datetimes, too
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)

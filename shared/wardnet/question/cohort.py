"""The cohort: a typed filter over dictionary columns, in three-valued logic.

A condition on a missing value is unknown, and unknown rows are never selected: neither
`age >= 40` nor `not (age >= 40)` selects a row without an age. Ask `missing(age)` for those.
Literals are text and take their meaning from the column's type.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from fractions import Fraction
from functools import reduce
from math import ceil, floor
from typing import Annotated, Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydantic import Discriminator
from pydantic.dataclasses import dataclass

from wardnet.errors import Reason, WardnetError
from wardnet.question.dictionary import (
    NUMBERS,
    STRICT,
    TIMES,
    Column,
    ColumnType,
    Dictionary,
    Name,
    number,
)
from wardnet.question.rows import Rows, is_missing

Operator: TypeAlias = Literal["==", "!=", "<", "<=", ">", ">="]
Value: TypeAlias = str | int | float | bool | Decimal | date | datetime
Mask: TypeAlias = NDArray[np.bool_]
_Truth: TypeAlias = tuple[Mask, Mask]


@dataclass(frozen=True, config=STRICT)
class Everyone:
    """Select every row."""

    kind: Literal["everyone"] = "everyone"


@dataclass(frozen=True, config=STRICT)
class Compare:
    """Select the rows whose value stands in a relation to a literal."""

    column: Name
    operator: Operator
    value: str
    kind: Literal["compare"] = "compare"


@dataclass(frozen=True, config=STRICT)
class In:
    """Select the rows whose value is one of a list."""

    column: Name
    values: tuple[str, ...]
    kind: Literal["in"] = "in"


@dataclass(frozen=True, config=STRICT)
class Between:
    """Select the rows whose value lies between two literals, both included."""

    column: Name
    low: str
    high: str
    kind: Literal["between"] = "between"


@dataclass(frozen=True, config=STRICT)
class Missing:
    """Select the rows without a value."""

    column: Name
    kind: Literal["missing"] = "missing"


@dataclass(frozen=True, config=STRICT)
class Not:
    """Select the rows for which a condition is false (not those for which it is unknown)."""

    of: "Cohort"
    kind: Literal["not"] = "not"


@dataclass(frozen=True, config=STRICT)
class And:
    """Select the rows for which all conditions hold."""

    of: "tuple[Cohort, ...]"
    kind: Literal["and"] = "and"


@dataclass(frozen=True, config=STRICT)
class Or:
    """Select the rows for which at least one condition holds."""

    of: "tuple[Cohort, ...]"
    kind: Literal["or"] = "or"


Cohort: TypeAlias = Annotated[
    Everyone | Compare | In | Between | Missing | Not | And | Or, Discriminator("kind")
]

EVERYONE: Final = Everyone()


MAXIMUM_SIZE: Final = 1000
"""Most conditions and values of a cohort: each is a pass over all rows at every hospital."""


def size(cohort: Cohort) -> int:
    """Return the number of conditions, connectives and values.

    Examples
    --------
    >>> size(Not(of=In(column="pain", values=("typical", "atypical"))))
    4
    """
    match cohort:
        case Not(of=inner):
            return 1 + size(inner)
        case And(of=parts) | Or(of=parts):
            return 1 + sum(map(size, parts))
        case In(values=values):
            return 1 + len(values)
        case _:
            return 1


def columns_of(cohort: Cohort) -> frozenset[str]:
    """Return the names of all columns that the cohort looks at."""
    match cohort:
        case Everyone():
            return frozenset()
        case Not(of=inner):
            return columns_of(inner)
        case And(of=parts) | Or(of=parts):
            return frozenset[str]().union(*(columns_of(part) for part in parts))
        case Compare(column=name) | In(column=name) | Between(column=name) | Missing(column=name):
            return frozenset({name})


def check(cohort: Cohort, dictionary: Dictionary) -> None:
    """Refuse a cohort that is too large, or that the dictionary gives no meaning to.

    Raises
    ------
    WardnetError
        `COLUMN_UNAVAILABLE`, or `PARAMETER_INVALID` naming the column and the rule.
    """
    if size(cohort) > MAXIMUM_SIZE:
        raise WardnetError(
            Reason.PARAMETER_INVALID,
            method="cohort",
            parameter="the condition",
            rule=f"has more than {MAXIMUM_SIZE} conditions and values; ask for fewer at once",
        )
    select(cohort, dictionary, _no_rows(cohort, dictionary))


def select(cohort: Cohort, dictionary: Dictionary, rows: Rows) -> Mask:
    """Return where the cohort selects, shape (rows.size,).

    Parameters
    ----------
    rows : Rows
        Holds at least `columns_of(cohort)`.
    """
    true, _ = _truth(cohort, dictionary, rows)
    return true


def _truth(cohort: Cohort, dictionary: Dictionary, rows: Rows) -> _Truth:
    """Return (certainly true, certainly false); a row in neither is unknown (Kleene 1952)."""
    match cohort:
        case Everyone():
            everyone = np.ones(rows.size, dtype=np.bool_)
            return everyone, ~everyone
        case Not(of=inner):
            true, false = _truth(inner, dictionary, rows)
            return false, true
        case And(of=parts):
            return reduce(_both, _truths(parts, dictionary, rows))
        case Or(of=parts):
            return reduce(_either, _truths(parts, dictionary, rows))
        case Missing(column=name):
            missing = is_missing(dictionary.column(name), rows.columns[name])
            return missing, ~missing
        case Compare() | In() | Between():
            column = dictionary.column(cohort.column)
            values = rows.columns[column.name]
            known = ~is_missing(column, values)
            true = known & _holds(cohort, column, values)
            return true, known & ~true


def _truths(parts: Sequence[Cohort], dictionary: Dictionary, rows: Rows) -> Iterator[_Truth]:
    """Return the truth of each part, one at a time: together they could fill the memory."""
    if not parts:
        raise WardnetError(
            Reason.PARAMETER_INVALID, method="cohort", parameter="and/or", rule="needs a condition"
        )
    return (_truth(part, dictionary, rows) for part in parts)


def _both(left: _Truth, right: _Truth) -> _Truth:
    return left[0] & right[0], left[1] | right[1]


def _either(left: _Truth, right: _Truth) -> _Truth:
    return left[0] | right[0], left[1] & right[1]


def _holds(condition: Compare | In | Between, column: Column, values: NDArray[np.generic]) -> Mask:
    match condition:
        case Compare(operator=operator, value=value):
            return _compare(column, operator, value, values)
        case Between(low=low, high=high):
            return _compare(column, ">=", low, values) & _compare(column, "<=", high, values)
        case In(values=literals):
            found = np.zeros(values.shape, dtype=np.bool_)
            for literal in literals:
                found |= _compare(column, "==", literal, values)
            return found


_FLOATS: Final[Mapping[Operator, Callable[[NDArray[np.generic], float], Mask]]] = {
    "==": np.equal,
    "!=": np.not_equal,
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
}


def _compare(column: Column, operator: Operator, literal: str, values: NDArray[np.generic]) -> Mask:
    """Compare exactly: codes with the literal's place on the grid, floats with its double."""
    place = _place(column, operator, literal)
    if column.cells is None:
        return _FLOATS[operator](values, float(place))
    below, above = floor(place), ceil(place)  # equal when the literal lies on the grid
    found: Mask
    match operator:
        case "==":
            found = np.equal(values, below) & (below == above)
        case "!=":
            found = np.not_equal(values, below) | (below != above)
        case "<":
            found = np.less(values, above)
        case "<=":
            found = np.less_equal(values, below)
        case ">":
            found = np.greater(values, below)
        case ">=":
            found = np.greater_equal(values, above)
    return found


_BOOLEANS: Final[Mapping[str, str]] = {"0": "false", "1": "true"}


def _place(column: Column, operator: Operator, literal: str) -> Fraction:
    """Return where a literal lies: in codes on the grid, in the column's unit off it."""
    try:
        if column.type in NUMBERS | TIMES:
            value = number(column.type, literal)
            return (
                value
                if column.step is None or column.cells is None
                else (value - column.origin) / column.step
            )
        if operator not in {"==", "!="}:
            _refuse(column, f"has no order; {operator} cannot be used")
        if column.type is ColumnType.BOOLEAN:
            literal = _BOOLEANS.get(literal, literal)
        return Fraction(column.code(literal))
    except ValueError:
        _refuse(column, f"is a {column.type} column and has no such value")
        raise


def _refuse(column: Column, rule: str) -> None:
    raise WardnetError(Reason.PARAMETER_INVALID, method="cohort", parameter=column.name, rule=rule)


def _no_rows(cohort: Cohort, dictionary: Dictionary) -> Rows:
    kinds = {name: dictionary.column(name).cells for name in columns_of(cohort)}
    return Rows(
        0,
        {name: np.zeros(0, float if cells is None else np.int32) for name, cells in kinds.items()},
    )


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

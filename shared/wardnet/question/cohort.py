"""The cohort: a typed filter over dictionary columns, evaluated in three-valued logic.

A condition on a missing value is unknown, and unknown rows are never selected: neither
`age >= 40` nor `not (age >= 40)` selects a row without an age. Ask `missing(age)` for those.
Literals are text and take their meaning from the column's type.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from functools import reduce
from math import ceil, floor
from typing import Final, NoReturn, TypeAlias

import numpy as np
from numpy.typing import NDArray

from wardnet.errors import Reason, WardnetError
from wardnet.question.conditions import (
    EVERYONE,
    And,
    Between,
    Cohort,
    Compare,
    Everyone,
    Fold,
    In,
    Missing,
    Not,
    Operator,
    Or,
    columns_of,
    joined_by_and,
    size,
)
from wardnet.question.dictionary import NUMBERS, TIMES, Column, ColumnType, Dictionary, number
from wardnet.question.drawing import row_keys, scatter
from wardnet.question.rows import Rows, is_missing, no_rows
from wardnet.question.terms import Term, Value, col, fold, literal

__all__ = [
    "EVERYONE",
    "MAXIMUM_SIZE",
    "And",
    "Between",
    "Cohort",
    "Compare",
    "Everyone",
    "Fold",
    "In",
    "Missing",
    "Not",
    "Operator",
    "Or",
    "Term",
    "Value",
    "check",
    "col",
    "columns_of",
    "fold",
    "joined_by_and",
    "literal",
    "select",
    "size",
]

Mask: TypeAlias = NDArray[np.bool_]
_Truth: TypeAlias = tuple[Mask, Mask]


MAXIMUM_SIZE: Final = 1000
"""Most conditions and values of a cohort: each is a pass over all rows at every hospital."""


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
    select(cohort, dictionary, no_rows(dictionary, columns_of(cohort)))


def select(cohort: Cohort, dictionary: Dictionary, rows: Rows) -> Mask:
    """Return where the cohort selects, shape (rows.size,).

    Parameters
    ----------
    rows : Rows
        Holds at least `columns_of(cohort)`, and the patients where the dictionary names them.
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
        case Fold():
            drawn = _part(cohort, dictionary, rows) == cohort.part
            return drawn, ~drawn
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


def _part(fold: Fold, dictionary: Dictionary, rows: Rows) -> NDArray[np.uint64]:
    """Return which part each row is in, from 1, shape (rows.size,).

    Raises
    ------
    WardnetError
        `PARAMETER_INVALID` for a part that there is not, or where it cannot be drawn so.
    """
    if fold.part > fold.of:
        _refuse_fold(f"has the parts 1 to {fold.of}")
    if len(set(fold.by)) != len(fold.by):
        _refuse_fold("names a column twice")
    if dictionary.patient is None and not fold.by:
        _refuse_fold("needs columns to draw rows by, as no row names its patient: by=(age, sex)")
    if dictionary.patient is not None and fold.by:
        _refuse_fold("draws whole patients here: name no columns")
    if dictionary.patient is None:
        keys = row_keys(rows, (dictionary.column(name).name for name in sorted(fold.by)))
    else:
        keys = scatter(_patients(rows).astype(np.uint64))
    seed = scatter(np.array([fold.seed], np.uint64))
    return np.asarray(scatter(keys ^ seed) % np.uint64(fold.of) + np.uint64(1))


def _patients(rows: Rows) -> NDArray[np.uint32]:
    if rows.patient is None:
        message = "rows were read without their patients"
        raise TypeError(message)
    return rows.patient


def _refuse_fold(rule: str) -> NoReturn:
    raise WardnetError(Reason.PARAMETER_INVALID, method="cohort", parameter="fold", rule=rule)


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

"""Whether a dictionary gives rules of de-identification a meaning, and none undoes another."""

from fractions import Fraction
from math import prod
from typing import Final

from wardnet.errors import Reason, WardnetError
from wardnet.question.dictionary import NUMBERS, TIMES, Column, ColumnType, Dictionary, number
from wardnet.sharing.deidentification import (
    Band,
    Cap,
    Deidentification,
    Keep,
    Patient,
    Period,
    Prefix,
    Rule,
    Shift,
)

MAXIMUM_COMBINATIONS: Final = 1 << 62
"""Most combinations of quasi-identifiers: each is told from the others by one number."""


def check(deidentification: Deidentification, dictionary: Dictionary) -> None:
    """Refuse rules that a dictionary gives no meaning to, or that undo each other.

    Raises
    ------
    WardnetError
        `COLUMN_UNAVAILABLE`, or `DEIDENTIFICATION_INVALID` naming the column and the rule.
    """
    if deidentification.patient is not Patient.DROP and dictionary.patient is None:
        _refuse("the patient", "the dataset has no patient ids; drop them")
    rules = {item.name: item.rule for item in deidentification.columns}
    columns = {name: dictionary.column(name) for name in rules}
    for name, rule in rules.items():
        _check_rule(columns[name], rule)
    if any(isinstance(rule, Shift) for rule in rules.values()):
        for name, rule in rules.items():
            # One date that stayed would tell by how much the others moved.
            if columns[name].type in TIMES and isinstance(rule, Keep | Cap):
                _refuse(name, "other dates of the patient are shifted; shift or generalise it too")


def check_combinations(deidentification: Deidentification, result: Dictionary) -> None:
    """Refuse quasi-identifiers whose combinations cannot be counted.

    Parameters
    ----------
    result : Dictionary
        Of the de-identified rows.

    Raises
    ------
    WardnetError
        `DEIDENTIFICATION_INVALID`.
    """
    shifted = {item.name for item in deidentification.columns if isinstance(item.rule, Shift)}
    for name in sorted(shifted.intersection(deidentification.quasi_identifiers)):
        _refuse(name, "a shifted date forms no groups; generalise it, or name it not")
    cells = [result.column(name).cells for name in deidentification.quasi_identifiers]
    for name, count in zip(deidentification.quasi_identifiers, cells, strict=True):
        if count is None:
            _refuse(name, "its values are too many to form groups; put them into bands")
    if prod((count or 0) + 1 for count in cells) > MAXIMUM_COMBINATIONS:
        _refuse(
            deidentification.quasi_identifiers[0],
            "the quasi-identifiers have too many combinations; generalise them or name fewer",
        )


def _check_rule(column: Column, rule: Rule) -> None:
    match rule:
        case Keep():
            return
        case Period():
            _need(column, column.type in TIMES, "only a date or time has a week, month or year")
        case Shift():
            _need(column, column.type in TIMES, "only a date or time can be shifted")
        case Prefix():
            _need(column, column.type is ColumnType.CATEGORY, "only a category has first letters")
        case Cap():
            _need(column, column.type in NUMBERS | TIMES, "only numbers and times have limits")
            _need(column, bool(rule.low or rule.high), "name a lowest or a highest value")
            _check_limits(column, rule.low, rule.high, step=column.step)
        case Band():
            _need(column, column.type in NUMBERS, "only numbers fall into bands")
            width = _value(ColumnType.REAL, column, rule.width)
            _need(column, width > 0, "the width of a band must be above 0")
            whole = column.step is None or (width / column.step).denominator == 1
            _need(column, whole, "the width must be a multiple of the resolution")
            _check_limits(column, rule.low, rule.high, step=width)


def _check_limits(column: Column, low: str, high: str, *, step: Fraction | None) -> None:
    limits = [_value(column.type, column, text) for text in (low, high) if text]
    _need(column, limits == sorted(limits), "the lowest value is above the highest")
    for limit in limits:
        inside = column.origin <= limit <= column.top
        _need(column, inside, "a lowest or highest value lies outside the column's bounds")
        whole = step is None or (limit / step).denominator == 1
        _need(column, whole, "a lowest or highest value must be a multiple of the step")


def _value(kind: ColumnType, column: Column, text: str) -> Fraction:
    try:
        return number(kind, text)
    except ValueError:
        _refuse(column.name, "a width or limit is not a value of the column")
        raise


def _need(column: Column, holds: bool, rule: str) -> None:  # noqa: FBT001 - reads as a sentence
    if not holds:
        _refuse(column.name, rule)


def _refuse(column: str, rule: str) -> None:
    raise WardnetError(Reason.DEIDENTIFICATION_INVALID, column=column, rule=rule)

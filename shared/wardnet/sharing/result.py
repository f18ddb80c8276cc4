"""The dictionary of de-identified rows: which columns come out, of which type, levels and bounds.

Owner and recipient derive it alike, from the dictionary that the request pins and the signed rules.
"""

from dataclasses import replace
from datetime import date, timedelta
from fractions import Fraction
from math import floor, gcd
from typing import Final

from wardnet.errors import Reason, WardnetError
from wardnet.question.dictionary import (
    Column,
    ColumnType,
    Dictionary,
    decimal_text,
    number,
)
from wardnet.sharing.checking import check, check_combinations
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
    Span,
)

DAY: Final = 86_400
"""Seconds."""

_EPOCH: Final = date(1970, 1, 1)


def result(dictionary: Dictionary, deidentification: Deidentification) -> Dictionary:
    """Return the dictionary of the rows that leave.

    Parameters
    ----------
    dictionary : Dictionary
        Of the dataset that the rows come from.
    deidentification : Deidentification
        What becomes of them.

    Returns
    -------
    Dictionary
        The granted columns alone, in the order of `dictionary`; the patient's column first where
        an id or a pseudonym leaves. Labels say what was done.

    Raises
    ------
    WardnetError
        `COLUMN_UNAVAILABLE` or `DEIDENTIFICATION_INVALID`.
    """
    check(deidentification, dictionary)
    rules = {item.name: item.rule for item in deidentification.columns}
    columns = [
        result_column(column, rules[column.name])
        for column in dictionary.columns
        if column.name in rules
    ]
    if deidentification.patient is not Patient.DROP:
        columns[:0] = [column for column in dictionary.columns if column.name == dictionary.patient]
    made = Dictionary(
        name=dictionary.name,
        version=dictionary.version,
        columns=tuple(columns),
        patient=None if deidentification.patient is Patient.DROP else dictionary.patient,
        label=dictionary.label,
    )
    check_combinations(deidentification, made)
    return made


def in_words(rule: Rule) -> str:
    """Say what a rule does to a column, for people; empty for nothing.

    Examples
    --------
    >>> in_words(Band("5", high="90"))
    'lower end of bands of 5; 90 stands for 90 and more'
    """
    match rule:
        case Keep():
            return ""
        case Period(to=span):
            return f"first day of the {span.value}"
        case Prefix(length=length):
            return f"first {length} characters" if length > 1 else "first character"
        case Shift(days=days):
            return f"shifted by up to {days} days, alike for all dates of a patient"
        case Cap(low=low, high=high):
            return _limits(low, high)
        case Band(width=width, low=low, high=high):
            limits = _limits(low, high)
            return f"lower end of bands of {width}" + (f"; {limits}" if limits else "")


def result_column(column: Column, rule: Rule) -> Column:
    """Return a column as it comes out of a rule that was checked.

    Raises
    ------
    WardnetError
        `DEIDENTIFICATION_INVALID` when a shift would leave the calendar.
    """
    words = in_words(rule)
    label = f"{column.label} ({words})" if column.label and words else column.label or words
    made = replace(column, label=label)
    match rule:
        case Keep():
            return made
        case Prefix(length=length):
            levels = dict.fromkeys(level[:length] for level in column.levels)
            return replace(made, levels=tuple(levels))
        case Cap(low=low, high=high):
            levels = dict.fromkeys(_capped(column, level, low, high) for level in column.levels)
            return replace(
                made,
                levels=tuple(levels),
                minimum=_capped(column, column.minimum, low, high),
                maximum=_capped(column, column.maximum, low, high),
            )
        case Band():
            return _banded(column, made, rule)
        case Period(to=span):
            return replace(
                made,
                type=ColumnType.DATE,
                minimum=first_day(_day(column.origin, column), span).isoformat(),
                maximum=first_day(_day(column.top, column), span).isoformat(),
                resolution="1",
            )
        case Shift(days=days):
            return _shifted(column, made, days)


def first_day(day: date, span: Span) -> date:
    """Return the first day of the span that a day lies in."""
    match span:
        case Span.YEAR:
            return day.replace(month=1, day=1)
        case Span.MONTH:
            return day.replace(day=1)
        case Span.WEEK:
            return day - timedelta(days=day.weekday())


def _day(value: Fraction, column: Column) -> date:
    days = value if column.type is ColumnType.DATE else value / DAY
    return _EPOCH + timedelta(days=floor(days))


def _banded(column: Column, made: Column, rule: Band) -> Column:
    width = number(ColumnType.REAL, rule.width)

    def band(text: str) -> str:
        value = number(column.type, _capped(column, text, rule.low, rule.high))
        return decimal_text(floor(value / width) * width)

    return replace(
        made,
        levels=tuple(dict.fromkeys(band(level) for level in column.levels)),
        minimum=band(column.minimum),
        maximum=band(column.maximum),
        resolution=decimal_text(width),
    )


def _capped(column: Column, text: str, low: str, high: str) -> str:
    """Return a bound or level after the limits, in the spelling of the dictionary."""
    value = number(column.type, text)
    limits = [number(column.type, limit) if limit else value for limit in (low, high)]
    if limits[0] <= value <= limits[1]:
        return text
    return _written(column, limits[0] if value < limits[0] else limits[1])


def _written(column: Column, value: Fraction) -> str:
    if column.step is None:
        return decimal_text(value)
    return column.text(int((value - column.origin) / column.step))


def _shifted(column: Column, made: Column, days: int) -> Column:
    unit = 1 if column.type is ColumnType.DATE else DAY
    step = gcd(int(column.step or 1), unit)
    on_grid = replace(column, resolution=str(step), levels=())
    try:
        first, last = (
            on_grid.text(int((bound - column.origin) / step))
            for bound in (column.origin - days * unit, column.top + days * unit)
        )
    except (ValueError, OverflowError, OSError):
        raise WardnetError(
            Reason.DEIDENTIFICATION_INVALID,
            column=column.name,
            rule="shifted so far, its first or last day leaves the calendar; shift by fewer days",
        ) from None
    return replace(made, minimum=first, maximum=last, resolution=str(step))


def _limits(low: str, high: str) -> str:
    parts = [f"{low} stands for {low} and less"] if low else []
    parts += [f"{high} stands for {high} and more"] if high else []
    return ", ".join(parts)

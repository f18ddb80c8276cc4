"""What a steward changes about a whole grant: columns, rules, time, patients, obligations."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from types import MappingProxyType
from typing import Final, TypeVar

from wardnet import canonical, clock
from wardnet.errors import Reason, WardnetError
from wardnet.question.cohort import EVERYONE, And, Cohort
from wardnet.question.dictionary import TIMES, Dictionary
from wardnet.sharing.deidentification import (
    Band,
    Cap,
    ColumnRule,
    Deidentification,
    Keep,
    Patient,
    Period,
    Prefix,
    Rule,
    Shift,
    Span,
)
from wardnet.sharing.grant import Grant
from wardnet.sharing.request import ShareRequest

T = TypeVar("T")

LEFT_OUT: Final = "drop"
"""What a steward writes for a column that does not leave."""

RULES: Final = (
    "keep, drop, year, month, week, band 10 (or band 10 0..90), cap 0..90, prefix 3 or shift 30"
)
"""All that can be written for a column."""

NOTHING: Final[Mapping[str, Rule | None]] = MappingProxyType({})

_LIMITS: Final = re.compile(r"(?P<low>\S*?)\.\.(?P<high>\S*)")
_MOST_DIGITS: Final = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """Hold what is changed about a whole grant; all that was asked for leaves as it is without.

    Parameters
    ----------
    rules : Mapping of str to Rule or None
        What becomes of columns; None for one that is left out.
    shift : int or None
        Days by which all dates without a rule of their own are shifted.
    patient : Patient or None
        What becomes of the patients' numbers; None for pseudonyms, where there are numbers.
    quasi_identifiers, minimum_group : sequence of str, int
        As in `Deidentification`.
    hours : float or None
        From now on; None for as long as was asked.
    fetches : int
        How often the parcel may be fetched.
    cohort : Cohort
        A condition besides those of the request.
    obligations : sequence of str
        What the recipient must do, in words.
    """

    rules: Mapping[str, Rule | None] = field(default_factory=lambda: NOTHING)
    shift: int | None = None
    patient: Patient | None = None
    quasi_identifiers: Sequence[str] = ()
    minimum_group: int = 1
    hours: float | None = None
    fetches: int = 1
    cohort: Cohort = EVERYONE
    obligations: Sequence[str] = ()


def deidentification(
    request: ShareRequest, terms: Terms, *, dictionary: Dictionary
) -> Deidentification:
    """Return what becomes of the columns that are granted.

    Raises
    ------
    WardnetError
        `DEIDENTIFICATION_INVALID` for a rule of a column that was not asked for, or that has no
        such form; `SHARE_TOO_WIDE` when every column is left out.
    """
    for name in sorted(set(terms.rules) - set(request.columns)):
        raise _invalid(name, "the request does not ask for it")
    rules = tuple(
        ColumnRule(name, rule)
        for name in request.columns
        if (rule := _rule(name, terms, dictionary)) is not None
    )
    if not rules:
        why = "no column is left; to hand over nothing, decline"
        raise WardnetError(Reason.SHARE_TOO_WIDE, field="columns", rule=why)
    usual = Patient.DROP if dictionary.patient is None else Patient.PSEUDONYM
    quasi = tuple(sorted(set(terms.quasi_identifiers)))
    return _valid(
        "the columns",
        lambda: Deidentification(terms.patient or usual, rules, quasi, terms.minimum_group),
    )


def narrowed(whole: Grant, terms: Terms) -> Grant:
    """Return the grant of all that was asked for, with a steward's changes.

    Parameters
    ----------
    whole : Grant
        From `Shares.draft`, with the de-identification of the same terms.

    Raises
    ------
    WardnetError
        `MALFORMED`, naming a field that cannot stand in a grant; `SHARE_TOO_WIDE`.
    """
    until = whole.until
    if terms.hours is not None:
        try:
            ends = clock.from_moment(whole.made) + timedelta(hours=terms.hours)
            until = clock.to_moment(ends)
        except (OverflowError, ValueError):
            rule = "it is no span of time"
            raise WardnetError(Reason.SHARE_TOO_WIDE, field="hours", rule=rule) from None
    return canonical.validated(
        lambda: replace(
            whole,
            until=until,
            maximum_fetches=terms.fetches,
            cohort=_both(whole.cohort, terms.cohort),
            obligations=tuple(terms.obligations),
        )
    )


def rule_of(text: str, *, column: str) -> Rule | None:
    """Read what becomes of a column; None when it is left out.

    Raises
    ------
    WardnetError
        `DEIDENTIFICATION_INVALID`.

    Examples
    --------
    >>> rule_of("band 10 0..90", column="age")
    Band(width='10', low='0', high='90', kind='band')
    >>> written(Cap(high="90"))
    'cap ..90'
    """
    word, *rest = text.split()[:4] or [""]
    match word, rest:
        case "keep", []:
            return Keep()
        case "drop", []:
            return None
        case "year" | "month" | "week", []:
            return Period(Span(word))
        case "band", [width]:
            return _valid(column, lambda: Band(width))
        case "band", [width, limits]:
            low, high = _limits(limits, column)
            return _valid(column, lambda: Band(width, low, high))
        case "cap", [limits]:
            low, high = _limits(limits, column)
            return _valid(column, lambda: Cap(low, high))
        case "prefix", [digits]:
            return _valid(column, lambda: Prefix(_number(digits, column)))
        case "shift", [digits]:
            return _valid(column, lambda: Shift(_number(digits, column)))
    raise _invalid(column, f"write {RULES}")


def written(rule: Rule | None) -> str:
    """Write what becomes of a column, as `rule_of` reads it."""
    match rule:
        case None:
            return LEFT_OUT
        case Keep():
            return "keep"
        case Period(to=span):
            return span.value
        case Prefix(length=length):
            return f"prefix {length}"
        case Shift(days=days):
            return f"shift {days}"
        case Cap(low=low, high=high):
            return f"cap {low}..{high}"
        case Band(width=width, low=low, high=high):
            return f"band {width}" + (f" {low}..{high}" if low or high else "")


def _rule(name: str, terms: Terms, dictionary: Dictionary) -> Rule | None:
    if name in terms.rules:
        return terms.rules[name]
    if terms.shift is not None and dictionary.column(name).type in TIMES:
        days = terms.shift
        return _valid(name, lambda: Shift(days))
    return Keep()


def _both(asked: Cohort, further: Cohort) -> Cohort:
    if further == EVERYONE:
        return asked
    return further if asked == EVERYONE else And(of=(asked, further))


def _limits(text: str, column: str) -> tuple[str, str]:
    found = _LIMITS.fullmatch(text)
    if found is None:
        raise _invalid(column, "write limits as 0..90, ..90 or 18..")
    return found["low"], found["high"]


def _number(digits: str, column: str) -> int:
    if not (digits.isascii() and digits.isdecimal() and len(digits) <= _MOST_DIGITS):
        raise _invalid(column, "a whole number is needed")
    return int(digits)


def _valid(column: str, make: Callable[[], T]) -> T:
    try:
        return canonical.validated(make)
    except WardnetError as error:
        if error.reason is not Reason.MALFORMED:
            raise
        rule = error.details["rule"].removeprefix("Value error, ")
        raise _invalid(column, rule) from error


def _invalid(column: str, rule: str) -> WardnetError:
    return WardnetError(Reason.DEIDENTIFICATION_INVALID, column=column[:64], rule=rule)

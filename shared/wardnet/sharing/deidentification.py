"""How records are de-identified before they leave: what a steward signs, column by column.

Nothing is shared by omission: every granted column is named with its rule, also where it is kept as
it is. `wardnet.sharing.result` says which dictionary the rows have afterwards.
"""

from enum import StrEnum
from fractions import Fraction
from math import prod
from typing import Annotated, Final, Literal, Self, TypeAlias

from pydantic import Discriminator, Field, TypeAdapter, model_validator
from pydantic.dataclasses import dataclass

from wardnet import canonical
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
from wardnet.question.fields import InOrder

MAXIMUM_SHIFT: Final = 3650
"""Most days that dates are shifted by."""

MAXIMUM_COMBINATIONS: Final = 1 << 62
"""Most combinations of quasi-identifiers: each is told from the others by one number."""


class Span(StrEnum):
    """Name the span of time that a date is reduced to."""

    YEAR = "year"
    MONTH = "month"
    WEEK = "week"


class Patient(StrEnum):
    """Name what becomes of the patient's id."""

    DROP = "drop"
    PSEUDONYM = "pseudonym"
    KEEP = "keep"


@dataclass(frozen=True, config=STRICT)
class Keep:
    """Leave every value as it is."""

    kind: Literal["keep"] = "keep"


@dataclass(frozen=True, config=STRICT)
class Period:
    """Give the first day of the week (Monday), month or year instead of a date or time (UTC)."""

    to: Span
    kind: Literal["period"] = "period"


@dataclass(frozen=True, config=STRICT)
class Band:
    """Give the lower end of a band instead of a number; first put what is far out together.

    Parameters
    ----------
    width : str
        Of a band, decimal text in the column's unit; bands begin at its multiples.
    low, high : str
        Multiples of the width: values below `low` count as `low`, above `high` as `high`; empty for
        no limit.
    """

    width: str
    low: str = ""
    high: str = ""
    kind: Literal["band"] = "band"


@dataclass(frozen=True, config=STRICT)
class Cap:
    """Put what is far out together: values below `low` become `low`, above `high` become `high`.

    Parameters
    ----------
    low, high : str
        Decimal text in the column's unit, an ISO date or a UTC datetime; one may be empty.
    """

    low: str = ""
    high: str = ""
    kind: Literal["cap"] = "cap"


@dataclass(frozen=True, config=STRICT)
class Prefix:
    """Give the first characters of a level, as of a postcode or a diagnosis, instead of all."""

    length: Annotated[int, Field(ge=1, le=63)]
    kind: Literal["prefix"] = "prefix"


@dataclass(frozen=True, config=STRICT)
class Shift:
    """Move dates by -`days` to `days` whole days: the same for all dates of a patient in a grant.

    The number is secret, drawn evenly, and independent between patients and between grants.
    """

    days: Annotated[int, Field(ge=1, le=MAXIMUM_SHIFT)]
    kind: Literal["shift"] = "shift"


Rule: TypeAlias = Annotated[Keep | Period | Band | Cap | Prefix | Shift, Discriminator("kind")]


@dataclass(frozen=True, config=STRICT)
class ColumnRule:
    """Say what becomes of one column."""

    name: Name
    rule: Rule


@dataclass(frozen=True, config=STRICT)
class Deidentification:
    """Say what becomes of the patient's id, of every column, and of rare combinations.

    Parameters
    ----------
    patient : Patient
        What becomes of the id. A pseudonym is keyed: it differs between any two grants.
    columns : tuple of ColumnRule
        Every column that is granted, sorted by name.
    quasi_identifiers : tuple of str
        Granted columns that together could point to a person; sorted.
    minimum_group : int
        Fewest patients who share a combination of quasi-identifiers *after* the rules; rows with
        a rarer one stay. A missing value counts as a value. 1 suppresses nothing.
    """

    patient: Patient
    columns: Annotated[tuple[ColumnRule, ...], Field(min_length=1)]
    quasi_identifiers: InOrder[Name] = ()
    minimum_group: Annotated[int, Field(ge=1, le=1_000_000)] = 1

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if list(self.names) != sorted(set(self.names)):
            _contradiction("columns must be sorted, and none may stand twice")
        if not set(self.quasi_identifiers) <= set(self.names):
            _contradiction("a quasi-identifier must be one of the columns")
        if self.minimum_group > 1 and not self.quasi_identifiers:
            _contradiction("a minimum group needs quasi-identifiers")
        if len({item.rule for item in self.columns if isinstance(item.rule, Shift)}) > 1:
            _contradiction("all shifted columns move by the same number of days")
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of the columns, sorted."""
        return tuple(item.name for item in self.columns)


ADAPTER: Final = TypeAdapter(Deidentification)


def to_bytes(deidentification: Deidentification) -> bytes:
    """Return the canonical bytes."""
    return canonical.write(ADAPTER, deidentification)


def from_bytes(data: bytes) -> Deidentification:
    """Read canonical bytes.

    Raises
    ------
    WardnetError
        `MALFORMED`.
    """
    return canonical.read(ADAPTER, data)


def kept(patient: Patient, columns: tuple[str, ...]) -> Deidentification:
    """Return the de-identification that leaves all columns as they are."""
    return Deidentification(patient, tuple(ColumnRule(name, Keep()) for name in sorted(columns)))


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


def _contradiction(rule: str) -> None:
    raise ValueError(rule)

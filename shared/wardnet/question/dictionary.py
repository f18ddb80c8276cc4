"""The shared part of a dataset's dictionary: what its columns mean, for the whole network.

A column is *on a grid* when its values are `minimum + k * resolution`. It is then stored and
computed as the integer `k` (its *code*, 0 <= k < cells), so that every sum over it is exact. The
codes of a category are the positions of its levels. A real column without a resolution is *off
grid* and is stored as float64.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from functools import cached_property
from typing import Annotated, Final, Self, TypeAlias

from pydantic import ConfigDict, StringConstraints, TypeAdapter, model_validator
from pydantic.dataclasses import dataclass

from wardnet import canonical
from wardnet.errors import Reason, WardnetError

STRICT: Final = ConfigDict(extra="forbid", strict=True)

NAME_PATTERN: Final = r"^[A-Za-z][A-Za-z0-9_]{0,62}$"
NAME_IN_WORDS: Final = "a letter, then letters, digits and underscores, 63 at most"
Name: TypeAlias = Annotated[str, StringConstraints(pattern=NAME_PATTERN)]
"""A name of a dataset or column: a letter, then letters, digits and underscores."""

MAXIMUM_GRID: Final = 1 << 20
"""Most cells of a grid that is tallied cell by cell."""

MAXIMUM_CODE: Final = 1 << 31
"""Most cells of a grid at all; a finer column is off grid."""


MAXIMUM_STEPS: Final = 1 << 48
"""Most steps of a resolution between 0 and a value: a double tells these, and a half, apart."""

TOO_FINE: Final = (
    "its bounds have more digits than can be told apart at this resolution; publish a version with "
    "a coarser one, or with none: 15 digits are kept then"
)


class ColumnType(StrEnum):
    """Name what kind of values a column holds."""

    IDENTIFIER = "identifier"
    CATEGORY = "category"
    INTEGER = "integer"
    REAL = "real"
    BOOLEAN = "boolean"
    DATE = "date"
    DATETIME = "datetime"
    TEXT = "text"


class Action(StrEnum):
    """Name what intake does with a value out of bounds."""

    MISSING = "missing"
    CLAMP = "clamp"
    REJECT = "reject"


NUMBERS: Final = frozenset({ColumnType.INTEGER, ColumnType.REAL})
TIMES: Final = frozenset({ColumnType.DATE, ColumnType.DATETIME})
NEVER_SHARED: Final = frozenset({ColumnType.IDENTIFIER, ColumnType.TEXT})
"""Types that no question may name."""

_LONGEST_NUMBER: Final = 400
_EXPONENT: Final = 300
"""Bounds of a number's text; inside them every number has a double."""

PAYLOAD_TYPE: Final = "application/vnd.wardnet.dictionary.v1+json"

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


@dataclass(frozen=True, config=STRICT)
class Column:
    """Describe one column for the whole network.

    Parameters
    ----------
    name : str
        Unique in the dictionary.
    type : ColumnType
        What its values are.
    label : str
        One line for people.
    unit : str
        UCUM code; empty for none.
    levels : tuple of str
        The allowed values of a category, or of an integer column that may also group; in order.
    minimum, maximum : str
        Bounds, inclusive: decimal text, ISO date or UTC datetime. Numbers and times need them.
    resolution : str
        Step of the grid as decimal text, in `unit`; `1` for integers; days for dates; seconds for
        datetimes. Empty only for an off-grid real column.
    out_of_bounds : Action
        What intake does with a value outside the bounds.
    code_system : str
        Where the levels come from (a URI); empty for the hospital's own words.
    """

    name: Name
    type: ColumnType
    label: str = ""
    unit: str = ""
    levels: tuple[str, ...] = ()
    minimum: str = ""
    maximum: str = ""
    resolution: str = ""
    out_of_bounds: Action = Action.REJECT
    code_system: str = ""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        check_column(self)
        return self

    @property
    def groups(self) -> bool:
        """Say whether the column has levels and may therefore divide a cohort into cells."""
        return bool(self.levels) or self.type is ColumnType.BOOLEAN

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """Return the level names, in code order; empty when the column has none."""
        return ("false", "true") if self.type is ColumnType.BOOLEAN else self.levels

    @cached_property
    def origin(self) -> Fraction:
        """Return the value of code 0 (numbers in `unit`, times in days or seconds since 1970)."""
        return number(self.type, self.minimum) if self.minimum else Fraction(0)

    @cached_property
    def top(self) -> Fraction:
        """Return the upper bound, on the same scale as `origin`."""
        return number(self.type, self.maximum) if self.maximum else Fraction(len(self.labels) - 1)

    @cached_property
    def step(self) -> Fraction | None:
        """Return the distance between neighbouring codes; None when off grid."""
        if self.type in NEVER_SHARED:
            return None
        if self.type is ColumnType.REAL and not self.resolution:
            return None
        return number(ColumnType.REAL, self.resolution or "1")

    @property
    def exact(self) -> bool:
        """Say whether every value on the grid is told from its neighbours, and from what is not."""
        if self.type is not ColumnType.REAL or self.step is None:
            return True
        return max(abs(self.origin), abs(self.top)) <= MAXIMUM_STEPS * self.step

    @cached_property
    def cells(self) -> int | None:
        """Return the number of codes, or None when the column is off grid or never shared."""
        if self.step is None:
            return None
        cells = int((self.top - self.origin) / self.step) + 1
        return cells if cells <= MAXIMUM_CODE else None

    def code(self, value: str) -> int:
        """Return the code of a value written as text.

        Raises
        ------
        ValueError
            If the value is not one of the column's.
        """
        if self.type in {ColumnType.CATEGORY, ColumnType.BOOLEAN}:
            return self.labels.index(value)
        if self.step is None:
            message = "the column is off grid"
            raise ValueError(message)
        position = (number(self.type, value) - self.origin) / self.step
        if position.denominator != 1 or not 0 <= position < (self.cells or 0):
            message = "not on the grid"
            raise ValueError(message)
        return int(position)

    def text(self, code: int) -> str:
        """Write the value of a code as text."""
        if self.type in {ColumnType.CATEGORY, ColumnType.BOOLEAN}:
            return self.labels[code]
        value = self.origin + code * (self.step or Fraction(1))
        if self.type is ColumnType.DATE:
            return date.fromordinal(_EPOCH.toordinal() + int(value)).isoformat()
        if self.type is ColumnType.DATETIME:
            return datetime.fromtimestamp(int(value), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return decimal_text(value)


def number(kind: ColumnType, text: str) -> Fraction:
    """Read a bound or a literal as an exact number on the column's scale.

    Raises
    ------
    ValueError
        If the text is not a finite decimal number, an ISO date or a UTC datetime.
    """
    if kind is ColumnType.DATE:
        return Fraction(date.fromisoformat(text).toordinal() - _EPOCH.toordinal())
    if kind is ColumnType.DATETIME:
        moment = datetime.fromisoformat(text)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return Fraction((moment - _EPOCH) // _MICROSECOND, 10**6)
    try:
        value = Decimal(text)
    except ArithmeticError as error:
        message = "not a decimal number"
        raise ValueError(message) from error
    # Exact arithmetic on 1e999999999 would take the machine: bound it before it starts.
    if not value.is_finite() or len(text) > _LONGEST_NUMBER or abs(value.adjusted()) > _EXPONENT:
        message = "not a finite number of ordinary size"
        raise ValueError(message)
    return Fraction(value)


def decimal_text(value: Fraction) -> str:
    """Write an exact decimal fraction without an exponent.

    Examples
    --------
    >>> decimal_text(Fraction(23, 10)), decimal_text(Fraction(40))
    ('2.3', '40')
    """
    quotient = Decimal(value.numerator) / Decimal(value.denominator)
    text = format(quotient, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def check_column(column: Column) -> None:
    """Refuse a column whose parts contradict each other (ValueError, named by pydantic)."""
    kind = column.type
    if len(set(column.levels)) != len(column.levels):
        _contradiction("a level stands twice")
    if kind is ColumnType.CATEGORY and not column.levels:
        _contradiction("a category needs levels")
    if column.levels and kind not in {ColumnType.CATEGORY, ColumnType.INTEGER}:
        _contradiction("only a category or an integer column has levels")
    if kind not in NUMBERS | TIMES:
        if column.minimum or column.maximum or column.resolution:
            _contradiction(f"a column of type {kind} has neither bounds nor resolution")
        return
    if not (column.minimum and column.maximum):
        _contradiction("minimum and maximum are needed")
    _check_numbers(column)
    if column.origin > column.top:
        _contradiction("the minimum is above the maximum")
    if column.step is not None and column.step <= 0:
        _contradiction("the resolution must be above 0")
    if kind is not ColumnType.REAL and column.step is not None and column.step.denominator != 1:
        _contradiction("the resolution must be a whole number")
    if column.step is not None and (column.origin / column.step).denominator != 1:
        _contradiction("the minimum must be a multiple of the resolution")
    if kind is ColumnType.INTEGER and column.levels:
        _check_integer_levels(column)


_FORMS: Final = {
    ColumnType.INTEGER: "a number such as 12",
    ColumnType.REAL: "a number such as 12.5",
    ColumnType.DATE: "a date such as 2020-12-31",
    ColumnType.DATETIME: "a time such as 2020-12-31T23:59:00Z",
}


def _check_numbers(column: Column) -> None:
    _check_number(column.type, column.minimum, "minimum")
    _check_number(column.type, column.maximum, "maximum")
    if column.resolution:
        _check_number(ColumnType.REAL, column.resolution, "resolution")
    for level in column.levels:
        _check_number(column.type, level, "level")


def _check_number(kind: ColumnType, text: str, field: str) -> None:
    try:
        number(kind, text)
    except ValueError:
        _contradiction(f"the {field} must be {_FORMS[kind]}, in quotes")


def _check_integer_levels(column: Column) -> None:
    values = [number(column.type, level) for level in column.levels]
    if any(not column.origin <= value <= column.top for value in values):
        _contradiction("a level is out of bounds")
    for level in column.levels:
        column.code(level)


def _contradiction(rule: str) -> None:
    raise ValueError(rule)


@dataclass(frozen=True, config=STRICT)
class Dictionary:
    """Describe a dataset for the whole network; queries pin it by `digest`.

    Parameters
    ----------
    name : str
        The dataset.
    version : int
        Raised by whoever publishes a change.
    columns : tuple of Column
        In order, names unique.
    patient : str or None
        The identifier column that names the patient; None when every row is a patient of its own.
    label : str
        One line for people.
    """

    name: Name
    version: int
    columns: tuple[Column, ...]
    patient: str | None = None
    label: str = ""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.version < 1:
            _contradiction("the version starts at 1")
        if not self.columns:
            _contradiction("at least one column is needed")
        if len({column.name for column in self.columns}) != len(self.columns):
            _contradiction("a column stands twice")
        if self.patient is not None and all(
            (column.name, column.type) != (self.patient, ColumnType.IDENTIFIER)
            for column in self.columns
        ):
            _contradiction("patient must name a column of type identifier")
        return self

    @cached_property
    def digest(self) -> str:
        """Return the SHA-256 of the canonical bytes, hexadecimal."""
        return canonical.digest(to_bytes(self))

    @cached_property
    def _by_name(self) -> Mapping[str, Column]:
        return {column.name: column for column in self.columns}

    def column(self, name: str) -> Column:
        """Return a column that questions may name.

        Raises
        ------
        WardnetError
            `COLUMN_UNAVAILABLE`, the same sentence for an unknown and a forbidden column.
        """
        column = self._by_name.get(name)
        if column is None or column.type in NEVER_SHARED:
            raise WardnetError(Reason.COLUMN_UNAVAILABLE, column=name, dataset=self.name)
        return column


_ADAPTER: Final = TypeAdapter(Dictionary)


def to_bytes(dictionary: Dictionary) -> bytes:
    """Return the canonical bytes that a digest and a signature cover."""
    return canonical.write(_ADAPTER, dictionary)


def from_bytes(data: bytes) -> Dictionary:
    """Read canonical bytes.

    Raises
    ------
    WardnetError
        `MALFORMED`.
    """
    return canonical.read(_ADAPTER, data)

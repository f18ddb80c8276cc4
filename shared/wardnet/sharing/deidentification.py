"""How records are de-identified before they leave: what a steward signs, column by column.

Nothing is shared by omission: every granted column is named with its rule, also where it is kept as
it is. `wardnet.sharing.result` says which dictionary the rows have afterwards.
"""

from enum import StrEnum
from typing import Annotated, Final, Literal, Self, TypeAlias

from pydantic import Discriminator, Field, TypeAdapter, model_validator
from pydantic.dataclasses import dataclass

from wardnet import canonical
from wardnet.question.dictionary import STRICT, Name
from wardnet.question.fields import InOrder, Note

MAXIMUM_SHIFT: Final = 3650
"""Most days that dates are shifted by."""


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

    width: Note
    low: Note = ""
    high: Note = ""
    kind: Literal["band"] = "band"


@dataclass(frozen=True, config=STRICT)
class Cap:
    """Put what is far out together: values below `low` become `low`, above `high` become `high`.

    Parameters
    ----------
    low, high : str
        Decimal text in the column's unit, an ISO date or a UTC datetime; one may be empty.
    """

    low: Note = ""
    high: Note = ""
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


def _contradiction(rule: str) -> None:
    raise ValueError(rule)

"""What components and clusters are told in: a part, a term, and a number for each of them."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from wardnet.errors import Reason, WardnetError
from wardnet.question.answer import Cell, Table, no_model
from wardnet.statistics.tables import Line, table

KEYS: Final = ("part", "term")
ALL: Final = "all"
"""The first value of each row: of all rows together."""

FIT: Final = "fit"
MEAN: Final = "mean"
SCALE: Final = "scale"
SIZE: Final = "size"

Label: TypeAlias = tuple[str, str]
Number: TypeAlias = Decimal | float | int | None


def values(parts: int) -> tuple[str, ...]:
    """Return the names of the columns: all, and the numbers of the parts from 1."""
    return (ALL, *(str(part) for part in range(1, parts + 1)))


def labels(part: str, terms: Sequence[str]) -> list[Label]:
    """Return the keys of one part's rows."""
    return [(part, term) for term in terms]


def overall_rows(
    part: str, terms: Sequence[str], numbers: Iterable[Number]
) -> dict[Label, Sequence[Number]]:
    """Return rows that tell one number of all rows together."""
    return {label: (number,) for label, number in zip(labels(part, terms), numbers, strict=True)}


def findings(found: Mapping[Label, Sequence[Number]], *, parts: int) -> Table:
    """Return a table; a row may be shorter than it has columns."""
    names = values(parts)
    lines = [
        Line(label, (*map(_cell, row), *(None,) * (len(names) - len(row))), {})
        for label, row in found.items()
    ]
    return table(keys=KEYS, values=names, lines=lines)


def nothing(rows: Sequence[Label], *, parts: int, rule: str) -> Table:
    """Return a table that is withheld, or has nothing to tell, by one rule."""
    names = values(parts)
    hidden: dict[str, str] = dict.fromkeys(names, rule)
    lines = [Line(label, (None,) * len(names), hidden) for label in rows]
    return table(keys=KEYS, values=names, lines=lines)


def numbers(method: str, held: Table, rows: Sequence[Label], *, parts: int) -> "Numbers":
    """Read what a table tells.

    Raises
    ------
    WardnetError
        `NO_MODEL` if it is withheld; `MALFORMED` if it is another method's.
    """
    if (held.keys, held.values) != (KEYS, values(parts)):
        raise WardnetError(Reason.MALFORMED, field="table", rule="not of this method")
    if [tuple(row[:2]) for row in held.rows] != list(rows):
        raise WardnetError(
            Reason.MALFORMED, field="table", rule="other columns than the question's"
        )
    if held.withheld:
        raise no_model(method, held)
    return Numbers({label: row[2:] for label, row in zip(rows, held.rows, strict=True)})


class Numbers:
    """Look numbers up in a table by part."""

    def __init__(self, rows: Mapping[Label, Sequence[Cell]]) -> None:
        self._rows = rows

    def of(self, part: str, terms: Sequence[str]) -> NDArray[np.float64]:
        """Return those of each part, shape (parts, terms)."""
        found = [[_number(cell) for cell in self._rows[part, term][1:]] for term in terms]
        return np.array(found).T

    def overall(self, part: str, terms: Sequence[str]) -> NDArray[np.float64]:
        """Return those of all rows together, shape (terms,)."""
        return np.array([_number(self._rows[part, term][0]) for term in terms])


def _number(cell: Cell) -> float:
    if isinstance(cell, str) or cell is None:
        raise WardnetError(Reason.MALFORMED, field="table", rule="a number is missing")
    return float(cell)


def _cell(value: Number) -> Cell:
    return float(value) if isinstance(value, Decimal) else value

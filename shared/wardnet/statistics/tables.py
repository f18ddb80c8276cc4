"""Write a result as a table in which what the rules withhold is empty and named."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from wardnet.question.answer import Cell, Table, Withheld


@dataclass(frozen=True, slots=True)
class Line:
    """Hold one row of a table before anything is withheld.

    Parameters
    ----------
    labels : tuple of str
        What the row is about, one per key.
    entries : tuple
        One per value; None where undefined.
    hidden : Mapping of str to str
        The rule for every value that is withheld, by the value's name.
    """

    labels: tuple[str, ...]
    entries: tuple[Cell, ...]
    hidden: Mapping[str, str]


def table(*, keys: Sequence[str], values: Sequence[str], lines: Iterable[Line]) -> Table:
    """Return the table of `lines`, its withheld entries empty and named."""
    rows: list[tuple[Cell, ...]] = []
    withheld: list[Withheld] = []
    for line in lines:
        shown = zip(values, line.entries, strict=True)
        entries = (None if name in line.hidden else entry for name, entry in shown)
        rows.append((*line.labels, *entries))
        cell = dict(zip(keys, line.labels, strict=True))
        for rule in dict.fromkeys(line.hidden.values()):
            columns = tuple(name for name in values if line.hidden.get(name) == rule)
            withheld.append(Withheld(cell=cell, columns=columns, rule=rule))
    return Table(keys=tuple(keys), values=tuple(values), rows=tuple(rows), withheld=tuple(withheld))

"""Tables as they are printed: cross-tables across the page, bins by edges, no empty dashes."""

from collections.abc import Mapping
from dataclasses import replace

from wardnet.client.sheet import numeral
from wardnet.question.answer import Cell, Table, Withheld


def printed(table: Table, *, method: str) -> Table:
    """Return the table that a person sees; `to_frame` and `to_dict` give the whole one."""
    match method:
        case "crosstab":
            return _crossed(table)
        case "histogram":
            return _binned(table)
        case "pca" | "kmeans" | "mixture":
            return table if table.withheld else _blank(table)
        case _:
            return table


def _blank(table: Table) -> Table:
    """Return nothing where a fact is of all rows and not of each part, or the other way round."""
    rows = (tuple("" if cell is None else cell for cell in row) for row in table.rows)
    return replace(table, rows=tuple(rows))


def _crossed(table: Table) -> Table:
    """Return the patients, with the levels of the second key across the page."""
    down, across = table.keys
    place = len(table.keys) + table.values.index("patients")
    lines: dict[Cell, list[Cell]] = {}
    for row in table.rows:
        lines.setdefault(row[0], []).append(row[place])
    return Table(
        keys=(down,),
        values=tuple(dict.fromkeys(str(row[1]) for row in table.rows)),
        rows=tuple((level, *cells) for level, cells in lines.items()),
        withheld=tuple(
            Withheld(cell={down: held.cell[down]}, columns=(held.cell[across],), rule=held.rule)
            for held in table.withheld
        ),
    )


def _binned(table: Table) -> Table:
    """Return the bins named by edges of six digits, where these tell them apart."""
    place = table.keys.index("bin")
    low = len(table.keys) + table.values.index("low")
    names = {str(row[place]): _bin(str(row[place]), row[low], row[low + 1]) for row in table.rows}
    if len(set(names.values())) < len(names):
        return table
    return Table(
        keys=table.keys,
        values=tuple(value for value in table.values if value not in {"low", "high"}),
        rows=tuple(
            (*row[:place], names[str(row[place])], *row[place + 1 : low], *row[low + 2 :])
            for row in table.rows
        ),
        withheld=tuple(replace(held, cell=_renamed(held.cell, names)) for held in table.withheld),
    )


def _bin(name: str, low: Cell, high: Cell) -> str:
    return f"[{numeral(low)}, {numeral(high)}{name[-1]}"


def _renamed(cell: Mapping[str, str], names: Mapping[str, str]) -> dict[str, str]:
    return {key: names[text] if key == "bin" else text for key, text in cell.items()}

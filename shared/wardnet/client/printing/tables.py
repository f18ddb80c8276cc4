"""Tables as they are printed: cross-tables across the page, bins by edges, no empty dashes."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from pydantic import JsonValue

from wardnet.client.printing.sheet import numeral
from wardnet.question.answer import Cell, Table, Withheld
from wardnet.statistics.regression.estimates import COEFFICIENT, FIT
from wardnet.statistics.trees.table import AFTER

_MOST_POINTS: Final = 20
"""Of a curve that is printed."""


def printed(table: Table, *, method: str) -> Table:
    """Return the table that a person sees; `to_frame` and `to_dict` give the whole one."""
    match method:
        case "crosstab":
            return _crossed(table)
        case "histogram":
            return _binned(table)
        case "linear" | "glm":
            return _coefficients(table)
        case "boosting" | "forest" | "fedavg":
            return _blank(_thinned(table))
        case "pca" | "kmeans" | "mixture":
            return table if table.withheld else _blank(table)
        case "evaluate":
            return _blank(_told_bins(table), after=1)
        case _:
            return table


def _told_bins(table: Table) -> Table:
    """Return an evaluation without the lines of bins that are withheld; the rule stays below."""
    rows = (row for row in table.rows if row[2] is not None or not str(row[0]).startswith("bin_"))
    return replace(table, rows=tuple(rows))


def facts(table: Table, *, method: str, asked: Mapping[str, JsonValue]) -> str:
    """Return how well a regression fits, or which weights a training ended with, in one line.

    Parameters
    ----------
    asked : mapping
        The parameters of the question.
    """
    if method == "fedavg":
        return _ended(table, early=bool(asked.get("patience")))
    if method not in {"linear", "glm"}:
        return ""
    told = ((row[1], row[2]) for row in table.rows if row[0] == FIT)
    return ", ".join(f"{name} {numeral(value)}" for name, value in told if value is not None)


def _ended(table: Table, *, early: bool) -> str:
    """Return which round began with the weights of the model, and whether they are any good."""
    place = 2 if early else 1
    losses = [loss for row in table.rows if isinstance(loss := row[place], int | float)]
    if not table.tensors or len(losses) < len(table.rows):
        return ""
    last = losses.index(min(losses)) if early else len(losses) - 1
    told = f"weights of round {table.rows[last][0]}"
    if losses[last] < losses[0]:
        return told
    instead = "a smaller learning rate, `scaffold`, or `steps`, as many at every hospital"
    return f"{told}, no better than those of round 0: take {instead}"


def _coefficients(table: Table) -> Table:
    """Return the coefficients alone, without statistics that a penalty leaves undefined."""
    rows = [row[1:] for row in table.rows if row[0] == COEFFICIENT]
    hidden = {name for held in table.withheld for name in held.columns}
    kept = [0] + [
        at
        for at, name in enumerate(table.values, start=1)
        if name in hidden or any(row[at] is not None for row in rows)
    ]
    return Table(
        keys=("term",),
        values=tuple(table.values[at - 1] for at in kept[1:]),
        rows=tuple(tuple(row[at] for at in kept) for row in rows),
        withheld=tuple(
            replace(held, cell={"term": held.cell["term"]})
            for held in table.withheld
            if held.cell["part"] == COEFFICIENT
        ),
    )


def _thinned(table: Table) -> Table:
    """Return a long curve by every so many rounds or trees, with its last one."""
    curve = [row for row in table.rows if row[0] == AFTER or table.keys == ("round",)]
    step = -(-len(curve) // _MOST_POINTS)
    shown = {*curve[::step], *curve[-1:]} if curve else set()
    rows = tuple(row for row in table.rows if row in shown or row not in curve)
    return replace(table, rows=rows)


def _blank(table: Table, *, after: int = 0) -> Table:
    """Return nothing where a fact is of all rows and not of each part, or the other way round.

    Parameters
    ----------
    after : int
        How many statistics keep their dash where they are undefined.
    """
    kept = len(table.keys) + after
    rows = (
        (*row[:kept], *("" if cell is None else cell for cell in row[kept:])) for row in table.rows
    )
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

"""A sheet: what a person sees of a table, as text of any width and as HTML for notebooks."""

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from io import StringIO
from typing import Final

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from wardnet.question.answer import Cell

UNDEFINED: Final = "-"
_DIGITS: Final = 6
_READABLE: Final = 10**15
"""Larger numbers are written with an exponent."""

_GAP: Final = 2


@dataclass(frozen=True, slots=True)
class Sheet:
    """Hold a table as text, ready to be laid out.

    Parameters
    ----------
    title : str
        One line above it.
    headers : tuple of str
        One per column.
    rows : tuple of tuples of str
        One text per column.
    keys : int
        How many leading columns say what a row is about: to the left, and repeated when the
        columns do not fit side by side.
    notes : tuple of (str, str)
        Lines below it: a name and a text; a repeated name stands once.
    """

    title: str
    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    keys: int
    notes: tuple[tuple[str, str], ...] = ()

    def text(self, width: int | None = None) -> str:
        """Lay it out in `width` characters; as wide as the terminal when None."""
        size = width if width is not None else shutil.get_terminal_size().columns
        stream = StringIO()
        Console(file=stream, width=size, color_system=None, force_jupyter=False).print(self)
        return "\n".join(line.rstrip() for line in stream.getvalue().rstrip().split("\n"))

    def html(self) -> str:
        """Lay it out for a notebook; every text is escaped."""
        head = "".join(f"<th>{escape(header)}</th>" for header in self.headers)
        body = "".join(f"<tr>{''.join(self._html_cells(row))}</tr>" for row in self.rows)
        notes = "<br>".join(f"<b>{escape(name)}</b> {escape(note)}" for name, note in self.notes)
        return (
            f"<table><caption>{escape(self.title)}</caption><thead><tr>{head}</tr></thead>"
            f"<tbody>{body}</tbody></table><p><small>{notes}</small></p>"
        )

    def _html_cells(self, row: Sequence[str]) -> Iterator[str]:
        for place, cell in enumerate(row):
            side = "left" if place < self.keys else "right"
            yield f'<td style="text-align: {side}">{escape(cell)}</td>'

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Let rich print it, in as many blocks of columns as the width asks for."""
        yield Text(plain(self.title), style="bold")
        columns = list(zip(self.headers, *self.rows, strict=True))
        for places in self._blocks([_width(column) for column in columns], options.max_width):
            yield Text("")
            yield self._block([columns[place] for place in places])
        if self.notes:
            yield Text("")
            yield self._notes()

    def _blocks(self, widths: Sequence[int], available: int) -> Iterator[list[int]]:
        """Deal the columns into blocks that fit; each begins with the key columns."""
        leading = list(range(self.keys))
        block = list(leading)
        for place in range(self.keys, len(widths)):
            needed = sum(widths[column] + _GAP for column in [*block, place]) - _GAP
            if len(block) > self.keys and needed > available:
                yield block
                block = list(leading)
            block.append(place)
        if block:
            yield block

    def _block(self, columns: Sequence[Sequence[str]]) -> Table:
        table = _table()
        texts = [
            column if place < self.keys else _right(column) for place, column in enumerate(columns)
        ]
        for place, (header, *_) in enumerate(texts):
            table.add_column(Text(plain(header)), no_wrap=place >= self.keys)
        for row in zip(*(column[1:] for column in texts), strict=True):
            table.add_row(*(Text(plain(cell)) for cell in row))
        return table

    def _notes(self) -> Table:
        table = _table(show_header=False)
        table.add_column(style="bold", no_wrap=True)
        names = [name for name, _ in self.notes]
        for before, name, (_, note) in zip(["", *names], names, self.notes, strict=False):
            table.add_row(Text("" if name == before else plain(name)), Text(plain(note)))
        return table


def plain(text: str) -> str:
    """Replace what could steer a terminal: names and levels come from others."""
    return "".join(
        letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text
    )


def _table(*, show_header: bool = True) -> Table:
    return Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), show_header=show_header)


def _width(column: Sequence[str]) -> int:
    return max(map(cell_len, column))


def _right(texts: Sequence[str]) -> list[str]:
    """Fill up from the left; rich would drop the spaces that keep decimal points in line."""
    return [" " * (_width(texts) - cell_len(text)) + text for text in texts]


def numerals(cells: Sequence[Cell], *, withheld: Sequence[str]) -> list[str]:
    """Write one column of results, decimal points below each other.

    Parameters
    ----------
    cells : Sequence
        Numbers with six significant digits, texts as they are, None as a dash.
    withheld : Sequence of str
        The mark that stands for a withheld entry; empty for the others.
    """
    texts = [mark or numeral(cell) for cell, mark in zip(cells, withheld, strict=True)]
    tails = [
        len(text[text.find(".") :]) if isinstance(cell, float) and "." in text else 0
        for cell, text in zip(cells, texts, strict=True)
    ]
    return [
        text + " " * (max(tails) - tail) if isinstance(cell, int | float) else text
        for cell, text, tail in zip(cells, texts, tails, strict=True)
    ]


def numeral(cell: Cell) -> str:
    """Write one entry: six significant digits, and all digits before the decimal point.

    Examples
    --------
    >>> numeral(999999.6), numeral(999999.4), numeral(53.51086956), numeral(1.5e20)
    ('1000000', '999999', '53.5109', '1.5e+20')
    """
    if cell is None:
        return UNDEFINED
    if not isinstance(cell, float):
        return str(cell)
    text = f"{cell:.{_DIGITS}g}"
    return f"{cell:.0f}" if "e+" in text and abs(cell) < _READABLE else text

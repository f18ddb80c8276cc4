"""What the command shows: tables, progress, and where a cohort is wrong."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import click
from rich.cells import cell_len
from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from wardnet import clock
from wardnet.client.printing.sheet import Sheet, plain
from wardnet.client.queries.ask import describe
from wardnet.client.queries.record import HospitalState, Record
from wardnet.command import console
from wardnet.errors import WardnetError
from wardnet.question.cohort import Term
from wardnet.question.grammar import parse

_WIDE: Final = 10_000
_STYLES: Final = {
    HospitalState.AWAY: "yellow",
    HospitalState.COMPUTING: "cyan",
    HospitalState.SENT: "green",
    HospitalState.LOST: "red",
    HospitalState.REFUSED: "red",
}


def show(sheet: Sheet) -> None:
    """Print a table: as wide as the terminal, or uncut into a file."""
    if sys.stdout.isatty():
        console().print(sheet)
    else:
        click.echo(sheet.text(_WIDE))


@contextmanager
def progress() -> Iterator[Callable[[Record], None]]:
    """Give what shows a record live on stderr, and nothing where that is no terminal."""
    screen = console(stderr=True)
    if not screen.is_terminal:
        yield lambda _record: None
        return
    with Live(console=screen, auto_refresh=False, transient=True) as live:
        yield lambda record: live.update(_progress(record), refresh=True)


def _progress(record: Record) -> Group:
    attempt = f", attempt {record.attempt}" if record.attempt > 1 else ""
    table = Table(box=None, show_header=False, pad_edge=False)
    for each in record.hospitals:
        state = Text(each.state.value, style=_STYLES[each.state])
        table.add_row(Text(f"  {plain(each.hospital)}"), state, Text(plain(each.why)))
    took = (clock.now() - record.submitted).total_seconds()
    far = f"round {record.round}{attempt}, {took:.0f} s"
    head = f"query {record.query[:12]}, {describe(record.question)}: {far}"
    return Group(Text(plain(head)), table)


def condition(text: str) -> Term:
    """Read a condition; point at the character that cannot be read.

    Raises
    ------
    WardnetError
        `COHORT_SYNTAX`.
    """
    try:
        return Term(parse(text))
    except WardnetError as error:
        click.echo(_caret(text, int(error.details["position"])), err=True)
        raise


def _caret(text: str, position: int) -> str:
    line = plain("".join(" " if letter.isspace() else letter for letter in text))
    return f"  {line}\n  {' ' * cell_len(line[: position - 1])}^"

"""What the command shows: tables, progress, and where a cohort is wrong."""

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import Final, TypeVar

import click
from rich.cells import cell_len
from rich.console import Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from wardnet import clock
from wardnet.client.printing.sheet import Sheet, numeral, plain
from wardnet.client.queries.ask import describe
from wardnet.client.queries.record import HospitalState, Record
from wardnet.command import console
from wardnet.errors import WardnetError
from wardnet.question.cohort import Term
from wardnet.question.grammar import parse
from wardnet.question.query import Query
from wardnet.statistics.session import Session

T = TypeVar("T")

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


def progress() -> AbstractContextManager[Callable[[Record], None]]:
    """Give what shows a record live on stderr, and nothing where that is no terminal."""
    return _live(_progress)


def simulated(query: Query) -> AbstractContextManager[Callable[[Session], None]]:
    """Give what shows the rounds of a simulation, as `progress` does."""
    return _live(partial(_rounds, query), often=True)


@contextmanager
def _live(
    drawn: Callable[[T], RenderableType], *, often: bool = False
) -> Iterator[Callable[[T], None]]:
    """Give what shows something live.

    Parameters
    ----------
    often : bool
        Whether there is something new so often that a few times a second must do.
    """
    screen = console(stderr=True)
    if not screen.is_terminal:
        yield lambda _new: None
        return
    with Live(console=screen, auto_refresh=often, transient=True) as live:
        yield lambda new: live.update(drawn(new), refresh=not often)


def _rounds(query: Query, session: Session) -> Group:
    head = f"simulation, {describe(query)}: round {session.round}"
    return Group(Text(plain(head)), *_told(session.interim))


def _told(numbers: Mapping[str, float]) -> Iterator[Text]:
    if numbers:
        told = (f"{name} {numeral(number)}" for name, number in numbers.items())
        yield Text(plain(f"  {', '.join(told)}"), style="cyan")


def _progress(record: Record) -> Group:
    attempt = f", attempt {record.attempt}" if record.attempt > 1 else ""
    table = Table(box=None, show_header=False, pad_edge=False)
    for each in record.hospitals:
        state = Text(each.state.value, style=_STYLES[each.state])
        table.add_row(Text(f"  {plain(each.hospital)}"), state, Text(plain(each.why)))
    took = (clock.now() - record.submitted).total_seconds()
    far = f"round {record.round}{attempt}, {took:.0f} s"
    head = f"query {record.query[:12]}, {describe(record.question)}: {far}"
    doubts = [] if record.doubt is None else [Text(plain(f"  {record.doubt}"), style="red")]
    return Group(Text(plain(head)), table, *_told(record.interim), *doubts)


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

"""A bar on the terminal while something long is done."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from wardnet.command import console


@contextmanager
def bar(title: str, *, of_bytes: bool = True) -> Iterator[Callable[[int, int], None]]:
    """Show a bar on a terminal, and nothing elsewhere.

    Parameters
    ----------
    title : str
        What is done.
    of_bytes : bool
        Whether what is counted are bytes.

    Yields
    ------
    Callable
        To be called with how much is done, and how much there is.
    """
    counted = (DownloadColumn(), TransferSpeedColumn()) if of_bytes else (TaskProgressColumn(),)
    columns = (TextColumn(title), BarColumn(), *counted, TimeRemainingColumn())
    output = console(stderr=True)
    hidden = not output.is_terminal
    with Progress(*columns, console=output, transient=True, disable=hidden) as shown:
        task = shown.add_task(title, total=None)
        yield lambda done, total: shown.update(task, completed=done, total=total or None)

"""What the three commands have in common: errors as sentences, `--json`, tables, the home folder.

- `@click.group(cls=Command, sections=...)`: a `WardnetError` becomes `Error: sentence` and its exit
  code, and `--help` shows the subcommands under headings;
- `@home_options("WARDNET_NODE_", "~/.wardnet-node")`: the parameters `home`, `passphrase_file`;
- `@json_option`: the parameter `as_json`, for `print_records` and `print_record`.
"""

import atexit
import gc
import json
import re
import secrets
import sys
import textwrap
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, TypeVar

import click
from rich.console import Console
from rich.table import Table

from wardnet.canonical import Json
from wardnet.errors import Reason, WardnetError

atexit.register(gc.freeze)  # a command that ends need not look for garbage in all it has imported

F = TypeVar("F", bound=Callable[..., object])

Record = Mapping[str, Json]
"""One line of a list: names in the order of the table's columns."""

_LINE: Final = 65
"""Most characters of what `--help` says about a subcommand: what fits beside its name."""

_MOMENT: Final = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)\.\d{3}Z")
_MEMBER: Final = re.compile(r"wardnet://[^/\s]+/(?=[a-z]+/\S)")
_DIGEST: Final = re.compile(r"\b([0-9a-f]{12})[0-9a-f]{52}\b")
_KEY: Final = re.compile(r"\b[0-9a-f]{64}\b")

_WIDE: Final = 10_000
"""Width of a table that goes to a file or a pipe, so that nothing is cut."""


class Command(click.Group):
    """Run subcommands, and turn an error that a person can cause into one sentence.

    Only the outermost group of a program needs to be one.

    Parameters
    ----------
    sections : Mapping of str to sequence of str
        Names of subcommands under the headings that `--help` shows them under, in this order.
    """

    def __init__(
        self,
        name: str | None = None,
        *,
        sections: Mapping[str, Sequence[str]],
        **attributes: Any,  # noqa: ANN401 - as click declares them
    ) -> None:
        super().__init__(name, **attributes)
        self.sections = sections

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the subcommands under their headings."""
        for heading, names in self.sections.items():
            found = [(name, self.commands[name]) for name in names]
            width = max(map(len, self.commands))
            with formatter.section(heading):
                formatter.write_dl(
                    [(name.ljust(width), item.get_short_help_str(_LINE)) for name, item in found]
                )

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; leave with the exit code of the catalogue when it fails."""
        _write_no_core()
        try:
            return super().invoke(ctx)
        except WardnetError as error:
            failure = error
        except (click.ClickException, click.Abort, click.exceptions.Exit, BrokenPipeError):
            raise  # click knows what to do with these
        except Exception as error:  # noqa: BLE001 - a bug: its text may quote a patient's value
            failure = _incident(error)
        click.echo(f"Error: {failure}", err=True)
        return ctx.exit(failure.row.exit_code)


def _write_no_core() -> None:
    """Let no crash write keys or rows to a core file, on systems that have such files."""
    with suppress(ImportError):
        import resource  # noqa: PLC0415 - Windows has none

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _incident(error: BaseException) -> WardnetError:
    """Print where a bug happened, without the exception's text, and return its public error."""
    incident = secrets.token_hex(4)
    click.echo(f"incident {incident}: {type(error).__name__}", err=True)
    for frame in traceback.extract_tb(error.__traceback__):
        click.echo(f"  {frame.filename}:{frame.lineno} {frame.name}", err=True)
    return WardnetError(Reason.INTERNAL, incident=incident)


def home_options(prefix: str, default: str) -> Callable[[F], F]:
    """Add `--home` and `--passphrase-file`, as parameters `home` and `passphrase_file`.

    Parameters
    ----------
    prefix : str
        Of the environment variables, e.g. `WARDNET_NODE_` for `WARDNET_NODE_HOME`.
    default : str
        The home folder when nothing names another.
    """

    def decorate(function: F) -> F:
        home = click.option(
            "--home",
            type=click.Path(path_type=Path, file_okay=False),
            envvar=f"{prefix}HOME",
            default=default,
            show_default=True,
            callback=lambda _context, _option, path: path.expanduser(),
            help="Folder of keys, settings and data.",
        )
        passphrase = click.option(
            "--passphrase-file",
            type=click.Path(path_type=Path, dir_okay=False),
            envvar=f"{prefix}PASSPHRASE_FILE",
            help="File whose first line is the passphrase; otherwise it is asked for.",
        )
        return home(passphrase(function))

    return decorate


def json_option(function: F) -> F:
    """Add `--json`, as parameter `as_json`."""
    return click.option(
        "--json", "as_json", is_flag=True, help="Print JSON for programs instead of text."
    )(function)


def print_json(value: "Json | Record") -> None:
    """Print a JSON value on stdout."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def print_records(
    records: Sequence[Record], *, as_json: bool, columns: Sequence[str] | None = None
) -> None:
    """Print a list as a table for people, or as a JSON list.

    Parameters
    ----------
    records : Sequence of Mapping
        All with the same names.
    as_json : bool
        As the option said; JSON holds every name, whatever `columns` says.
    columns : Sequence of str, optional
        Names that the table shows, all of the first record when None.
    """
    if as_json:
        print_json([dict(record) for record in records])
        return
    if not records:
        click.echo("Nothing yet.", err=True)
        return
    names = list(columns if columns is not None else records[0])
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in names:
        numbers = all(isinstance(record[name], int | float | None) for record in records)
        table.add_column(name.replace("_", " "), justify="right" if numbers else "left")
    for record in records:
        table.add_row(*(_cell(record[name]) for name in names))
    console().print(table)


def print_record(record: Record, *, as_json: bool) -> None:
    """Print one thing as lines `name  value` for people, or as a JSON object."""
    if as_json:
        print_json(record)
        return
    table = Table(box=None, show_header=False, pad_edge=False)
    for name, value in record.items():
        table.add_row(name.replace("_", " "), _cell(value))
    console().print(table)


def console(*, stderr: bool = False) -> Console:
    """Return a console on stdout or stderr that cuts nothing when it is not a terminal."""
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else _WIDE
    return Console(stderr=stderr, width=width, highlight=False, markup=False, emoji=False)


def shortened(text: str) -> str:
    """Return a cell of a table: moments to the second, members without their network, short ids.

    Examples
    --------
    >>> shortened("2026-01-31T08:15:00.123Z"), shortened("wardnet://heartnet/node/north")
    ('2026-01-31 08:15:00 UTC', 'node/north')
    >>> shortened("ab" * 32)
    'abababababab…'
    """
    bare = _MEMBER.sub("", _MOMENT.sub(r"\1 \2 UTC", text))
    return _DIGEST.sub("\\1\N{HORIZONTAL ELLIPSIS}", bare)


def grouped(text: str) -> str:
    """Write every fingerprint in a text in groups of four, as people read them to each other.

    Examples
    --------
    >>> grouped("compare " + "ab12" * 16)[:22]
    'compare ab12-ab12-ab12'
    """
    return _KEY.sub(lambda found: "-".join(textwrap.wrap(found[0], 4)), text)


def _cell(value: "Json") -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case list():
            return ", ".join(_cell(item) for item in value)
        case dict():
            return ", ".join(f"{name}={_cell(item)}" for name, item in value.items())
        case _:
            return str(value)

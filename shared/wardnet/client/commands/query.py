"""`wardnet query`: ask, wait, and look after what was asked."""

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, Final, TypeVar

import click

from wardnet.client.commands import display
from wardnet.client.commands.connect import connected, show_listing
from wardnet.client.queries.ask import Ask, Parameters, to_bins
from wardnet.client.queries.record import State
from wardnet.client.queries.result import Result
from wardnet.client.remote import RemoteNetwork
from wardnet.command import json_option, print_json
from wardnet.question.cohort import Term

F = TypeVar("F", bound=Callable[..., Any])


def to_names(_context: click.Context, _option: click.Parameter, values: Sequence[str]) -> list[str]:
    """Return names that stand one by one, or separated by commas."""
    return [name.strip() for value in values for name in value.split(",") if name.strip()]


def to_numbers(
    _context: click.Context, _option: click.Parameter, value: str | None
) -> list[float] | None:
    """Return numbers that are separated by commas."""
    try:
        return None if value is None else [float(number) for number in value.split(",")]
    except ValueError:
        message = "takes numbers separated by commas."
        raise click.BadParameter(message) from None


def _names_or_none(
    context: click.Context, option: click.Parameter, values: Sequence[str]
) -> list[str] | None:
    return to_names(context, option, values) or None


def _condition(_context: click.Context, _option: click.Parameter, value: str | None) -> Term | None:
    return None if value is None else display.condition(value)


timeout_option: Final = click.option(
    "--timeout", type=float, metavar="SECONDS", help="How long to wait; the query itself goes on."
)


@click.group()
def query() -> None:
    """Ask, or look after what was asked."""


def whose(command: F) -> F:
    """Add the options that say whose rows a question is about, and who is asked."""
    for option in reversed(_WHOSE):
        command = option(command)
    return command


_WHOSE: Final = (
    click.option("--where", callback=_condition, help="Whose rows, e.g. 'age >= 40'."),
    click.option(
        "--hospitals",
        multiple=True,
        callback=_names_or_none,
        metavar="NAMES",
        help="Who is asked; by default all that hold the dataset and agreed to the study.",
    ),
    click.option("--min-hospitals", type=int, help="Fewest hospitals an answer may rest on."),
    click.option(
        "--study",
        metavar="ID",
        help="The study that it belongs to; needed only where several allow it.",
    ),
)


def asking(describe: Callable[..., Parameters], *, method: str = "") -> Callable[..., None]:
    """Add what all questions have in common, and ask the one that a command describes.

    Parameters
    ----------
    method : str
        What answers it; the command's name when nothing is said.
    """

    @click.argument("dataset")
    @whose
    @click.option(
        "--explain", is_flag=True, help="Print what each hospital would do, without asking it."
    )
    @click.option("--no-wait", is_flag=True, help="Print the query's id and leave.")
    @timeout_option
    @json_option
    @wraps(describe)
    @connected
    def run(
        network: RemoteNetwork,
        *,
        dataset: str,
        where: Term | None,
        hospitals: Sequence[str] | None,
        min_hospitals: int | None,
        study: str | None,
        explain: bool,
        no_wait: bool,
        timeout: float | None,
        as_json: bool,
        **own: object,
    ) -> None:
        ask = Ask(
            method or describe.__name__,
            dataset,
            describe(**own),
            where=where,
            hospitals=hospitals,
            min_hospitals=min_hospitals,
            study=study,
        )
        if explain:
            show_listing(network.explain(ask), as_json=as_json)
            return
        query = network.submit(ask)
        if not no_wait:
            _wait(network, query, timeout=timeout, as_json=as_json)
        elif as_json:
            print_json({"query": query})
        else:
            click.echo(query)

    return run


columns_argument: Final = click.argument("columns", nargs=-1, required=True)
by_option: Final = click.option(
    "--by",
    multiple=True,
    callback=to_names,
    metavar="NAMES",
    help="Columns with levels; one row per combination.",
)


@query.command()
@asking
@by_option
def count(by: Sequence[str]) -> Parameters:
    """Count the rows and patients of DATASET."""
    return {"by": list(by)}


@query.command()
@asking
@columns_argument
@by_option
def summary(columns: Sequence[str], by: Sequence[str]) -> Parameters:
    """Describe COLUMNS of DATASET.

    N, missing, mean, variance, standard deviation, skewness and kurtosis.
    """
    return {"columns": list(columns), "by": list(by)}


@query.command()
@asking
@columns_argument
@click.option(
    "--probabilities",
    default="0.25,0.5,0.75",
    show_default=True,
    callback=to_numbers,
    metavar="NUMBERS",
    help="Which, from 0.05 to 0.95.",
)
@by_option
def quantiles(
    columns: Sequence[str], probabilities: Sequence[float], by: Sequence[str]
) -> Parameters:
    """Find quantiles of COLUMNS of DATASET."""
    return {"columns": list(columns), "probabilities": list(probabilities), "by": list(by)}


@query.command()
@asking
@click.argument("column")
@click.option("--bins", type=int, help="How many, of equal width; 10 by default.")
@click.option(
    "--edges", callback=to_numbers, metavar="NUMBERS", help="Where bins begin and end: 20,40,60."
)
@by_option
def histogram(
    column: str, bins: int | None, edges: Sequence[float] | None, by: Sequence[str]
) -> Parameters:
    """Count values of COLUMN of DATASET in bins."""
    return {"column": column, "bins": to_bins(bins=bins, edges=edges), "by": list(by)}


@query.command()
@asking
@click.argument("rows")
@click.argument("columns")
def crosstab(rows: str, columns: str) -> Parameters:
    """Cross two columns of DATASET.

    ROWS is the column whose levels go down, COLUMNS the one whose levels go across.
    """
    return {"rows": rows, "columns": columns}


@query.command("list")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True)
@json_option
@connected
def list_queries(network: RemoteNetwork, *, limit: int, as_json: bool) -> None:
    """List my queries, newest first."""
    show_listing(network.queries(limit=limit), as_json=as_json)


@query.command("show")
@click.argument("query_id", metavar="QUERY")
@json_option
@connected
def show_query(network: RemoteNetwork, query_id: str, *, as_json: bool) -> None:
    """Show the answer of QUERY, or how far it is.

    QUERY is an id of `wardnet query list`; its first six characters or more are enough.
    """
    record = network.record(query_id)
    if record.state is State.ANSWERED:
        _show_result(network.result(record), as_json=as_json)
    elif as_json:
        print_json(record.to_dict())
    else:
        display.show(record.sheet())


@query.command("receipt")
@click.argument("query_id", metavar="QUERY")
@json_option
@connected
def receipt_query(network: RemoteNetwork, query_id: str, *, as_json: bool) -> None:
    """Prove that each hospital has logged the answer of QUERY.

    QUERY is an id of `wardnet query list`; its first six characters or more are enough. A hospital
    can prove it as soon as other hospitals have confirmed its log, a minute or two after the
    answer. A witness is shown where it has signed the same answer.
    """
    show_listing(network.receipts(network.record(query_id)), as_json=as_json)


@query.command("wait")
@click.argument("query_id", metavar="QUERY")
@timeout_option
@json_option
@connected
def wait_query(
    network: RemoteNetwork, query_id: str, *, timeout: float | None, as_json: bool
) -> None:
    """Wait for the answer of QUERY.

    QUERY is an id of `wardnet query list`; its first six characters or more are enough.
    """
    _wait(network, query_id, timeout=timeout, as_json=as_json)


@query.command("cancel")
@click.argument("query_id", metavar="QUERY")
@connected
def cancel_query(network: RemoteNetwork, query_id: str) -> None:
    """Cancel QUERY; one that has ended stays.

    QUERY is an id of `wardnet query list`; its first six characters or more are enough.
    """
    network.cancel(query_id)
    record = network.record(query_id)
    click.echo(f"query {record.query[:12]} is {record.state}", err=True)


def _wait(network: RemoteNetwork, query_id: str, *, timeout: float | None, as_json: bool) -> None:
    click.echo(f"query {query_id}", err=True)
    try:
        with display.progress() as progress:
            result = network.wait(query_id, timeout=timeout, progress=progress)
    except KeyboardInterrupt:
        click.echo(
            f"The query goes on; `wardnet query wait {query_id[:12]}` takes it up.", err=True
        )
        raise
    _show_result(result, as_json=as_json)


def _show_result(result: Result, *, as_json: bool) -> None:
    if as_json:
        print_json(result.to_dict())
    else:
        display.show(result.sheet())

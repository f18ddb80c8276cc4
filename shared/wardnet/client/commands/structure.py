"""`wardnet query pca`, `kmeans` and `mixture`: look for structure where no outcome is given."""

from collections.abc import Callable, Sequence
from typing import Final

import click
from pydantic import JsonValue

from wardnet.client.commands.query import asking, columns_argument, to_names, to_numbers
from wardnet.client.queries.ask import Parameters


def _points(
    context: click.Context, option: click.Parameter, values: Sequence[str]
) -> list[list[float]]:
    return [to_numbers(context, option, value) or [] for value in values]


factors_option: Final = click.option(
    "--factors",
    multiple=True,
    callback=to_names,
    metavar="NAMES",
    help="Columns of whole numbers that are taken by their levels.",
)
standardise_option: Final = click.option(
    "--standardise/--no-standardise",
    default=True,
    show_default=True,
    help="Divide columns by their standard deviations.",
)
start_option: Final = click.option(
    "--start",
    multiple=True,
    callback=_points,
    metavar="NUMBERS",
    help="Where a cluster begins, in units: 54,230; once for each.",
)


def _rounds(default: int) -> Callable[[Callable[..., Parameters]], Callable[..., Parameters]]:
    return click.option(
        "--rounds", type=int, default=default, show_default=True, help="How many at most."
    )


@click.command()
@asking
@columns_argument
@factors_option
@standardise_option
@click.option("--components", type=int, help="How many are told; all by default.")
def pca(columns: Sequence[str], factors: Sequence[str], **given: JsonValue) -> Parameters:
    """Find the directions in which COLUMNS of DATASET vary most.

    COLUMNS are numbers; and booleans and categories, by their levels.
    """
    return {"columns": list(columns), "factors": list(factors), **given}


@click.command()
@asking
@columns_argument
@factors_option
@standardise_option
@click.option("--clusters", type=int, required=True, help="How many, 1 to 64.")
@start_option
@_rounds(300)
@click.option(
    "--searches",
    type=int,
    default=1,
    show_default=True,
    help="How many first centres are tried, 1 to 20.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of all but the first.")
def kmeans(columns: Sequence[str], factors: Sequence[str], **given: JsonValue) -> Parameters:
    """Divide rows of DATASET into clusters that are alike in COLUMNS.

    COLUMNS are numbers; and booleans and categories, by their levels.
    """
    return {"columns": list(columns), "factors": list(factors), **given}


@click.command()
@asking
@columns_argument
@factors_option
@click.option("--components", type=int, required=True, help="How many, 1 to 64.")
@click.option(
    "--covariance",
    type=click.Choice(["full", "diagonal"]),
    default="full",
    show_default=True,
    help="Whether columns depend on each other within a component.",
)
@start_option
@click.option(
    "--ridge",
    type=float,
    default=0.0,
    show_default=True,
    help="Added to the variances of standardised columns.",
)
@click.option(
    "--tolerance",
    type=float,
    default=1e-6,
    show_default=True,
    help="Change of the mean log-likelihood at which it ends.",
)
@_rounds(500)
def mixture(columns: Sequence[str], factors: Sequence[str], **given: JsonValue) -> Parameters:
    """Find overlapping clusters of DATASET, of any shape in COLUMNS.

    COLUMNS are numbers; and booleans and categories, by their levels.
    """
    return {"columns": list(columns), "factors": list(factors), **given}


STRUCTURE: Final = (pca, kmeans, mixture)

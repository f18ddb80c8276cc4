"""`wardnet learn`: fit models over the rows of all hospitals."""

from collections.abc import Callable
from functools import partial
from typing import Final, TypeAlias

import click
from pydantic import JsonValue

from wardnet.client.ask import Parameters
from wardnet.client.cli_query import asking
from wardnet.client.formulas import FORMULA

Description: TypeAlias = Callable[..., Parameters]
Option: TypeAlias = Callable[[Description], Description]

formula_argument: Final = click.argument(FORMULA)


@click.group()
def learn() -> None:
    """Fit models to the rows of all hospitals together.

    FORMULA is such as 'died ~ age + sex'; 'died ~ .' takes all other columns, 'died ~ . - site' all
    but one. What was asked is looked after with `wardnet query`.
    """


def _options(*options: Option) -> Option:
    """Return several options as one."""

    def add(command: Description) -> Description:
        for option in reversed(options):
            command = option(command)
        return command

    return add


def _number(name: str, default: float | None, text: str) -> Option:
    kind = float if isinstance(default, float) else int
    shown = default is not None
    return click.option(name, type=kind, default=default, show_default=shown, help=text)


shrinkage: Final = _options(
    _number("--penalty", 0.0, "Strength of the penalty on standardised coefficients."),
    _number("--lasso-share", 0.0, "0 for ridge, 1 for lasso, between them elastic net."),
)


@learn.command()
@asking
@formula_argument
@shrinkage
def linear(**given: JsonValue) -> Parameters:
    """Explain a number of DATASET by other columns.

    FORMULA may hold a:b (an interaction), a * b (both and their interaction) and C(stage), which
    takes whole numbers by their levels.
    """
    return given


@learn.command()
@partial(asking, method="glm")
@formula_argument
@shrinkage
def logistic(**given: JsonValue) -> Parameters:
    """Explain which of two levels an outcome of DATASET has by other columns.

    FORMULA is as `linear` takes it.
    """
    return {**given, "family": "logistic"}


@learn.command()
@partial(asking, method="glm")
@formula_argument
@shrinkage
def poisson(**given: JsonValue) -> Parameters:
    """Explain a count of DATASET by other columns.

    FORMULA is as `linear` takes it.
    """
    return {**given, "family": "poisson"}


trees: Final = _options(
    _number("--trees", 100, "For each output, 1 to 1000."),
    _number("--depth", 6, "Most splits on the way to a leaf, 1 to 12."),
    _number("--leaves", None, "Most leaves of a tree; then the best splits are kept."),
    _number("--bins", 255, "Most bins of a feature, 2 to 255."),
)
seed: Final = _number("--seed", 0, "Of everything that is drawn.")


@learn.command()
@asking
@formula_argument
@trees
@_number("--learning-rate", 0.1, "By what each tree's values are multiplied.")
@_number("--minimum-rows", 20, "Fewest rows of a leaf.")
@_number("--penalty", 0.0, "Ridge on the leaves' values.")
@_number("--row-share", 1.0, "Share of rows that each tree sees, 0.5 to 1.")
@_number("--column-share", 1.0, "Share of features that each tree sees.")
@seed
def boosting(**given: JsonValue) -> Parameters:
    """Boost trees that predict a number or a class of DATASET."""
    return given


@learn.command()
@asking
@formula_argument
@trees
@_number("--minimum-rows", 10, "Fewest rows of a leaf.")
@_number("--split-features", None, "How many features a split chooses from.")
@seed
def forest(**given: JsonValue) -> Parameters:
    """Grow a random forest that predicts a number or a class of DATASET."""
    return given

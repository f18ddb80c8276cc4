"""`wardnet learn`: fit models over the rows of all hospitals."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, TypeAlias, get_args

import click
from pydantic import JsonValue

from wardnet.client.commands.query import asking
from wardnet.client.models.formulas import FORMULA
from wardnet.client.queries.ask import Parameters
from wardnet.learning.network import Activation
from wardnet.learning.parameters import Algorithm
from wardnet.statistics.regression.robust import CLASSICAL, Kind

Description: TypeAlias = Callable[..., Parameters]
Option: TypeAlias = Callable[[Description], Description]

ESTIMATORS: Final = ("SGDClassifier", "SGDRegressor", "MLPClassifier", "MLPRegressor")

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
    click.option(
        "--errors",
        type=click.Choice(get_args(Kind)),
        default=CLASSICAL,
        show_default=True,
        help="Standard errors: those of the model, of rows (HC), or of hospitals (cluster).",
    ),
)


@learn.command()
@asking
@formula_argument
@shrinkage
def linear(**given: JsonValue) -> Parameters:
    """Explain a number by other columns.

    All of DATASET. FORMULA may hold a:b (an interaction), a * b (both and their interaction) and
    C(stage), which takes whole numbers by their levels.
    """
    return given


@learn.command()
@partial(asking, method="glm")
@formula_argument
@shrinkage
def logistic(**given: JsonValue) -> Parameters:
    """Explain which of two levels an outcome has.

    By other columns of DATASET; FORMULA is as `linear` takes it.
    """
    return {**given, "family": "logistic"}


@learn.command()
@partial(asking, method="glm")
@formula_argument
@shrinkage
def poisson(**given: JsonValue) -> Parameters:
    """Explain a count by other columns.

    All of DATASET; FORMULA is as `linear` takes it.
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
    """Boost trees; each corrects those before it.

    They predict a number or a class of DATASET.
    """
    return given


@learn.command()
@asking
@formula_argument
@trees
@_number("--minimum-rows", 10, "Fewest rows of a leaf.")
@_number("--split-features", None, "How many features a split chooses from.")
@seed
def forest(**given: JsonValue) -> Parameters:
    """Grow a random forest; each tree sees a bag of rows.

    It predicts a number or a class of DATASET.
    """
    return given


def _choice(name: str, choices: Sequence[str], text: str) -> Option:
    """Return an option of a few words, the first of which is the default."""
    return click.option(
        name, type=click.Choice(choices), default=choices[0], show_default=True, help=text
    )


def _whole_numbers(
    _context: click.Context, _option: click.Parameter, value: str
) -> list[JsonValue]:
    try:
        return [int(number) for number in value.split(",")]
    except ValueError:
        message = "takes whole numbers separated by commas."
        raise click.BadParameter(message) from None


@learn.command()
@asking
@formula_argument
@_choice("--algorithm", get_args(Algorithm), "How updates become one.")
@_choice("--estimator", ESTIMATORS, "Linear (SGD), or with hidden layers (MLP).")
@click.option(
    "--hidden-layer-sizes",
    default="100",
    show_default=True,
    callback=_whole_numbers,
    metavar="NUMBERS",
    help="Of an MLP: 64,32.",
)
@_choice("--activation", get_args(Activation), "Of an MLP's hidden layers.")
@_number("--alpha", 0.0001, "Strength of the ridge on the weights.")
@_number("--rounds", 20, "How often updates are averaged.")
@_number("--epochs", 1, "How often a hospital goes through its rows in a round.")
@_number("--steps", None, "How many batches it takes in a round instead.")
@_number("--batch-size", 32, "Rows of a batch.")
@_number("--learning-rate", 0.1, "Of a hospital's step.")
@click.option(
    "--server-learning-rate", type=float, default=None, help="Of the step with the mean update."
)
@_number("--beta1", 0.9, "Of fedadam and its kin: how much of the mean stays.")
@_number("--beta2", 0.99, "Of fedadam and its kin: how much of the square stays.")
@_number("--tau", 0.001, "Of fedadam and its kin: what is added to the square's root.")
@_number("--mu", 0.01, "Of fedprox: how strongly a hospital is drawn to the shared weights.")
@_choice("--weights", ("rows", "equal"), "By what a hospital's update counts.")
@_number("--clip", 10.0, "Largest norm of a hospital's update.")
@_number("--validation-share", 0.0, "Share of the rows that nobody trains on.")
@_number("--patience", None, "End after so many rounds without a smaller loss on these.")
@_choice("--personal", ("none", "intercept", "last_layer"), "What each hospital fits for itself.")
@_choice("--missing", ("leave_out", "mean"), "What happens to rows with a missing value.")
@click.option(
    "--standardise/--as-it-is",
    default=True,
    show_default=True,
    help="Whether numbers are brought to mean 0 and standard deviation 1.",
)
@seed
def fedavg(**given: JsonValue) -> Parameters:
    """Train a linear model or a small network by turns.

    In each round every hospital trains on its rows of DATASET, and the updates are averaged.
    """
    return given

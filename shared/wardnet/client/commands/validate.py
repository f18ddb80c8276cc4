"""`wardnet learn evaluate`, `cross-validate`, `search` and `plot`: how good a model is."""

import json
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

import click
from pydantic import JsonValue

from wardnet.client.commands import display
from wardnet.client.commands.connect import connected
from wardnet.client.commands.query import to_names, whose
from wardnet.client.models.evaluation import Validation
from wardnet.client.models.formulas import FORMULA
from wardnet.client.models.search import Search
from wardnet.client.models.validation import KINDS
from wardnet.client.queries.result import Result
from wardnet.client.remote import RemoteNetwork
from wardnet.command import json_option, print_json

F = TypeVar("F", bound=Callable[..., object])

query_argument: Final = click.argument("query_id", metavar="QUERY")
threshold_option: Final = click.option(
    "--threshold",
    type=float,
    default=0.5,
    show_default=True,
    help="From which probability on the second of two classes is predicted.",
)


def _value(text: str) -> JsonValue:
    """Read a number, true, false, null or a list as JSON writes it; anything else is text."""
    try:
        value: JsonValue = json.loads(text)
    except ValueError:
        return text
    return value


def _named(
    _context: click.Context, option: click.Parameter, values: Sequence[str]
) -> list[list[str]]:
    pairs = [value.split("=", 1) for value in values]
    if any(len(pair) == 1 for pair in pairs):
        message = "takes a parameter and its value, such as depth=3."
        raise click.BadParameter(message, param=option)
    return pairs


def _set(
    context: click.Context, option: click.Parameter, values: Sequence[str]
) -> dict[str, JsonValue]:
    return {name: _value(text) for name, text in _named(context, option, values)}


def _grid(
    context: click.Context, option: click.Parameter, values: Sequence[str]
) -> dict[str, list[JsonValue]]:
    named = _named(context, option, values)
    return {name: [_value(each) for each in text.split(",")] for name, text in named}


def _parts(command: F) -> F:
    """Add what says which model is validated, and on which parts."""
    for option in reversed(_PARTS):
        command = option(command)
    return command


_PARTS: Final = (
    click.argument("dataset"),
    click.argument(FORMULA),
    click.option(
        "--model", "kind", type=click.Choice(list(KINDS)), required=True, help="What is fitted."
    ),
    click.option(
        "--set",
        "settings",
        multiple=True,
        callback=_set,
        metavar="NAME=VALUE",
        help="A setting of the model, such as trees=50; any number of times.",
    ),
    click.option(
        "--folds", type=int, help="Into how many parts rows are cut; 5 if nothing is said."
    ),
    click.option(
        "--leave-out-hospitals",
        "leave_out",
        flag_value="hospital",
        default=None,
        help="Leave out one hospital after the other instead.",
    ),
    click.option("--seed", type=int, default=0, show_default=True, help="Of the folds."),
    click.option(
        "--by",
        multiple=True,
        callback=lambda *given: to_names(*given) or None,
        metavar="NAMES",
        help="Where rows name no patients: the columns by which rows are drawn.",
    ),
)


@click.command("evaluate")
@query_argument
@threshold_option
@click.option("--time", metavar="COLUMN", help="Times that predictions, as risks, should order.")
@click.option("--event", metavar="COLUMN", help="Whether the event was then, or not until then.")
@click.option("--by-hospital", is_flag=True, help="Ask each hospital by itself.")
@whose
@json_option
@connected
def evaluate_model(
    network: RemoteNetwork, query_id: str, *, as_json: bool, **given: JsonValue
) -> None:
    """Tell how well the model of QUERY predicts rows.

    QUERY is an id of `wardnet query list`; its first six characters or more are enough.
    """
    fitted = network.result(network.record(query_id))
    _show(network.evaluate(fitted, **given), as_json=as_json)  # type: ignore[call-overload]


@click.command("cross-validate")
@_parts
@threshold_option
@whose
@json_option
@connected
def cross_validate_model(network: RemoteNetwork, *, as_json: bool, **given: JsonValue) -> None:
    """Fit to all parts of the rows but one, and evaluate there.

    Each part of DATASET has its turn; FORMULA is as the model takes it.
    """
    _show(network.learn.cross_validate(**given), as_json=as_json)  # type: ignore[arg-type]


@click.command("search")
@_parts
@click.option(
    "--try",
    "grid",
    multiple=True,
    required=True,
    callback=_grid,
    metavar="NAME=VALUES",
    help="Values of a setting, such as depth=3,6; every combination is tried.",
)
@click.option("--number", "n", type=int, help="Try only so many combinations, drawn at random.")
@click.option("--measure", help="What is compared; log_loss of classes and rmse of numbers.")
@whose
@json_option
@connected
def search_model(network: RemoteNetwork, *, as_json: bool, **given: JsonValue) -> None:
    """Cross-validate several settings; print the best first.

    All of the same model of DATASET; FORMULA is as the model takes it.
    """
    _show(network.learn.search(**given), as_json=as_json)  # type: ignore[arg-type]


@click.command("plot")
@query_argument
@click.argument("file", type=click.Path(dir_okay=False, writable=True))
@click.option("--importances", is_flag=True, help="Draw how much each column matters.")
@connected
def plot_model(network: RemoteNetwork, query_id: str, *, file: str, importances: bool) -> None:
    """Draw the answer of QUERY into FILE.

    QUERY is an id of `wardnet query list`; its first six characters or more are enough. FILE
    is called as its format: model.png, model.pdf, model.svg.
    """
    network.result(network.record(query_id)).plot(importances=importances).savefig(file)
    click.echo(f"drawn into {file}", err=True)


def _show(found: Result | Validation | Search, *, as_json: bool) -> None:
    if not as_json:
        display.show(found.sheet())
    elif isinstance(found, Result):
        print_json(found.to_dict())
    else:
        print_json([*found.to_dict()])


VALIDATION: Final[Sequence[click.Command]] = (
    evaluate_model,
    cross_validate_model,
    search_model,
    plot_model,
)
"""What `wardnet learn` has beside the models."""

"""The options by which a steward says what a grant changes about its request."""

from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import Any, Final, TypeVar, cast

import click

from wardnet.question import grammar
from wardnet.question.cohort import EVERYONE
from wardnet.sharing.deidentification import MAXIMUM_SHIFT, Patient, Rule
from wardnet.sharing.grant import MOST_FETCHES
from wardnet_node.desk.shares.terms import Terms, rule_of
from wardnet_node.desk.shares.terms_file import read_terms

F = TypeVar("F", bound=Callable[..., object])

_PERIODS: Final = ("year", "month", "week")
_VALUED: Final = ("band", "cap", "prefix")


def _names(_context: click.Context, _option: click.Parameter, text: str | None) -> tuple[str, ...]:
    return tuple(name.strip() for name in (text or "").split(",") if name.strip())


def terms_options(function: F) -> F:
    """Add the options, as one parameter `terms`."""

    @wraps(function)
    def with_terms(**options: Any) -> object:  # noqa: ANN401 - as click hands them over
        given = {name: options.pop(name) for name in _PARAMETERS}
        return function(**options, terms=_terms(**given))

    wrapped = cast("F", with_terms)
    for option in reversed(_OPTIONS):
        wrapped = option(wrapped)
    return wrapped


_PARAMETERS: Final = (
    "file", "drop", "year", "month", "week", "band", "cap", "prefix", "shift",
    "patient", "quasi", "group", "where", "hours", "fetches", "obligation",
)  # fmt: skip

_OPTIONS: Final = (
    click.option(
        "--terms",
        "file",
        type=click.Path(path_type=Path, dir_okay=False),
        help="File with the terms, as `share preview --draft` writes it, instead of the options.",
    ),
    click.option("--drop", callback=_names, metavar="A,B", help="Columns that do not leave."),
    click.option("--year", callback=_names, metavar="A,B", help="Dates of which the year leaves."),
    click.option("--month", callback=_names, metavar="A,B", help="Dates reduced to the month."),
    click.option("--week", callback=_names, metavar="A,B", help="Dates reduced to the week."),
    click.option(
        "--band",
        multiple=True,
        metavar="COLUMN=WIDTH",
        help="Bands instead of numbers: age=10, or with limits 'age=10 20..90'.",
    ),
    click.option(
        "--cap",
        multiple=True,
        metavar="COLUMN=LOW..HIGH",
        help="What is far out counts as the limit: age=..90.",
    ),
    click.option(
        "--prefix",
        multiple=True,
        metavar="COLUMN=N",
        help="First N characters of a postcode or code.",
    ),
    click.option(
        "--shift",
        type=click.IntRange(1, MAXIMUM_SHIFT),
        metavar="DAYS",
        help="Move all other dates by up to DAYS, alike for all dates of a patient.",
    ),
    click.option(
        "--patient",
        type=click.Choice([one.value for one in Patient]),
        help="What becomes of patients' numbers; keep only for treatment.  [default: pseudonym]",
    ),
    click.option("--quasi", callback=_names, metavar="A,B", help="Columns that groups share."),
    click.option(
        "--group",
        type=click.IntRange(1, 1_000_000),
        metavar="N",
        help="Rows whose --quasi fewer than N patients share stay here.",
    ),
    click.option("--where", metavar="COHORT", help="A further condition, as in `wardnet query`."),
    click.option(
        "--hours",
        type=click.FloatRange(min=0, min_open=True),
        help="How long from now; 0.5 is half an hour.  [default: as long as was asked]",
    ),
    click.option(
        "--fetches",
        type=click.IntRange(1, MOST_FETCHES),
        metavar="N",
        help="How often the parcel may be fetched.  [default: 1]",
    ),
    click.option("--obligation", multiple=True, help="What the recipient must do. Repeatable."),
)


def _terms(*, file: Path | None, **given: Any) -> Terms:  # noqa: ANN401 - as click hands them over
    if file is not None:
        if any(value not in (None, ()) for value in given.values()):
            message = "Give the terms by --terms or by the other options, not by both."
            raise click.UsageError(message)
        return read_terms(file)
    patient: str | None = given["patient"]
    return Terms(
        rules=_rules(given),
        shift=given["shift"],
        patient=Patient(patient) if patient else None,
        quasi_identifiers=given["quasi"],
        minimum_group=given["group"] or 1,
        hours=given["hours"],
        fetches=given["fetches"] or 1,
        cohort=grammar.parse(given["where"]) if given["where"] else EVERYONE,
        obligations=given["obligation"],
    )


def _rules(given: dict[str, Any]) -> dict[str, Rule | None]:
    rules: dict[str, Rule | None] = {}
    for name in given["drop"]:
        _put(rules, name, "drop")
    for period in _PERIODS:
        for name in given[period]:
            _put(rules, name, period)
    for word in _VALUED:
        texts: Sequence[str] = given[word]
        for text in texts:
            name, _, value = text.partition("=")
            _put(rules, name.strip(), f"{word} {value}")
    return rules


def _put(rules: dict[str, Rule | None], name: str, text: str) -> None:
    if name in rules:
        message = f"The column {name} is named by several options."
        raise click.UsageError(message)
    rules[name] = rule_of(text, column=name)

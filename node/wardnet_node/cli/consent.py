"""`wardnet-node consent`: whose records are never shared, or whose alone may be."""

from dataclasses import asdict
from pathlib import Path

import click

from wardnet.command import json_option, print_record, print_records
from wardnet_node.cli.place import Place


@click.group()
def consent() -> None:
    """Keep the lists that every sharing of records applies.

    A dataset without a list is shared as stewards grant it, patient by patient alike.
    """


@consent.command()
@click.argument("dataset")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--only-listed",
    is_flag=True,
    help="FILE names those who agreed: nobody else is shared. Else it names those who objected.",
)
@json_option
@click.pass_obj
def load(place: Place, *, dataset: str, file: Path, only_listed: bool, as_json: bool) -> None:
    """Read the list of DATASET from FILE, in place of the last.

    FILE holds one patient's number per line. Numbers that the dataset does not have are kept for
    patients who come later. Compare how many are present with what you expect: a number that lost
    its leading zeros finds nobody.
    """
    with place.consent() as lists:
        found = lists.load(dataset, file, only_listed=only_listed)
    print_record(asdict(found), as_json=as_json)


@consent.command()
@json_option
@click.pass_obj
def show(place: Place, *, as_json: bool) -> None:
    """Show which datasets have a list, and how many patients are on it."""
    with place.consent() as lists:
        found = lists.lists()
    print_records([asdict(item) for item in found], as_json=as_json)


@consent.command()
@click.argument("dataset")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@click.pass_obj
def clear(place: Place, *, dataset: str, yes: bool, as_json: bool) -> None:
    """Remove the list of DATASET: from now on nobody is excepted."""
    with place.consent() as lists:
        if not yes:
            question = f"Share {dataset} without a list from now on?"
            click.confirm(question, abort=True, err=True)
        lists.clear(dataset)
    print_record({"dataset": dataset, "list": "none"}, as_json=as_json)

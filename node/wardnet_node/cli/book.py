"""`wardnet-node book`: whom this hospital knows, by keys that people have compared."""

from collections.abc import Sequence
from pathlib import Path

import click

from wardnet.agreement.address_book import AddressBook
from wardnet.command import Record, json_option, print_records
from wardnet_node.cli.place import Place
from wardnet_node.cli.signing import signing_options, unlocked
from wardnet_node.desk.book import Key, keys_of, with_key, without_key

fingerprint_option = click.option(
    "--fingerprint",
    required=True,
    metavar="HEX",
    callback=lambda _context, _option, text: "".join(filter(str.isalnum, text)).lower(),
    help="SHA-256 of the key, as its owner told you on another way than the network.",
)


@click.group()
def book() -> None:
    """Say whose keys this hospital believes: its address book.

    Compare every fingerprint on the telephone or on paper before you add it: `wardnet whoami`
    prints a person's own. Nothing in the book comes from the coordinator.
    """


@book.command("list")
@json_option
@click.pass_obj
def list_book(place: Place, *, as_json: bool) -> None:
    """List every key that the hospital believes."""
    with place.decisions() as (decisions, _):
        known = decisions.book()
    print_records(_records(known), as_json=as_json)


@book.command()
@click.argument("organisation")
@click.option("--steward", metavar="ID", help="The key is a steward's: it vouches for people.")
@click.option("--researcher", metavar="ID", help="The key is a researcher's.")
@click.option("--node", is_flag=True, help="The key is the node's of ORGANISATION.")
@click.option("--name", default="", help="Of the organisation, for people.")
@fingerprint_option
@signing_options("--by")
@json_option
@click.pass_obj
def add(
    place: Place,
    *,
    organisation: str,
    steward: str | None,
    researcher: str | None,
    node: bool,
    name: str,
    fingerprint: str,
    signers: Sequence[str],
    password_files: Sequence[Path],
    as_json: bool,
) -> None:
    """Write a key of ORGANISATION into the book. A steward signs.

    Where this hospital's own stewards change and it has two or more, two of them sign.
    """
    if sum((steward is not None, researcher is not None, node)) != 1:
        message = "name one of --steward, --researcher and --node"
        raise click.UsageError(message)
    if steward is not None:
        key = Key("steward", steward, fingerprint)
    elif researcher is not None:
        key = Key("researcher", researcher, fingerprint)
    else:
        key = Key("node", organisation, fingerprint)
    with place.decisions() as (decisions, stewards):
        known = decisions.change_book(
            lambda before: with_key(before, organisation, key, name=name),
            stewards=unlocked(stewards, signers, password_files=password_files),
        )
    print_records(_records(known), as_json=as_json)


@book.command()
@click.argument("organisation")
@fingerprint_option
@signing_options("--by")
@json_option
@click.pass_obj
def remove(
    place: Place,
    *,
    organisation: str,
    fingerprint: str,
    signers: Sequence[str],
    password_files: Sequence[Path],
    as_json: bool,
) -> None:
    """Strike a key of ORGANISATION out of the book, at once."""
    with place.decisions() as (decisions, stewards):
        known = decisions.change_book(
            lambda before: without_key(before, organisation, fingerprint),
            stewards=unlocked(stewards, signers, password_files=password_files),
        )
    print_records(_records(known), as_json=as_json)


def _records(known: AddressBook) -> list[Record]:
    return [
        {
            "organisation": organisation.id,
            "name": organisation.name,
            "role": key.role,
            "id": key.id,
            "fingerprint": key.fingerprint,
        }
        for organisation in known.organisations
        for key in keys_of(organisation)
    ]

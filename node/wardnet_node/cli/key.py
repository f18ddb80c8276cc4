"""`wardnet-node key`: keys that this hospital has vouched for and takes back."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import click

from wardnet.command import json_option, print_record, print_records
from wardnet_node.cli.place import Place
from wardnet_node.cli.signing import signing_options, unlocked


@click.group("key")
def keys() -> None:
    """Take keys back that this hospital has vouched for.

    The keys themselves stand in the address book: `wardnet-node book list`.
    """


@keys.command("list")
@json_option
@click.pass_obj
def list_keys(place: Place, *, as_json: bool) -> None:
    """List what was taken back, here and elsewhere: keys, agreements."""
    with place.decisions() as (decisions, _):
        records = [asdict(item) for item in decisions.taken_back()]
    print_records(records, as_json=as_json)


@keys.command()
@click.argument("fingerprint", callback=lambda _context, _argument, text: plain(text))
@click.option("--reason", required=True, help="For this hospital's own records.")
@signing_options("--steward")
@json_option
@click.pass_obj
def revoke(
    place: Place,
    *,
    fingerprint: str,
    reason: str,
    signers: Sequence[str],
    password_files: Sequence[Path],
    as_json: bool,
) -> None:
    """Take back the key with this FINGERPRINT, for good.

    It may be a steward's, a researcher's or the node's own. It holds nothing here any more, at
    once; a serving node tells all other hospitals. For a key of another organisation use
    `wardnet-node book remove`.
    """
    with place.decisions() as (decisions, stewards):
        (steward,) = unlocked(stewards, signers[:1], password_files=password_files)
        decisions.revoke_key(fingerprint, steward=steward, reason=reason)
    print_record({"fingerprint": fingerprint, "state": "revoked"}, as_json=as_json)


def plain(text: str) -> str:
    """Return a fingerprint as it is compared, however people write it down."""
    return "".join(filter(str.isalnum, text)).lower()

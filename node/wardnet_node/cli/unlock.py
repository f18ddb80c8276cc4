"""`wardnet-node unlock`: two stewards let a node serve again whose log has lost its end."""

from collections.abc import Sequence
from pathlib import Path

import click

from wardnet.command import json_option, print_record
from wardnet_node.cli.place import Place
from wardnet_node.cli.signing import signing_options, unlocked


@click.command()
@click.option("--reason", required=True, help="Why; it stands in the access log.")
@signing_options("--steward")
@json_option
@click.pass_obj
def unlock(
    place: Place,
    *,
    reason: str,
    signers: Sequence[str],
    password_files: Sequence[Path],
    as_json: bool,
) -> None:
    """Let the node serve again after a restored backup. Two stewards sign.

    `serve` refuses after a catalog was restored from a backup: it has forgotten which questions
    were asked and what the stewards have decided since. Afterwards no question is answered that was
    signed before this moment. Look through the studies: revoke again what was revoked meanwhile.
    """
    with place.decisions() as (decisions, stewards):
        signing = unlocked(stewards, signers, password_files=password_files)
        done = decisions.unlock(stewards=signing, reason=reason)
    print_record(
        {
            "unlocked": done.at,
            "entries_when_it_last_served": done.anchored.size if done.anchored else None,
            "entries_found": done.present.size,
            "reason": done.reason,
        },
        as_json=as_json,
    )

"""`wardnet-node desk`: the stewards' web page."""

import click

from wardnet.command import json_option, print_record
from wardnet_node.cli.place import Place
from wardnet_node.desk.web.certificate import load


@click.group()
def desk() -> None:
    """Look after the stewards' web page. `serve` serves it where `desk_listen` says."""


@desk.command()
@json_option
@click.pass_obj
def fingerprint(place: Place, *, as_json: bool) -> None:
    """Show the fingerprint of the page's certificate. Compare it with what the browser shows."""
    certificate = load(place.home, place.keystore, place.settings)
    print_record({"fingerprint": certificate.fingerprint}, as_json=as_json)

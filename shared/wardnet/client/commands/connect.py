"""What commands have in common that talk to the network."""

from collections.abc import Callable
from functools import wraps
from typing import TypeVar

import click

from wardnet.client import home
from wardnet.client.commands import display
from wardnet.client.printing.listing import Listing
from wardnet.command import print_json

T = TypeVar("T")


def connected(function: Callable[..., None]) -> Callable[..., None]:
    """Open the network before a command, as its first argument, and close it after."""

    @wraps(function)
    def run(**options: object) -> None:
        folder, passphrase_file = click.get_current_context().obj
        with home.connect(folder, passphrase_file=passphrase_file) as network:
            function(network, **options)

    return run


def show_listing(listing: Listing[T], *, as_json: bool) -> None:
    """Print a list as a table, or as JSON."""
    if as_json:
        print_json([dict(record) for record in listing.to_dict()])
    else:
        display.show(listing.sheet())

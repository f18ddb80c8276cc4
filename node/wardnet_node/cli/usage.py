"""`wardnet-node usage`: what the hospital stores, and what its answers took."""

import click

from wardnet.usage.command import prints_usage
from wardnet.usage.table import Usage
from wardnet_node import usage as noted
from wardnet_node.cli.place import Place


@click.command()
@click.pass_obj
@prints_usage
def usage(place: Place) -> tuple[str, Usage]:
    """Show what is stored, how long queries took, what was answered."""
    with place.catalog() as catalog, catalog.reading() as connection:
        return f"Usage of {place.credentials.member.id}", noted.read(connection)

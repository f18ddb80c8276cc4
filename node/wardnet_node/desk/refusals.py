"""Refusals: whatever is refused stands in the access log with its reason, whoever asked for it."""

from collections.abc import Iterator
from contextlib import contextmanager

from wardnet import clock
from wardnet.audit import log
from wardnet.audit.entry import Event, refused
from wardnet.errors import WardnetError
from wardnet_node.vault.catalog import Catalog


def log_refusal(catalog: Catalog, event: Event, error: WardnetError) -> None:
    """Say in the access log that something was refused, and why."""
    with catalog.transaction() as connection:
        log.append(connection, refused(event, [error]), at=clock.now())


@contextmanager
def refusals_logged(catalog: Catalog, event: Event) -> Iterator[None]:
    """Log why the block is refused; its own transactions lie within it, and are taken back by then.

    Parameters
    ----------
    catalog : Catalog
        Holds the log.
    event : Event
        What the block is about to do.
    """
    try:
        yield
    except WardnetError as error:
        log_refusal(catalog, event, error)
        raise

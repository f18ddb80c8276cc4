"""Watch the daemon carry a parcel, as long as it moves."""

import time
from collections.abc import Callable
from typing import Final

from wardnet_node.cli.progress import bar
from wardnet_node.desk.shares.state import Share
from wardnet_node.sharing.carrying.spool import Spool
from wardnet_node.sharing.carrying.way import Way

LOOK_SECONDS: Final = 0.2
PATIENCE: Final = 6.0
"""Seconds without a word after which the daemon is taken to be stopped."""

MORE_PATIENCE: Final = 20.0
"""Seconds for a daemon that is at it: whom it cannot reach it says after half of them."""


def watch(
    spool: Spool, share: Callable[[], Share], *, under_way: Callable[[Share], bool], title: str
) -> Way | None:
    """Show how far a parcel is until it is there, is stuck, or nobody is at it.

    Parameters
    ----------
    share : Callable
        Returns the share as it stands.
    under_way : Callable
        Says whether there is still something to wait for.
    title : str
        Beside the bar.

    Returns
    -------
    Way or None
        What the daemon has said last; None when there is nothing more to do.
    """
    seen, since = None, time.monotonic()
    with bar(title) as progress:
        while under_way(present := share()):
            way = Way.read(spool, present.digest)
            if way != seen:
                seen, since = way, time.monotonic()
            patience = MORE_PATIENCE if way else PATIENCE
            if (way and way.problem) or time.monotonic() > since + patience:
                return way or Way("waiting for the node: start it with `wardnet-node serve`")
            if way:
                progress(way.done, way.total)
            time.sleep(LOOK_SECONDS)
    return None

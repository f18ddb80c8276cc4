"""What a hospital refuses and hands over, as its log says."""

from collections.abc import Callable

import pytest

from support.sharing import Side
from wardnet.audit.entry import Entry, Outcome
from wardnet.errors import Reason, WardnetError


def why(call: Callable[[], object]) -> Reason:
    """Return why something is refused."""
    with pytest.raises(WardnetError) as caught:
        call()
    return caught.value.reason


def refusals(side: Side) -> list[Reason | None]:
    """Return the reasons of the refusals in a log, in order."""
    return [one.reason for one in side.entries() if one.outcome is Outcome.REFUSED]


def fetched(side: Side) -> list[Entry]:
    """Return the fetches that a log holds."""
    return [one for one in side.entries("share_fetched") if one.outcome is Outcome.RELEASED]

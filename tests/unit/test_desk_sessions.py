"""Sessions end, tokens are random, and nobody tries for ever."""

import pytest

from support.pki import TestNetwork
from wardnet.identity.credentials import Credentials
from wardnet.identity.member import Role
from wardnet_node.desk.web.session import (
    IDLE_SECONDS,
    LONGEST_SECONDS,
    MAXIMUM_DRAFTS,
    MAXIMUM_SESSIONS,
    Draft,
    Limit,
    Rate,
    Sessions,
)


class Clock:
    """A monotonic clock that a test turns."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        """Return the present second."""
        return self.seconds


@pytest.fixture(scope="module")
def anna() -> Credentials:
    """Give a steward's credentials."""
    return TestNetwork().credentials(Role.STEWARD, "anna")


def test_a_session_ends_when_it_is_not_used(anna: Credentials) -> None:
    """Each use gives it another quarter of an hour, and no more."""
    clock = Clock()
    sessions = Sessions(clock)
    token = sessions.open(anna, mark="")
    clock.seconds += IDLE_SECONDS - 1
    assert sessions.find(token) is not None
    clock.seconds += IDLE_SECONDS - 1
    assert sessions.find(token) is not None
    clock.seconds += IDLE_SECONDS
    assert sessions.find(token) is None


def test_a_session_ends_after_a_day_s_work(anna: Credentials) -> None:
    """However busy it is, after eight hours it is over."""
    clock = Clock()
    sessions = Sessions(clock)
    token = sessions.open(anna, mark="")
    for _ in range(int(LONGEST_SECONDS // 600) - 1):
        clock.seconds += 600
        assert sessions.find(token) is not None
    clock.seconds += 600
    assert sessions.find(token) is None


def test_only_so_many_sessions_are_kept(anna: Credentials) -> None:
    """The one that was used longest ago goes first."""
    clock = Clock()
    sessions = Sessions(clock)
    tokens = []
    for _ in range(MAXIMUM_SESSIONS + 1):
        clock.seconds += 1
        tokens.append(sessions.open(anna, mark=""))
    assert len(set(tokens)) == MAXIMUM_SESSIONS + 1
    assert sessions.find(tokens[0]) is None
    assert all(sessions.find(token) for token in tokens[1:])


def test_only_so_many_drafts_are_kept(anna: Credentials) -> None:
    """The oldest draft is forgotten, and every name is new."""
    sessions = Sessions()
    session = sessions.find(sessions.open(anna, mark=""))
    assert session is not None
    names = [session.keep(Draft("decline", str(number))) for number in range(MAXIMUM_DRAFTS + 1)]
    assert list(session.drafts) == names[1:]


def test_a_session_shows_no_secret(anna: Credentials) -> None:
    """Neither key nor token stands in what a debugger or a log would print."""
    sessions = Sessions()
    session = sessions.find(sessions.open(anna, mark=""))
    assert session is not None
    assert session.form_token not in repr(session)
    assert "PRIVATE" not in repr(session)


def test_a_limit_slides() -> None:
    """So many times within so many seconds, each address for itself."""
    clock = Clock()
    limit = Limit(Rate(times=2, seconds=60), clock)
    assert [limit.allows("a") for _ in range(3)] == [True, True, False]
    assert limit.allows("b")
    clock.seconds += 59
    assert not limit.allows("a")
    clock.seconds += 1
    assert limit.allows("a")


def test_a_limit_forgets_who_was_seen_longest_ago() -> None:
    """Many addresses fill no memory."""
    limit = Limit(Rate(times=1, seconds=60), Clock())
    for number in range(Limit.MAXIMUM_ADDRESSES + 1):
        assert limit.allows(str(number))
    assert limit.allows("0")
    assert not limit.allows(str(Limit.MAXIMUM_ADDRESSES))

"""The queue of notifications: one message of a kind waits, is tried ever more rarely, and ends."""

import base64
import re
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from wardnet.identity.member import Member, Role
from wardnet_node.notify import queue, webhook
from wardnet_node.notify.message import WORDS, Kind, Message
from wardnet_node.notify.queue import LONGEST_PAUSE, QUIET, Channel, Standing

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
NODE = Member("heartnet", Role.NODE, "clinic-a")


@pytest.fixture
def catalog() -> Iterator[sqlite3.Connection]:
    """Give a catalog with the queue alone."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    for statement in queue.SCHEMA:
        connection.execute(statement)
    yield connection
    connection.close()


def due(catalog: sqlite3.Connection, at: datetime) -> tuple[Standing, ...]:
    """Return what is to be mailed at a moment."""
    return queue.due(catalog, Channel.MAIL, at=at)


def test_what_is_enqueued_is_due_by_every_channel(catalog: sqlite3.Connection) -> None:
    """Mail and webhook wait each for itself."""
    queue.enqueue(catalog, Kind.SHARE_REQUESTED, at=NOW)
    (mail,) = due(catalog, NOW)
    queue.sent(catalog, mail, at=NOW)
    assert due(catalog, NOW) == ()
    (hook,) = queue.due(catalog, Channel.WEBHOOK, at=NOW)
    assert (hook.kind, hook.since, hook.tries) == (Kind.SHARE_REQUESTED, NOW, 0)


def test_a_flood_of_requests_is_one_message(catalog: sqlite3.Connection) -> None:
    """A thousand of a kind leave one row per channel, and one message to send."""
    for number in range(1000):
        queue.enqueue(catalog, Kind.SHARE_REQUESTED, at=NOW + number * SECOND)
    assert len(queue.standings(catalog)) == len(Channel)
    (one,) = due(catalog, NOW + 1000 * SECOND)
    assert one.since == NOW


def test_messages_of_a_kind_keep_their_distance(catalog: sqlite3.Connection) -> None:
    """What comes right after a message waits; another kind does not."""
    queue.enqueue(catalog, Kind.SHARE_REQUESTED, at=NOW)
    queue.sent(catalog, due(catalog, NOW)[0], at=NOW)
    queue.enqueue(catalog, Kind.SHARE_REQUESTED, at=NOW + SECOND)
    queue.enqueue(catalog, Kind.SHARE_READY, at=NOW + SECOND)
    assert [one.kind for one in due(catalog, NOW + SECOND)] == [Kind.SHARE_READY]
    assert len(due(catalog, NOW + QUIET)) == 2


def test_what_comes_during_a_try_is_told_by_the_next_message(catalog: sqlite3.Connection) -> None:
    """The message under way may not have covered it."""
    queue.enqueue(catalog, Kind.SHARE_REQUESTED, at=NOW)
    (tried,) = due(catalog, NOW)
    queue.enqueue(catalog, Kind.SHARE_REQUESTED, at=NOW + SECOND)
    queue.sent(catalog, tried, at=NOW + 2 * SECOND)
    (following,) = due(catalog, NOW + 2 * SECOND + QUIET)
    assert following.id != tried.id
    assert following.since == NOW + 2 * SECOND


def test_a_failure_is_tried_again_after_a_pause_under_the_same_id(
    catalog: sqlite3.Connection,
) -> None:
    """Receivers can tell the second copy, and what failed can be seen."""
    queue.enqueue(catalog, Kind.SHARE_READY, at=NOW)
    (first,) = due(catalog, NOW)
    queue.failed(catalog, first, at=NOW, error="Nobody listens.")
    assert due(catalog, NOW + SECOND) == ()
    (second,) = due(catalog, NOW + 5 * SECOND)
    assert (second.id, second.tries, second.error) == (first.id, 1, "Nobody listens.")


def test_what_comes_meanwhile_does_not_hasten_the_next_try(catalog: sqlite3.Connection) -> None:
    """A flood cannot make the node hammer a server that is down."""
    queue.enqueue(catalog, Kind.SHARE_READY, at=NOW)
    queue.failed(catalog, due(catalog, NOW)[0], at=NOW, error="Nobody listens.")
    queue.enqueue(catalog, Kind.SHARE_READY, at=NOW + SECOND)
    assert due(catalog, NOW + SECOND) == ()


def test_pauses_double_with_jitter_up_to_an_hour() -> None:
    """No two hospitals keep step, and none waits for longer than an hour."""
    for tries in range(40):
        longest = min(5 * 2**tries, 3600)
        pauses = {queue.pause(tries).total_seconds() for _ in range(20)}
        assert all(longest / 2 <= pause <= longest for pause in pauses)
        assert len(pauses) > 1
    assert queue.pause(10_000) <= LONGEST_PAUSE


def test_what_is_given_up_is_seen_and_the_next_of_its_kind_is_tried(
    catalog: sqlite3.Connection,
) -> None:
    """The error stays until a message gets through."""
    queue.enqueue(catalog, Kind.SHARE_READY, at=NOW)
    (one,) = due(catalog, NOW)
    queue.failed(catalog, one, at=NOW, error="Nobody listens.")
    queue.give_up(catalog, one)
    later = NOW + timedelta(days=1)
    assert due(catalog, later) == ()
    assert "Nobody listens." in {each.error for each in queue.standings(catalog)}
    queue.enqueue(catalog, Kind.SHARE_READY, at=later)
    (again,) = due(catalog, later)
    assert (again.since, again.tries) == (later, 0)
    queue.sent(catalog, again, at=later)
    assert {each.error for each in queue.standings(catalog)} == {""}


def test_a_clock_that_was_put_right_holds_nothing_back(catalog: sqlite3.Connection) -> None:
    """A try that was set for next year, by a clock that was there, is made now."""
    queue.enqueue(catalog, Kind.SHARE_READY, at=NOW + timedelta(days=365))
    assert len(due(catalog, NOW)) == 1


def test_channels_that_are_not_set_are_forgotten(catalog: sqlite3.Connection) -> None:
    """Nobody is told in a year what waited today."""
    queue.enqueue(catalog, Kind.SHARE_READY, at=NOW)
    queue.forget(catalog, but={Channel.WEBHOOK})
    assert [one.channel for one in queue.standings(catalog)] == [Channel.WEBHOOK]


@pytest.mark.parametrize("kind", Kind)
def test_a_message_says_what_waits_where_and_how_to_look(kind: Kind) -> None:
    """And nothing else: no link to follow, and no number but its time."""
    message = Message("5f" * 16, kind, NODE, NOW)
    for told in (message.subject, message.text, message.body.decode()):
        assert "clinic-a" in told
        assert "://" not in told
    assert WORDS[kind][1] in message.text
    assert not re.search(r"\d", message.subject + message.text)
    assert message.text.isascii()


def test_the_signature_is_that_of_the_specification() -> None:
    """Standard Webhooks 1.0.0; the example of its reference libraries, over our own signature."""

    class Example(Message):
        @property
        def body(self) -> bytes:
            return b'{"test": 2432232314}'

    at = datetime.fromtimestamp(1614265330, UTC)
    headers = webhook.signed(
        Example("msg_p5jXN8AQM9LWM0D4loKWxJek", Kind.TEST, NODE, at),
        secret=base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
    )
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="

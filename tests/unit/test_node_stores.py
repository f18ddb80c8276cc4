"""What a node remembers of queries and results: the outbox, the accepted queries, their totals."""

import sqlite3
from collections.abc import Iterator

import pytest

from wardnet.errors import Reason, WardnetError
from wardnet_node import outbox
from wardnet_node.desk import queries
from wardnet_node.desk.queries import Accepted, State
from wardnet_node.outbox import LONGEST_KEPT_PART, Result
from wardnet_node.vault.catalog import MIGRATIONS

QUERY = "a" * 64
MOMENT = "2026-11-02T09:00:00.000Z"
RESULT = Result(f"{QUERY}/1/0", b"part")


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    """Give a database in memory with the catalog's tables."""
    connection = sqlite3.connect(":memory:")
    for statements in MIGRATIONS:
        for statement in statements:
            connection.execute(statement)
    yield connection
    connection.close()


def accept(connection: sqlite3.Connection, query: str = QUERY, nonce: str = "0" * 32) -> None:
    """Record that a query was accepted."""
    accepted = Accepted(query, nonce, b"envelope", "cardiology", 3, MOMENT)
    queries.remember(connection, accepted)


def test_a_result_is_kept_to_the_byte_until_it_is_acknowledged(
    connection: sqlite3.Connection,
) -> None:
    """What was durable once is sent again as it was."""
    outbox.put(connection, RESULT, query=QUERY)
    assert outbox.find(connection, RESULT.work_id) == RESULT
    assert outbox.unacknowledged(connection) == (RESULT,)


def test_an_acknowledged_result_leaves_only_its_work_id(connection: sqlite3.Connection) -> None:
    """The bytes go, and the work id stays, so that nothing is computed for it again."""
    outbox.put(connection, RESULT, query=QUERY)
    outbox.acknowledge(connection, RESULT.work_id)
    assert outbox.unacknowledged(connection) == ()
    assert outbox.find(connection, RESULT.work_id) == Result(RESULT.work_id, b"")


def test_of_a_long_part_the_digest_is_kept(connection: sqlite3.Connection) -> None:
    """It is made again when it is asked for again, and not sent by itself."""
    long = Result(RESULT.work_id, b"part" * LONGEST_KEPT_PART)
    assert outbox.of_part(RESULT, digest="d") == RESULT
    outbox.put(connection, outbox.of_part(long, digest="d"), query=QUERY)
    found = outbox.find(connection, RESULT.work_id)
    assert found == Result(RESULT.work_id, b"", "d")
    assert not found.acknowledged
    assert outbox.unacknowledged(connection) == ()
    outbox.acknowledge(connection, RESULT.work_id)
    assert outbox.find(connection, RESULT.work_id) == Result(RESULT.work_id, b"")


def test_what_cannot_be_made_again_gives_way_to_a_refusal(connection: sqlite3.Connection) -> None:
    """The refusal is kept like every result."""
    long = Result(RESULT.work_id, b"part" * LONGEST_KEPT_PART)
    outbox.put(connection, outbox.of_part(long, digest="d"), query=QUERY)
    outbox.exchange(connection, RESULT)
    assert outbox.unacknowledged(connection) == (RESULT,)


def test_work_acknowledges_the_other_results_of_its_query(connection: sqlite3.Connection) -> None:
    """What was made for this work, or for another query, is kept."""
    others = [
        Result(f"{query}/1/{number}", b"part") for query, number in ((QUERY, 1), ("b" * 64, 0))
    ]
    for result, query in zip((RESULT, *others), (QUERY, QUERY, "b" * 64), strict=True):
        outbox.put(connection, result, query=query)
    outbox.acknowledge_others(connection, others[0].work_id, query=QUERY)
    assert outbox.unacknowledged(connection) == tuple(others)


def test_a_work_id_gets_one_result_for_good(connection: sqlite3.Connection) -> None:
    """The database itself refuses a second result, acknowledged or not."""
    outbox.put(connection, RESULT, query=QUERY)
    outbox.acknowledge(connection, RESULT.work_id)
    with pytest.raises(sqlite3.IntegrityError):
        outbox.put(connection, Result(RESULT.work_id, b"another"), query=QUERY)


def test_the_end_of_a_query_empties_its_part_of_the_outbox(connection: sqlite3.Connection) -> None:
    """Results of other queries stay."""
    other = Result(f"{'b' * 64}/1/0", b"other")
    outbox.put(connection, RESULT, query=QUERY)
    outbox.put(connection, other, query="b" * 64)
    outbox.close(connection, QUERY)
    assert outbox.unacknowledged(connection) == (other,)


def test_an_accepted_query_keeps_its_snapshot(connection: sqlite3.Connection) -> None:
    """After a restart it is found with the snapshot of its first sight."""
    accept(connection)
    found = queries.find(connection, QUERY)
    assert found == Accepted(QUERY, "0" * 32, b"envelope", "cardiology", 3, MOMENT, State.ACCEPTED)


def test_a_nonce_belongs_to_the_query_that_used_it_first(connection: sqlite3.Connection) -> None:
    """The store says whose it is, and refuses a second owner."""
    accept(connection)
    assert queries.nonce_used_by(connection, "0" * 32) == QUERY
    assert queries.nonce_used_by(connection, "1" * 32) is None
    with pytest.raises(sqlite3.IntegrityError):
        accept(connection, query="b" * 64)


def test_a_refused_query_is_never_taken_up_again(connection: sqlite3.Connection) -> None:
    """Its later end does not hide that it was refused."""
    accept(connection)
    queries.leave(connection, QUERY, State.REFUSED)
    queries.leave(connection, QUERY, State.ENDED)
    found = queries.find(connection, QUERY)
    assert found is not None
    assert found.state is State.REFUSED


def test_the_same_history_may_come_again_and_grow(connection: sqlite3.Connection) -> None:
    """After a restart the coordinator sends all totals again."""
    queries.remember_steps(connection, QUERY, attempt=1, transcripts=["t0"])
    queries.remember_steps(connection, QUERY, attempt=1, transcripts=["t0", "t1"])
    queries.remember_steps(connection, QUERY, attempt=1, transcripts=["t0", "t1", "t2"])


def test_a_changed_history_is_refused(connection: sqlite3.Connection) -> None:
    """Another total for a round that was seen before would be a second answer to one question."""
    queries.remember_steps(connection, QUERY, attempt=1, transcripts=["t0", "t1"])
    with pytest.raises(WardnetError) as caught:
        queries.remember_steps(connection, QUERY, attempt=1, transcripts=["t0", "other"])
    assert caught.value.reason is Reason.ROUNDS_DIVERGED


def test_an_older_attempt_does_not_come_back(connection: sqlite3.Connection) -> None:
    """Rounds over two sets of hospitals side by side would show their difference."""
    queries.remember_steps(connection, QUERY, attempt=2, transcripts=["t0"])
    with pytest.raises(WardnetError) as caught:
        queries.remember_steps(connection, QUERY, attempt=1, transcripts=["t0", "t1"])
    assert caught.value.reason is Reason.ROUNDS_DIVERGED

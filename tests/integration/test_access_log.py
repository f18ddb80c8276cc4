"""The access log over real databases: durable with what it records, in order, final in form."""

import json
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from wardnet import canonical
from wardnet.audit import search
from wardnet.audit.entry import (
    Actor,
    Budget,
    Event,
    EventType,
    Outcome,
    from_bytes,
    to_bytes,
)
from wardnet.audit.log import SCHEMA, Connection, append, entries, head, head_at, verify
from wardnet.audit.search import Search, scan
from wardnet.audit.tree import EMPTY, Frontier, leaf_hash
from wardnet.errors import Reason, WardnetError

NOW = datetime(2026, 5, 4, 12, 0, 0, 250_999, tzinfo=UTC)
NODE = "wardnet://heartnet/node/clinic-a"
EVENT = Event(type=EventType.STARTED, node=NODE, actor=Actor(subject="operator"))


def _plain(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, isolation_level=None)


def _encrypted(path: Path) -> sqlite3.Connection:
    sqlcipher3 = pytest.importorskip("sqlcipher3", reason="SQLCipher has no build for this system")
    connection: sqlite3.Connection = sqlcipher3.dbapi2.connect(path, isolation_level=None)
    connection.execute(f"PRAGMA key = \"x'{'ab' * 32}'\"")
    return connection


@pytest.fixture(params=[_plain, _encrypted], ids=["sqlite3", "sqlcipher3"])
def connection(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """Return a connection with an empty log."""
    connect: Callable[[Path], sqlite3.Connection] = request.param
    connection = connect(tmp_path / "log.db")
    for statement in SCHEMA:
        connection.execute(statement)
    yield connection
    connection.close()


def _append(connection: sqlite3.Connection, *events: Event) -> None:
    connection.execute("BEGIN IMMEDIATE")
    for event in events:
        append(connection, event, at=NOW)
    connection.execute("COMMIT")


def test_entries_come_back_in_order(connection: sqlite3.Connection) -> None:
    """What was appended is read back, numbered from 1."""
    _append(connection, EVENT, EVENT)
    _append(connection, EVENT)
    assert [entry.seq for entry in entries(connection)] == [1, 2, 3]
    assert [entry.seq for entry in entries(connection, start=2, limit=1)] == [2]
    assert [entry.type for entry in entries(connection, start=3)] == [EventType.STARTED]


def test_the_root_is_over_the_bytes_of_every_entry(connection: sqlite3.Connection) -> None:
    """At every size, also long after, and computed anew."""
    _append(connection, *[EVENT] * 11)
    frontier = Frontier()
    for entry in entries(connection):
        frontier.push(leaf_hash(to_bytes(entry)))
        known = head_at(connection, entry.seq)
        assert known is not None
        assert (known.size, known.root) == (entry.seq, frontier.root().hex())
    assert head(connection) == verify(connection) == head_at(connection, 11)
    assert head_at(connection, 12) is None


def test_empty_log_verifies(connection: sqlite3.Connection) -> None:
    """A new log is whole."""
    assert (verify(connection).size, verify(connection).root) == (0, EMPTY.hex())
    assert head_at(connection, 0) == head(connection) == verify(connection)


def test_rolled_back_entry_was_never_there(connection: sqlite3.Connection) -> None:
    """An entry lives and dies with what it records."""
    _append(connection, EVENT)
    connection.execute("BEGIN IMMEDIATE")
    append(connection, EVENT, at=NOW)
    connection.execute("ROLLBACK")
    _append(connection, EVENT)
    assert verify(connection).size == 2


def test_entry_outside_a_transaction_is_a_bug(connection: sqlite3.Connection) -> None:
    """Nobody can log without binding the entry to a commit."""
    with pytest.raises(RuntimeError, match="transaction"):
        append(connection, EVENT, at=NOW)
    assert verify(connection).size == 0


def test_an_entry_that_nobody_could_read_back_is_not_written(
    connection: sqlite3.Connection,
) -> None:
    """One entry beyond what readers take would break the whole log."""
    connection.execute("BEGIN IMMEDIATE")
    with pytest.raises(WardnetError) as caught:
        append(connection, replace(EVENT, purpose="x" * canonical.MAXIMUM_BYTES), at=NOW)
    connection.execute("COMMIT")
    assert caught.value.reason is Reason.MALFORMED
    assert verify(connection).size == 0


def test_equal_events_have_different_hashes(connection: sqlite3.Connection) -> None:
    """The salt keeps a leaf from being guessed; no two are the same."""
    _append(connection, *[EVENT] * 20)
    assert len({entry.salt for entry in entries(connection)}) == 20


def test_form_of_an_entry_is_final() -> None:
    """Every field is present, null where it does not apply; the bytes are canonical JSON."""
    connection: Connection = sqlite3.connect(":memory:", isolation_level=None)
    for statement in SCHEMA:
        connection.execute(statement)
    connection.execute("BEGIN IMMEDIATE")
    entry = append(connection, EVENT, at=NOW)
    data = bytes(connection.execute("SELECT entry FROM access_log").fetchone()[0])
    connection.execute("COMMIT")
    connection.close()  # type: ignore[attr-defined]
    assert from_bytes(data) == entry
    value = json.loads(data)
    assert canonical.encode(value) == data
    assert value["time"] == "2026-05-04T12:00:00.250Z"
    assert value["version"] == 1
    assert value.keys() == FIELDS
    assert value["actor"].keys() == ACTOR_FIELDS


FIELDS = set(
    """
    version seq time type outcome reason reasons node actor peer_address request_id request_digest
    study agreement agreement_version purpose vocabulary_version operation parameter_digest dataset
    snapshot cohort_size_band cells_withheld budget result_digest recipient approvals policy_digest
    software_version patient_tags statement sealed_detail salt
    """.split()  # noqa: SIM905 - a list of forty lines would hide the names
)
ACTOR_FIELDS = {
    "subject",
    "organisation",
    "role",
    "key_id",
    "certificate_serial",
    "on_behalf_of",
}


def test_full_entry_comes_back_as_it_was() -> None:
    """Every field survives the way to bytes and back."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    for statement in SCHEMA:
        connection.execute(statement)
    event = Event(
        type=EventType.QUERY_ANSWER,
        outcome=Outcome.REFUSED,
        reason=Reason.COHORT_TOO_SMALL,
        reasons=(Reason.COHORT_TOO_SMALL, Reason.QUOTA_USED_UP),
        node=NODE,
        actor=Actor(
            subject="wardnet://heartnet/researcher/ada",
            organisation="University",
            role="researcher",
            key_id="k",
            certificate_serial="1",
            on_behalf_of="nobody",
        ),
        peer_address="127.0.0.1",
        request_id="r",
        request_digest="0" * 64,
        study="s",
        agreement="a",
        agreement_version=2,
        purpose="DUO:0000006",
        vocabulary_version="2024",
        operation="count 1",
        parameter_digest="1" * 64,
        dataset="cardiology",
        snapshot="3:abc",
        cohort_size_band=">=10",
        cells_withheld=4,
        budget=Budget(mechanism="gauss", cost=1, left=2),
        result_digest="2" * 64,
        recipient="wardnet://heartnet/researcher/ada",
        approvals=("x", "y"),
        policy_digest="3" * 64,
        patient_tags=("t",),
        statement="{}",
        sealed_detail="c2VhbGVk",
    )
    connection.execute("BEGIN IMMEDIATE")
    entry = append(connection, event, at=NOW)
    connection.execute("COMMIT")
    assert list(entries(connection)) == [entry]
    connection.close()
    for name in Event.__dataclass_fields__:
        assert getattr(entry, name) == getattr(event, name)
        assert getattr(entry, name) not in (None, ())


def test_entries_of_an_older_log_are_found_by_recipient(connection: sqlite3.Connection) -> None:
    """What was written before the log could be searched so is found as well, and what follows."""
    for statement in search.SCHEMA:
        connection.execute(statement)
    received = replace(EVENT, recipient="wardnet://heartnet/node/south")
    _append(connection, EVENT, received)
    for statement in search.BY_RECIPIENT:
        connection.execute(statement)
    _append(connection, received, EVENT, replace(received, patient_tags=("ab" * 32,)))
    wanted = Search(recipient="node/south")
    assert [entry.seq for entry in scan(connection, wanted)] == [5, 3, 2]
    assert [entry.seq for entry in scan(connection, replace(wanted, tag="ab" * 32))] == [5]
    assert list(scan(connection, Search(recipient="north"))) == []

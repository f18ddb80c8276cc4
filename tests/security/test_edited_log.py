"""Threat: the owner of a log rewrites what happened."""

import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest

from wardnet import canonical
from wardnet.audit.entry import Actor, Event, EventType
from wardnet.audit.log import SCHEMA, append, entries, head, head_at, verify
from wardnet.audit.tree import completed, leaf_hash
from wardnet.errors import Reason, WardnetError

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
EVENT = Event(
    type=EventType.QUERY_ANSWER,
    node="wardnet://heartnet/node/clinic-a",
    actor=Actor(subject="wardnet://heartnet/researcher/ada"),
)

Attack = Callable[[sqlite3.Connection], object]


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    """Give a log of five entries."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    for statement in SCHEMA:
        connection.execute(statement)
    connection.execute("BEGIN IMMEDIATE")
    for _ in range(5):
        append(connection, EVENT, at=NOW)
    connection.execute("COMMIT")
    assert verify(connection).size == 5
    yield connection
    connection.close()


def _replace(old: bytes, new: bytes, *, rehash: bool) -> Attack:
    """Return an attack that edits the bytes of entry 3, with or without a fitting leaf."""

    def attack(log: sqlite3.Connection) -> None:
        (data,) = log.execute("SELECT entry FROM access_log WHERE seq = 3").fetchone()
        edited = data.replace(old, new)
        assert edited != data
        log.execute("UPDATE access_log SET entry = ? WHERE seq = 3", (edited,))
        if rehash:
            log.execute("UPDATE access_log SET leaf = ? WHERE seq = 3", (leaf_hash(edited),))

    return attack


def _statement(sql: str) -> Attack:
    return lambda log: log.execute(sql)


def _before_the_first(log: sqlite3.Connection) -> None:
    """Put an entry in front of all others."""
    log.execute("INSERT INTO access_log SELECT -1, entry, leaf FROM access_log WHERE seq = 1")


def _swap(log: sqlite3.Connection) -> None:
    """Exchange entries 2 and 3."""
    for old, new in ((2, 99), (3, 2), (99, 3)):
        log.execute("UPDATE access_log SET seq = ? WHERE seq = ?", (new, old))


def _close_gap(log: sqlite3.Connection) -> None:
    """Take out entry 3 and let the later ones move up."""
    log.execute("DELETE FROM access_log WHERE seq = 3")
    for old in (4, 5):
        log.execute("UPDATE access_log SET seq = ? WHERE seq = ?", (old - 1, old))


@pytest.mark.parametrize(
    ("attack", "line", "rule"),
    [
        (_replace(b"ada", b"eve", rehash=False), 3, "bytes were changed"),
        (_replace(b"ada", b"eve", rehash=True), 3, "up to entry 4, was rewritten"),
        (_replace(b'"seq":3', b'"seq":4', rehash=True), 3, "was moved"),
        (_statement("UPDATE access_log SET leaf = zeroblob(32) WHERE seq = 3"), 3, "were changed"),
        (_statement("UPDATE access_log SET entry = x'' WHERE seq = 3"), 3, "were changed"),
        (_statement("UPDATE access_log_tree SET hash = zeroblob(32)"), 1, "up to entry 2"),
        (_statement("DELETE FROM access_log_tree WHERE level = 2"), 1, "up to entry 4"),
        (_statement("DELETE FROM access_log WHERE seq = 3"), 3, "missing"),
        (_statement("DELETE FROM access_log WHERE seq = 1"), 1, "missing"),
        (_before_the_first, 1, "missing"),
        (_swap, 2, "was moved"),
        (_close_gap, 3, "was moved"),
    ],
)
def test_rewritten_log_names_its_first_wrong_entry(
    attack: Attack, line: int, rule: str, connection: sqlite3.Connection
) -> None:
    """An edit shows at its place; with a fitting hash, at the first subtree that holds it."""
    attack(connection)
    with pytest.raises(WardnetError, match=rule) as caught:
        verify(connection)
    assert caught.value.reason is Reason.LOG_DAMAGED
    assert caught.value.details["line"] == str(line)


def test_moved_entry_with_a_changed_number_still_shows(connection: sqlite3.Connection) -> None:
    """Renumbering the bytes too breaks the tree."""
    connection.execute("DELETE FROM access_log WHERE seq = 3")
    for old in (4, 5):
        (data,) = connection.execute(
            "SELECT entry FROM access_log WHERE seq = ?", (old,)
        ).fetchone()
        edited = data.replace(b'"seq":%d' % old, b'"seq":%d' % (old - 1))
        connection.execute(
            "UPDATE access_log SET seq = ?, entry = ?, leaf = ? WHERE seq = ?",
            (old - 1, edited, leaf_hash(edited), old),
        )
    with pytest.raises(WardnetError, match="up to entry 4, was rewritten"):
        verify(connection)


def _rewrite_everything(log: sqlite3.Connection) -> None:
    """Edit entry 3, then hash all anew, as somebody with the software can."""
    _replace(b"ada", b"eve", rehash=True)(log)
    log.execute("DELETE FROM access_log_tree")
    nodes: dict[tuple[int, int], bytes] = {}
    for seq, leaf in log.execute("SELECT seq, leaf FROM access_log ORDER BY seq").fetchall():
        nodes[0, seq - 1] = leaf
        for level, position, made in completed(lambda *at: nodes[at], seq - 1, leaf):
            nodes[level, position] = made
            log.execute("INSERT INTO access_log_tree VALUES (?, ?, ?)", (level, position, made))


@pytest.mark.parametrize(
    ("attack", "line", "rule"),
    [
        (_rewrite_everything, 4, "another than when the checkpoint"),
        (_statement("DELETE FROM access_log WHERE seq > 2"), 3, "a checkpoint covers it"),
        (_statement("DELETE FROM access_log"), 1, "a checkpoint covers it"),
    ],
)
def test_a_history_that_hangs_together_shows_against_what_was_known(
    attack: Attack, line: int, rule: str, connection: sqlite3.Connection
) -> None:
    """Alone it looks whole; a root that somebody kept tells, and where."""
    known = [then for size in (2, 4) if (then := head_at(connection, size))]
    assert verify(connection, known) == head(connection)
    attack(connection)
    verify(connection)
    with pytest.raises(WardnetError, match=rule) as caught:
        verify(connection, known)
    assert caught.value.reason is Reason.LOG_DAMAGED
    assert caught.value.details["line"] == str(line)


def test_reading_a_broken_entry_names_it(connection: sqlite3.Connection) -> None:
    """Also without a full check nobody is shown an entry that is none."""
    connection.execute("UPDATE access_log SET entry = ? WHERE seq = 2", (canonical.encode({}),))
    with pytest.raises(WardnetError) as caught:
        list(entries(connection))
    assert caught.value.reason is Reason.LOG_DAMAGED
    assert caught.value.details["line"] == "2"

"""Access logs for tests: some entries, a key that signs checkpoints, and witnesses."""

import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from wardnet.audit import checkpoint, log, note, search
from wardnet.audit.entry import Actor, Event, EventType

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
ORIGIN = "wardnet://heartnet/node/clinic-a"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
WITNESSES = {
    f"wardnet://heartnet/node/{name}": Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32)
    for number, name in enumerate(("clinic-b", "clinic-c"), start=1)
}
KEYS = {
    ORIGIN: KEY.public_key(),
    **{name: key.public_key() for name, key in WITNESSES.items()},
}
PINS = {name: note.fingerprint(key) for name, key in KEYS.items()}
EVENT = Event(
    type=EventType.QUERY_ANSWER,
    node=ORIGIN,
    actor=Actor(subject="wardnet://heartnet/researcher/ada"),
    dataset="cardiology",
)


def empty() -> sqlite3.Connection:
    """Return a database in memory with an empty log."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    for statement in (*log.SCHEMA, *search.SCHEMA, *search.BY_RECIPIENT):
        connection.execute(statement)
    return connection


def append(connection: sqlite3.Connection, events: Sequence[Event]) -> None:
    """Write the events in one transaction."""
    connection.execute("BEGIN IMMEDIATE")
    for event in events:
        log.append(connection, event, at=NOW)
    connection.execute("COMMIT")


def filled(size: int) -> sqlite3.Connection:
    """Return a database in memory with so many entries."""
    connection = empty()
    append(connection, [EVENT] * size)
    return connection


def signed(connection: sqlite3.Connection, *, witnesses: int = 0) -> str:
    """Make a checkpoint of the log, cosigned by so many witnesses, and return its note."""
    text = checkpoint.make(connection, key=KEY, origin=ORIGIN, at=NOW)
    made = note.parse(text)
    size = checkpoint.parse(made.text).size
    for name, key in list(WITNESSES.items())[:witnesses]:
        line = note.cosign(made.text, name=name, key=key, at=NOW).line
        checkpoint.add_cosignature(connection, size=size, line=line, witnesses=KEYS)
    found = checkpoint.latest(connection)
    assert found is not None
    return found

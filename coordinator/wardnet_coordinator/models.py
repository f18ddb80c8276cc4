"""The models that researchers have published, as the files that they are.

Every function works on a connection inside the caller's transaction. A model stays under its name
as it is: nobody can put another one in its place, and whoever fetches it verifies it.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from wardnet.audit import log
from wardnet.audit.entry import Event, EventType, Outcome
from wardnet.errors import Reason, WardnetError
from wardnet.identity.member import Member
from wardnet.model.package import Package
from wardnet.transport.models import ListedModel
from wardnet_coordinator import registry
from wardnet_coordinator.queries import milliseconds

PIECE_BYTES: Final = 1 << 20
"""Of a file, in one row and in one message."""


def publish(
    connection: sqlite3.Connection, data: bytes, *, package: Package, quota: int, at: datetime
) -> None:
    """Store the file of a model under its name.

    Parameters
    ----------
    data : bytes
        The file.
    package : Package
        What it holds, verified; its researcher publishes it.
    quota : int
        Most bytes that the models of one researcher may take.

    Raises
    ------
    WardnetError
        `MODEL_NAME_TAKEN` or `MODEL_QUOTA`.
    """
    name, researcher, query = package.statement.name, package.researcher, package.asked.query
    # 1. The same file again changes nothing; another one under its name is refused.
    known = connection.execute("SELECT digest FROM models WHERE name = ?", (name,)).fetchone()
    if known == (package.digest,):
        return
    if known is not None:
        raise WardnetError(Reason.MODEL_NAME_TAKEN, model=name)
    # 2. Nobody takes all the room.
    (used,) = connection.execute(
        "SELECT ifnull(sum(size), 0) FROM models WHERE researcher = ?", (researcher.id,)
    ).fetchone()
    if used + len(data) > quota:
        raise WardnetError(Reason.MODEL_QUOTA, rule=f"{quota >> 20} MiB of models")
    # 3. File and log entry, together.
    connection.execute(
        "INSERT INTO models VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            name,
            package.digest,
            researcher.id,
            query.dataset,
            query.method,
            len(data),
            milliseconds(at),
        ),
    )
    connection.executemany(
        "INSERT INTO model_pieces VALUES (?, ?, ?)",
        [(name, number, piece) for number, piece in enumerate(in_pieces(data))],
    )
    event = Event(
        type=EventType.MODEL_PUBLISHED,
        outcome=Outcome.DONE,
        node=registry.coordinator(researcher.network).uri,
        actor=registry.actor(researcher),
        request_id=package.statement.query,
        request_digest=package.digest,
        study=query.study,
        dataset=query.dataset,
        operation=f"model {name}",
    )
    log.append(connection, event, at=at)


def in_pieces(data: bytes) -> Iterator[bytes]:
    """Yield a file in pieces."""
    for start in range(0, len(data), PIECE_BYTES):
        yield data[start : start + PIECE_BYTES]


def listed(connection: sqlite3.Connection) -> Sequence[ListedModel]:
    """Return all models, by name."""
    rows = connection.execute(
        "SELECT name, digest, researcher, dataset, method, size, published"
        " FROM models ORDER BY name"
    )
    return [ListedModel(*row) for row in rows]


def open_(connection: sqlite3.Connection, name: str, *, caller: Member, at: datetime) -> int:
    """Log that a member fetches a model; return in how many pieces it lies.

    Raises
    ------
    WardnetError
        `MODEL_UNKNOWN`.
    """
    row = connection.execute(
        "SELECT digest, dataset, size FROM models WHERE name = ?", (name,)
    ).fetchone()
    if row is None:
        raise WardnetError(Reason.MODEL_UNKNOWN, model=name)
    digest, dataset, size = row
    event = Event(
        type=EventType.MODEL_FETCHED,
        outcome=Outcome.DONE,
        node=registry.coordinator(caller.network).uri,
        actor=registry.actor(caller),
        request_digest=digest,
        dataset=dataset,
        operation=f"model {name}",
    )
    log.append(connection, event, at=at)
    return -(-int(size) // PIECE_BYTES)


def piece(connection: sqlite3.Connection, name: str, number: int) -> bytes:
    """Return one piece of a model's file."""
    (data,) = connection.execute(
        "SELECT data FROM model_pieces WHERE (name, number) = (?, ?)", (name, number)
    ).fetchone()
    return bytes(data)

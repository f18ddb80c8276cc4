"""What the catalog knows of datasets that another hospital has lent; in the caller's transaction.

The grant itself lies with the shares, signed; here stands which share a dataset came by, and where
its attachments lie: they stay in the parcel's frames, whose key is wrapped by the dataset's.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from sqlite3 import Connection
from typing import Final

from wardnet.sealing.header import Part

SCHEMA: Final = (
    """
    CREATE TABLE received (
        dataset TEXT PRIMARY KEY REFERENCES datasets (id) ON DELETE CASCADE,
        request TEXT NOT NULL UNIQUE,
        parcel TEXT NOT NULL,
        length INTEGER NOT NULL,
        key BLOB NOT NULL
    ) STRICT
    """,
    """
    CREATE TABLE attachments (
        dataset TEXT NOT NULL REFERENCES received (dataset) ON DELETE CASCADE,
        position INTEGER NOT NULL,
        name TEXT NOT NULL,
        media_type TEXT NOT NULL,
        start INTEGER NOT NULL,
        length INTEGER NOT NULL,
        PRIMARY KEY (dataset, position)
    ) STRICT
    """,
)
"""Statements for the catalog's migrations."""


@dataclass(frozen=True, slots=True)
class ReceivedRecord:
    """Hold how a dataset came here.

    Parameters
    ----------
    dataset_id, dataset : str
        Its id and its name.
    request : str
        Digest of the request: the id of the share.
    parcel : str
        Digest of the parcel that it came in.
    length : int
        Plaintext bytes of the parcel's body.
    key : bytes
        The parcel's content key, wrapped.
    attachments : tuple of Part
        In the parcel's order.
    """

    dataset_id: str
    dataset: str
    request: str
    parcel: str
    length: int
    key: bytes = field(repr=False)
    attachments: tuple[Part, ...]


def put(connection: Connection, record: ReceivedRecord) -> None:
    """Store how a new dataset came here."""
    connection.execute(
        "INSERT INTO received (dataset, request, parcel, length, key) VALUES (?, ?, ?, ?, ?)",
        (record.dataset_id, record.request, record.parcel, record.length, record.key),
    )
    connection.executemany(
        "INSERT INTO attachments (dataset, position, name, media_type, start, length)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        [
            (record.dataset_id, position, part.name, part.media_type, part.offset, part.length)
            for position, part in enumerate(record.attachments, start=1)
        ],
    )


def records(connection: Connection) -> tuple[ReceivedRecord, ...]:
    """Return all that were received and are not being dropped, by name."""
    rows = connection.execute(
        "SELECT received.dataset, name, request, parcel, length, key FROM received"
        " JOIN datasets ON datasets.id = received.dataset WHERE dropped = 0 ORDER BY name"
    ).fetchall()
    return tuple(
        ReceivedRecord(
            dataset_id=dataset_id,
            dataset=name,
            request=request,
            parcel=parcel,
            length=length,
            key=key,
            attachments=tuple(_attachments(connection, dataset_id)),
        )
        for dataset_id, name, request, parcel, length, key in rows
    )


def find(connection: Connection, request: str) -> ReceivedRecord | None:
    """Return what came by a share."""
    return next((one for one in records(connection) if one.request == request), None)


def share_of(connection: Connection, dataset_id: str) -> str:
    """Return the id of the share that a dataset came by; empty for a dataset of our own."""
    row = connection.execute(
        "SELECT request FROM received WHERE dataset = ?", (dataset_id,)
    ).fetchone()
    return "" if row is None else str(row[0])


def _attachments(connection: Connection, dataset_id: str) -> Iterable[Part]:
    rows = connection.execute(
        "SELECT name, media_type, start, length FROM attachments WHERE dataset = ?"
        " ORDER BY position",
        (dataset_id,),
    )
    for name, media_type, start, length in rows:
        yield Part(name=name, media_type=media_type, offset=start, length=length)

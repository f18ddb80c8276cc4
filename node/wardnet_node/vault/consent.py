"""The consent lists in the catalog; every function runs inside the caller's transaction."""

from dataclasses import dataclass, field
from sqlite3 import Connection
from typing import Final

from wardnet.clock import Moment

SCHEMA: Final = (
    """
    CREATE TABLE consent_lists (
        dataset TEXT PRIMARY KEY REFERENCES datasets (id) ON DELETE CASCADE,
        only_listed INTEGER NOT NULL,
        loaded TEXT NOT NULL,
        pseudonyms BLOB NOT NULL
    ) STRICT
    """,
)
"""Statements for the catalog's migrations."""


@dataclass(frozen=True, slots=True)
class ConsentRecord:
    """Hold the list of one dataset.

    Parameters
    ----------
    only_listed : bool
        Whether only the patients listed may be shared; else these are never shared.
    loaded : str
        Moment.
    pseudonyms : bytes
        The dataset's own pseudonyms, 16 bytes each.
    """

    only_listed: bool
    loaded: Moment
    pseudonyms: bytes = field(repr=False)


def find(connection: Connection, dataset_id: str) -> ConsentRecord | None:
    """Return the list of a dataset."""
    row = connection.execute(
        "SELECT only_listed, loaded, pseudonyms FROM consent_lists WHERE dataset = ?",
        (dataset_id,),
    ).fetchone()
    return None if row is None else ConsentRecord(bool(row[0]), row[1], row[2])


def put(connection: Connection, dataset_id: str, record: ConsentRecord) -> None:
    """Store a list in place of the one so far."""
    connection.execute(
        "INSERT OR REPLACE INTO consent_lists (dataset, only_listed, loaded, pseudonyms)"
        " VALUES (?, ?, ?, ?)",
        (dataset_id, int(record.only_listed), record.loaded, record.pseudonyms),
    )


def remove(connection: Connection, dataset_id: str) -> bool:
    """Remove a list, and say whether there was one."""
    done = connection.execute("DELETE FROM consent_lists WHERE dataset = ?", (dataset_id,))
    return done.rowcount > 0

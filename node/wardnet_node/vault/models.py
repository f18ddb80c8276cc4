"""The installed models in the catalog; every function runs inside the caller's transaction."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from sqlite3 import Connection
from typing import Final

from wardnet.clock import Moment

SCHEMA: Final = (
    """
    CREATE TABLE models (
        name TEXT PRIMARY KEY,
        digest TEXT NOT NULL,
        installed TEXT NOT NULL,
        data BLOB NOT NULL
    ) STRICT
    """,
)
"""Statements for the catalog's migrations."""


@dataclass(frozen=True, slots=True)
class ModelRecord:
    """Hold an installed model.

    Parameters
    ----------
    name, digest : str
        Its name, and the SHA-256 of its file, hexadecimal.
    installed : str
        Moment at which its signatures were verified.
    data : bytes
        Its file.
    """

    name: str
    digest: str
    installed: Moment
    data: bytes = field(repr=False)


_SELECT: Final = "SELECT name, digest, installed, data FROM models"


def find(connection: Connection, name: str) -> ModelRecord | None:
    """Return an installed model."""
    row = connection.execute(f"{_SELECT} WHERE name = ?", (name,)).fetchone()
    return None if row is None else ModelRecord(*row)


def names(connection: Connection) -> Sequence[str]:
    """Return the names of all installed models, sorted."""
    return [name for (name,) in connection.execute("SELECT name FROM models ORDER BY name")]


def put(connection: Connection, record: ModelRecord) -> None:
    """Install a model under a name that is free."""
    connection.execute(
        "INSERT INTO models (name, digest, installed, data) VALUES (?, ?, ?, ?)",
        (record.name, record.digest, record.installed, record.data),
    )


def remove(connection: Connection, name: str) -> None:
    """Remove an installed model."""
    connection.execute("DELETE FROM models WHERE name = ?", (name,))

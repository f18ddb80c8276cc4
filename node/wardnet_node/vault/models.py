"""Installed models, and the weights that are the hospital's own, in the catalog.

Every function runs inside the caller's transaction.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from wardnet.audit.log import Connection
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

OWN_WEIGHTS: Final = (
    """
    CREATE TABLE own_weights (
        answer TEXT PRIMARY KEY,
        dataset TEXT NOT NULL,
        weights BLOB NOT NULL
    ) STRICT
    """,
)
"""As `SCHEMA`: by the digest of a signed answer, what this hospital has fitted for itself."""


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


def keep_own(connection: Connection, answer: str, weights: bytes, *, dataset: str) -> None:
    """Keep the weights that this hospital has for itself in the model of an answer.

    Parameters
    ----------
    answer : str
        Digest of the answer, which names the query and this hospital's snapshot.
    weights : bytes
        float64, little-endian.
    dataset : str
        Whose rows they were fitted to.
    """
    connection.execute(
        "INSERT OR REPLACE INTO own_weights (answer, dataset, weights) VALUES (?, ?, ?)",
        (answer, dataset, weights),
    )


def own(connection: Connection, answer: str) -> bytes | None:
    """Return what `keep_own` has kept for an answer."""
    rows = connection.execute("SELECT weights FROM own_weights WHERE answer = ?", (answer,))
    return next((weights for (weights,) in rows), None)


def forget_own(connection: Connection, dataset: str) -> None:
    """Delete all weights that were fitted to the rows of a dataset."""
    connection.execute("DELETE FROM own_weights WHERE dataset = ?", (dataset,))

"""Which datasets the network has: their published dictionaries, and the hospitals that hold them.

Every function works on a connection inside the caller's transaction.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from wardnet import canonical
from wardnet.audit import log
from wardnet.audit.entry import Event, EventType, Outcome
from wardnet.errors import Reason, WardnetError
from wardnet.identity.envelope import Envelope
from wardnet.identity.member import Member
from wardnet.question.dictionary import Dictionary
from wardnet.transport.convert import envelope_from_bytes, envelope_to_bytes
from wardnet_coordinator import registry


@dataclass(frozen=True, slots=True)
class Published:
    """Hold one dataset's current dictionary.

    Parameters
    ----------
    dataset, label : str
        As the dictionary says.
    version : int
        Of the dictionary.
    digest : str
        SHA-256 of its payload, hexadecimal.
    envelope : Envelope
        As it was published.
    """

    dataset: str
    label: str
    version: int
    digest: str
    envelope: Envelope


def publish(
    connection: sqlite3.Connection,
    envelope: Envelope,
    *,
    dictionary: Dictionary,
    publisher: Member,
    at: datetime,
) -> str:
    """Make a signed dictionary the dataset's current one and return its digest.

    Parameters
    ----------
    envelope : Envelope
        Verified before.
    dictionary : Dictionary
        What it holds.
    publisher : Member
        Who signed it.

    Raises
    ------
    WardnetError
        `DICTIONARY_INVALID` unless the version is one above the present one, or the dictionary
        is the present one.
    """
    digest = canonical.digest(envelope.payload)
    row = connection.execute(
        "SELECT version, digest FROM dictionaries WHERE dataset = ?", (dictionary.name,)
    ).fetchone()
    present, known = row or (0, "")
    if digest == known:
        return digest
    if dictionary.version != present + 1:
        raise WardnetError(
            Reason.DICTIONARY_INVALID,
            path=dictionary.name,
            field="version",
            rule=f"the next one is {present + 1}",
        )
    connection.execute(
        "INSERT OR REPLACE INTO dictionaries VALUES (?, ?, ?, ?, ?)",
        (
            dictionary.name,
            dictionary.version,
            digest,
            dictionary.label,
            envelope_to_bytes(envelope),
        ),
    )
    event = Event(
        type=EventType.DICTIONARY_PUBLISHED,
        outcome=Outcome.DONE,
        node=registry.coordinator(publisher.network).uri,
        actor=registry.actor(publisher),
        request_digest=digest,
        dataset=dictionary.name,
    )
    log.append(connection, event, at=at)
    return digest


def dictionary(connection: sqlite3.Connection, dataset: str) -> Published:
    """Return the current dictionary of a dataset.

    Raises
    ------
    WardnetError
        `DATASET_UNAVAILABLE`.
    """
    found = _published(connection, "WHERE dataset = ?", dataset)
    if not found:
        raise WardnetError(Reason.DATASET_UNAVAILABLE, dataset=dataset)
    return found[0]


def datasets(
    connection: sqlite3.Connection,
) -> Sequence[tuple[Published, tuple[str, ...], tuple[str, ...]]]:
    """Return every dataset, who holds it under its current dictionary, and who under another."""
    rows = connection.execute(
        "SELECT dataset, dictionary, hospital FROM holdings ORDER BY hospital"
    ).fetchall()
    listed = []
    for published in _published(connection, "ORDER BY dataset"):
        held = {name: digest for dataset, digest, name in rows if dataset == published.dataset}
        present = tuple(name for name, digest in held.items() if digest == published.digest)
        listed.append((published, present, tuple(name for name in held if name not in present)))
    return listed


_SELECT: Final = "SELECT dataset, label, version, digest, envelope FROM dictionaries"


def _published(connection: sqlite3.Connection, condition: str, *values: str) -> list[Published]:
    rows = connection.execute(f"{_SELECT} {condition}", values)
    return [
        Published(dataset, label, version, digest, envelope_from_bytes(envelope))
        for dataset, label, version, digest, envelope in rows
    ]


def hold(connection: sqlite3.Connection, hospital: str, *, datasets: Mapping[str, str]) -> None:
    """Note which datasets a hospital holds now, and under which dictionaries (name to digest).

    It stays noted while the hospital is away, so that questions go on naming it.
    """
    rows = connection.execute(
        "SELECT dataset, dictionary FROM holdings WHERE hospital = ?", (hospital,)
    )
    if dict(rows.fetchall()) == dict(datasets):
        return
    connection.execute("DELETE FROM holdings WHERE hospital = ?", (hospital,))
    connection.executemany(
        "INSERT INTO holdings VALUES (?, ?, ?)",
        [(hospital, name, digest) for name, digest in datasets.items()],
    )

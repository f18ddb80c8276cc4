"""What the vault says about its datasets to people and to the daemon."""

from dataclasses import dataclass
from pathlib import Path
from sqlite3 import Connection

from wardnet.question.dictionary import Dictionary
from wardnet_node.intake.local_part import LocalPart
from wardnet_node.vault import received, tables
from wardnet_node.vault.store import Store
from wardnet_node.vault.tables import DatasetRecord, SnapshotRecord


@dataclass(frozen=True, slots=True)
class Adopted:
    """Hold what the hospital adopted.

    Parameters
    ----------
    dictionary : Dictionary
        The shared part.
    local : LocalPart
        The hospital's own part.
    """

    dictionary: Dictionary
    local: LocalPart


@dataclass(frozen=True, slots=True)
class DatasetSummary:
    """Describe a dataset by its present snapshot.

    Parameters
    ----------
    name : str
        Of the dataset.
    version, dictionary : int, str
        Version and digest of the dictionary that the snapshot was loaded under, or of the adopted
        one while there is no snapshot.
    snapshot, rows, patients, bytes : int
        0 while there is no snapshot; `bytes` on disk.
    loaded : str
        Moment; empty while there is no snapshot.
    adopted : int
        Version of the dictionary that was adopted last; rows loaded before keep theirs.
    share : str
        Digest of the request that it was received by; empty for a dataset of our own.
    damage : str
        Why the present rows cannot be read, in words; empty when nothing is seen to be wrong.
    """

    name: str
    version: int
    dictionary: str
    snapshot: int = 0
    rows: int = 0
    patients: int = 0
    bytes: int = 0
    loaded: str = ""
    adopted: int = 0
    share: str = ""
    damage: str = ""


@dataclass(frozen=True, slots=True)
class LoadReport:
    """Describe a load that succeeded.

    Parameters
    ----------
    dataset : str
        Its name.
    snapshot : SnapshotRecord
        That it made, with its quality report.
    rejects_report : Path or None
        The file that names what was left out; None when everything fitted.
    """

    dataset: str
    snapshot: SnapshotRecord
    rejects_report: Path | None


def summarise(connection: Connection, record: DatasetRecord, *, store: Store) -> DatasetSummary:
    """Describe one dataset, inside the caller's transaction."""
    adopted = record.dictionary.version
    present = tables.snapshot(connection, record.id, number=record.head)
    stored = tables.segments(connection, record.id, number=record.head)
    damage = store.damage(record, stored)
    if present is None:
        return DatasetSummary(
            record.name, adopted, record.dictionary.digest, adopted=adopted, damage=damage
        )
    return DatasetSummary(
        name=record.name,
        version=present.dictionary.version,
        dictionary=present.dictionary.digest,
        snapshot=present.number,
        rows=present.rows,
        patients=present.patients,
        bytes=sum(segment.size for segment in stored),
        loaded=present.loaded,
        adopted=adopted,
        share=received.share_of(connection, record.id),
        damage=damage,
    )

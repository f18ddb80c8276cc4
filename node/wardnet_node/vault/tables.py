"""The vault's rows in the catalog; every function runs inside the caller's transaction."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from sqlite3 import Connection
from typing import Final

from wardnet import canonical
from wardnet.question.dictionary import Dictionary
from wardnet.question.dictionary import from_bytes as read_dictionary
from wardnet.question.dictionary import to_bytes as write_dictionary
from wardnet_node.intake import local_part, quality
from wardnet_node.intake.local_part import LocalPart
from wardnet_node.intake.quality import Quality
from wardnet_node.vault.segments import Written

ROWS: Final = "rows"
PATIENTS: Final = "patients"

_DATASET: Final = "SELECT id, name, dictionary, local, pseudonyms, head FROM datasets"
_SEGMENT: Final = "SELECT id, kind, rows, size, digest, aad, key FROM segments"
_SNAPSHOT: Final = (
    "SELECT number, manifest, dictionary, rows, patients, loaded, quality FROM snapshots"
)
_ALIVE: Final = " WHERE dataset = ? AND born <= ? AND (died IS NULL OR died > ?) ORDER BY position"


@dataclass(frozen=True, slots=True)
class DatasetRecord:
    """Hold a dataset as adopted, its wrapped pseudonym key and the number of its last snapshot."""

    id: str
    name: str
    dictionary: Dictionary
    local: LocalPart
    pseudonyms: bytes
    head: int


@dataclass(frozen=True, slots=True)
class SegmentRecord:
    """Hold a segment; `key` is wrapped."""

    id: str
    kind: str
    rows: int
    size: int
    digest: str
    aad: str
    key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class SnapshotRecord:
    """Hold a snapshot."""

    number: int
    manifest: str
    dictionary: Dictionary
    rows: int
    patients: int
    loaded: str
    quality: Quality

    @property
    def id(self) -> str:
        """Return how answers name it."""
        return f"{self.number}:{self.manifest}"


def dataset(connection: Connection, name: str) -> DatasetRecord | None:
    """Return the dataset of a name, unless it is being dropped."""
    rows = connection.execute(f"{_DATASET} WHERE name = ? AND dropped = 0", (name,))
    return next(map(_dataset_row, rows), None)


def has_dataset(connection: Connection, dataset_id: str) -> bool:
    """Say whether a dataset was not dropped; its description, which may be long, is not read."""
    rows = connection.execute("SELECT 1 FROM datasets WHERE id = ? AND dropped = 0", (dataset_id,))
    return rows.fetchone() is not None


def datasets(connection: Connection, *, dropped: bool = False) -> tuple[DatasetRecord, ...]:
    """Return all datasets by name, or those whose drop was not finished."""
    rows = connection.execute(f"{_DATASET} WHERE dropped = ? ORDER BY name", (int(dropped),))
    return tuple(map(_dataset_row, rows))


def put_dataset(connection: Connection, row: DatasetRecord) -> None:
    """Store a new dataset, or the new description of one."""
    connection.execute(
        "INSERT INTO datasets (id, name, dictionary, local, pseudonyms, head, dropped)"
        " VALUES (?, ?, ?, ?, ?, ?, 0) ON CONFLICT (id) DO UPDATE SET"
        " dictionary = excluded.dictionary, local = excluded.local, head = excluded.head",
        (
            row.id,
            row.name,
            write_dictionary(row.dictionary),
            local_part.to_bytes(row.local),
            row.pseudonyms,
            row.head,
        ),
    )


def mark_dropped(connection: Connection, dataset_id: str) -> None:
    """Hide a dataset whose drop has begun."""
    connection.execute("UPDATE datasets SET dropped = 1 WHERE id = ?", (dataset_id,))


def delete_dataset(connection: Connection, dataset_id: str) -> None:
    """Delete all that the catalog knows of a dataset."""
    connection.execute("DELETE FROM segments WHERE dataset = ?", (dataset_id,))
    connection.execute("DELETE FROM snapshots WHERE dataset = ?", (dataset_id,))
    connection.execute("DELETE FROM datasets WHERE id = ?", (dataset_id,))


def segments(connection: Connection, dataset_id: str, *, number: int) -> tuple[SegmentRecord, ...]:
    """Return the segments that snapshot `number` is made of, in order."""
    rows = connection.execute(_SEGMENT + _ALIVE, (dataset_id, number, number))
    return tuple(SegmentRecord(*row) for row in rows)


def segment_ids(connection: Connection) -> frozenset[str]:
    """Return the ids of all segments of all snapshots."""
    return frozenset(row[0] for row in connection.execute("SELECT id FROM segments"))


def put_segment(
    connection: Connection, written: Written, *, dataset_id: str, kind: str, key: bytes, born: int
) -> None:
    """Store a segment; `key` is wrapped."""
    connection.execute(
        "INSERT INTO segments (id, dataset, kind, rows, size, plain, digest, aad, key, born)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            written.id,
            dataset_id,
            kind,
            written.rows,
            written.size,
            written.plain,
            written.digest,
            written.aad,
            key,
            born,
        ),
    )


def end_rows(connection: Connection, dataset_id: str, *, number: int) -> None:
    """End the life of all rows so far with snapshot `number`; patients keep their numbers."""
    connection.execute(
        "UPDATE segments SET died = ? WHERE dataset = ? AND kind = ? AND died IS NULL",
        (number, dataset_id, ROWS),
    )


def forget_before(connection: Connection, dataset_id: str, *, number: int) -> None:
    """Delete the segments that ended by snapshot `number`, and the snapshots that need them."""
    connection.execute(
        "DELETE FROM snapshots WHERE dataset = ? AND number <"
        " (SELECT max(died) FROM segments WHERE dataset = ? AND died <= ?)",
        (dataset_id, dataset_id, number),
    )
    connection.execute("DELETE FROM segments WHERE dataset = ? AND died <= ?", (dataset_id, number))


def snapshot(connection: Connection, dataset_id: str, *, number: int) -> SnapshotRecord | None:
    """Return one snapshot."""
    rows = connection.execute(f"{_SNAPSHOT} WHERE dataset = ? AND number = ?", (dataset_id, number))
    return next(map(_snapshot_row, rows), None)


def snapshots(connection: Connection, dataset_id: str) -> tuple[SnapshotRecord, ...]:
    """Return the snapshots that can still be read, oldest first."""
    rows = connection.execute(f"{_SNAPSHOT} WHERE dataset = ? ORDER BY number", (dataset_id,))
    return tuple(map(_snapshot_row, rows))


def put_snapshot(connection: Connection, dataset_id: str, row: SnapshotRecord) -> None:
    """Store a snapshot as its dataset's head."""
    connection.execute(
        "INSERT INTO snapshots"
        " (dataset, number, manifest, dictionary, rows, patients, loaded, quality)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            dataset_id,
            row.number,
            row.manifest,
            write_dictionary(row.dictionary),
            row.rows,
            row.patients,
            row.loaded,
            quality.to_bytes(row.quality),
        ),
    )
    connection.execute("UPDATE datasets SET head = ? WHERE id = ?", (row.number, dataset_id))


def manifest(name: str, number: int, found: Iterable[SegmentRecord], *, dictionary: str) -> str:
    """Return the digest of what a snapshot is made of.

    Parameters
    ----------
    name, number : str, int
        Dataset and snapshot.
    found : iterable of SegmentRecord
        In order.
    dictionary : str
        Digest of its dictionary.
    """
    return canonical.digest(
        canonical.encode(
            {
                "dataset": name,
                "dictionary": dictionary,
                "number": number,
                "segments": [
                    {"id": row.id, "kind": row.kind, "rows": row.rows, "sha256": row.digest}
                    for row in found
                ],
            }
        )
    )


def _dataset_row(row: tuple[str, str, bytes, bytes, bytes, int]) -> DatasetRecord:
    dataset_id, name, dictionary, local, pseudonyms, head = row
    return DatasetRecord(
        id=dataset_id,
        name=name,
        dictionary=read_dictionary(dictionary),
        local=local_part.from_bytes(local),
        pseudonyms=pseudonyms,
        head=head,
    )


def _snapshot_row(row: tuple[int, str, bytes, int, int, str, bytes]) -> SnapshotRecord:
    number, digest, dictionary, rows, patients, loaded, report = row
    return SnapshotRecord(
        number=number,
        manifest=digest,
        dictionary=read_dictionary(dictionary),
        rows=rows,
        patients=patients,
        loaded=loaded,
        quality=quality.from_bytes(report),
    )

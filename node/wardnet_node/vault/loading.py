"""A load from its first look at the catalog to its commit."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from sqlite3 import Connection
from typing import Final

from wardnet.audit.entry import EventType
from wardnet.errors import Reason, WardnetError
from wardnet_node import usage
from wardnet_node.vault import tables
from wardnet_node.vault.keys import DatasetKey
from wardnet_node.vault.load import Load
from wardnet_node.vault.patients import PatientIndex
from wardnet_node.vault.scan import scan
from wardnet_node.vault.store import Store, own
from wardnet_node.vault.tables import (
    PATIENTS,
    ROWS,
    DatasetRecord,
    SegmentRecord,
    SnapshotRecord,
)

FEWEST_SHARE: Final = 0.5
"""Of the present rows; a load that would replace them with fewer needs to be confirmed."""


@dataclass(frozen=True, slots=True)
class Base:
    """Hold what a load starts from; it may be committed only while this is still so.

    Parameters
    ----------
    dataset : DatasetRecord
        As it was found.
    key : DatasetKey
        Its key.
    last : SnapshotRecord or None
        The present snapshot.
    earlier : tuple of SegmentRecord
        Rows that stay.
    patients : PatientIndex or None
        With the patients of these rows counted; None when every row is a patient.
    append : bool
        Whether rows stay.
    """

    dataset: DatasetRecord
    key: DatasetKey
    last: SnapshotRecord | None
    earlier: tuple[SegmentRecord, ...]
    patients: PatientIndex | None
    append: bool


def begin(store: Store, name: str, *, append: bool) -> Base:
    """Note what a load starts from.

    Raises
    ------
    WardnetError
        `NOT_ADOPTED`; `DATASET_RECEIVED`; `DICTIONARY_MISMATCH` when rows would be appended under
        another dictionary; `VAULT_DAMAGED`.
    """
    with store.catalog.reading() as connection:
        record = own(connection, name)
        last = tables.snapshot(connection, record.id, number=record.head)
        stored = tables.segments(connection, record.id, number=record.head)
    if append and last is not None and last.dictionary != record.dictionary:
        raise WardnetError(
            Reason.DICTIONARY_MISMATCH,
            path=name,
            field="its rows",
            rule="they were loaded under another version, so nothing can be appended",
        )
    key = store.keyring.key(record.id)
    earlier = tuple(segment for segment in stored if append and segment.kind == ROWS)
    patients = None
    if record.dictionary.patient is not None:
        known = [segment for segment in stored if segment.kind == PATIENTS]
        patients = PatientIndex.load(store.pseudonym_key(record), store.refs(known, key))
        refs = store.refs(earlier, key)
        for rows in scan(refs, (), dictionary=record.dictionary, with_patient=True):
            if rows.patient is not None:
                patients.see(rows.patient)
    return Base(record, key, last, earlier, patients, append)


def open_load(store: Store, base: Base) -> Load:
    """Return the context that writes the load's segments."""
    return Load(
        store.folder,
        place=f"{store.member.network}|{store.member.id}|{base.dataset.name}",
        schema=base.dataset.dictionary.digest,
        patients=base.patients,
    )


def check_size(base: Base, load: Load, *, file: Path) -> None:
    """Refuse rows that are far fewer than those they replace: half an export looks whole.

    Raises
    ------
    WardnetError
        `ROWS_LOST`.
    """
    if base.append or base.last is None:
        return
    if load.tally.stored < FEWEST_SHARE * base.last.rows:
        raise WardnetError(Reason.ROWS_LOST, file=str(file), dataset=base.dataset.name)


def commit(
    store: Store, base: Base, load: Load, *, rejects: Mapping[str, int], loaded: str
) -> SnapshotRecord:
    """Make durable segments the dataset's next snapshot, in one transaction.

    Raises
    ------
    WardnetError
        `IN_USE` when something changed since the load began; `DISK_FULL`.
    """
    with store.catalog.transaction() as connection:
        # Nothing may have changed since the load began.
        if tables.dataset(connection, base.dataset.name) != base.dataset:
            raise WardnetError(
                Reason.IN_USE,
                path=base.dataset.name,
                rule="it was loaded, adopted or dropped meanwhile",
            )
        operation = "append" if base.append else "replace"
        return settle(
            store, connection, base, load, rejects=rejects, loaded=loaded, operation=operation
        )


def settle(
    store: Store,
    connection: Connection,
    base: Base,
    load: Load,
    *,
    rejects: Mapping[str, int],
    loaded: str,
    operation: str,
) -> SnapshotRecord:
    """Make durable segments the next snapshot of a dataset, inside the caller's transaction."""
    name, dataset_id, number = base.dataset.name, base.dataset.id, base.dataset.head + 1
    rows = load.tally.stored + sum(segment.rows for segment in base.earlier)
    patients = rows if base.patients is None else base.patients.seen
    last = None if base.last is None else base.last.quality
    quality = load.tally.quality(rejects=rejects, patients=patients, last=last)
    digest = base.dataset.dictionary.digest
    # 1. The new segments live from this snapshot on.
    if not base.append:
        tables.end_rows(connection, dataset_id, number=number)
    for kind, made in ((ROWS, load.rows), (PATIENTS, load.new_patients)):
        for written in made:
            key = base.key.wrap(written.key, written.aad)
            tables.put_segment(
                connection, written, dataset_id=dataset_id, kind=kind, key=key, born=number
            )
    # 2. The snapshot names them all.
    found = tables.segments(connection, dataset_id, number=number)
    snapshot = SnapshotRecord(
        number=number,
        manifest=tables.manifest(name, number, found, dictionary=digest),
        dictionary=base.dataset.dictionary,
        rows=rows,
        patients=patients,
        loaded=loaded,
        quality=quality,
    )
    tables.put_snapshot(connection, dataset_id, snapshot)
    # 3. Queries under way may still read the snapshot before; older ones are forgotten.
    tables.forget_before(connection, dataset_id, number=number - 1)
    usage.note_stored(connection, name, at=loaded)
    store.log(
        connection,
        EventType.DATASET_LOADED,
        name,
        operation=operation,
        snapshot=snapshot.id,
        dictionary=digest,
    )
    return snapshot

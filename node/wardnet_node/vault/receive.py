"""Datasets that other hospitals have lent: received whole, read under their grant, destroyed.

They lie in the vault like our own, each under a key of its own, but no question is asked about
them: their patients are counted where they were treated.
"""

import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from sqlite3 import Connection

import numpy as np

from wardnet import clock
from wardnet.errors import Reason, WardnetError
from wardnet.question.dictionary import Dictionary
from wardnet.sealing.header import Part
from wardnet_node.intake.batches import Batch
from wardnet_node.intake.local_part import LocalPart
from wardnet_node.vault import received, tables
from wardnet_node.vault.disk import disk_errors, shared_lock
from wardnet_node.vault.keys import KEY_BYTES
from wardnet_node.vault.load import Load
from wardnet_node.vault.loading import Base, settle
from wardnet_node.vault.patients import PatientIndex, StoredPatients, tags_of
from wardnet_node.vault.received import ReceivedRecord
from wardnet_node.vault.snapshot import Snapshot
from wardnet_node.vault.store import Store, begin_drop
from wardnet_node.vault.tables import DatasetRecord, SnapshotRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Lent:
    """Describe what is to be received.

    Parameters
    ----------
    name : str
        Of the dataset that is made; no dictionary can have it.
    dictionary : Dictionary
        Of its rows.
    request, parcel : str
        Digests of the share's request and of the parcel.
    length : int
        Plaintext bytes of the parcel's body.
    key : bytes
        The parcel's content key, 32 bytes.
    attachments : sequence of Part
        That stay in the parcel.
    """

    name: str
    dictionary: Dictionary
    request: str
    parcel: str
    length: int
    key: bytes = field(repr=False)
    attachments: Sequence[Part]


@dataclass(frozen=True, slots=True)
class Arrival:
    """Hold durable segments that no dataset has yet; `put` makes them one.

    Parameters
    ----------
    store : Store
        Of the vault.
    lent : Lent
        What they are.
    load : Load
        That has written them.
    patients : PatientIndex or None
        Of their patients.
    pseudonyms : bytes
        The key of the patients' pseudonyms, 32 bytes.
    """

    store: Store
    lent: Lent
    load: Load
    patients: PatientIndex | None
    pseudonyms: bytes = field(repr=False)

    def tags(self, tag_key: bytes) -> Iterator[str]:
        """Yield the tags of their patients, by the numbers that came along."""
        added = self.patients.added if self.patients else {}
        if added:
            yield from tags_of(
                np.column_stack(list(added.values())), self.pseudonyms, tag_key=tag_key
            )

    def put(self, connection: Connection) -> SnapshotRecord:
        """Make them a dataset with a key of its own, inside the caller's transaction."""
        lent, store = self.lent, self.store
        record = store.new_dataset(
            lent.dictionary, LocalPart(), name=lent.name, pseudonyms=self.pseudonyms
        )
        try:
            key = store.keyring.key(record.id)
            tables.put_dataset(connection, record)
            base = Base(record, key, None, (), self.patients, append=False)
            made = settle(
                store,
                connection,
                base,
                self.load,
                rejects={},
                loaded=clock.to_moment(clock.now()),
                operation="received from another hospital",
            )
            kept = ReceivedRecord(
                dataset_id=record.id,
                dataset=record.name,
                request=lent.request,
                parcel=lent.parcel,
                length=lent.length,
                key=key.wrap(lent.key, _context(lent.parcel)),
                attachments=tuple(lent.attachments),
            )
            received.put(connection, kept)
        except BaseException:
            store.keyring.destroy(record.id)
            raise
        return made


class Received:
    """Keep what other hospitals have lent; `Vault.received` makes it.

    Parameters
    ----------
    store : Store
        Of the vault.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def receive(
        self,
        lent: Lent,
        batches: Iterable[Batch],
        *,
        commit: Callable[[Arrival], object],
    ) -> None:
        """Write rows into the vault and make them a dataset in one step, or not at all.

        Parameters
        ----------
        lent : Lent
            What is received.
        batches : iterable of Batch
            The rows.
        commit : Callable
            Calls `put` of what it is given in the transaction that says that the share was
            opened.

        Raises
        ------
        WardnetError
            `DISK_FULL`; whatever `batches` and `commit` raise. Nothing is stored then.
        """
        store, pseudonyms = self._store, secrets.token_bytes(KEY_BYTES)
        patients = None
        if lent.dictionary.patient is not None:
            patients = PatientIndex.load(pseudonyms, ())
        load = Load(
            store.folder,
            place=f"{store.member.network}|{store.member.id}|{lent.name}",
            schema=lent.dictionary.digest,
            patients=patients,
        )
        with shared_lock(store.lock), disk_errors(store.folder), load:
            load.take_whole(batches)
            commit(Arrival(store, lent, load, patients, pseudonyms))
            load.keep()

    def list(self) -> tuple[ReceivedRecord, ...]:
        """Return all, by name."""
        with self._store.catalog.reading() as connection:
            return received.records(connection)

    def find(self, request: str) -> ReceivedRecord | None:
        """Return what came by a share."""
        with self._store.catalog.reading() as connection:
            return received.find(connection, request)

    def pin(self, kept: ReceivedRecord) -> Snapshot:
        """Return the rows with their keys.

        Raises
        ------
        WardnetError
            `DATASET_UNAVAILABLE` when they were destroyed meanwhile; `VAULT_DAMAGED`.
        """
        with self._store.catalog.reading() as connection:
            record = self._record(connection, kept)
            found = tables.snapshot(connection, record.id, number=record.head)
            if found is None:
                raise WardnetError(Reason.DATASET_UNAVAILABLE, dataset=kept.dataset)
            return self._store.pin(record, found)

    def patients(self, kept: ReceivedRecord) -> StoredPatients:
        """Return what reads the patients' numbers or pseudonyms.

        Raises
        ------
        WardnetError
            As `pin`.
        """
        with self._store.catalog.reading() as connection:
            return self._store.patients(self._record(connection, kept))

    def content_key(self, kept: ReceivedRecord) -> bytes:
        """Return the key of the parcel that the attachments lie in.

        Raises
        ------
        WardnetError
            `VAULT_DAMAGED`, also when it is destroyed.
        """
        ring = self._store.keyring.key(kept.dataset_id)
        return ring.unwrap(kept.key, _context(kept.parcel))

    def drop(self, request: str) -> bool:
        """Destroy the key of what came by a share, and say whether there was something."""
        with self._store.catalog.transaction() as connection:
            kept = received.find(connection, request)
            if kept is not None:
                begin_drop(self._store, connection, self._record(connection, kept))
        self._store.finish_drops()
        self._store.recover()
        return kept is not None

    def _record(self, connection: Connection, kept: ReceivedRecord) -> DatasetRecord:
        record = tables.dataset(connection, kept.dataset)
        if record is None or record.id != kept.dataset_id:
            raise WardnetError(Reason.DATASET_UNAVAILABLE, dataset=kept.dataset)
        return record


def _context(parcel: str) -> str:
    return f"v1|parcel|{parcel}"

"""The vault's parts together: catalog, keyring and files, and what keeps them in step."""

import secrets
import uuid
from collections.abc import Iterable
from pathlib import Path
from sqlite3 import Connection
from typing import Final

from wardnet import clock
from wardnet.audit import log, tags
from wardnet.audit.entry import Actor, Event, EventType, Outcome
from wardnet.errors import Reason, WardnetError
from wardnet.identity.keystore import Keystore
from wardnet.identity.member import Member
from wardnet.question.dictionary import Dictionary
from wardnet_node import usage
from wardnet_node.intake.local_part import LocalPart
from wardnet_node.vault import models, received, tables
from wardnet_node.vault import segments as files
from wardnet_node.vault.catalog import Catalog
from wardnet_node.vault.disk import exclusive_lock
from wardnet_node.vault.keys import KEY_BYTES, DatasetKey, Keyring
from wardnet_node.vault.patients import StoredPatients
from wardnet_node.vault.snapshot import SegmentRef, Snapshot
from wardnet_node.vault.tables import DatasetRecord, SegmentRecord, SnapshotRecord

_AT_THE_MACHINE: Final = Actor(subject="operator")
_PSEUDONYMS: Final = "v1|pseudonym key"


class Store:
    """Hold the parts of one node's vault; `vault.Vault` has the same parameters."""

    def __init__(self, home: Path, keystore: Keystore, catalog: Catalog, *, member: Member) -> None:
        self.catalog = catalog
        self.keyring = Keyring(home, keystore)
        self.member = member
        self.folder = home / "vault" / "seg"
        self.reports = home / "reports"
        self._shortening = tags.shortening_key(keystore.derive(tags.PURPOSE))
        self.lock = home / "vault" / "lock"
        """Shared while a load is under way, exclusive while files are removed."""
        for folder in (self.folder.parent, self.folder):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def new_dataset(
        self,
        dictionary: Dictionary,
        local: LocalPart,
        *,
        name: str = "",
        pseudonyms: bytes | None = None,
    ) -> DatasetRecord:
        """Make the keys of a new dataset, inside the caller's transaction.

        Parameters
        ----------
        name : str
            Here; the dictionary's own when empty.
        pseudonyms : bytes or None
            The key that the patients' pseudonyms were made with, 32 bytes; None for a new one.
        """
        dataset_id = str(uuid.uuid4())
        self.keyring.create(dataset_id)
        pseudonyms = pseudonyms or secrets.token_bytes(KEY_BYTES)
        return DatasetRecord(
            id=dataset_id,
            name=name or dictionary.name,
            dictionary=dictionary,
            local=local,
            pseudonyms=self.keyring.key(dataset_id).wrap(pseudonyms, _PSEUDONYMS),
            head=0,
        )

    def pseudonym_key(self, record: DatasetRecord) -> bytes:
        """Return the key that a dataset's patients get their pseudonyms under."""
        own = self.keyring.key(record.id).unwrap(record.pseudonyms, _PSEUDONYMS)
        return own + self._shortening

    def refs(self, stored: Iterable[SegmentRecord], key: DatasetKey) -> tuple[SegmentRef, ...]:
        """Return what opens the segments."""
        return tuple(
            SegmentRef(
                path=files.path_of(self.folder, segment.id),
                key=key.unwrap(segment.key, segment.aad),
                aad=segment.aad.encode(),
                rows=segment.rows,
            )
            for segment in stored
        )

    def pin(self, record: DatasetRecord, found: SnapshotRecord) -> Snapshot:
        """Return a snapshot with the keys of its segments.

        Raises
        ------
        WardnetError
            `VAULT_DAMAGED`.
        """
        with self.catalog.reading() as connection:
            stored = tables.segments(connection, record.id, number=found.number)
        self.check_files(stored)
        rows = [segment for segment in stored if segment.kind == tables.ROWS]
        return Snapshot(
            dataset=record.name,
            number=found.number,
            id=found.id,
            dictionary=found.dictionary,
            segments=self.refs(rows, self.keyring.key(record.id)),
            rows=found.rows,
            patients=found.patients,
            dataset_id=record.id,
        )

    def patients(self, record: DatasetRecord) -> StoredPatients:
        """Return what reads the patients of a dataset.

        Raises
        ------
        WardnetError
            `VAULT_DAMAGED`.
        """
        with self.catalog.reading() as connection:
            stored = tables.segments(connection, record.id, number=record.head)
        known = [segment for segment in stored if segment.kind == tables.PATIENTS]
        key = self.keyring.key(record.id)
        return StoredPatients(record.id, self.pseudonym_key(record), self.refs(known, key))

    def check_keys(self, records: Iterable[DatasetRecord]) -> None:
        """Check that the keyring has the keys of datasets, and that they open.

        Raises
        ------
        WardnetError
            `VAULT_DAMAGED`, or `FILE_MODE`.
        """
        for record in records:
            self.keyring.key(record.id)

    def check_files(self, stored: Iterable[SegmentRecord]) -> None:
        """Check that the files of segments are there, in their sizes; reading checks the rest.

        Raises
        ------
        WardnetError
            `VAULT_DAMAGED`.
        """
        for segment in stored:
            files.check_size(files.path_of(self.folder, segment.id), segment.size)

    def damage(self, record: DatasetRecord, stored: Iterable[SegmentRecord]) -> str:
        """Return why a dataset cannot be read, as far as a quick look shows; empty for nothing."""
        try:
            self.check_keys([record])
            self.check_files(stored)
        except WardnetError as error:
            return str(error)
        return ""

    def recover(self) -> None:
        """Finish drops and remove files in no snapshot, unless a load is under way somewhere."""
        with exclusive_lock(self.lock) as alone:
            if not alone:
                return
            self.finish_drops()
            with self.catalog.reading() as connection:
                known = tables.segment_ids(connection)
            for path in self.folder.iterdir():
                if path.suffix != files.SUFFIX or path.stem not in known:
                    path.unlink(missing_ok=True)

    def finish_drops(self) -> None:
        """Destroy the keys of datasets whose drop was logged, and all the catalog knows of them."""
        with self.catalog.transaction() as connection:
            dropped = tables.datasets(connection, dropped=True)
            for record in dropped:
                self.keyring.destroy(record.id)
                tables.delete_dataset(connection, record.id)
        if dropped:
            self.catalog.forget()

    def log(
        self,
        connection: Connection,
        kind: EventType,
        dataset: str,
        *,
        operation: str,
        snapshot: str | None = None,
        dictionary: str | None = None,
    ) -> None:
        """Log what was done to a dataset, inside the caller's transaction."""
        event = Event(
            type=kind,
            outcome=Outcome.DONE,
            node=self.member.uri,
            actor=_AT_THE_MACHINE,
            dataset=dataset,
            snapshot=snapshot,
            operation=operation,
            parameter_digest=dictionary,
        )
        log.append(connection, event, at=clock.now())


def held(connection: Connection, name: str) -> DatasetRecord:
    """Return an adopted dataset, for somebody at the machine.

    Raises
    ------
    WardnetError
        `NOT_ADOPTED`.
    """
    record = tables.dataset(connection, name)
    if record is None:
        raise WardnetError(Reason.NOT_ADOPTED, dataset=name)
    return record


def own(connection: Connection, name: str) -> DatasetRecord:
    """Return an adopted dataset that is this hospital's own, for somebody at the machine.

    Raises
    ------
    WardnetError
        `NOT_ADOPTED`, or `DATASET_RECEIVED` when another hospital has lent it.
    """
    record = held(connection, name)
    check_own(connection, record)
    return record


def check_own(connection: Connection, record: DatasetRecord) -> None:
    """Refuse a dataset that another hospital has lent: it is read under its grant, and only so.

    Raises
    ------
    WardnetError
        `DATASET_RECEIVED`.
    """
    if received.share_of(connection, record.id):
        raise WardnetError(Reason.DATASET_RECEIVED, dataset=record.name)


def begin_drop(store: Store, connection: Connection, record: DatasetRecord) -> None:
    """Log that a dataset is dropped and hide it; `finish_drops` destroys it, whatever happens."""
    tables.mark_dropped(connection, record.id)
    # Now, not later: a dataset that is loaded under this name has weights of its own.
    models.forget_own(connection, record.name)
    usage.note_stored(connection, record.name, at=clock.to_moment(clock.now()))
    store.log(
        connection,
        EventType.DATASET_DROPPED,
        record.name,
        operation="destroyed the key: only a backup of the whole home still opens",
    )

"""The vault: a hospital's datasets, encrypted on its own disk.

    <home>/catalog.db        what there is (SQLCipher)
    <home>/keyring.json      a wrapped key per dataset; destroying one destroys its dataset
    <home>/vault/seg/*.pme   immutable encrypted segments
    <home>/reports/          rejects reports: lines, columns and rules, no values

A load is visible in one step or not at all. Segments are durable before the catalog names them;
what a crash leaves behind is in no snapshot and is removed when the vault is opened.
"""

from dataclasses import replace
from functools import cached_property
from pathlib import Path
from sqlite3 import Connection

from wardnet import clock
from wardnet.audit.entry import EventType
from wardnet.errors import Reason, WardnetError
from wardnet.identity.keystore import Keystore
from wardnet.identity.member import Member
from wardnet.question.dictionary import Dictionary
from wardnet_node.intake import batches, local_part
from wardnet_node.intake.blocks import Progress
from wardnet_node.intake.local_part import LocalPart
from wardnet_node.intake.rejects import RejectsReport
from wardnet_node.vault import loading, tables
from wardnet_node.vault.catalog import Catalog
from wardnet_node.vault.disk import disk_errors, shared_lock
from wardnet_node.vault.patients import StoredPatients
from wardnet_node.vault.receive import Received
from wardnet_node.vault.snapshot import Snapshot
from wardnet_node.vault.store import Store, begin_drop, check_own, held, own
from wardnet_node.vault.summary import Adopted, DatasetSummary, LoadReport, summarise
from wardnet_node.vault.tables import DatasetRecord, SnapshotRecord


class Vault:
    """Keep a node's datasets.

    Opening removes what an interrupted load left behind and finishes an interrupted drop.

    Parameters
    ----------
    home : Path
        Of the node.
    keystore : Keystore
        Unlocked.
    catalog : Catalog
        Open, of the same home.
    member : Member
        The node: its files are bound to it, and its log says so.
    """

    def __init__(self, home: Path, keystore: Keystore, catalog: Catalog, *, member: Member) -> None:
        self._store = Store(home, keystore, catalog, member=member)
        self._catalog = catalog
        self._store.recover()

    @cached_property
    def received(self) -> Received:
        """Return the datasets that other hospitals have lent."""
        return Received(self._store)

    def adopt(self, dictionary: Dictionary, local: LocalPart) -> None:
        """Take up a dataset's shared part, with the hospital's own part; rows stay as they are.

        Raises
        ------
        WardnetError
            `DICTIONARY_MISMATCH` when the parts do not fit each other.
        """
        local_part.check(local, dictionary)
        with self._catalog.transaction() as connection:
            record = tables.dataset(connection, dictionary.name)
            if record is None:
                # A keyring that was lost must not be begun anew: it is restored from a backup.
                self._store.check_keys(tables.datasets(connection))
                record = self._store.new_dataset(dictionary, local)
            tables.put_dataset(connection, replace(record, dictionary=dictionary, local=local))
            self._store.log(
                connection,
                EventType.DATASET_ADOPTED,
                dictionary.name,
                operation=f"version {dictionary.version}",
                dictionary=dictionary.digest,
            )

    def own_part(self, name: str, *, keep: bool) -> LocalPart:
        """Return the local part to adopt a dataset with, where nobody has named a file.

        Parameters
        ----------
        keep : bool
            Whether the one that is there is wanted again.

        Raises
        ------
        WardnetError
            `LOCAL_PART_LOST` when one is there and nobody has said what becomes of it;
            `NOT_ADOPTED` when there is none to keep.
        """
        with self._catalog.reading() as connection:
            record = held(connection, name) if keep else tables.dataset(connection, name)
        if record is None or record.local == LocalPart():
            return LocalPart()
        if not keep:
            raise WardnetError(Reason.LOCAL_PART_LOST, dataset=name)
        return record.local

    def adopted(self, name: str) -> Adopted:
        """Return the parts of an adopted dataset.

        Raises
        ------
        WardnetError
            `NOT_ADOPTED`.
        """
        with self._catalog.reading() as connection:
            record = held(connection, name)
        return Adopted(record.dictionary, record.local)

    def load(
        self,
        name: str,
        path: Path,
        *,
        append: bool = False,
        maximum_rejects: int = 0,
        accept_last_line: bool = False,
        accept_fewer_rows: bool = False,
        progress: Progress | None = None,
    ) -> LoadReport:
        """Read a file into a new snapshot, in place of the rows so far or after them.

        Parameters
        ----------
        name : str
            An adopted dataset.
        path : Path
            A CSV file, as the local part describes it.
        append : bool
            Whether the rows so far stay.
        maximum_rejects : int
            Most records that may be left out.
        accept_last_line : bool
            Whether a last line without a line end is whole.
        accept_fewer_rows : bool
            Whether a file with fewer than half of the present rows may replace them.
        progress : callable or None
            Called with the bytes done and the bytes in all.

        Raises
        ------
        WardnetError
            The reasons of `batches.read`; `ROWS_REJECTED` with the first reject and the path of
            the report; `ROWS_LOST`; `NOT_ADOPTED`; `DICTIONARY_MISMATCH` when rows would be
            appended under another dictionary; `IN_USE` when another load came first; `DISK_FULL`.
            Nothing is stored then.
        """
        store, loaded = self._store, clock.to_moment(clock.now())
        report = store.reports / f"{name}-{loaded.replace(':', '')}.rejects.csv"
        with shared_lock(store.lock), disk_errors(store.folder):
            # 1. Note what the load starts from.
            base = loading.begin(store, name, append=append)
            parts = base.dataset
            read = batches.read(
                path,
                parts.dictionary,
                local=parts.local,
                accept_last_line=accept_last_line,
                progress=progress,
            )
            with loading.open_load(store, base) as load:
                # 2. Write segments that no snapshot holds yet.
                with RejectsReport(report) as rejects:
                    load.take(read, rejects=rejects, file=path, maximum_rejects=maximum_rejects)
                if not accept_fewer_rows:
                    loading.check_size(base, load, file=path)
                # 3. Make them a snapshot, if nothing changed meanwhile.
                made = loading.commit(store, base, load, rejects=rejects.by_rule, loaded=loaded)
                load.keep()
        # 4. Remove the files of snapshots that were forgotten.
        store.recover()
        return LoadReport(name, made, report if rejects.first else None)

    def datasets(self) -> tuple[DatasetSummary, ...]:
        """Return all adopted datasets, by name."""
        with self._catalog.reading() as connection:
            return tuple(
                summarise(connection, record, store=self._store)
                for record in tables.datasets(connection)
            )

    def snapshots(self, name: str) -> tuple[SnapshotRecord, ...]:
        """Return the snapshots that can be read, oldest first, each with its quality report.

        Raises
        ------
        WardnetError
            `NOT_ADOPTED`.
        """
        with self._catalog.reading() as connection:
            return tables.snapshots(connection, held(connection, name).id)

    def pin(self, name: str, number: int | None = None) -> Snapshot:
        """Return a snapshot with the keys of its segments.

        Parameters
        ----------
        name : str
            The dataset.
        number : int or None
            Which snapshot; None for the present one.

        Raises
        ------
        WardnetError
            `DATASET_UNAVAILABLE`, also for a number that is not kept; `DATASET_RECEIVED`;
            `VAULT_DAMAGED`.
        """
        with self._catalog.reading() as connection:
            record = self._asked(connection, name)
            number = record.head if number is None else number
            found = tables.snapshot(connection, record.id, number=number)
            if found is None:
                raise WardnetError(Reason.DATASET_UNAVAILABLE, dataset=name)
            return self._store.pin(record, found)

    def is_dropped(self, snapshot: Snapshot) -> bool:
        """Say whether a pinned snapshot's dataset was dropped, though another may have its name.

        Rows that were only replaced are still those of the dataset.
        """
        with self._catalog.reading() as connection:
            return not tables.has_dataset(connection, snapshot.dataset_id)

    def holds(self, snapshot: Snapshot) -> bool:
        """Say whether the rows of a pinned snapshot are still here: not dropped, not replaced."""
        with self._catalog.reading() as connection:
            record = tables.dataset(connection, snapshot.dataset)
            if record is None:
                return False
            found = tables.snapshot(connection, record.id, number=snapshot.number)
            return found is not None and found.id == snapshot.id

    def patients(self, name: str) -> StoredPatients:
        """Return what reads the patients of a dataset, over all its snapshots.

        Raises
        ------
        WardnetError
            `DATASET_UNAVAILABLE`; `DATASET_RECEIVED`; `VAULT_DAMAGED`.
        """
        with self._catalog.reading() as connection:
            return self._store.patients(self._asked(connection, name))

    def drop(self, name: str) -> None:
        """Destroy a dataset's key, and with it every copy of its rows; then remove what is left.

        Raises
        ------
        WardnetError
            `NOT_ADOPTED`, `DATASET_RECEIVED`.
        """
        # 1. Log first. From here on the drop will be finished, whatever happens.
        with self._catalog.transaction() as connection:
            begin_drop(self._store, connection, own(connection, name))
        # 2. Then destroy, and remove the files.
        self._store.finish_drops()
        self._store.recover()

    def _asked(self, connection: Connection, name: str) -> DatasetRecord:
        record = tables.dataset(connection, name)
        if record is None:
            raise WardnetError(Reason.DATASET_UNAVAILABLE, dataset=name)
        check_own(connection, record)
        return record

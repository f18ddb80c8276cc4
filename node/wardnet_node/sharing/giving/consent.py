"""Who agreed that their records are shared: lists that every sharing applies.

A dataset has one list at most: of the patients whose records never leave, or of those whose alone
may. It holds keyed pseudonyms, no ids. Patients who come later are found in it too.
"""

from dataclasses import dataclass
from pathlib import Path
from sqlite3 import Connection
from typing import Final

import numpy as np
from numpy.typing import NDArray

from wardnet import clock
from wardnet.audit import log
from wardnet.audit.entry import Actor, Event, EventType, Outcome
from wardnet.clock import Moment
from wardnet.errors import Reason, WardnetError
from wardnet.identity.member import Member
from wardnet_node.sharing.giving.patients import of_ids, present
from wardnet_node.vault import consent as table
from wardnet_node.vault.catalog import Catalog
from wardnet_node.vault.consent import ConsentRecord
from wardnet_node.vault.patients import StoredPatients
from wardnet_node.vault.vault import Vault

_AT_THE_MACHINE: Final = Actor(subject="operator")


@dataclass(frozen=True, slots=True)
class ConsentList:
    """Describe the list of a dataset.

    Parameters
    ----------
    dataset : str
        Its name.
    only_listed : bool
        Whether only the patients listed may be shared; else these are never shared.
    listed : int
        Ids on the list.
    present : int
        How many of them have records in the dataset.
    loaded : str
        Moment.
    """

    dataset: str
    only_listed: bool
    listed: int
    present: int
    loaded: Moment


class Consent:
    """Keep the lists of a node.

    Parameters
    ----------
    catalog : Catalog
        Open.
    vault : Vault
        Of the same home.
    member : Member
        The node, for the log.
    """

    def __init__(self, catalog: Catalog, vault: Vault, *, member: Member) -> None:
        self._catalog = catalog
        self._vault = vault
        self._member = member

    def load(self, dataset: str, path: Path, *, only_listed: bool) -> ConsentList:
        """Read a dataset's list in place of the one so far.

        Parameters
        ----------
        dataset : str
            That names its patients.
        path : Path
            Text in UTF-8: an id per line, as the dataset's file writes them.
        only_listed : bool
            As in `ConsentList`.

        Raises
        ------
        WardnetError
            `FILE_UNREADABLE`, `LIST_ENCODING`, `FILE_EMPTY`, `PATIENTS_NOT_NAMED`,
            `DATASET_UNAVAILABLE`. The list so far stays then.
        """
        stored, ids = self._named(dataset), read_ids(path)
        made = clock.to_moment(clock.now())
        listed = of_ids(ids, stored)
        record = ConsentRecord(only_listed, made, listed.tobytes())
        with self._catalog.transaction() as connection:
            table.put(connection, stored.dataset_id, record)
            what = "only the listed are shared" if only_listed else "the listed are never shared"
            self._log(connection, dataset, f"loaded a list: {what}")
        known = int(present(listed, stored).sum())
        return ConsentList(dataset, only_listed, len(ids), known, made)

    def lists(self) -> tuple[ConsentList, ...]:
        """Return the lists of all datasets of our own, by name; what was lent is not passed on."""
        own = (summary.name for summary in self._vault.datasets() if not summary.share)
        found = map(self.find, own)
        return tuple(item for item in found if item is not None)

    def find(self, dataset: str) -> ConsentList | None:
        """Return a dataset's list, or None.

        Raises
        ------
        WardnetError
            `DATASET_UNAVAILABLE`.
        """
        return self.allowed(dataset, self._vault.patients(dataset))[1]

    def clear(self, dataset: str) -> None:
        """Remove a dataset's list: nobody is excepted any more.

        Raises
        ------
        WardnetError
            `CONSENT_MISSING`, `DATASET_UNAVAILABLE`.
        """
        stored = self._vault.patients(dataset)
        with self._catalog.transaction() as connection:
            if not table.remove(connection, stored.dataset_id):
                raise WardnetError(Reason.CONSENT_MISSING, dataset=dataset)
            self._log(connection, dataset, "removed the list: all are shared")

    def allowed(
        self, dataset: str, stored: StoredPatients
    ) -> tuple[NDArray[np.bool_] | None, ConsentList | None]:
        """Return who may be shared, by number, and the list that says so; None without a list."""
        with self._catalog.reading() as connection:
            record = table.find(connection, stored.dataset_id)
        if record is None:
            return None, None
        pseudonyms = np.frombuffer(record.pseudonyms, np.uint64).reshape(-1, 2)
        found = present(pseudonyms, stored)
        summary = ConsentList(
            dataset=dataset,
            only_listed=record.only_listed,
            listed=len(pseudonyms),
            present=int(found.sum()),
            loaded=record.loaded,
        )
        return found if record.only_listed else ~found, summary

    def _named(self, dataset: str) -> StoredPatients:
        if self._vault.adopted(dataset).dictionary.patient is None:
            raise WardnetError(Reason.PATIENTS_NOT_NAMED, dataset=dataset)
        return self._vault.patients(dataset)

    def _log(self, connection: Connection, dataset: str, operation: str) -> None:
        event = Event(
            type=EventType.CONSENT_CHANGED,
            outcome=Outcome.DONE,
            node=self._member.uri,
            actor=_AT_THE_MACHINE,
            dataset=dataset,
            operation=operation,
        )
        log.append(connection, event, at=clock.now())


def read_ids(path: Path) -> list[str]:
    """Read a list of ids: one per line, each once.

    Raises
    ------
    WardnetError
        `FILE_UNREADABLE`, `LIST_ENCODING`, `FILE_EMPTY`.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise WardnetError(
            Reason.FILE_UNREADABLE, file=str(path), rule=error.strerror or "it is no file"
        ) from error
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise WardnetError(Reason.LIST_ENCODING, file=str(path), line=line) from None
    ids = list(dict.fromkeys(filter(None, map(str.strip, text.split("\n")))))
    if not ids:
        raise WardnetError(Reason.FILE_EMPTY, file=str(path), rule="ids, one per line")
    return ids

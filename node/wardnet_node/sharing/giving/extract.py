"""What a grant selects: the rows of a pinned snapshot that may leave, and how they look then."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from typing import Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from wardnet.errors import Reason, WardnetError
from wardnet.question import cohort as cohorts
from wardnet.question.conditions import Cohort, columns_of
from wardnet.question.rows import Rows
from wardnet.sharing.deidentification import Deidentification
from wardnet.sharing.grant import Grant
from wardnet.sharing.request import ShareRequest
from wardnet_node.sharing.giving.consent import Consent, ConsentList
from wardnet_node.sharing.giving.deidentify import Deidentifier
from wardnet_node.sharing.giving.grant_secret import GrantSecret
from wardnet_node.sharing.giving.patients import of_ids, present
from wardnet_node.vault.patients import StoredPatients
from wardnet_node.vault.scan import BATCH_ROWS, scan
from wardnet_node.vault.snapshot import Snapshot
from wardnet_node.vault.vault import Vault

Mask: TypeAlias = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Selection:
    """State what is to leave.

    Parameters
    ----------
    dataset : str
        Its name.
    cohort : Cohort
        Whose rows.
    patients : tuple of str
        Ids: only the rows of these; empty for all of the cohort.
    deidentification : Deidentification
        Which columns, and what becomes of them.
    dictionary : str or None
        Digest of the dictionary that gives all this its meaning; None for the snapshot's own.
    """

    dataset: str
    cohort: Cohort
    patients: tuple[str, ...]
    deidentification: Deidentification
    dictionary: str | None = None

    @classmethod
    def of(cls, request: ShareRequest, grant: Grant) -> Self:
        """Return what a grant lets leave, or what its draft would."""
        return cls(
            dataset=request.dataset,
            cohort=grant.cohort,
            patients=request.patients,
            deidentification=grant.deidentification,
            dictionary=request.dictionary,
        )


@dataclass(frozen=True, slots=True)
class Chosen:
    """Hold the rows of one batch that are selected, before de-identification.

    Parameters
    ----------
    rows : Rows
        The columns asked for.
    patients : ndarray of uint32, shape (rows.size,)
        Whose they are: numbers in the dataset, or of the rows where every row is a patient.
    places : ndarray of int64, shape (rows.size,)
        Where they stand in the snapshot.
    """

    rows: Rows
    patients: NDArray[np.uint32]
    places: NDArray[np.int64]

    def take(self, mask: Mask) -> Self:
        """Return the rows where `mask`, shape (rows.size,), is true."""
        return replace(
            self, rows=self.rows.take(mask), patients=self.patients[mask], places=self.places[mask]
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Extract:
    """Hold a selection over a pinned snapshot.

    Parameters
    ----------
    selection : Selection
        What is to leave.
    snapshot : Snapshot
        That it leaves from.
    stored : StoredPatients
        Of the dataset.
    deidentifier : Deidentifier
        For the rows.
    secret : GrantSecret
        For the patients.
    listed, allowed : ndarray of bool, shape (patients,), or None
        Whose rows were asked for, and whose may leave; None for everybody's.
    consent : ConsentList or None
        What `allowed` is from.
    """

    selection: Selection
    snapshot: Snapshot
    stored: StoredPatients
    deidentifier: Deidentifier
    secret: GrantSecret
    listed: Mask | None
    allowed: Mask | None
    consent: ConsentList | None

    @property
    def population(self) -> int:
        """Return what all numbers of patients are below."""
        named = self.snapshot.dictionary.patient is not None
        return self.stored.count if named else self.snapshot.rows


def open_extract(
    vault: Vault,
    consent: Consent,
    selection: Selection,
    *,
    grant: str | None = None,
    snapshot: str | None = None,
) -> Extract:
    """Pin a snapshot and find the patients that were named.

    Parameters
    ----------
    vault, consent : Vault, Consent
        Of the hospital.
    selection : Selection
        What is to leave.
    grant : str or None
        Digest of the grant; None for a preview, whose pseudonyms and shifts nobody keeps.
    snapshot : str or None
        Id of the snapshot that was granted; None for the present one.

    Raises
    ------
    WardnetError
        `DATASET_UNAVAILABLE`; `SNAPSHOT_GONE`; `DICTIONARY_OUTDATED`; `PATIENTS_NOT_NAMED` for a
        list of patients of a dataset without ids; `COLUMN_UNAVAILABLE`; `PARAMETER_INVALID`;
        `DEIDENTIFICATION_INVALID`; `VAULT_DAMAGED`.
    """
    pinned = _pinned(vault, selection.dataset, snapshot)
    if selection.dictionary not in {None, pinned.dictionary.digest}:
        raise WardnetError(Reason.DICTIONARY_OUTDATED, dataset=selection.dataset)
    stored = vault.patients(selection.dataset)
    secret = GrantSecret.throwaway() if grant is None else GrantSecret.of(stored.key, grant)
    cohorts.check(selection.cohort, pinned.dictionary)
    deidentifier = Deidentifier(pinned.dictionary, selection.deidentification, secret)
    named = pinned.dictionary.patient is not None
    if selection.patients and not named:
        raise WardnetError(Reason.PATIENTS_NOT_NAMED, dataset=selection.dataset)
    listed = present(of_ids(selection.patients, stored), stored) if selection.patients else None
    allowed, applied = consent.allowed(selection.dataset, stored) if named else (None, None)
    return Extract(
        selection=selection,
        snapshot=pinned,
        stored=stored,
        deidentifier=deidentifier,
        secret=secret,
        listed=listed,
        allowed=allowed,
        consent=applied,
    )


def _pinned(vault: Vault, dataset: str, snapshot: str | None) -> Snapshot:
    if snapshot is None:
        return vault.pin(dataset)
    number = snapshot.partition(":")[0]
    kept = {str(item.number): item.id for item in vault.snapshots(dataset)}
    if kept.get(number) != snapshot:
        raise WardnetError(Reason.SNAPSHOT_GONE, dataset=dataset)
    return vault.pin(dataset, int(number))


def chosen(
    extract: Extract,
    names: Collection[str],
    *,
    batch_rows: int = BATCH_ROWS,
    segments: Collection[int] | None = None,
    withheld: Mask | None = None,
) -> Iterator[Chosen]:
    """Scan the snapshot for what is selected, before rare combinations are left out.

    Parameters
    ----------
    names : collection of str
        Columns that are needed.
    batch_rows : int
        Most rows at once.
    segments : collection of int or None
        Which segments, by place; None for all.
    withheld : ndarray of bool, shape (population,), or None
        Where to note the patients who are left out for want of consent.
    """
    dictionary = extract.snapshot.dictionary
    needed = {*names, *columns_of(extract.selection.cohort)}
    first = 0
    for place, segment in enumerate(extract.snapshot.segments):
        if segments is None or place in segments:
            start = first
            for rows in scan(
                [segment], needed, dictionary=dictionary, with_patient=True, batch_rows=batch_rows
            ):
                places = np.arange(start, start + rows.size)
                start += rows.size
                patients = places.astype(np.uint32) if rows.patient is None else rows.patient
                mask = _selected(extract, rows, patients, withheld)
                if mask.any():
                    batch = Chosen(rows, patients, places)
                    yield batch if mask.all() else batch.take(mask)
        first += segment.rows


def _selected(
    extract: Extract, rows: Rows, patients: NDArray[np.uint32], withheld: Mask | None
) -> Mask:
    mask = cohorts.select(extract.selection.cohort, extract.snapshot.dictionary, rows)
    if extract.listed is not None:
        mask &= extract.listed[patients]
    if extract.allowed is not None:
        may = extract.allowed[patients]
        if withheld is not None:
            withheld[patients[mask & ~may]] = True
        mask &= may
    return mask

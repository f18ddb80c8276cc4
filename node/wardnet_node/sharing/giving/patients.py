"""Patients by their ids: who of a list is in a dataset, and which ids stand behind numbers."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from wardnet.errors import Reason, WardnetError
from wardnet_node.vault.patients import Pseudonyms, StoredPatients, pseudonyms, short_ids


def of_ids(ids: Sequence[str], stored: StoredPatients) -> Pseudonyms:
    """Return the dataset's pseudonyms of ids, shape (n, 2); spaces around an id do not matter."""
    return pseudonyms(pa.array([text.strip() for text in ids], type=pa.string()), stored.key)


def present(wanted: Pseudonyms, stored: StoredPatients) -> NDArray[np.bool_]:
    """Return which patients of the dataset are among those wanted.

    Parameters
    ----------
    wanted : ndarray of uint64, shape (n, 2)

    Returns
    -------
    ndarray of bool, shape (stored.count,)
        By the patients' numbers.
    """
    found = np.zeros(stored.count, np.bool_)
    whole = {tuple(row) for row in wanted.tolist()}
    halves, first = np.sort(wanted[:, 0]), 0
    for part in stored.parts():
        places = np.searchsorted(halves, part[:, 0]).clip(max=len(halves) - 1)
        for hit in np.flatnonzero(halves[places] == part[:, 0]).tolist():
            found[first + hit] = tuple(part[hit].tolist()) in whole
        first += len(part)
    return found


class PatientIds:
    """Turn numbers of patients back into ids, for those that were asked for.

    Parameters
    ----------
    stored : StoredPatients
        Of the dataset.
    patients : ndarray of bool, shape (stored.count,)
        Whose ids are needed.

    Raises
    ------
    WardnetError
        `PATIENT_ID_TOO_LONG`.
    """

    def __init__(self, stored: StoredPatients, patients: NDArray[np.bool_]) -> None:
        ids: list[str | None] = []
        first = 0
        for part in stored.parts():
            ids += short_ids(part[patients[first : first + len(part)]], stored.key)
            first += len(part)
        if None in ids:
            raise WardnetError(Reason.PATIENT_ID_TOO_LONG)
        self._places = np.cumsum(patients) - 1
        self._ids = pa.array(ids, type=pa.string())

    def of(self, patients: NDArray[np.uint32]) -> pa.Array:
        """Return the ids of patients, shape (n,); each was asked for."""
        return self._ids.take(pa.array(self._places[patients]))

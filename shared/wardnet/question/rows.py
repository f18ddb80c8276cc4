"""Rows as every computation sees them: numpy columns of one batch, missing values explicit."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wardnet.question.dictionary import Column, Dictionary

MISSING_CODE = -1
"""The code of a missing value in an on-grid column; off-grid columns use NaN."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Hold one batch of a snapshot.

    Parameters
    ----------
    size : int
        Number of rows.
    columns : Mapping of str to ndarray, shape (size,)
        On-grid columns: a signed integer array of codes, `MISSING_CODE` where missing. Off-grid
        columns: float64, NaN where missing. Only the columns that were asked for.
    patient : ndarray of uint32, shape (size,), or None
        Dense index of each row's patient, stable over snapshots; None when every row of the
        dataset is a patient of its own.
    """

    size: int
    columns: Mapping[str, NDArray[np.generic]]
    patient: NDArray[np.uint32] | None = None

    def take(self, mask: NDArray[np.bool_]) -> "Rows":
        """Return the rows where `mask`, shape (size,), is true."""
        return Rows(
            size=int(np.count_nonzero(mask)),
            columns={name: values[mask] for name, values in self.columns.items()},
            patient=None if self.patient is None else self.patient[mask],
        )


def no_rows(dictionary: Dictionary, names: Iterable[str]) -> Rows:
    """Return no rows, with columns of these names.

    Raises
    ------
    WardnetError
        `COLUMN_UNAVAILABLE`.
    """
    cells = {name: dictionary.column(name).cells for name in names}
    types = {name: np.float64 if size is None else np.int32 for name, size in cells.items()}
    columns = {name: np.zeros(0, dtype) for name, dtype in types.items()}
    return Rows(0, columns, None if dictionary.patient is None else np.zeros(0, np.uint32))


def is_missing(column: Column, values: NDArray[np.generic]) -> NDArray[np.bool_]:
    """Return where the values of `column` are missing, same shape."""
    missing: NDArray[np.bool_]
    missing = np.isnan(values) if column.cells is None else np.less(values, 0)
    return missing


def concatenate(batches: Iterable[Rows]) -> Rows:
    """Return several batches, at least one, as one; all name their patients, or none does."""
    parts = list(batches)
    if len(parts) == 1:
        return parts[0]
    patients = [part.patient for part in parts if part.patient is not None]
    return Rows(
        size=sum(part.size for part in parts),
        columns={
            name: np.concatenate([part.columns[name] for part in parts])
            for name in parts[0].columns
        },
        patient=np.concatenate(patients) if patients else None,
    )

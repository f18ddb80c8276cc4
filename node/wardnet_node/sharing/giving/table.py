"""The table that leaves: batches of a snapshot as Arrow columns, de-identified and complete."""

from collections.abc import Callable
from typing import Any, Final, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from wardnet.question.dictionary import NEVER_SHARED, Column, Dictionary, to_bytes
from wardnet.question.values import code_type
from wardnet.sharing.deidentification import Patient
from wardnet_node.sharing.giving.extract import Chosen, Extract
from wardnet_node.sharing.giving.patients import PatientIds
from wardnet_node.sharing.giving.survey import Survey

DICTIONARY_KEY: Final = b"wardnet.dictionary"
"""Where the Parquet file says, in canonical bytes, what its columns mean."""

_Naming: TypeAlias = Callable[[NDArray[np.uint32]], pa.Array]


def schema(dictionary: Dictionary) -> pa.Schema:
    """Return the schema of rows that leave: codes as the vault keeps them, ids as text.

    On-grid columns are the narrowest signed integers, -1 where missing; off-grid ones float64, NaN
    where missing.
    """
    fields = [pa.field(column.name, _type(column), nullable=False) for column in dictionary.columns]
    return pa.schema(fields, metadata={DICTIONARY_KEY: to_bytes(dictionary)})


class LeavingTable:
    """Turn batches of what is selected into what leaves.

    Parameters
    ----------
    extract : Extract
        What is selected.
    survey : Survey
        Of the same extract: it knows the rare combinations.

    Raises
    ------
    WardnetError
        `PATIENT_ID_TOO_LONG` when ids are kept that have no way back.
    """

    def __init__(self, extract: Extract, survey: Survey) -> None:
        self._extract, self._survey = extract, survey
        self._rules = extract.selection.deidentification
        self._identifier = extract.deidentifier.result.patient
        self._names = _naming(extract, survey.leaving)
        self.schema = schema(extract.deidentifier.result)

    @property
    def needed(self) -> tuple[str, ...]:
        """Return the names of the columns to scan."""
        return self._rules.names

    def batch(self, chosen: Chosen) -> tuple[pa.RecordBatch, Chosen]:
        """Return the rows of a batch that leave, as they leave, and which they are."""
        leaving = self._without_rare(chosen)
        deidentifier = self._extract.deidentifier
        values = deidentifier.columns(leaving.rows, leaving.patients, self.needed)
        arrays = [
            self._names(leaving.patients)
            if field.name == self._identifier
            else to_arrow(values[field.name], field.type)
            for field in self.schema
        ]
        return pa.record_batch(arrays, schema=self.schema), leaving

    def _without_rare(self, chosen: Chosen) -> Chosen:
        if self._survey.stays.all():
            return chosen
        names = self._rules.quasi_identifiers
        columns = self._extract.deidentifier.columns(chosen.rows, chosen.patients, names)
        combinations = self._survey.combinations.numbers(columns, rows=chosen.rows.size)
        return chosen.take(self._survey.stays[combinations])


def to_arrow(values: NDArray[Any], kind: pa.DataType) -> pa.Array:
    """Return numbers as an Arrow array of a type; `pa.array` would import pandas, a second."""
    whole = np.ascontiguousarray(values, dtype=kind.to_pandas_dtype())
    return pa.Array.from_buffers(kind, len(whole), [None, pa.py_buffer(whole)])


def _naming(extract: Extract, leaving: NDArray[np.bool_]) -> _Naming:
    if extract.selection.deidentification.patient is Patient.KEEP:
        return PatientIds(extract.stored, leaving).of
    return extract.secret.pseudonyms


def _type(column: Column) -> pa.DataType:
    if column.type in NEVER_SHARED:
        return pa.string()
    if column.cells is None:
        return pa.float64()
    return pa.from_numpy_dtype(code_type(column.cells))

"""Rows of a parcel become batches for the vault: only what the grant lets through, and no more.

The owner's node has signed the parcel, but what it holds is checked as any file is: its dictionary
says which columns there are and what they may hold, and the grant which columns may come.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Final, NoReturn, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from wardnet.errors import Reason, WardnetError
from wardnet.question.dictionary import NEVER_SHARED, Column, Dictionary, from_bytes
from wardnet.question.rows import is_missing
from wardnet.sealing.parcel import Parcel
from wardnet.sharing.deidentification import Patient
from wardnet.sharing.grant import Grant
from wardnet.sharing.request import ShareRequest
from wardnet_node.intake.batches import Batch
from wardnet_node.sharing.giving.table import DICTIONARY_KEY, schema
from wardnet_node.sharing.taking.rows_process import NOT_PARQUET, DecodedRows, Unusable

MAXIMUM_ID_BYTES: Final = 16
"""Of a patient's number or pseudonym: a longer one could not be shown again."""

_TOLERANCE: Final = 1e-9
"""Of a bound: what a band of an off-grid column may lie outside of it by rounding."""


class IncomingRows:
    """Read the rows of an open parcel; use it as a context.

    Parameters
    ----------
    parcel : Parcel
        Whose frames were verified before.
    request, grant : ShareRequest, Grant
        What was asked for and granted.

    Raises
    ------
    WardnetError
        `PARCEL_REFUSED` when it is no such file, or not what was granted.

    Attributes
    ----------
    dictionary : Dictionary
        Of the rows.
    """

    def __init__(self, parcel: Parcel, *, request: ShareRequest, grant: Grant) -> None:
        self._owner = request.owner
        self._request, self._grant = request, grant
        self._decoded = DecodedRows(parcel, columns=len(grant.columns) + 1)

    def __enter__(self) -> Self:
        """Begin to read."""
        with ExitStack() as stack:
            with self._unusable_refused():
                found = stack.enter_context(self._decoded).schema
            self._check(found)
            stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        """End reading."""
        self._decoded.__exit__()

    def _check(self, found: pa.Schema) -> None:
        """Refuse what is not what was granted, before a row is taken."""
        self.dictionary = self._dictionary((found.metadata or {}).get(DICTIONARY_KEY, b""))
        self._check_granted(self._request, self._grant)
        expected = schema(self.dictionary)
        if not found.equals(expected):
            self._refuse("its columns are not of the types that its dictionary says")
        if not self._decoded.rows:
            self._refuse("it holds no row")

    def batches(self) -> Iterator[Batch]:
        """Yield the rows, row group by row group, each checked against the dictionary.

        Raises
        ------
        WardnetError
            `PARCEL_REFUSED`, naming the column and the rule, never a value; `PARCEL_DAMAGED`.
        """
        with self._unusable_refused():
            for table in self._decoded.groups():
                yield self._batch(table)

    def _batch(self, table: pa.Table) -> Batch:
        columns, missing = dict[str, NDArray[Any]](), dict[str, int]()
        patients = None
        for column in self.dictionary.columns:
            chunks = table.column(column.name)
            values = chunks.chunk(0) if chunks.num_chunks else pa.array([], chunks.type)
            if values.null_count:
                self._refuse(f"the column {column.name} has rows without a value")
            if column.name == self.dictionary.patient:
                patients = self._patients(values)
                continue
            columns[column.name] = self._checked(column, np.from_dlpack(values))
            missing[column.name] = int(is_missing(column, columns[column.name]).sum())
        return Batch(
            columns=columns,
            patients=patients,
            rows=table.num_rows,
            rejected=0,
            rejects=(),
            missing=missing,
            adjusted={},
        )

    def _checked(self, column: Column, values: NDArray[Any]) -> NDArray[Any]:
        """Return values that the dictionary has a meaning for."""
        if column.cells is not None:
            low, high = -1.0, column.cells - 1.0
        else:
            slack = _TOLERANCE * max(1.0, abs(float(column.origin)), abs(float(column.top)))
            low, high = float(column.origin) - slack, float(column.top) + slack
        outside = (values < low) | (values > high)  # NaN, which is missing, is neither
        if outside.any():
            self._refuse(f"the column {column.name} has values outside its bounds")
        return values

    def _patients(self, ids: pa.Array) -> pa.Array:
        """Return ids that the vault can keep and show again."""
        size = pc.binary_length(ids)
        fits = pc.and_(
            pc.and_(pc.greater(size, 0), pc.less_equal(size, MAXIMUM_ID_BYTES)),
            pc.and_(pc.utf8_is_printable(ids), pc.equal(ids, pc.utf8_trim_whitespace(ids))),
        )
        if not pc.all(fits).as_py():
            rule = f"a patient's number has not 1 to {MAXIMUM_ID_BYTES} printable bytes"
            self._refuse(rule)
        return ids

    def _dictionary(self, data: bytes) -> Dictionary:
        try:
            dictionary = from_bytes(data)
        except WardnetError:
            self._refuse("it does not say what its columns mean")
        shown = [dictionary.label]
        for column in dictionary.columns:
            shown += [column.label, column.unit, column.code_system, *column.levels]
        if not all(text.isprintable() for text in shown):
            self._refuse("its dictionary has characters that cannot be seen")
        return dictionary

    def _check_granted(self, request: ShareRequest, grant: Grant) -> None:
        """Refuse another dataset, another column, or a patient's id that was to be dropped."""
        dictionary = self.dictionary
        named = dictionary.patient is not None
        if dictionary.name != request.dataset:
            self._refuse("it is about another dataset")
        if named is (grant.deidentification.patient is Patient.DROP):
            self._refuse("it has patients' numbers or pseudonyms where the grant says otherwise")
        values = [one for one in dictionary.columns if one.name != dictionary.patient]
        names = tuple(sorted(column.name for column in values))
        if names != grant.columns or any(column.type in NEVER_SHARED for column in values):
            self._refuse("its columns are not those of the grant")

    @contextmanager
    def _unusable_refused(self) -> Iterator[None]:
        try:
            yield
        except Unusable as error:
            self._refuse(str(error))
        except pa.ArrowException:
            self._refuse(NOT_PARQUET)

    def _refuse(self, rule: str) -> NoReturn:
        raise WardnetError(Reason.PARCEL_REFUSED, rule=rule, hospital=self._owner) from None

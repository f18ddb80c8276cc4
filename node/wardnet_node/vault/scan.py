"""Scanning: encrypted segments become rows, batch by batch, in constant memory."""

from collections.abc import Collection, Iterable, Iterator
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from wardnet.question.dictionary import Dictionary
from wardnet.question.rows import Rows
from wardnet_node.vault import segments as files
from wardnet_node.vault.snapshot import PATIENT, SegmentRef

BATCH_ROWS: Final = 1 << 18


def scan(
    segments: Iterable[SegmentRef],
    columns: Collection[str],
    *,
    dictionary: Dictionary,
    with_patient: bool,
    batch_rows: int = BATCH_ROWS,
) -> Iterator[Rows]:
    """Decode the named columns of the segments, in order.

    Parameters
    ----------
    segments : iterable of SegmentRef
        Of one snapshot.
    columns : collection of str
        Names in the dictionary; none gives rows with a size only.
    dictionary : Dictionary
        That the snapshot was loaded under.
    with_patient : bool
        Whether to decode the patient index too, where the dataset has one.
    batch_rows : int
        Most rows at once.

    Yields
    ------
    Rows
        On-grid columns as narrow as they are stored.

    Raises
    ------
    WardnetError
        `VAULT_DAMAGED` when a file was changed, swapped or is missing; `COLUMN_UNAVAILABLE`.
    """
    names = sorted(dictionary.column(name).name for name in columns)
    indexed = with_patient and dictionary.patient is not None
    stored = [*names, PATIENT] if indexed else names
    for segment in segments:
        with files.opened(segment) as file:
            groups = range(segment.turn, file.num_row_groups, segment.turns)
            for batch in file.iter_batches(batch_rows, groups, stored):
                arrays = {name: _to_numpy(batch.column(name)) for name in stored}
                patient = arrays.pop(PATIENT, None)
                yield Rows(batch.num_rows, arrays, patient)


def _to_numpy(column: pa.Array) -> NDArray[Any]:
    """Return a view; Arrow's own `to_numpy` imports pandas, a worker's first second."""
    view: NDArray[Any] = np.from_dlpack(column)
    return view

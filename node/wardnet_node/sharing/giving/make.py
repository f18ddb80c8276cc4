"""Making: the rows of a grant as one Parquet file, in an order that tells nothing.

The order of a snapshot is that of the hospital's export: by admission, by name, by number. So every
row gets a random number of its own, and the rows leave in the order of these. A parcel larger than
the memory it may take is made in parts of that order, each by one more scan; nothing is written
anywhere but into the sink.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from io import RawIOBase
from typing import IO, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from wardnet.errors import Reason, WardnetError
from wardnet.question.dictionary import Dictionary
from wardnet_node.intake.blocks import Progress
from wardnet_node.sharing.giving.extract import Extract, Mask, chosen
from wardnet_node.sharing.giving.grant_secret import GrantSecret
from wardnet_node.sharing.giving.survey import survey
from wardnet_node.sharing.giving.table import LeavingTable, to_arrow

PART_BYTES: Final = 64 << 20
"""Rows that are held at once; about three times as much memory is taken."""

GROUP_ROWS: Final = 1 << 17

_BATCH_ROWS: Final = 1 << 16
_NUMBERS: Final = 1 << 64

_TEXT_BYTES: Final = 20
"""Of a pseudonym or an id in memory."""


@dataclass(frozen=True, slots=True)
class Made:
    """Describe what was made.

    Parameters
    ----------
    dictionary : Dictionary
        Of the rows, as it stands in the file.
    rows, patients : int
        In it.
    leaving : ndarray of bool, shape (population,)
        Whose rows they are, by the patients' numbers in the dataset.
    """

    dictionary: Dictionary
    rows: int
    patients: int
    leaving: Mask

    def tags(self, extract: Extract, tag_key: bytes) -> Iterator[str]:
        """Yield the tags of all whose rows these are; none where the dataset numbers no patient."""
        if extract.snapshot.dictionary.patient is not None:
            yield from extract.stored.tags(tag_key, among=self.leaving)


def make(
    extract: Extract,
    sink: IO[bytes] | RawIOBase,
    *,
    part_bytes: int = PART_BYTES,
    progress: Progress | None = None,
) -> Made:
    """Write what leaves as Parquet.

    Parameters
    ----------
    extract : Extract
        Of the granted snapshot.
    sink : binary file open for writing
        That seals what it is given.
    part_bytes : int
        Most bytes of rows that are held at once.
    progress : callable or None
        Called with the rows done and the rows in all.

    Raises
    ------
    WardnetError
        `NOTHING_TO_SHARE`; `PATIENT_ID_TOO_LONG`; `VAULT_DAMAGED`; and whatever `sink` raises.
    """
    found = survey(extract)
    if not found.rows:
        raise WardnetError(Reason.NOTHING_TO_SHARE, dataset=extract.snapshot.dataset)
    table = LeavingTable(extract, found)
    parts = -(-found.rows * _row_bytes(table.schema) // part_bytes)
    written = 0
    with pq.ParquetWriter(
        pa.PythonFile(sink, mode="w"),
        table.schema,
        compression="zstd",
        use_dictionary=False,
        write_statistics=False,
    ) as writer:
        for batch in _parts(extract, table, parts, segments=found.segments):
            writer.write_batch(batch, row_group_size=GROUP_ROWS)
            written += batch.num_rows
            if progress is not None:
                progress(written, found.rows)
    if written != found.rows:
        message = "the rows that left are not those that were counted"
        raise RuntimeError(message)
    return Made(extract.deidentifier.result, found.rows, found.patients, found.leaving)


def _parts(
    extract: Extract, table: LeavingTable, parts: int, *, segments: frozenset[int]
) -> Iterator[pa.RecordBatch]:
    """Return the rows in random order, part by part."""
    order = GrantSecret.throwaway()
    for part in range(parts):
        low, high = (number * _NUMBERS // parts for number in (part, part + 1))
        columns: dict[str, list[pa.Array]] = {name: [] for name in table.schema.names}
        numbers = []
        for candidates in chosen(extract, table.needed, batch_rows=_BATCH_ROWS, segments=segments):
            drawn = order.numbers(candidates.places)
            inside = (drawn >= np.uint64(low)) & (drawn <= np.uint64(high - 1))
            batch, kept = table.batch(candidates.take(inside))
            for name, arrays in columns.items():
                arrays.append(batch.column(name))
            numbers.append(order.numbers(kept.places))
        sequence = to_arrow(np.argsort(np.concatenate(numbers)), pa.int64())
        # One column after the other: what was taken is freed before the next.
        shuffled = [pa.concat_arrays(columns.pop(name)).take(sequence) for name in list(columns)]
        yield pa.record_batch(shuffled, schema=table.schema)


def _row_bytes(schema: pa.Schema) -> int:
    return sum(
        _TEXT_BYTES if pa.types.is_string(field.type) else field.type.bit_width // 8
        for field in schema
    )

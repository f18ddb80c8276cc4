"""Stored rows as people read them: codes become levels, numbers and dates again."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from wardnet.canonical import Json
from wardnet.question.dictionary import Column, ColumnType, Dictionary
from wardnet_node.vault.patients import StoredPatients, short_ids
from wardnet_node.vault.scan import scan
from wardnet_node.vault.snapshot import Snapshot

BATCH_ROWS: Final = 1 << 14

Lines = list[tuple[Json, ...]]


@dataclass(frozen=True, slots=True)
class Chosen:
    """Say what is read of a received dataset.

    Parameters
    ----------
    names : tuple of str
        Columns, in order; the patient's may be among them.
    first : int or None
        Most rows; None for all.
    """

    names: tuple[str, ...]
    first: int | None


def lines(snapshot: Snapshot, stored: StoredPatients, chosen: Chosen) -> Iterator[Lines]:
    """Yield rows as tuples of JSON values, in the order of `chosen.names`; None where missing."""
    dictionary = snapshot.dictionary
    columns = {column.name: column for column in dictionary.columns}
    values = [name for name in chosen.names if name != dictionary.patient]
    with_patient = len(values) < len(chosen.names)
    ids = _Ids(stored) if with_patient else None
    left = snapshot.rows if chosen.first is None else chosen.first
    for rows in scan(
        snapshot.segments,
        values,
        dictionary=dictionary,
        with_patient=with_patient,
        batch_rows=BATCH_ROWS,
    ):
        if left <= 0:
            return
        decoded: Mapping[str, Sequence[Json]] = {
            name: _decoded(columns[name], rows.columns[name][:left]) for name in values
        }
        if ids is not None and rows.patient is not None:
            decoded = {**decoded, dictionary.patient or "": ids.of(rows.patient[:left])}
        yield list(zip(*(decoded[name] for name in chosen.names), strict=True))
        left -= rows.size


def readable(dictionary: Dictionary) -> tuple[str, ...]:
    """Return the names of all columns that can be read."""
    return tuple(column.name for column in dictionary.columns)


class _Ids:
    """Turn patients' numbers back into what stood in the parcel."""

    def __init__(self, stored: StoredPatients) -> None:
        self._key = stored.key
        self._all = np.concatenate([np.zeros((0, 2), np.uint64), *stored.parts()])

    def of(self, patients: NDArray[np.uint32]) -> Sequence[Json]:
        numbers, places = np.unique(patients, return_inverse=True)
        found = short_ids(self._all[numbers], self._key)
        return [found[place] for place in places.tolist()]


def _decoded(column: Column, values: NDArray[Any]) -> Sequence[Json]:
    if column.cells is None:
        return [None if value != value else value for value in values.tolist()]  # noqa: PLR0124 - NaN
    codes, places = np.unique(values, return_inverse=True)
    found = [None if code < 0 else _value(column, code) for code in codes.tolist()]
    return [found[place] for place in places.tolist()]


def _value(column: Column, code: int) -> Json:
    match column.type:
        case ColumnType.BOOLEAN:
            return bool(code)
        case ColumnType.INTEGER:
            return int(column.text(code))
        case ColumnType.REAL:
            return float(column.text(code))
        case _:
            return column.text(code)

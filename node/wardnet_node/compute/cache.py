"""Decoded rows of the queries at work, kept in a worker's memory while they fit.

Every round of a query reads the same columns of the same snapshot, and decoding them costs more
than most rounds; so the guard round decodes and the later rounds find the rows here.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from wardnet.question.rows import Rows


@dataclass(slots=True)
class _Entry:
    content: object
    batches: list[Rows] = field(default_factory=list)
    size: int = 0


class RowsCache:
    """Keep the rows of the queries used last, up to a number of bytes.

    Parameters
    ----------
    capacity : int
        Bytes that all kept rows may take together.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._entries: OrderedDict[str, _Entry] = OrderedDict()

    def rows(
        self, query: str, *, content: object, scan: Callable[[], Iterable[Rows]]
    ) -> Iterator[Rows]:
        """Yield the rows of a query, from memory or else from `scan`, keeping them if they fit.

        Parameters
        ----------
        query : str
            Whose rows; one set of rows is kept per query.
        content : object
            What the rows are (snapshot, columns); kept rows of other content are dropped.
        scan : Callable
            Decodes the rows, batch by batch.
        """
        kept = self._entries.get(query)
        if kept is not None and kept.content == content:
            self._entries.move_to_end(query)
            yield from kept.batches
            return
        self.forget(query)
        entry: _Entry | None = _Entry(content)
        for batch in scan():
            if entry is not None:
                entry = self._extend(entry, batch)
            yield batch
        if entry is not None:
            self._entries[query] = entry

    def forget(self, query: str) -> None:
        """Drop the rows of a query."""
        self._entries.pop(query, None)

    def _extend(self, entry: _Entry, batch: Rows) -> _Entry | None:
        """Add a batch, dropping the queries used longest ago; None when it cannot fit."""
        entry.batches.append(batch)
        entry.size += size(batch)
        while entry.size + sum(other.size for other in self._entries.values()) > self._capacity:
            if not self._entries:
                return None
            self._entries.popitem(last=False)
        return entry


def size(rows: Rows) -> int:
    """Return the bytes that a batch takes in memory."""
    patient = 0 if rows.patient is None else rows.patient.nbytes
    return patient + sum(values.nbytes for values in rows.columns.values())

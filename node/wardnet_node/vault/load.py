"""A load on its way: batches become durable segments that no snapshot holds yet."""

from collections import deque
from collections.abc import Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from wardnet.errors import Reason, WardnetError
from wardnet_node.intake.batches import Batch
from wardnet_node.intake.quality import Tally
from wardnet_node.intake.rejects import RejectsReport
from wardnet_node.vault import segments as files
from wardnet_node.vault.disk import sync
from wardnet_node.vault.patients import PatientIndex
from wardnet_node.vault.segments import Written
from wardnet_node.vault.snapshot import PATIENT

SEGMENT_ROWS: Final = 1 << 19
"""Rows per segment: several keep several processors busy, very many would cost their opening."""

WRITERS: Final = 2


class Load:
    """Write the segments of one load; use it as a context, and `keep` them or lose them.

    Parameters
    ----------
    folder : Path
        Of the segments.
    place, schema : str
        As `segments.write` takes them.
    patients : PatientIndex or None
        None when every row is a patient of its own.
    """

    def __init__(
        self, folder: Path, *, place: str, schema: str, patients: PatientIndex | None
    ) -> None:
        self._folder = folder
        self._write = partial(files.write, folder=folder, place=place, schema=schema)
        self._patients = patients
        self._waiting: list[Batch] = []
        self._pool = ThreadPoolExecutor(WRITERS, thread_name_prefix="segments")
        self._writing: deque[Future[Written]] = deque()
        self._kept = False
        self.tally = Tally()
        self.rows: list[Written] = []
        self.new_patients: list[Written] = []

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(self, *_: object) -> None:
        """Remove what was written, unless it was kept."""
        self._pool.shutdown(cancel_futures=True)
        if not self._kept:
            under_way = [writing.result() for writing in self._writing if _succeeded(writing)]
            for written in (*self.rows, *self.new_patients, *under_way):
                files.path_of(self._folder, written.id).unlink(missing_ok=True)

    def take(
        self, batches: Iterable[Batch], *, rejects: RejectsReport, file: Path, maximum_rejects: int
    ) -> None:
        """Write all batches; the segments and their names are durable when the call returns.

        Raises
        ------
        WardnetError
            `ROWS_REJECTED`, after all rejects were reported; `FILE_EMPTY` when no row is left;
            `DISK_FULL`; and whatever `batches` raises.
        """
        for batch in batches:
            self.tally.add(batch)
            rejects.add(batch.rejects)
            if self.tally.rejected <= maximum_rejects:
                self._add(batch)
        if rejects.first is not None and self.tally.rejected > maximum_rejects:
            first = rejects.first
            raise WardnetError(
                Reason.ROWS_REJECTED,
                file=str(file),
                line=first.line,
                column=first.column,
                rule=first.rule,
                report=str(rejects.path),
            )
        if not self.tally.stored:
            raise WardnetError(Reason.FILE_EMPTY, file=str(file), rule="rows that fit")
        self._finish()

    def take_whole(self, batches: Iterable[Batch]) -> None:
        """Write batches that nothing was left out of; durable when the call returns.

        Raises
        ------
        WardnetError
            `DISK_FULL`, and whatever `batches` raises.
        """
        for batch in batches:
            self.tally.add(batch)
            self._add(batch)
        self._finish()

    def keep(self) -> None:
        """Leave the segments where they are: a snapshot holds them now."""
        self._kept = True

    def _add(self, batch: Batch) -> None:
        if batch.rows:
            self._waiting.append(batch)
        if sum(waiting.rows for waiting in self._waiting) >= SEGMENT_ROWS:
            self._flush()

    def _finish(self) -> None:
        self._flush()
        while self._writing:
            self._collect()
        if self._patients is not None and self._patients.added:
            self.new_patients.append(self._write(self._patients.added))
        sync(self._folder)

    def _flush(self) -> None:
        if not self._waiting:
            return
        columns = _concatenated([batch.columns for batch in self._waiting])
        if self._patients is not None:
            ids = pa.concat_arrays([batch.patients for batch in self._waiting])
            columns[PATIENT] = self._patients.numbers(ids)
        self._waiting = []
        if len(self._writing) >= WRITERS:
            self._collect()
        self._writing.append(self._pool.submit(self._write, columns))

    def _collect(self) -> None:
        self.rows.append(self._writing[0].result())
        self._writing.popleft()


def _concatenated(parts: list[Mapping[str, NDArray[Any]]]) -> dict[str, NDArray[Any]]:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _succeeded(writing: Future[Written]) -> bool:
    return writing.done() and not writing.cancelled() and writing.exception() is None

"""A file becomes clean typed batches; what does not fit is named by line, column and rule."""

import os
from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from wardnet.errors import Reason, WardnetError
from wardnet.question.dictionary import NEVER_SHARED, Column, Dictionary
from wardnet.question.rows import is_missing
from wardnet.question.values import Encoded
from wardnet_node.intake import csv_file
from wardnet_node.intake.blocks import Block, Progress, read_blocks, record_lines
from wardnet_node.intake.cells import drop_missing, encode_cells, trim
from wardnet_node.intake.csv_file import Records
from wardnet_node.intake.local_part import LocalPart

NO_PATIENT: Final = "is empty, and names the patient"
UNENDED: Final = (
    "has no line end, so the file may be cut off inside it; when the file is whole, say so with "
    "--accept-last-line"
)
WHOLE_RECORD: Final = "(all)"
"""What stands for the column where a whole record does not fit."""

_THREADS: Final = min(4, os.cpu_count() or 1)


@dataclass(frozen=True, slots=True, order=True)
class Reject:
    """Name one cell, or record, that does not fit.

    Parameters
    ----------
    line : int
        Of the file, where the record starts.
    column : str
        Its name in the file.
    rule : str
        What it breaks; never a value.
    """

    line: int
    column: str
    rule: str


@dataclass(frozen=True, slots=True)
class Batch:
    """Hold some of a file's rows, clean.

    Parameters
    ----------
    columns : Mapping of str to ndarray, each shape (rows,)
        As `Rows` holds them.
    patients : arrow array of string, shape (rows,), or None
        The ids of the patients.
    rows : int
        Rows that fit.
    rejected : int
        Records that do not.
    rejects : tuple of Reject
        Why, in order; a record may break several rules.
    missing : Mapping of str to int
        Missing values by column.
    adjusted : Mapping of (str, str) to int
        Values that the dictionary's rules changed, by column and what was done.
    """

    columns: Mapping[str, NDArray[Any]]
    patients: pa.Array | None
    rows: int
    rejected: int
    rejects: tuple[Reject, ...]
    missing: Mapping[str, int]
    adjusted: Mapping[tuple[str, str], int]


@dataclass(frozen=True, slots=True)
class _Plan:
    """Say what to take from a file."""

    path: Path
    dictionary: Dictionary
    local: LocalPart
    accept_last_line: bool
    header: tuple[str, ...] = ()
    shared: tuple[Column, ...] = field(init=False)

    def __post_init__(self) -> None:
        shared = (c for c in self.dictionary.columns if c.type not in NEVER_SHARED)
        object.__setattr__(self, "shared", tuple(shared))

    @property
    def wanted(self) -> tuple[str, ...]:
        """Return the names in the file of all columns that are read."""
        names = [column.name for column in self.shared]
        if self.dictionary.patient is not None:
            names.append(self.dictionary.patient)
        return tuple(dict.fromkeys(self.local.source(name) for name in names))


def read(
    path: Path,
    dictionary: Dictionary,
    *,
    local: LocalPart,
    accept_last_line: bool = False,
    progress: Progress | None = None,
) -> Iterator[Batch]:
    """Read a CSV file as its local part describes it, in the order of its records.

    Blocks are parsed by a few threads ahead of the caller; memory does not grow with the file. A
    last line without a line end is rejected: a file that was cut inside its very last number looks
    the same, and 11 in place of 110 is a wrong value that nobody notices.

    Parameters
    ----------
    path : Path
        Of the file.
    dictionary : Dictionary
        The shared part.
    local : LocalPart
        How the file is written.
    accept_last_line : bool
        Whether a last line without a line end is whole.
    progress : callable or None
        Called after every batch with the bytes done and the bytes in all.

    Raises
    ------
    WardnetError
        `FILE_UNREADABLE`, `FILE_EMPTY`, `FILE_ENCODING`, `FILE_TRUNCATED`, `FILE_QUOTES` or
        `FILE_HEADER`: nothing of such a file may be kept.
    """
    blocks = read_blocks(path, encoding=local.encoding, quote=local.quote)
    header, rest = csv_file.read_header(next(blocks, None), path=path, local=local)
    plan = _Plan(path, dictionary, local, accept_last_line, header)
    csv_file.check_header(header, plan.wanted, path=path)
    total, records = path.stat().st_size, 0
    for done, batch in _in_threads(plan, rest, blocks):
        records += batch.rows + batch.rejected
        yield batch
        if progress is not None:
            progress(min(done, total), total)
    if not records:
        raise WardnetError(Reason.FILE_EMPTY, file=str(path), rule="rows")


def _in_threads(
    plan: _Plan, first: Block, following: Iterator[Block]
) -> Iterator[tuple[int, Batch]]:
    pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="intake")
    ahead: deque[tuple[int, Future[Batch]]] = deque()
    try:
        ahead.append((first.done, pool.submit(_batch, plan, first)))
        for block in following:
            ahead.append((block.done, pool.submit(_batch, plan, block)))
            if len(ahead) > _THREADS:
                done, batch = ahead.popleft()
                yield done, batch.result()
        for done, batch in ahead:
            yield done, batch.result()
    finally:
        pool.shutdown(cancel_futures=True)


def _batch(plan: _Plan, block: Block) -> Batch:
    records = csv_file.parse(
        block, path=plan.path, local=plan.local, header=plan.header, wanted=plan.wanted
    )
    encoded = {column.name: _encoded(plan, column, records) for column in plan.shared}
    patients = _patients(plan, records)
    found = _found(plan, encoded, patients) + _unended(plan, block, records)
    columns = {name: one.values for name, one in encoded.items()}
    rows, rejects = records.rows, list[Reject]()
    if found or records.uneven:
        rejects = _rejects(plan, block, records, found)
        good = ~np.any([np.zeros(rows, np.bool_), *(cells.mask for cells in found)], axis=0)
        columns = {name: values[good] for name, values in columns.items()}
        patients = None if patients is None else patients.filter(pa.array(good))
        rows = int(good.sum())
    return Batch(
        columns=columns,
        patients=patients,
        rows=rows,
        rejected=records.rows + len(records.uneven) - rows,
        rejects=tuple(rejects),
        missing={c.name: int(is_missing(c, columns[c.name]).sum()) for c in plan.shared},
        adjusted={
            (name, what): count
            for name, one in encoded.items()
            for what, count in one.adjusted.items()
        },
    )


def _encoded(plan: _Plan, column: Column, records: Records) -> Encoded:
    local = plan.local.column(column.name)
    text = records.columns[plan.local.source(column.name)]
    return encode_cells(column, text, local=local, decimal=plan.local.decimal)


def _patients(plan: _Plan, records: Records) -> pa.Array | None:
    name = plan.dictionary.patient
    if name is None:
        return None
    ids = trim(records.columns[plan.local.source(name)])
    return drop_missing(ids, plan.local.column(name).missing)


@dataclass(frozen=True, slots=True)
class _Cells:
    """Name cells of one column that break one rule."""

    source: str
    rule: str
    mask: NDArray[np.bool_]


def _found(
    plan: _Plan, encoded: Mapping[str, Encoded], patients: pa.Array | None
) -> tuple[_Cells, ...]:
    found = [
        _Cells(plan.local.source(name), problem.rule, problem.mask)
        for name, one in encoded.items()
        for problem in one.problems
    ]
    if patients is not None and patients.null_count:
        source = plan.local.source(plan.dictionary.patient or "")
        found.append(_Cells(source, NO_PATIENT, patients.is_null().to_numpy(zero_copy_only=False)))
    return tuple(found)


def _unended(plan: _Plan, block: Block, records: Records) -> tuple[_Cells, ...]:
    """Name the file's last record where its line has no end, unless it has been vouched for."""
    cut = block.last and not block.data.endswith((b"\n", b"\r"))
    if not cut or plan.accept_last_line or not records.rows or records.ends_uneven:
        return ()
    return (_Cells(WHOLE_RECORD, UNENDED, np.arange(records.rows) == records.rows - 1),)


def _rejects(
    plan: _Plan, block: Block, records: Records, found: tuple[_Cells, ...]
) -> list[Reject]:
    lines = record_lines(block, quote=plan.local.quote)
    rejects = [
        Reject(int(lines[records.place(row)]), cells.source, cells.rule)
        for cells in found
        for row in np.flatnonzero(cells.mask).tolist()
    ]
    for place, count in records.uneven:
        rule = f"has {count} cells where the header has {len(plan.header)}"
        rejects.append(Reject(int(lines[place]), WHOLE_RECORD, rule))
    return sorted(rejects, key=lambda reject: reject.line)

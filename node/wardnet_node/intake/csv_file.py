"""CSV records: the header, and blocks parsed into text columns."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pa_csv

from wardnet.errors import Reason, WardnetError
from wardnet_node.intake.blocks import Block, check_quotes, check_utf_8, record_lines
from wardnet_node.intake.local_part import LocalPart


@dataclass(frozen=True, slots=True)
class Records:
    """Hold one block's records.

    Parameters
    ----------
    columns : Mapping of str to arrow array of string, each shape (rows,)
        By source name; empty cells are null.
    rows : int
        Records with as many cells as the header.
    places : tuple of int
        Where these rows stand among the block's records; empty when all records are rows.
    uneven : tuple of (int, int)
        The other records: place and number of cells.
    """

    columns: Mapping[str, pa.Array]
    rows: int
    places: tuple[int, ...]
    uneven: tuple[tuple[int, int], ...]

    @property
    def ends_uneven(self) -> bool:
        """Say whether the last record is none of the rows."""
        return bool(self.uneven) and self.uneven[-1][0] == self.rows + len(self.uneven) - 1

    def place(self, row: int) -> int:
        """Return where a row stands among the block's records."""
        return self.places[row] if self.places else row


def read_header(
    block: Block | None, *, path: Path, local: LocalPart
) -> tuple[tuple[str, ...], Block]:
    """Return the names in the file's first record, and the rest of its first block.

    Parameters
    ----------
    block : Block or None
        The first; None when the file holds nothing.

    Raises
    ------
    WardnetError
        `FILE_ENCODING`, `FILE_QUOTES` or `FILE_EMPTY`.
    """
    if block is None:
        raise _no_header(path)
    check_utf_8(block, file=path, encoding=local.encoding)
    check_quotes(block, file=path, delimiter=local.delimiter, quote=local.quote)
    lines = io.StringIO(block.data.decode(), newline="")
    reader = csv.reader(
        lines,
        delimiter=local.delimiter,
        quotechar=local.quote or None,
        quoting=csv.QUOTE_MINIMAL if local.quote else csv.QUOTE_NONE,
    )
    header = next((tuple(cell.strip() for cell in record) for record in reader if record), None)
    if header is None:
        raise _no_header(path)
    rest = lines.read().encode()
    return header, replace(block, data=rest, line=block.line + reader.line_num)


def check_header(header: Sequence[str], wanted: Sequence[str], *, path: Path) -> None:
    """Refuse a header without a wanted column, or with the same name twice.

    A name is quoted only when the dictionary knows it: a file without a header has data there.

    Raises
    ------
    WardnetError
        `FILE_HEADER`.
    """
    for name in wanted:
        if name not in header:
            _refuse(path, name, "the header has no such column")
    for position, name in enumerate(header):
        if name and name in header[:position]:
            shown = name if name in wanted else f"number {position + 1}"
            _refuse(path, shown, "the name stands twice in the header")


def parse(
    block: Block, *, path: Path, local: LocalPart, header: Sequence[str], wanted: Sequence[str]
) -> Records:
    """Parse the wanted columns of a block, as text.

    Raises
    ------
    WardnetError
        `FILE_ENCODING`, `FILE_QUOTES` or `FILE_TRUNCATED`, naming the line.
    """
    check_utf_8(block, file=path, encoding=local.encoding)
    check_quotes(block, file=path, delimiter=local.delimiter, quote=local.quote)
    uneven: list[tuple[int, int]] = []
    table = _read(block, local, cells=len(header), uneven=uneven)
    records = table.num_rows + len(uneven)
    _check_end(block, path=path, local=local, last=records - 1, uneven=uneven, cells=len(header))
    places: tuple[int, ...] = ()
    if uneven:
        odd = {place for place, _ in uneven}
        places = tuple(place for place in range(records) if place not in odd)
    columns = {name: _column(table, header.index(name)) for name in wanted}
    return Records(columns, table.num_rows, places, tuple(uneven))


def _read(block: Block, local: LocalPart, *, cells: int, uneven: list[tuple[int, int]]) -> pa.Table:
    names = [str(position) for position in range(cells)]
    if not block.data.strip():
        return pa.table({name: pa.array([], type=pa.string()) for name in names})

    def note(row: pa_csv.InvalidRow) -> str:
        uneven.append((row.number - 1, row.actual_columns))
        return "skip"

    return pa_csv.read_csv(
        pa.BufferReader(block.data),
        read_options=pa_csv.ReadOptions(
            use_threads=False, column_names=names, block_size=len(block.data) + 1
        ),
        parse_options=pa_csv.ParseOptions(
            delimiter=local.delimiter,
            quote_char=local.quote or False,
            newlines_in_values=True,
            invalid_row_handler=note,
        ),
        convert_options=pa_csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()),
            null_values=[""],
            strings_can_be_null=True,
            check_utf8=False,
        ),
    )


def _column(table: pa.Table, position: int) -> pa.Array:
    return table.column(position).combine_chunks()


def _check_end(
    block: Block,
    *,
    path: Path,
    local: LocalPart,
    last: int,
    uneven: Sequence[tuple[int, int]],
    cells: int,
) -> None:
    """Refuse a file whose last record is short and has no end of line: the rest is elsewhere."""
    if not block.last or block.data.endswith(b"\n") or not uneven or uneven[-1][0] != last:
        return
    if uneven[-1][1] < cells:
        line = int(record_lines(block, quote=local.quote)[last])
        raise WardnetError(
            Reason.FILE_TRUNCATED,
            file=str(path),
            line=line,
            rule=f"it has {uneven[-1][1]} of {cells} cells",
        )


def _no_header(path: Path) -> WardnetError:
    return WardnetError(Reason.FILE_EMPTY, file=str(path), rule="header")


def _refuse(path: Path, column: str, rule: str) -> None:
    raise WardnetError(Reason.FILE_HEADER, file=str(path), column=column, rule=rule)

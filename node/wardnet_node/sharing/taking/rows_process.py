"""A parcel's rows are decoded in a process of its own: `DecodedRows` starts it, `main` is it.

Whoever holds the owner's node can sign any Parquet file, and one can be written whose pages unpack
to more than a machine has. Then this process ends at its limit, and the node goes on. It has no
catalog, no keys but the parcel's, and no file but the sealed one.
"""

import resource
import socket
from collections.abc import Iterator
from contextlib import suppress
from io import BufferedRWPair
from pathlib import Path
from typing import Final, Self

import pyarrow as pa
import pyarrow.parquet as pq

from wardnet.errors import WardnetError
from wardnet.sealing.frame_reader import FrameReader, SealedFile
from wardnet.sealing.header import ROWS
from wardnet.sealing.parcel import Parcel
from wardnet_node.sharing import lines
from wardnet_node.sharing.lines import Line

MAXIMUM_GROUP_ROWS: Final = 1 << 20
"""Rows of a row group, which are in memory at once."""

ROW_BYTES: Final = 24
"""Of one value before compression, at most: of an id, with its length."""
GROUP_BYTES: Final = 1 << 16
"""What pages and their headers add to a column of a row group."""

_MODULE: Final = "wardnet_node.sharing.taking.rows_process"
_LEAST_MEMORY: Final = 256 << 20
_COPIES: Final = 4
"""Of a row group: packed, unpacked, as a table, and as it is handed over."""

NOT_PARQUET: Final = "its rows are no Parquet file"
TOO_LARGE: Final = "it has more rows in one piece than can be taken in"
TOO_MUCH_MEMORY: Final = "its rows take more memory than so many can need"


class Unusable(Exception):  # noqa: N818 - the caller makes it a refusal that names the hospital
    """Say by which rule a parcel's rows cannot be taken."""


class DecodedRows:
    """Read the rows of an open parcel; use it as a context.

    Parameters
    ----------
    parcel : Parcel
        Whose frames were verified before.
    columns : int
        How many it may have at most.

    Raises
    ------
    Unusable
        When they are no rows, or take too much memory; also while they are read.
    WardnetError
        `PARCEL_DAMAGED`, `FILE_UNREADABLE`; also while they are read.

    Attributes
    ----------
    schema : pa.Schema
        With its metadata.
    rows : int
        How many there are.
    """

    def __init__(self, parcel: Parcel, *, columns: int) -> None:
        part = next(part for part in parcel.header.parts if part.name == ROWS)
        self._most = memory(columns)
        self._orders: Line = {
            "body": str(parcel.body),
            "key": parcel.key.hex(),
            "of": parcel.header.length,
            "offset": part.offset,
            "length": part.length,
            "memory": self._most,
        }

    def __enter__(self) -> Self:
        """Start the process and hear what there is to read."""
        ours, theirs = socket.socketpair()
        self._process = lines.start(_MODULE, theirs)
        self._socket, self._stream = ours, ours.makefile("rwb")
        try:
            self._stream.write(lines.write(self._orders))
            self._stream.flush()
            said, data = self._hear()
            self.schema: pa.Schema = pa.ipc.read_schema(pa.py_buffer(data))
            self.rows = int(str(said["rows"]))
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """End the process."""
        with suppress(OSError):
            self._stream.close()
        self._socket.close()
        self._process.kill()
        self._process.wait()

    def groups(self) -> Iterator[pa.Table]:
        """Yield the rows, row group by row group."""
        while True:
            said, data = self._hear()
            if "done" in said:
                return
            table = pa.ipc.open_stream(pa.py_buffer(data)).read_all()
            table.validate(full=True)
            yield table

    def _hear(self) -> tuple[Line, bytes]:
        """Return the next line and the bytes that belong to it."""
        try:
            said = lines.read(self._stream.readline())
            if said is None:
                raise Unusable(TOO_MUCH_MEMORY)
            if "rule" in said:
                raise Unusable(str(said["rule"]))
            if "reason" in said:
                raise lines.error_from_line(said)
            size = int(str(said.get("bytes", 0)))
            data = self._stream.read(size) if size <= self._most else b""
        except OSError:
            raise Unusable(TOO_MUCH_MEMORY) from None
        if len(data) < size:
            raise Unusable(TOO_MUCH_MEMORY)
        return said, data


def memory(columns: int) -> int:
    """Return the bytes that decoding may take: what the largest row group of so many needs."""
    return _LEAST_MEMORY + columns * _COPIES * (GROUP_BYTES + MAXIMUM_GROUP_ROWS * ROW_BYTES)


def main() -> None:
    """Decode one parcel's rows."""
    pa.set_memory_pool(pa.system_memory_pool())
    stream = lines.settle().makefile("rwb")
    orders = lines.read(stream.readline())
    if orders is None:
        return
    _limit(int(str(orders["memory"])))
    with suppress(OSError):  # whoever has started it is gone
        try:
            last = _decode(orders, stream)
        except WardnetError as error:
            last = lines.error_to_line(error)
        except (MemoryError, pa.ArrowMemoryError):
            last = {"rule": TOO_MUCH_MEMORY}
        stream.write(lines.write(last))
        stream.flush()


def _limit(most: int) -> None:
    """Let this process take so many bytes more than it has, where the system tells how many."""
    with suppress(FileNotFoundError):
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        most += pages * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (most, most))


def _decode(orders: Line, stream: BufferedRWPair) -> Line:
    """Hand the rows over; return what is said at the end."""
    length, offset, of = (int(str(orders[name])) for name in ("length", "offset", "of"))
    frames = SealedFile(Path(str(orders["body"])), bytes.fromhex(str(orders["key"])), length=of)
    with FrameReader(frames, offset=offset, length=length) as source:
        try:
            file = pq.ParquetFile(source, pre_buffer=False)
            schema = file.schema_arrow.serialize()
            _say(stream, schema, rows=file.metadata.num_rows)
            for number in range(file.num_row_groups):
                if _too_large(file.metadata.row_group(number)):
                    return {"rule": TOO_LARGE}
                table = file.read_row_group(number, use_threads=False).combine_chunks()
                sink = pa.BufferOutputStream()
                with pa.ipc.new_stream(sink, table.schema) as writer:
                    writer.write_table(table)
                del table
                _say(stream, sink.getvalue())
        except pa.ArrowMemoryError:
            raise
        except pa.ArrowException:
            return {"rule": NOT_PARQUET}
        except OSError as error:
            if isinstance(error, ConnectionError):
                raise
            return {"rule": NOT_PARQUET}
    return {"done": True}


def _too_large(group: pq.RowGroupMetaData) -> bool:
    """Say whether a row group would fill the memory, before it is decoded."""
    rows: int = group.num_rows
    most = GROUP_BYTES + rows * ROW_BYTES
    sizes: list[int] = [group.column(i).total_uncompressed_size for i in range(group.num_columns)]
    return rows > MAXIMUM_GROUP_ROWS or max(sizes, default=0) > most


def _say(stream: BufferedRWPair, data: pa.Buffer, **more: int) -> None:
    stream.write(lines.write({"bytes": data.size, **more}))
    stream.write(data)
    stream.flush()

"""A text file in blocks of whole records: decoded, counted, in constant memory."""

import codecs
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from wardnet.errors import Reason, WardnetError

BLOCK_BYTES: Final = 1 << 22
MAXIMUM_RECORD: Final = 1 << 24
"""Most bytes of one record; more is a quote that was never closed."""

Progress: TypeAlias = Callable[[int, int], None]
"""Called with the bytes done and the bytes in all."""

_NEWLINE: Final = b"\n"
_UTF_8: Final = frozenset({"utf-8", "ascii"})
_LETTER: Final = "ä".encode()


@dataclass(frozen=True, slots=True)
class Block:
    """Hold some whole records.

    Parameters
    ----------
    data : bytes
        UTF-8 (not yet checked where the file claims to be UTF-8).
    line : int
        The file's line that it starts on, from 1.
    done : int
        Bytes of the file that were read so far.
    last : bool
        Whether the file ends here.
    """

    data: bytes
    line: int
    done: int
    last: bool


def read_blocks(path: Path, *, encoding: str, quote: str) -> Iterator[Block]:
    r"""Cut a file into blocks that end where a record ends.

    Records end with \n, \r\n, or, in a file that has no \n, with \r. A newline inside quotes ends
    no record.

    Raises
    ------
    WardnetError
        `FILE_UNREADABLE`, `FILE_EMPTY`, `FILE_ENCODING`, `FILE_IS_UTF_8` or `FILE_TRUNCATED`.
    """
    line, rest = 1, b""
    mark = quote.encode()
    for data, done, last in _chunks(path, encoding):
        rest += data
        end = len(rest) if last else _records_end(rest, mark)
        if last and mark and rest.count(mark) % 2:
            raise _open_quote(path, line + rest.count(_NEWLINE, 0, _records_end(rest, mark)))
        if not end and len(rest) > MAXIMUM_RECORD:
            raise _open_quote(path, line)
        block, rest = rest[:end], rest[end:]
        if block.strip():
            yield Block(block, line, done, last=last)
        line += block.count(_NEWLINE)


def check_utf_8(block: Block, *, file: Path, encoding: str) -> None:
    """Refuse bytes that are not what they were declared to be.

    Raises
    ------
    WardnetError
        `FILE_ENCODING`, naming the line.
    """
    if _name(encoding) not in _UTF_8:
        return  # it was decoded when it was read
    try:
        block.data.decode(encoding)
    except UnicodeDecodeError as error:
        line = block.line + block.data.count(_NEWLINE, 0, error.start)
        raise WardnetError(Reason.FILE_ENCODING, file=str(file), line=line, rule=encoding) from None


def check_quotes(block: Block, *, file: Path, delimiter: str, quote: str) -> None:
    """Refuse quotes that stand inside a cell: nobody could say where the cell ends.

    Raises
    ------
    WardnetError
        `FILE_QUOTES`, naming the line.
    """
    if not quote or quote.encode() not in block.data:
        return
    data = np.frombuffer(_NEWLINE + block.data + _NEWLINE, dtype=np.uint8)
    places = np.flatnonzero(data == ord(quote))
    edges = np.frombuffer(f"{delimiter}{quote}\r\n".encode(), dtype=np.uint8)
    opens, closes = places[0::2], places[1::2]
    wrong = np.sort(
        np.concatenate(
            [opens[~np.isin(data[opens - 1], edges)], closes[~np.isin(data[closes + 1], edges)]]
        )
    )
    if wrong.size:
        line = block.line + block.data.count(_NEWLINE, 0, int(wrong[0]) - 1)
        raise WardnetError(Reason.FILE_QUOTES, file=str(file), line=line)


def record_lines(block: Block, *, quote: str) -> NDArray[np.int64]:
    """Return the file's line that each record starts on, empty records left out.

    The parser also ends a record at a carriage return of its own; only newlines count as lines.
    """
    data = np.frombuffer(block.data + _NEWLINE, dtype=np.uint8)
    newline, bare = data == ord(_NEWLINE), data == ord("\r")
    bare[:-1] &= ~newline[1:]
    ends = np.flatnonzero(newline | bare)
    if quote:
        quotes = np.flatnonzero(data == ord(quote))
        ends = ends[np.searchsorted(quotes, ends) % 2 == 0]
    starts = np.concatenate([[0], ends[:-1] + 1])
    length = ends - starts
    filled = (length > 1) | ((length == 1) & (data[starts] != ord("\r")))
    lines: NDArray[np.int64] = block.line + np.searchsorted(np.flatnonzero(newline), starts[filled])
    return lines


def _chunks(path: Path, encoding: str) -> Iterator[tuple[bytes, int, bool]]:
    """Yield (UTF-8 bytes, bytes of the file done, whether it was the last)."""
    try:
        with path.open("rb") as file:
            if _name(encoding) in _UTF_8:
                yield from _raw_chunks(file)
            else:
                _check_not_utf_8(file, path, encoding)
                yield from _decoded_chunks(file, path, encoding)
    except OSError as error:
        raise WardnetError(
            Reason.FILE_UNREADABLE, file=str(path), rule=error.strerror or "it cannot be opened"
        ) from error


def _check_not_utf_8(file: IO[bytes], path: Path, encoding: str) -> None:
    """Refuse UTF-8 that is declared to have one byte for each letter.

    Nearly any bytes are text in such an encoding, so that decoding would not fail but give wrong
    letters. Nearly no text of such an encoding is UTF-8, unless it is ASCII, which is both.
    """
    if len(_LETTER.decode(encoding, "replace")) != len(_LETTER):
        return
    decoder = codecs.getincrementaldecoder("utf-8")()
    plain, last = True, False
    try:
        while not last:
            raw = file.read(BLOCK_BYTES)
            last = not raw
            plain = plain and raw.isascii()
            decoder.decode(raw, last)
    except UnicodeDecodeError:
        plain = True
    if not plain:
        raise WardnetError(Reason.FILE_IS_UTF_8, file=str(path), rule=encoding)
    file.seek(0)


def _raw_chunks(file: IO[bytes]) -> Iterator[tuple[bytes, int, bool]]:
    data = file.read(BLOCK_BYTES).removeprefix(codecs.BOM_UTF8)
    newline = _line_end(data)
    last = False
    while not last:
        following = file.read(BLOCK_BYTES)
        last = not following
        yield _with_newlines(data, newline), file.tell() - len(following), last
        data = following


def _decoded_chunks(
    file: IO[bytes], path: Path, encoding: str
) -> Iterator[tuple[bytes, int, bool]]:
    decoder = codecs.getincrementaldecoder(encoding)()
    line, newline, last = 1, _NEWLINE, False
    while not last:
        raw = file.read(BLOCK_BYTES)
        last = not raw
        try:
            data = decoder.decode(raw, last).encode()
        except UnicodeDecodeError as error:
            before = error.object[: error.start].decode(encoding, "replace")
            raise WardnetError(
                Reason.FILE_ENCODING, file=str(path), line=line + before.count("\n"), rule=encoding
            ) from None
        if file.tell() == len(raw):
            newline = _line_end(data)
        data = _with_newlines(data, newline)
        line += data.count(_NEWLINE)
        yield data, file.tell(), last


def _line_end(data: bytes) -> bytes:
    return b"\r" if b"\r" in data and _NEWLINE not in data else _NEWLINE


def _with_newlines(data: bytes, newline: bytes) -> bytes:
    return data if newline == _NEWLINE else data.replace(newline, _NEWLINE)


def _records_end(data: bytes, mark: bytes) -> int:
    """Return where the last whole record ends: behind the last newline outside quotes."""
    end = data.rfind(_NEWLINE)
    if mark and data.count(mark, 0, max(end, 0)) % 2:
        array = np.frombuffer(data, dtype=np.uint8)
        ends = np.flatnonzero(array == ord(_NEWLINE))
        quotes = np.flatnonzero(array == ord(mark))
        outside = ends[np.searchsorted(quotes, ends) % 2 == 0]
        end = int(outside[-1]) if outside.size else -1
    return end + 1


def _open_quote(path: Path, line: int) -> WardnetError:
    return WardnetError(
        Reason.FILE_TRUNCATED, file=str(path), line=line, rule="a quoted cell is not closed"
    )


def _name(encoding: str) -> str:
    return codecs.lookup(encoding).name

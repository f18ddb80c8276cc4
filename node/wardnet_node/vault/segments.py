"""Segments: immutable files of columns, each under its own key (Parquet Modular Encryption).

AES-256-GCM covers every page and the footer, so names and counts do not show, and the AAD prefix
binds a file to its place: another file, even of the same key, does not open there. On-grid columns
are stored as their codes, -1 where missing: the form in which `Rows` holds them, so reading is
decoding and nothing else.

References
----------
Apache Parquet Modular Encryption (2023), sections 4 and 5.
"""

import hashlib
import os
import secrets
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pyarrow.parquet.encryption import (
    create_decryption_properties,
    create_encryption_properties,
)

from wardnet.errors import Reason, WardnetError
from wardnet_node.vault.disk import disk_errors, sync
from wardnet_node.vault.keys import KEY_BYTES
from wardnet_node.vault.snapshot import GROUP_ROWS, SegmentRef

SUFFIX: Final = ".pme"
UNFINISHED: Final = ".tmp"

_LOOKED_AT: Final = 4096
_OFTEN: Final = 4
"""How often a double must occur among the first ones for a list of all to be worth it."""


@dataclass(frozen=True, slots=True)
class Written:
    """Describe a segment that is durable under its name, and in no snapshot yet.

    Parameters
    ----------
    id : str
        Random; the file's name.
    rows, size, plain : int
        How many rows; how many bytes on the disk, and before compression and encryption.
    digest : str
        SHA-256 of the file, hexadecimal.
    aad : str
        As in `SegmentRef`.
    key : bytes
        32 bytes.
    """

    id: str
    rows: int
    size: int
    plain: int
    digest: str
    aad: str
    key: bytes = field(repr=False)


def path_of(folder: Path, segment_id: str) -> Path:
    """Return where a segment lies."""
    return folder / (segment_id + SUFFIX)


def write(columns: Mapping[str, NDArray[Any]], folder: Path, *, place: str, schema: str) -> Written:
    """Write one segment, durable when the call returns (its name, after `sync` of the folder).

    Parameters
    ----------
    columns : Mapping of str to ndarray, each shape (rows,)
        Integers and float64.
    place : str
        `network|node|dataset`.
    schema : str
        What says which columns there are: the digest of the dictionary.

    Raises
    ------
    WardnetError
        `DISK_FULL`; the unfinished file is gone.
    """
    name = str(uuid.uuid4())
    key, aad = secrets.token_bytes(KEY_BYTES), f"v1|{place}|{name}|{schema}"
    table = pa.table({column: pa.array(values) for column, values in columns.items()})
    unfinished = folder / (name + UNFINISHED)
    try:
        with disk_errors(folder):
            os.close(os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            _write_table(table, unfinished, key=key, aad=aad.encode())
            sync(unfinished)
            digest, size = _digest(unfinished)
            unfinished.rename(path_of(folder, name))
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
    return Written(name, table.num_rows, size, table.nbytes, digest, aad, key)


def _write_table(table: pa.Table, path: Path, *, key: bytes, aad: bytes) -> None:
    encryption = create_encryption_properties(key, aad_prefix=aad, store_aad_prefix=False)
    with pq.ParquetWriter(
        path,
        table.schema,
        encryption_properties=encryption,
        **encodings(table),
    ) as writer:
        writer.write_table(table, row_group_size=GROUP_ROWS)


def encodings(table: pa.Table) -> dict[str, Any]:
    """Return how a table is written, as `pyarrow.parquet.ParquetWriter` takes it.

    Measured against plain values: codes as differences are a fifth smaller and read in two thirds
    of the time, doubles that repeat as places in a list are half as large and read in a quarter of
    it. Numbers of 64 bits without a sign are pseudonyms, with nothing to gain.
    """
    codes = [
        field.name
        for field in table.schema
        if pa.types.is_integer(field.type) and field.type != pa.uint64()
    ]
    repeating = [
        field.name
        for field in table.schema
        if pa.types.is_floating(field.type) and _repeats(table[field.name])
    ]
    return {
        "compression": dict.fromkeys(table.schema.names, "zstd") | dict.fromkeys(repeating, "lz4"),
        "write_statistics": False,
        "column_encoding": dict.fromkeys(codes, "DELTA_BINARY_PACKED"),
        "use_dictionary": repeating,
    }


def _repeats(column: pa.ChunkedArray) -> bool:
    """Say whether the first values of a column are few different ones."""
    first = column.slice(0, _LOOKED_AT)
    return len(first.unique()) * _OFTEN <= len(first)


def check_size(path: Path, size: int) -> None:
    """Check that a segment's file is there, in its size.

    Raises
    ------
    WardnetError
        `VAULT_DAMAGED`.
    """
    try:
        found = path.stat().st_size
    except OSError:
        raise _damaged(path, "it is missing") from None
    if found != size:
        raise _damaged(path, "it has another size")


@contextmanager
def opened(segment: SegmentRef) -> Iterator[pq.ParquetFile]:
    """Open a segment to read.

    Raises
    ------
    WardnetError
        `VAULT_DAMAGED`, here or from the block, when the file is missing, was changed, or is
        another.
    """
    decryption = create_decryption_properties(segment.key, aad_prefix=segment.aad)
    try:
        with pq.ParquetFile(segment.path, decryption_properties=decryption) as file:
            if file.metadata.num_rows != segment.rows:
                raise _damaged(segment.path, "it is another file")
            yield file
    except FileNotFoundError:
        raise _damaged(segment.path, "it is missing") from None
    except pa.ArrowMemoryError:
        raise
    except (OSError, pa.ArrowException) as error:
        raise _damaged(segment.path, "it was changed, or is another file") from error


def _damaged(path: Path, rule: str) -> WardnetError:
    return WardnetError(Reason.VAULT_DAMAGED, path=str(path), rule=rule)


def _digest(path: Path) -> tuple[str, int]:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest(), file.tell()

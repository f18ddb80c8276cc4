"""Reasons about files that become datasets."""

from collections.abc import Mapping
from typing import Final

from wardnet.reasons import Reason, Row, Status

_S = Status

ROWS: Final[Mapping[Reason, Row]] = {
    Reason.FILE_UNREADABLE: Row(
        _S.INVALID_ARGUMENT, "{file} cannot be read: {rule}. Check the path and its rights."
    ),
    Reason.FILE_EMPTY: Row(
        _S.INVALID_ARGUMENT, "{file} holds no {rule}. Export it again; nothing was stored."
    ),
    Reason.FILE_TRUNCATED: Row(
        _S.INVALID_ARGUMENT,
        "{file} ends inside the record of line {line}: {rule}. Export it again; "
        "nothing was stored.",
    ),
    Reason.FILE_ENCODING: Row(
        _S.INVALID_ARGUMENT,
        "{file}, line {line}: the bytes are not {rule}. Declare the file's encoding in the "
        "local part and load again; nothing was stored.",
    ),
    Reason.FILE_IS_UTF_8: Row(
        _S.INVALID_ARGUMENT,
        "{file} is written in UTF-8 but declared as {rule}: letters would be read wrongly. "
        'Declare encoding = "utf-8" in the local part, adopt it and load again, or convert '
        "the file; nothing was stored.",
    ),
    Reason.FILE_QUOTES: Row(
        _S.INVALID_ARGUMENT,
        "{file}, line {line}: a quote stands inside a cell. Declare the file's quote, or "
        "none, in the local part and load again; nothing was stored.",
    ),
    Reason.FILE_HEADER: Row(
        _S.INVALID_ARGUMENT,
        "{file}, line 1, column {column}: {rule}. Correct the header or the local part; "
        "nothing was stored.",
    ),
    Reason.ROWS_REJECTED: Row(
        _S.INVALID_ARGUMENT,
        "{file}, line {line}, column {column}: {rule}. All rejected rows are in {report}; "
        "nothing was stored. Correct the file, or accept the loss with --max-rejects.",
    ),
    Reason.ROWS_LOST: Row(
        _S.FAILED_PRECONDITION,
        "{file} holds fewer than half as many rows as {dataset} has now; nothing was stored. "
        "Check that the export is whole; when it is, load it with --accept-fewer-rows.",
    ),
    Reason.DICTIONARY_MISMATCH: Row(
        _S.FAILED_PRECONDITION,
        "{path} does not fit the dictionary at {field}: {rule}. Correct the local part or "
        "adopt the current dictionary.",
    ),
    Reason.LOCAL_PART_LOST: Row(
        _S.FAILED_PRECONDITION,
        "{dataset} was adopted with a local part of its own, which would be lost. Name a file "
        "with --local, keep the one that is there with --keep-local, or give it up for plain "
        "CSV with --plain.",
    ),
    Reason.NOT_ADOPTED: Row(
        _S.NOT_FOUND,
        "{dataset} has not been adopted here. `wardnet-node dataset list` shows what has; "
        "`wardnet-node dataset adopt {dataset} --local FILE` takes it up from the network.",
    ),
}

"""Plain copies: what a spreadsheet or a program reads is what was lent, and files are private."""

import csv
import io
import json
import os
from pathlib import Path

import pytest

from wardnet.errors import Reason, WardnetError
from wardnet_node.sharing.taking.plain_copy import Form, pieces, plain_file
from wardnet_node.sharing.taking.plain_rows import Lines

NAMES = ("record", "old", "age", "score")
BATCHES: list[Lines] = [
    [("R-1", True, 40, -0.1), ("=1+1", False, None, None)],
    [("é;\n", None, 0, 1e-300)],
]


def test_csv_holds_every_value_and_no_formula() -> None:
    """Missing values are empty; what begins like a formula does not."""
    text = b"".join(pieces(BATCHES, NAMES, Form.CSV)).decode()
    assert list(csv.reader(io.StringIO(text))) == [
        list(NAMES),
        ["R-1", "true", "40", "-0.1"],
        ["'=1+1", "false", "", ""],
        ["é;\n", "", "0", "1e-300"],
    ]


def test_json_holds_every_value_in_its_type() -> None:
    """Missing values are null."""
    read = json.loads(b"".join(pieces(BATCHES, NAMES, Form.JSON)))
    assert [tuple(record.values()) for record in read] == [*BATCHES[0], *BATCHES[1]]
    assert all(tuple(record) == NAMES for record in read)


def test_no_rows_are_an_empty_list() -> None:
    """And a header alone."""
    assert json.loads(b"".join(pieces([], NAMES, Form.JSON))) == []
    assert b"".join(pieces([], NAMES, Form.CSV)) == b"record,old,age,score\r\n"


def test_a_file_is_private_new_and_whole(tmp_path: Path) -> None:
    """Whatever the umask; a refusal in the middle leaves none, and another file stays."""
    usual = os.umask(0)
    try:
        with plain_file(tmp_path / "rows") as file:
            file.write(b"1")
    finally:
        os.umask(usual)
    assert (tmp_path / "rows").stat().st_mode & 0o777 == 0o600
    with pytest.raises(WardnetError) as error, plain_file(tmp_path / "rows"):
        pass
    assert error.value.reason is Reason.ALREADY_EXISTS
    assert (tmp_path / "rows").read_bytes() == b"1"
    with pytest.raises(KeyError), plain_file(tmp_path / "half") as file:
        raise KeyError(file.write(b"1"))
    with pytest.raises(WardnetError) as error, plain_file(tmp_path / "no" / "rows"):
        pass
    assert error.value.reason is Reason.FILE_UNREADABLE
    assert [path.name for path in tmp_path.iterdir()] == ["rows"]

"""Entries of one's own log are read fast, and as strictly as their types say."""

import pytest

from support.log_entries import entry
from wardnet.audit.entry import from_bytes, from_stored, to_bytes
from wardnet.errors import Reason, WardnetError


def test_an_entry_of_one_s_own_log_is_read_fast_and_strictly() -> None:
    """It is the entry that the slow reader gives; what is none is refused."""
    value = entry()
    assert from_stored(to_bytes(value)) == from_bytes(to_bytes(value)) == value
    for data in (
        b"{}",
        b"",
        to_bytes(value)[:-1],
        to_bytes(value).replace(b'"seq":1', b'"seq":"1"'),
    ):
        with pytest.raises(WardnetError) as caught:
            from_stored(data)
        assert caught.value.reason is Reason.MALFORMED

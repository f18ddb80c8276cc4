"""Patients in the log: keyed tags, sealed detail, and erasure that leaves every proof standing."""

import base64
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from pydantic import TypeAdapter, ValidationError

from support.logs import EVENT, KEYS, NOW, PINS, filled, signed
from wardnet.audit import bundle, log, tags, verifier
from wardnet.audit.entry import Entry
from wardnet.audit.search import Search, search
from wardnet.errors import Reason, WardnetError

KEY = bytes(range(32))
ADA, BOB = tags.tag(KEY, "1234567"), tags.tag(KEY, "7654321")


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    """Give a log of three entries that can describe patients."""
    connection = filled(3)
    for statement in tags.SCHEMA:
        connection.execute(statement)
    yield connection
    connection.close()


def describe(
    connection: sqlite3.Connection, tag: str, detail: bytes, *, at: datetime = NOW
) -> Entry:
    """Log something about a patient."""
    connection.execute("BEGIN IMMEDIATE")
    sealed = tags.seal(connection, detail, tag=tag, at=at)
    event = replace(EVENT, patient_tags=(tag,), sealed_detail=sealed)
    entry = log.append(connection, event, at=at)
    connection.execute("COMMIT")
    return entry


def test_a_tag_is_the_patients_and_the_keys() -> None:
    """However the number is typed; under another key it is another."""
    assert tags.tag(KEY, " 1234567 ") == ADA
    assert tags.tag(KEY, "J\u00f6rg") == tags.tag(KEY, "Jo\u0308rg")
    assert len({ADA, BOB, tags.tag(bytes(32), "1234567")}) == 3
    assert "1234567" not in ADA
    assert len(ADA) == 64


def test_detail_is_readable_until_it_is_erased(connection: sqlite3.Connection) -> None:
    """One patient's erasure leaves the others; the entry says nothing of it in the clear."""
    first = describe(connection, ADA, b"pacemaker")
    second = describe(connection, BOB, b"bypass")
    assert tags.open_detail(connection, first) == b"pacemaker"
    assert b"pacemaker" not in log.data(connection, first.seq)
    assert tags.erase(connection, ADA) == 1
    with pytest.raises(WardnetError) as caught:
        tags.open_detail(connection, first)
    assert caught.value.reason is Reason.DETAIL_ERASED
    assert caught.value.details["line"] == str(first.seq)
    assert tags.open_detail(connection, second) == b"bypass"
    assert tags.open_detail(connection, next(log.entries(connection))) is None


def test_every_proof_stands_after_an_erasure(connection: sqlite3.Connection) -> None:
    """Not a byte of the log changes, and the entries are still found by the tag."""
    entry = describe(connection, ADA, b"pacemaker")
    text = signed(connection, witnesses=2)
    before = log.verify(connection)
    tags.erase(connection, ADA)
    assert log.verify(connection) == before
    assert search(connection, Search(tag=ADA), limit=9) == (entry,)
    for seqs in ((entry.seq,), None):
        gathered = bundle.gather(connection, seqs, keys=KEYS)
        assert gathered.checkpoint == text
        assert verifier.verify(gathered, logs=PINS, witnesses=PINS).size == 4


def test_detail_ends_with_its_time(connection: sqlite3.Connection) -> None:
    """Six whole years after the year of the entry, by default; never under one."""
    old = describe(connection, ADA, b"old", at=datetime(2019, 12, 31, 23, 59, tzinfo=UTC))
    new = describe(connection, ADA, b"new", at=datetime(2020, 1, 1, tzinfo=UTC))
    assert tags.expire(connection, at=datetime(2025, 12, 31, tzinfo=UTC)) == 0
    assert tags.expire(connection, at=datetime(2026, 1, 1, tzinfo=UTC)) == 1
    with pytest.raises(WardnetError):
        tags.open_detail(connection, old)
    assert tags.open_detail(connection, new) == b"new"
    with pytest.raises(ValueError, match="a year at least"):
        tags.expire(connection, at=NOW, years=0)
    with pytest.raises(ValidationError):
        TypeAdapter(tags.Years).validate_python(0)


def test_changed_detail_does_not_open(connection: sqlite3.Connection) -> None:
    """Of another patient, or with other bytes."""
    entry = describe(connection, ADA, b"pacemaker")
    other = describe(connection, BOB, b"bypass")
    for wrong in (
        replace(entry, sealed_detail=other.sealed_detail),
        replace(entry, sealed_detail="?"),
        replace(entry, sealed_detail=base64.b64encode(b"short").decode()),
    ):
        with pytest.raises(WardnetError) as caught:
            tags.open_detail(connection, wrong)
        assert caught.value.reason is Reason.LOG_DAMAGED

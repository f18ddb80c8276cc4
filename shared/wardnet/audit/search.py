"""Find entries of an access log by what they say, newest first.

The fields that can be searched stand in narrow tables beside the log, filled by triggers in the
transaction of the entry itself. They only find: what is shown is read from the entries.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Final, Literal, TypeAlias

from pydantic import Field, StringConstraints
from pydantic.dataclasses import dataclass

from wardnet.audit.entry import Entry, EventType, Outcome, from_bytes
from wardnet.audit.log import Connection, read_entry
from wardnet.audit.scope import EVERYTHING as ALL
from wardnet.audit.scope import Scope
from wardnet.clock import Moment
from wardnet.question.dictionary import STRICT

Text: TypeAlias = Annotated[str, StringConstraints(max_length=400)]
Place: TypeAlias = Annotated[int, Field(ge=0, lt=1 << 53)]

_PATHS: Final = {
    "time": "$.time",
    "type": "$.type",
    "outcome": "$.outcome",
    "subject": "$.actor.subject",
    "organisation": "$.actor.organisation",
    "study": "$.study",
    "purpose": "$.purpose",
    "operation": "$.operation",
    "dataset": "$.dataset",
    "request_digest": "$.request_digest",
}
_RECIPIENT: Final = {"recipient": "$.recipient"}


def _read_from(row: str, paths: Mapping[str, str] = _PATHS) -> str:
    text = f"CAST({row}.entry AS TEXT)"
    return ", ".join(f"json_extract({text}, '{path}')" for path in paths.values())


def _tags_of(row: str) -> str:
    return f"json_each(CAST({row}.entry AS TEXT), '$.patient_tags')"


def _trigger(paths: Mapping[str, str]) -> str:
    return f"""
    CREATE TRIGGER access_log_is_searched AFTER INSERT ON access_log BEGIN
        INSERT OR REPLACE INTO access_log_fields (seq, {", ".join(paths)})
        VALUES (new.seq, {_read_from("new", paths)});
        INSERT OR IGNORE INTO access_log_tags (tag, seq)
        SELECT value, new.seq FROM {_tags_of("new")};
    END
    """  # noqa: S608 - constants


SCHEMA: Final = (
    f"""
    CREATE TABLE access_log_fields (
        seq INTEGER PRIMARY KEY,
        {", ".join(f"{name} TEXT" for name in _PATHS)}
    ) STRICT
    """,
    """
    CREATE TABLE access_log_tags (
        tag TEXT NOT NULL,
        seq INTEGER NOT NULL,
        PRIMARY KEY (tag, seq)
    ) STRICT, WITHOUT ROWID
    """,
    f"""
    INSERT INTO access_log_fields (seq, {", ".join(_PATHS)})
    SELECT seq, {_read_from("access_log")} FROM access_log
    """,  # noqa: S608 - constants
    f"""
    INSERT OR IGNORE INTO access_log_tags (tag, seq)
    SELECT value, seq FROM access_log, {_tags_of("access_log")}
    """,  # noqa: S608 - constants
    _trigger(_PATHS),
)
"""Statements for the owner's migrations, after the log's own."""

BY_RECIPIENT: Final = (
    "ALTER TABLE access_log_fields ADD COLUMN recipient TEXT",
    f"""
    UPDATE access_log_fields SET recipient = (
        SELECT {_read_from("access_log", _RECIPIENT)} FROM access_log
        WHERE access_log.seq = access_log_fields.seq
    )
    """,  # noqa: S608 - constants
    "DROP TRIGGER access_log_is_searched",
    _trigger(_PATHS | _RECIPIENT),
)
"""Statements for a later migration."""


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Search:
    """State which entries are wanted; what is empty does not matter.

    Parameters
    ----------
    since, until : Moment
        From the first moment, and before the second.
    type : EventType or None
        What happened.
    outcome : Outcome or None
        How it ended.
    subject, organisation : str
        Part of who acted, e.g. a researcher's id; for whom they acted.
    study : str
        The beginning of a study's digest.
    purpose : str
        Part of the purpose.
    dataset, method : str
        About which one; by which one.
    request : str
        SHA-256 of a signed request, hexadecimal.
    recipient : str
        Part of who received something, e.g. a hospital's id.
    tag : str
        Keyed tag of a patient.
    after, before : int
        Only entries with a greater number; with a smaller one, 0 for all. The next page begins so.
    """

    since: Moment | Literal[""] = ""
    until: Moment | Literal[""] = ""
    type: EventType | None = None
    outcome: Outcome | None = None
    subject: Text = ""
    organisation: Text = ""
    study: Text = ""
    purpose: Text = ""
    dataset: Text = ""
    method: Text = ""
    request: Text = ""
    recipient: Text = ""
    tag: Text = ""
    after: Place = 0
    before: Place = 0


EVERYTHING: Final = Search()


def search(connection: Connection, wanted: Search, *, limit: int) -> tuple[Entry, ...]:
    """Return the newest entries that are wanted, newest first, at most `limit`.

    Raises
    ------
    WardnetError
        `LOG_DAMAGED`, naming the entry that cannot be read.
    """
    return tuple(scan(connection, wanted, limit=limit))


def scan(
    connection: Connection,
    wanted: Search,
    *,
    within: Scope = ALL,
    limit: int = -1,
    read: Callable[[bytes], Entry] = from_bytes,
) -> Iterator[Entry]:
    """Yield the newest entries that are wanted, newest first.

    Parameters
    ----------
    within : Scope
        Only entries of this scope.
    limit : int
        At most so many; all when negative.
    read : Callable
        How bytes are read: for totals over many entries `entry.from_stored`.

    Raises
    ------
    WardnetError
        `LOG_DAMAGED`, naming the entry that cannot be read.
    """
    conditions = (
        ("seq IN (SELECT seq FROM access_log_tags WHERE tag = ?)", wanted.tag),
        ("time >= ?", wanted.since),
        ("time < ?", wanted.until),
        ("type = ?", wanted.type.value if wanted.type else ""),
        ("outcome = ?", wanted.outcome.value if wanted.outcome else ""),
        ("instr(subject, ?) > 0", wanted.subject),
        ("organisation = ?", wanted.organisation),
        ("instr(study, ?) = 1", wanted.study),
        ("instr(purpose, ?) > 0", wanted.purpose),
        ("dataset = ?", wanted.dataset),
        ("instr(operation, ?) = 1", f"{wanted.method} " if wanted.method else ""),
        ("request_digest = ?", wanted.request),
        ("instr(recipient, ?) > 0", wanted.recipient),
        ("seq > ?", wanted.after),
        ("seq < ?", wanted.before),
        ("time >= ?", within.since),
        ("time < ?", within.until),
        ("dataset IN (SELECT value FROM json_each(?))", _list(within.datasets)),
        ("study IN (SELECT value FROM json_each(?))", _list(within.studies)),
        ("type IN (SELECT value FROM json_each(?))", _list(within.kinds)),
    )
    asked = [(condition, value) for condition, value in conditions if value]
    where = " AND ".join(condition for condition, _ in asked) or "true"
    rows = connection.execute(
        "SELECT seq, entry FROM access_log WHERE seq IN (SELECT seq FROM access_log_fields"  # noqa: S608 - values are bound
        f" WHERE {where} ORDER BY seq DESC LIMIT ?) ORDER BY seq DESC",
        (*(value for _, value in asked), limit),
    )
    for seq, data in rows:
        yield read_entry(seq, bytes(data), read=read)


def outside(scope: Scope, wanted: Search, *, answer: bool = False) -> str:
    """Return what is asked for and not granted; empty when all of it is."""
    studies = any(study.startswith(wanted.study) for study in scope.studies)
    found = {
        "patient": bool(wanted.tag) and not scope.patients,
        "answer": answer and not scope.answers,
        "dataset": bool(scope.datasets and wanted.dataset and wanted.dataset not in scope.datasets),
        "study": bool(scope.studies and not studies),
        "type": bool(scope.kinds and wanted.type and wanted.type not in scope.kinds),
    }
    return next((field for field, is_outside in found.items() if is_outside), "")


def _list(values: tuple[str, ...]) -> str:
    return json.dumps(values) if values else ""

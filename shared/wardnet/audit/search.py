"""Find entries of an access log by what they say, newest first.

The fields that can be searched stand in a narrow table beside the log, filled by a trigger in the
transaction of the entry itself. It only finds: what is shown is read from the entries.
"""

from dataclasses import dataclass
from typing import Final

from wardnet.audit.entry import Entry, EventType
from wardnet.audit.log import Connection, read_entry
from wardnet.clock import Moment

_FIELDS: Final = "time, type, subject, dataset"
_PATHS: Final = ("$.time", "$.type", "$.actor.subject", "$.dataset")


def _read_from(row: str) -> str:
    text = f"CAST({row}.entry AS TEXT)"
    return ", ".join(f"json_extract({text}, '{path}')" for path in _PATHS)


SCHEMA: Final = (
    """
    CREATE TABLE access_log_fields (
        seq INTEGER PRIMARY KEY,
        time TEXT,
        type TEXT,
        subject TEXT,
        dataset TEXT
    ) STRICT
    """,
    f"""
    INSERT INTO access_log_fields (seq, {_FIELDS})
    SELECT seq, {_read_from("access_log")} FROM access_log
    """,  # noqa: S608 - constants
    f"""
    CREATE TRIGGER access_log_is_searched AFTER INSERT ON access_log BEGIN
        INSERT OR REPLACE INTO access_log_fields (seq, {_FIELDS})
        VALUES (new.seq, {_read_from("new")});
    END
    """,  # noqa: S608 - constants
)
"""Statements for the owner's migrations, after the log's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """State which entries are wanted; what is empty does not matter.

    Parameters
    ----------
    since, until : Moment
        From the first moment, and before the second.
    type : EventType or None
        What happened.
    subject : str
        Part of who acted.
    dataset : str
        About which one.
    before : int
        Only entries with a smaller number; 0 for all. The next page begins so.
    """

    since: Moment = ""
    until: Moment = ""
    type: EventType | None = None
    subject: str = ""
    dataset: str = ""
    before: int = 0


def search(connection: Connection, wanted: Search, *, limit: int) -> tuple[Entry, ...]:
    """Return the newest entries that are wanted, newest first, at most `limit`.

    Raises
    ------
    WardnetError
        `LOG_DAMAGED`, naming the entry that cannot be read.
    """
    conditions = {
        "time >= ?": wanted.since,
        "time < ?": wanted.until,
        "type = ?": wanted.type.value if wanted.type else "",
        "instr(subject, ?) > 0": wanted.subject,
        "dataset = ?": wanted.dataset,
        "seq < ?": wanted.before,
    }
    asked = {condition: value for condition, value in conditions.items() if value}
    where = " AND ".join(asked) or "true"
    rows = connection.execute(
        "SELECT seq, entry FROM access_log WHERE seq IN (SELECT seq FROM access_log_fields"  # noqa: S608 - values are bound
        f" WHERE {where} ORDER BY seq DESC LIMIT ?) ORDER BY seq DESC",
        (*asked.values(), limit),
    )
    return tuple(read_entry(seq, bytes(data)) for seq, data in rows)

"""The queries in the database: accepted once, brought forward a round at a time, ended once."""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from wardnet import canonical, clock
from wardnet.audit import log
from wardnet.audit.entry import Event, EventType
from wardnet.audit.entry import Outcome as LogOutcome
from wardnet.errors import Reason, WardnetError
from wardnet.identity.envelope import Envelope, Trust, verify
from wardnet.identity.member import Member, Role
from wardnet.question import query as questions
from wardnet.question.query import Query
from wardnet.transport.convert import envelope_from_bytes, envelope_to_bytes
from wardnet.transport.work import total_from_bytes, total_to_bytes
from wardnet_coordinator import catalog, registry
from wardnet_coordinator.course import Course, Failure, Outcome, Refusal, start

MAXIMUM_RUNNING: Final = 64
"""Most queries that one researcher may have running."""

TOTALS_AT_ONCE: Final = 8
"""How many totals of ended queries are deleted in one commit."""

MINIMUM_PREFIX: Final = 6
"""Fewest characters that stand for a query's id."""


@dataclass(frozen=True, slots=True)
class Record:
    """Hold what the coordinator knows of a query.

    Parameters
    ----------
    query : Query
        What was signed.
    envelope : Envelope
        As it was signed.
    course : Course
        How far it is.
    submitted, ended : int
        Unix milliseconds; `ended` is 0 while it runs.
    interim : Mapping of str to bytes
        By hospital: what it last told the researcher while the query ran, sealed. In memory only.
    """

    query: Query
    envelope: Envelope
    course: Course
    submitted: int
    ended: int = 0
    interim: Mapping[str, bytes] = field(default_factory=dict)


def milliseconds(at: datetime) -> int:
    """Return a moment in Unix milliseconds."""
    return int(at.timestamp() * 1000)


def check(envelope: Envelope, *, caller: Member, trust: Trust, at: datetime) -> Record:
    """Return the query in an envelope, if its caller is who signed it.

    Raises
    ------
    WardnetError
        `SIGNATURE_INVALID`, `MALFORMED` or `IDENTITY_MISMATCH`.
    """
    # 1. The caller, and nobody else, has signed these bytes.
    if verify(envelope, payload_type=questions.PAYLOAD_TYPE, trust=trust, at=at) != (caller,):
        raise WardnetError(Reason.IDENTITY_MISMATCH, identity="the query's signer")
    # 2. Only then they are read, and only to know whom to bring them.
    query = questions.from_bytes(envelope.payload)
    # 3. They name the caller too.
    if (query.network, query.researcher) != (caller.network, caller.id):
        raise WardnetError(Reason.IDENTITY_MISMATCH, identity="the query's researcher")
    course = start(canonical.digest(envelope.payload), query)
    return Record(query, envelope, course, milliseconds(at))


def check_usable(connection: sqlite3.Connection, query: Query, *, at: datetime) -> None:
    """Check that the network as it stands could answer a query.

    Raises
    ------
    WardnetError
        `QUERY_EXPIRED`, `DATASET_UNAVAILABLE`, `DICTIONARY_OUTDATED`, or `PARAMETER_INVALID` for
        a hospital that nobody knows.
    """
    if not clock.from_moment(query.not_before) <= at <= clock.from_moment(query.not_after):
        raise WardnetError(Reason.QUERY_EXPIRED)
    if catalog.dictionary(connection, query.dataset).digest != query.dictionary:
        raise WardnetError(Reason.DICTIONARY_OUTDATED, dataset=query.dataset)
    unknown = sorted(set(query.hospitals) - registry.hospitals(connection))
    if unknown:
        rule = f"name {', '.join(unknown)}, unknown in this network"
        raise WardnetError(
            Reason.PARAMETER_INVALID, method=query.method, parameter="hospitals", rule=rule
        )


def insert(connection: sqlite3.Connection, *, record: Record, at: datetime) -> bool:
    """Store a checked query; return False, without a change, if it is there already.

    Raises
    ------
    WardnetError
        What `check_usable` refuses, or `WORK_LIMIT`.
    """
    query = record.query
    # 1. The same bytes again change nothing.
    if _rows(connection, "query = ?", record.course.query):
        return False
    # 2. Whoever gets it can act on it.
    check_usable(connection, query, at=at)
    # 3. Nobody takes all places.
    (running,) = connection.execute(
        "SELECT count(*) FROM queries WHERE researcher = ? AND outcome = ?",
        (query.researcher, Outcome.RUNNING),
    ).fetchone()
    if running >= MAXIMUM_RUNNING:
        rule = f"you have {MAXIMUM_RUNNING} queries running"
        raise WardnetError(Reason.WORK_LIMIT, rule=rule)
    # 4. Query and log entry, together.
    connection.execute(
        "INSERT INTO queries VALUES (?, ?, ?, 0, ?, ?, ?, ?, ?, '{}', NULL)",
        (
            record.course.query,
            query.researcher,
            record.submitted,
            envelope_to_bytes(record.envelope),
            record.course.outcome,
            record.course.attempt,
            record.course.round,
            json.dumps(record.course.hospitals),
        ),
    )
    _log(connection, record, EventType.QUERY_SUBMITTED, LogOutcome.DONE, at=at)
    return True


def keep(connection: sqlite3.Connection, *, after: Record, at: datetime) -> None:
    """Bring a query forward: a new total, a new attempt, or its end."""
    course = after.course
    connection.execute(
        "UPDATE queries SET ended = ?, outcome = ?, attempt = ?, round = ?, hospitals = ?,"
        " refusals = ?, failure = ? WHERE query = ?",
        (
            after.ended,
            course.outcome,
            course.attempt,
            course.round,
            json.dumps(course.hospitals),
            json.dumps({name: _refusal_json(why) for name, why in course.refusals.items()}),
            None if course.failure is None else json.dumps(_failure_json(course.failure)),
            course.query,
        ),
    )
    connection.executemany(
        "INSERT INTO answers VALUES (?, ?, ?)",
        [(course.query, hospital, sealed) for hospital, sealed in course.answers.items()],
    )
    if not course.running:
        _log_end(connection, after, at=at)
    if course.total is not None:
        connection.execute(
            "INSERT INTO totals VALUES (?, ?, ?)",
            (course.query, course.total.round, total_to_bytes(course.total)),
        )
    elif course.running:  # a new attempt begins anew; an ended query's go by `forget_totals`
        connection.execute("DELETE FROM totals WHERE query = ?", (course.query,))


def forget_totals(connection: sqlite3.Connection) -> bool:
    """Delete a few totals of queries that have ended; return whether there may be more.

    A training leaves hundreds of megabytes, which take a second to overwrite: neither its answer
    nor other queries wait for that.
    """
    deleted = connection.execute(
        "DELETE FROM totals WHERE (query, round) IN (SELECT query, totals.round"
        " FROM totals JOIN queries USING (query) WHERE outcome <> ? LIMIT ?)",
        (Outcome.RUNNING, TOTALS_AT_ONCE),
    )
    return deleted.rowcount == TOTALS_AT_ONCE


def running(connection: sqlite3.Connection) -> Sequence[Record]:
    """Return all queries that still need work, oldest first."""
    return _rows(connection, "outcome = ? ORDER BY submitted", Outcome.RUNNING)


def find(connection: sqlite3.Connection, *, query: str, researcher: str) -> Record:
    """Return a researcher's query by its id or an unambiguous beginning of it.

    Raises
    ------
    WardnetError
        `QUERY_UNKNOWN`, the same for somebody else's.
    """
    found: Sequence[Record] = ()
    if len(query) >= MINIMUM_PREFIX:
        found = _rows(
            connection,
            "researcher = ? AND substr(query, 1, ?) = ? LIMIT 2",
            researcher,
            len(query),
            query,
        )
    if len(found) != 1:
        raise WardnetError(Reason.QUERY_UNKNOWN, query=query)
    return found[0]


def total(connection: sqlite3.Connection, *, query: str, round_: int) -> bytes | None:
    """Return the total of a round of a running query, as it is stored."""
    found = connection.execute(
        "SELECT total FROM totals WHERE query = ? AND round = ?", (query, round_)
    ).fetchone()
    return None if found is None else found[0]


def answer(connection: sqlite3.Connection, *, query: str, after: str) -> tuple[str, bytes] | None:
    """Return the sealed answer of the first hospital after another one, and whose it is."""
    found: tuple[str, bytes] | None = connection.execute(
        "SELECT hospital, sealed FROM answers WHERE query = ? AND hospital > ?"
        " ORDER BY hospital LIMIT 1",
        (query, after),
    ).fetchone()
    return found


def recent(connection: sqlite3.Connection, *, researcher: str, limit: int) -> Sequence[Record]:
    """Return a researcher's queries, newest first."""
    condition = "researcher = ? ORDER BY submitted DESC, query LIMIT ?"
    return _rows(connection, condition, researcher, limit)


_SELECT: Final = (
    "SELECT query, submitted, ended, envelope, outcome, attempt, round, hospitals, refusals,"
    " failure FROM queries"
)


def _rows(connection: sqlite3.Connection, condition: str, *values: str | int) -> list[Record]:
    cursor = connection.execute(f"{_SELECT} WHERE {condition}", values)
    return [_record(connection, row) for row in cursor.fetchall()]


def _record(connection: sqlite3.Connection, row: Sequence[Any]) -> Record:
    digest, submitted, ended, envelope, outcome, attempt, number, names, refusals, why = row
    signed = envelope_from_bytes(envelope)
    query = questions.from_bytes(signed.payload)
    goes_on = outcome == Outcome.RUNNING  # else its totals are being deleted
    last = total(connection, query=digest, round_=number - 1) if goes_on else None
    course = Course(
        query=digest,
        asked=query.hospitals,
        minimum=query.minimum_hospitals,
        hospitals=tuple(json.loads(names)),
        attempt=attempt,
        round=number,
        total=None if last is None else total_from_bytes(last),
        refusals={name: _refusal(causes) for name, causes in json.loads(refusals).items()},
        outcome=Outcome(outcome),
        failure=None if why is None else _failure(json.loads(why)),
    )
    return Record(query, signed, course, submitted, ended)


def _failure_json(failure: Failure) -> Mapping[str, object]:
    return {"reason": failure.reason, "details": dict(failure.details)}


def _failure(value: Mapping[str, Any]) -> Failure:
    return Failure(Reason(value["reason"]), value["details"])


def _refusal_json(refusal: Refusal) -> Sequence[object]:
    return [_failure_json(cause) for cause in refusal.causes]


def _refusal(value: Sequence[Mapping[str, Any]]) -> Refusal:
    return Refusal(tuple(map(_failure, value)))


_ENDS: Final = {
    Outcome.ANSWERED: (EventType.QUERY_ANSWER, LogOutcome.RELEASED),
    Outcome.FAILED: (EventType.QUERY_FAILED, LogOutcome.FAILED),
    Outcome.CANCELLED: (EventType.QUERY_CANCELLED, LogOutcome.DONE),
}


def _log_end(connection: sqlite3.Connection, record: Record, *, at: datetime) -> None:
    kind, outcome = _ENDS[record.course.outcome]
    _log(connection, record, kind, outcome, at=at)


def _log(
    connection: sqlite3.Connection,
    record: Record,
    kind: EventType,
    outcome: LogOutcome,
    *,
    at: datetime,
) -> None:
    query, course = record.query, record.course
    researcher = Member(query.network, Role.RESEARCHER, query.researcher)
    event = Event(
        type=kind,
        outcome=outcome,
        reason=None if course.failure is None else course.failure.reason,
        node=registry.coordinator(query.network).uri,
        actor=registry.actor(researcher),
        request_id=course.query,
        request_digest=course.query,
        operation=f"{query.method} {query.method_version}",
        dataset=query.dataset,
        recipient=researcher.uri if course.answers else None,
    )
    log.append(connection, event, at=at)

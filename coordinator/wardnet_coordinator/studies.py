"""Studies in the database: as they were signed, for the hospitals that they ask.

The coordinator only carries this mail. It holds no key that approves anything, and whoever relies
on a study verifies it. Every function works on a connection inside the caller's transaction.
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from wardnet import canonical
from wardnet.agreement import study as proposals
from wardnet.agreement.address_book import key_of
from wardnet.agreement.study import Study
from wardnet.audit import log
from wardnet.audit.entry import Event, EventType, Outcome
from wardnet.clock import to_moment
from wardnet.errors import Reason, WardnetError
from wardnet.identity.certificates import Usage, leaf_member, read_certificate
from wardnet.identity.envelope import Envelope, Signature, Trust, verify
from wardnet.identity.member import Member, Role
from wardnet.transport.convert import envelope_from_bytes, envelope_to_bytes
from wardnet_coordinator import catalog, decisions, registry
from wardnet_coordinator.decisions import Decision
from wardnet_coordinator.queries import MINIMUM_PREFIX, milliseconds

MAXIMUM_OPEN: Final = 100
"""Most studies that one researcher may have in front of hospitals."""

SENT_FOR: Final = timedelta(days=365)
"""How long a study is brought to hospitals: no signature under it holds for longer."""


@dataclass(frozen=True, slots=True)
class Record:
    """Hold what the coordinator knows of a study.

    Parameters
    ----------
    digest : str
        SHA-256 of the study's payload, hexadecimal.
    envelope : Envelope
        With the signatures of all who submitted it.
    submitted : int
        Unix milliseconds.
    decisions : tuple of Decision
        Newest of each hospital, sorted by hospital.
    """

    digest: str
    envelope: Envelope
    submitted: int
    decisions: tuple[Decision, ...]


def check(envelope: Envelope, *, caller: Member, trust: Trust, at: datetime) -> Study:
    """Return the study in an envelope, if its caller is one of its signers and of its people.

    Raises
    ------
    WardnetError
        `SIGNATURE_INVALID`, `MALFORMED`, `IDENTITY_MISMATCH` or `RESEARCHER_NOT_NAMED`.
    """
    # 1. The caller has signed these bytes; others may have too, to vouch for the researchers.
    signers = verify(envelope, payload_type=proposals.PAYLOAD_TYPE, trust=trust, at=at)
    if caller not in signers:
        raise WardnetError(Reason.IDENTITY_MISMATCH, identity="the study's signer")
    # 2. Only then they are read.
    study = proposals.from_bytes(envelope.payload)
    if study.network != caller.network:
        raise WardnetError(Reason.IDENTITY_MISMATCH, identity="the study's network")
    # 3. They name the caller with this key: else no hospital would ever answer.
    signature = envelope.signatures[signers.index(caller)]
    person = (caller.id, key_of(signature.certificates[0]))
    if person not in {(named.id, named.key) for named in study.people}:
        raise WardnetError(Reason.RESEARCHER_NOT_NAMED, identity=caller.id)
    return study


def insert(
    connection: sqlite3.Connection,
    envelope: Envelope,
    *,
    study: Study,
    caller: Member,
    at: datetime,
) -> Envelope | None:
    """Store a checked study and return what its hospitals must see; None when that is nothing new.

    Signatures that come later are added, so that stewards can vouch one after the other.

    Raises
    ------
    WardnetError
        `STUDY_INVALID`, `DATASET_UNAVAILABLE` or `WORK_LIMIT`.
    """
    # 1. The same bytes with the same signatures again change nothing.
    digest = canonical.digest(envelope.payload)
    known = _rows(connection, "study = ?", digest)
    signed = _signed(known[0].envelope, envelope) if known else envelope
    if known and signed == known[0].envelope:
        return None
    # 2. Whoever gets it can act on it.
    _check_usable(connection, study, digest=digest, at=at)
    # 3. Nobody takes all places.
    if not known:
        _check_places(connection, caller, at=at)
    # 4. Study, whom it concerns, and log entry, together.
    submitted = known[0].submitted if known else milliseconds(at)
    connection.execute(
        "INSERT OR REPLACE INTO studies VALUES (?, ?, ?, ?)",
        (digest, submitted, study.not_after, envelope_to_bytes(signed)),
    )
    concerned = {(Role.RESEARCHER, person.id) for person in study.people}
    concerned |= {(Role.NODE, hospital) for hospital in study.setting.hospitals}
    connection.executemany(
        "INSERT OR IGNORE INTO concerned VALUES (?, ?, ?)",
        [(role, name, digest) for role, name in sorted(concerned)],
    )
    event = Event(
        type=EventType.STUDY_RECEIVED,
        outcome=Outcome.DONE,
        node=registry.coordinator(study.network).uri,
        actor=registry.actor(caller),
        request_id=digest,
        request_digest=digest,
        study=digest,
        dataset=study.data.dataset,
    )
    log.append(connection, event, at=at)
    return signed


def _signed(known: Envelope, more: Envelope) -> Envelope:
    """Return an envelope with the signatures of both; of two by one member the newer one."""
    signatures = {_signer(one): one for one in (*known.signatures, *more.signatures)}
    return Envelope(known.payload_type, known.payload, tuple(signatures.values()))


def _signer(signature: Signature) -> Member:
    return leaf_member(read_certificate(signature.certificates[0]), usage=Usage.SIGNING)


def _check_usable(
    connection: sqlite3.Connection, study: Study, *, digest: str, at: datetime
) -> None:
    unknown = sorted(set(study.setting.hospitals) - registry.hospitals(connection))
    current = catalog.dictionary(connection, study.data.dataset).digest
    for field, rule, wrong in (
        ("not_after", "it has passed", study.not_after <= to_moment(at)),
        ("setting.hospitals", f"{', '.join(unknown)} unknown in this network", bool(unknown)),
        ("data.dictionary", "it is not the current one", study.data.dictionary != current),
    ):
        if wrong:
            raise WardnetError(Reason.STUDY_INVALID, path=digest[:12], field=field, rule=rule)


def _check_places(connection: sqlite3.Connection, caller: Member, *, at: datetime) -> None:
    (taken,) = connection.execute(
        "SELECT count(*) FROM concerned JOIN studies USING (study)"
        " WHERE (role, id) = (?, ?) AND not_after > ?",
        (caller.role, caller.id, to_moment(at)),
    ).fetchone()
    if taken >= MAXIMUM_OPEN:
        rule = f"you have {MAXIMUM_OPEN} studies that have not ended"
        raise WardnetError(Reason.WORK_LIMIT, rule=rule)


def find(connection: sqlite3.Connection, *, study: str, member: Member) -> Record:
    """Return a study that concerns a member, by its id or an unambiguous beginning of it.

    Raises
    ------
    WardnetError
        `STUDY_UNKNOWN`, the same for one that concerns only others.
    """
    found: Sequence[Record] = ()
    if len(study) >= MINIMUM_PREFIX:
        found = _rows(
            connection,
            f"{_CONCERNED} AND substr(study, 1, ?) = ? LIMIT 2",
            member.role,
            member.id,
            len(study),
            study,
        )
    if len(found) != 1:
        raise WardnetError(Reason.STUDY_UNKNOWN, study=study)
    return found[0]


def recent(connection: sqlite3.Connection, *, member: Member, limit: int) -> Sequence[Record]:
    """Return the studies that concern a member, newest first."""
    condition = f"{_CONCERNED} ORDER BY submitted DESC, study LIMIT ?"
    return _rows(connection, condition, member.role, member.id, limit)


def mail(connection: sqlite3.Connection, *, hospital: str, at: datetime) -> Sequence[Envelope]:
    """Return all studies that a hospital must see, oldest first; it ignores those that it has."""
    rows = connection.execute(
        f"{_SELECT} WHERE {_CONCERNED} AND not_after > ? AND submitted > ?"
        " ORDER BY submitted, study",
        (Role.NODE, hospital, to_moment(at), milliseconds(at - SENT_FOR)),
    )
    return [envelope_from_bytes(data) for _, data, _ in rows]


_SELECT: Final = "SELECT study, envelope, submitted FROM studies"
_CONCERNED: Final = "study IN (SELECT study FROM concerned WHERE (role, id) = (?, ?))"


def _rows(connection: sqlite3.Connection, condition: str, *values: str | int) -> list[Record]:
    rows = connection.execute(f"{_SELECT} WHERE {condition}", values)
    return [
        Record(study, envelope_from_bytes(data), submitted, decisions.of(connection, study))
        for study, data, submitted in rows.fetchall()
    ]

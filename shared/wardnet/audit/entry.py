"""One entry of an access log, in its final canonical form: exact bytes that are hashed.

Every field is always present; what does not apply is null. Later kinds of event fill more fields;
the form stays.
"""

import secrets
from collections.abc import Sequence
from dataclasses import replace
from enum import StrEnum
from typing import Annotated, Final, Literal, TypeAlias

from pydantic import Field, StringConstraints, TypeAdapter
from pydantic.dataclasses import dataclass
from pydantic_core import to_json

from wardnet import canonical
from wardnet.clock import Moment
from wardnet.errors import Reason, WardnetError
from wardnet.question.dictionary import STRICT
from wardnet.question.query import Digest

Salt: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
Number: TypeAlias = Annotated[int, Field(gt=-(1 << 53), lt=1 << 53)]
"""What every JSON reader reads as the same integer."""


class EventType(StrEnum):
    """Name what happened."""

    STARTED = "started"
    STOPPED = "stopped"
    MEMBER_INVITED = "member_invited"
    MEMBER_ENROLLED = "member_enrolled"
    KEY_CREATED = "key_created"
    DICTIONARY_PUBLISHED = "dictionary_published"
    DATASET_ADOPTED = "dataset_adopted"
    DATASET_LOADED = "dataset_loaded"
    DATASET_DROPPED = "dataset_dropped"
    STUDY_RECEIVED = "study_received"
    STUDY_DECLINED = "study_declined"
    AGREEMENT_SIGNED = "agreement_signed"
    AGREEMENT_REVOKED = "agreement_revoked"
    KEY_REVOKED = "key_revoked"
    REVOCATIONS_ISSUED = "revocations_issued"
    REVOCATIONS_RECEIVED = "revocations_received"
    BOOK_CHANGED = "book_changed"
    STEWARD_ADDED = "steward_added"
    STEWARD_REMOVED = "steward_removed"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 - what happened, not a password
    STEWARD_LOGIN = "steward_login"
    BREAK_GLASS = "break_glass"
    QUERY_EXPLAINED = "query_explained"
    QUERY_SUBMITTED = "query_submitted"
    QUERY_ACCEPTED = "query_accepted"
    QUERY_PART = "query_part"
    QUERY_ANSWER = "query_answer"
    QUERY_FAILED = "query_failed"
    QUERY_CANCELLED = "query_cancelled"
    LOG_READ = "log_read"
    DETAIL_ERASED = "detail_erased"
    LOG_LOCKED = "log_locked"
    LOG_EXTENDED = "log_extended"
    FORK_FOUND = "fork_found"
    CLOCK_STEP = "clock_step"
    AUDITOR_GRANTED = "auditor_granted"
    AUDITOR_REVOKED = "auditor_revoked"
    AUDITOR_INVITED = "auditor_invited"
    AUDITOR_LOGIN = "auditor_login"
    CONSENT_CHANGED = "consent_changed"
    SHARE_REQUESTED = "share_requested"
    SHARE_DECLINED = "share_declined"
    SHARE_GRANTED = "share_granted"
    SHARE_REVOKED = "share_revoked"
    SHARE_READY = "share_ready"
    SHARE_FETCHED = "share_fetched"
    SHARE_OPENED = "share_opened"
    SHARE_READ = "share_read"
    SHARE_DESTROYED = "share_destroyed"
    MODEL_PUBLISHED = "model_published"
    MODEL_FETCHED = "model_fetched"
    MODEL_INSTALLED = "model_installed"
    MODEL_REMOVED = "model_removed"
    MODEL_USED = "model_used"


class Outcome(StrEnum):
    """Name how it ended; an entry without an outcome counts as released."""

    DONE = "done"
    RELEASED = "released"
    REFUSED = "refused"
    FAILED = "failed"


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Actor:
    """Name who acted.

    Parameters
    ----------
    subject : str
        The member's URI, or `operator` for somebody at the machine itself.
    organisation, role, key_id, certificate_serial, on_behalf_of : str or None
        Who they act for and how they proved it.
    """

    certificate_serial: str | None = None
    key_id: str | None = None
    on_behalf_of: str | None = None
    organisation: str | None = None
    role: str | None = None
    subject: str


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Budget:
    """State what an answer cost."""

    cost: Number
    left: Number
    mechanism: str


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Event:
    """State what happened: what a caller of the log fills in.

    Parameters
    ----------
    type : EventType
        What happened.
    outcome, reason : Outcome, Reason or None
        How it ended, and why it was refused or failed: the first reason.
    reasons : tuple of Reason
        All of them, in the order in which they were found; empty when nothing was refused.
    node : str
        URI of the member whose log this is.
    actor : Actor
        Who acted.
    peer_address : str or None
        Network address that the call came from.
    request_id, request_digest : str or None
        Work id or query id; SHA-256 of the signed request.
    study, agreement, agreement_version, purpose, vocabulary_version
        Under which permission.
    operation, parameter_digest : str or None
        Method and version; SHA-256 of the canonical parameters and cohort.
    dataset, snapshot : str or None
        Which data.
    cohort_size_band : str or None
        A coarse range, never the size.
    cells_withheld : int or None
        How many cells the disclosure rules withheld.
    budget : Budget or None
        What it cost.
    result_digest : str or None
        SHA-256 of what was released; of a hospital's sums, an HMAC-SHA256 that only its node can
        compute.
    recipient : str or None
        URI of who receives it; of a part that goes to be added, who is told something with it.
    approvals : tuple of str
        Key ids of those who approved.
    policy_digest : str or None
        SHA-256 of the disclosure rules in force.
    patient_tags : tuple of str
        Keyed tags of the patients concerned, where the event is about some.
    statement : str or None
        Canonical JSON of what was signed, where people must read it in the log itself.
    sealed_detail : str or None
        Ciphertext of patient-linked detail, base64.
    """

    type: EventType
    outcome: Outcome | None = None
    reason: Reason | None = None
    reasons: tuple[Reason, ...] = ()
    node: str
    actor: Actor
    peer_address: str | None = None
    request_id: str | None = None
    request_digest: Digest | None = None
    study: str | None = None
    agreement: str | None = None
    agreement_version: Number | None = None
    purpose: str | None = None
    vocabulary_version: str | None = None
    operation: str | None = None
    parameter_digest: Digest | None = None
    dataset: str | None = None
    snapshot: str | None = None
    cohort_size_band: str | None = None
    cells_withheld: Number | None = None
    budget: Budget | None = None
    result_digest: Digest | None = None
    recipient: str | None = None
    approvals: tuple[str, ...] = ()
    policy_digest: Digest | None = None
    patient_tags: tuple[str, ...] = ()
    statement: str | None = None
    sealed_detail: str | None = None

    @property
    def why(self) -> tuple[Reason, ...]:
        """Return every reason that is known; where something failed, the one."""
        return self.reasons or (() if self.reason is None else (self.reason,))


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Entry(Event):
    """Hold one event in its place in a log.

    Parameters
    ----------
    version : int
        Of this form; 1.
    seq : int
        Place in the log, from 1, without gaps.
    time : str
        Moment, UTC, milliseconds.
    software_version : str
        Of the product that wrote it.
    salt : str
        128 random bits: an entry cannot be guessed from its hash.
    """

    version: Literal[1] = 1
    seq: Annotated[int, Field(ge=1)]
    time: Moment
    software_version: str
    salt: Salt


_ADAPTER: Final = TypeAdapter(Entry)


def refused(event: Event, errors: Sequence[WardnetError]) -> Event:
    """Return an event as it stands when it was refused for these reasons, at least one."""
    reasons = tuple(dict.fromkeys(error.reason for error in errors))
    return replace(event, outcome=Outcome.REFUSED, reason=reasons[0], reasons=reasons)


def new_salt() -> str:
    """Return 128 random bits, hexadecimal."""
    return secrets.token_hex(16)


def to_bytes(entry: Entry) -> bytes:
    """Return the canonical bytes that are stored and hashed.

    An entry holds no fractions, its names are ASCII, and within `Actor` and `Budget` they stand in
    their order already, so that pydantic's writer gives the bytes of RFC 8785, 15 times as fast.
    """
    return to_json(dict(sorted(vars(entry).items())))


def from_bytes(data: bytes) -> Entry:
    """Read canonical bytes.

    Raises
    ------
    WardnetError
        `MALFORMED`.
    """
    return canonical.read(_ADAPTER, data)


def from_stored(data: bytes) -> Entry:
    """Read bytes of one's own log, whose spelling need not be proven: 20 times as fast.

    For totals over many entries. An entry that is shown as evidence is read by `from_bytes`.

    Raises
    ------
    WardnetError
        `MALFORMED`.
    """
    return canonical.validated(lambda: _ADAPTER.validate_json(data, strict=True))

"""A query as the coordinator keeps it: how far it is, and who is being waited for."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from wardnet import canonical, clock
from wardnet.canonical import Json
from wardnet.client.printing.sheet import Sheet
from wardnet.client.queries.ask import describe
from wardnet.client.queries.result import Absent
from wardnet.client.trust.verify import verify_own_query
from wardnet.errors import Reason, WardnetError
from wardnet.identity.envelope import Envelope, Trust
from wardnet.identity.member import Member
from wardnet.question.query import Query
from wardnet.transport.convert import causes_from_wire, envelope_from_wire
from wardnet.transport.status import error_from_reason
from wardnet.wire.v1 import query_pb2


class State(StrEnum):
    """Name how far a query is."""

    RUNNING = "running"
    ANSWERED = "answered"
    FAILED = "failed"
    CANCELLED = "cancelled"


class HospitalState(StrEnum):
    """Name how far a hospital is in the present round."""

    AWAY = "away"
    COMPUTING = "computing"
    SENT = "sent"
    LOST = "lost"
    REFUSED = "refused"


_NO_PART: Final = "gave no part in time"


@dataclass(frozen=True, slots=True)
class Progress:
    """Hold how far one hospital is.

    Parameters
    ----------
    hospital : str
        Its id.
    state : HospitalState
        In the present round.
    causes : tuple of WardnetError
        Every reason why it refused; else empty.
    """

    hospital: str
    state: HospitalState
    causes: tuple[WardnetError, ...] = ()

    @property
    def why(self) -> str:
        """Return all reasons as sentences; empty where there is none."""
        return " ".join(map(str, self.causes))


@dataclass(frozen=True, slots=True)
class Record:
    """Hold one of my queries.

    Parameters
    ----------
    query : str
        Its id.
    question : Query
        What I signed.
    envelope : Envelope
        As I signed it.
    state : State
        How far it is.
    attempt, round : int
        From 1, and from 0 (the guard round).
    hospitals : tuple of Progress
        All that were asked, sorted.
    failure : WardnetError or None
        Why there is no answer and will be none.
    submitted : datetime
        When the coordinator got it.
    ended : datetime or None
        None while it runs.
    interim : Mapping of str to float
        By name, while somebody waits for the answer: the newest numbers that hospitals have told
        and that it will hold, e.g. `loss after 12 trees`. Few methods have any.
    doubt : WardnetError or None
        Why something that hospitals are said to have told is not believed.
    """

    query: str
    question: Query
    envelope: Envelope
    state: State
    attempt: int
    round: int
    hospitals: tuple[Progress, ...]
    failure: WardnetError | None
    submitted: datetime
    ended: datetime | None
    interim: Mapping[str, float] = field(default_factory=dict)
    doubt: WardnetError | None = None

    @property
    def absent(self) -> tuple[Absent, ...]:
        """Return the hospitals that are out, and why."""
        out = {HospitalState.LOST, HospitalState.REFUSED}
        return tuple(
            Absent(progress.hospital, progress.why or _NO_PART)
            for progress in self.hospitals
            if progress.state in out
        )

    def sheet(self) -> Sheet:
        """Return the record as a person sees it."""
        how_far = f", round {self.round}" if self.state is State.RUNNING else ""
        why = () if self.failure is None else (("why", str(self.failure)),)
        told = self.state in {State.RUNNING, State.FAILED}
        return Sheet(
            f"{describe(self.question)}: {self.state}{how_far}",
            ("hospital", "state", "why") if told else (),
            tuple((each.hospital, each.state.value, each.why) for each in self.hospitals if told),
            keys=3 if told else 0,
            notes=(*why, ("query", self.query)),
        )

    def to_dict(self) -> Mapping[str, Json]:
        """Return the record as JSON, without the answer."""
        return {
            "query": self.query,
            "state": self.state.value,
            "question": describe(self.question),
            "dataset": self.question.dataset,
            "method": self.question.method,
            "attempt": self.attempt,
            "round": self.round,
            "hospitals": [
                {
                    "hospital": each.hospital,
                    "state": each.state.value,
                    "reasons": [cause.reason.value for cause in each.causes],
                    "why": each.why,
                }
                for each in self.hospitals
            ],
            "submitted": clock.to_moment(self.submitted),
            "ended": None if self.ended is None else clock.to_moment(self.ended),
            "reason": None if self.failure is None else self.failure.reason.value,
            "why": None if self.failure is None else str(self.failure),
        }


def record_from_wire(
    message: query_pb2.QueryRecord, *, me: Member, trust: Trust, at: datetime
) -> Record:
    """Read a record of one of my queries.

    Raises
    ------
    WardnetError
        `SIGNATURE_INVALID` when the query is not mine, `MALFORMED`.
    """
    # 1. The query is mine, and the one that the record claims to be about.
    envelope = envelope_from_wire(message.envelope)
    question = verify_own_query(envelope, me=me, trust=trust, at=at)
    digest = canonical.digest(envelope.payload)
    if digest != message.query:
        raise _malformed(field="query", rule="it is not the digest of the envelope")
    # 2. The rest is what the coordinator says, for people; the answer is verified before use.
    state = _state(message.state)
    return Record(
        query=digest,
        question=question,
        envelope=envelope,
        state=state,
        attempt=message.attempt,
        round=message.round,
        hospitals=tuple(map(_progress, message.hospitals)),
        failure=_failure(message, state),
        submitted=moment_from_wire(message.submitted_ms),
        ended=moment_from_wire(message.ended_ms) if message.ended_ms else None,
    )


def _state(number: int) -> State:
    try:
        return State(_word(query_pb2.QueryState.Name(number), "QUERY_STATE_"))
    except ValueError as error:
        raise _malformed(field="state", rule="it is not known here") from error


def _progress(message: query_pb2.HospitalProgress) -> Progress:
    try:
        word = _word(query_pb2.HospitalState.Name(message.state), "HOSPITAL_STATE_")
        state = HospitalState(word)
    except ValueError as error:
        raise _malformed(field="hospitals", rule="a state is not known here") from error
    return Progress(message.hospital, state, causes_from_wire(message.causes))


def _word(name: str, prefix: str) -> str:
    return name.removeprefix(prefix).lower()


def _failure(message: query_pb2.QueryRecord, state: State) -> WardnetError | None:
    if state is State.CANCELLED:
        return WardnetError(Reason.QUERY_CANCELLED)
    return error_from_reason(message.reason, message.details) if state is State.FAILED else None


def moment_from_wire(milliseconds: int) -> datetime:
    """Read when the coordinator got something.

    Raises
    ------
    WardnetError
        `MALFORMED`.
    """
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise _malformed(field="submitted_ms", rule="it is no moment") from error


def _malformed(*, field: str, rule: str) -> WardnetError:
    return WardnetError(Reason.MALFORMED, field=field, rule=rule)

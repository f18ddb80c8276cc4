"""Whether this hospital answers a query: every reason against it, from the checks in their order.

The order matters: nothing is parsed before its signature holds, and nothing is said about datasets
to somebody whose question is not for us, or to whom nobody here has agreed.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NoReturn

from pydantic import TypeAdapter

from wardnet import canonical
from wardnet.agreement.address_book import key_of
from wardnet.agreement.permission import Request, judge
from wardnet.agreement.purpose import Purpose
from wardnet.agreement.view import View
from wardnet.errors import Reason, WardnetError
from wardnet.identity.envelope import Envelope, Trust, verify
from wardnet.identity.member import Member, Role
from wardnet.question import query as queries
from wardnet.question.query import PAYLOAD_TYPE, Query
from wardnet.sealing.answers import check_recipient
from wardnet.statistics.session import Session
from wardnet_node.desk.proven import check_model
from wardnet_node.vault.snapshot import Snapshot

STRANGERS: Final = frozenset({Reason.QUERY_NOT_FOR_US, Reason.AGREEMENT_MISSING})
"""Reasons after which nothing is said about datasets."""

_PURPOSE: Final = TypeAdapter(Purpose)
_NOT_ASKED: Final = frozenset({"nonce", "not_before", "not_after", "recipient"})


class Refused(Exception):  # noqa: N818 - what a hospital does, not an error of it
    """Carry every reason why something is not done.

    Parameters
    ----------
    reasons : Iterable of WardnetError
        At least one; repeated ones count once.
    """

    def __init__(self, reasons: Iterable[WardnetError]) -> None:
        self.reasons = tuple({str(reason): reason for reason in reasons}.values())
        super().__init__(", ".join(reason.reason.value for reason in self.reasons))


@dataclass(frozen=True, slots=True)
class Sources:
    """Give access to what the hospital knows when it decides.

    Parameters
    ----------
    view : Callable
        Returns what it knows of agreements now; takes the digest of the question that is decided
        on, whose own use does not count.
    snapshot : Callable
        Returns the present snapshot of a dataset; raises `DATASET_UNAVAILABLE`.
    nonce_used_by : Callable
        Returns the digest of the accepted query that holds a nonce, or None.
    known_since : Callable
        Returns the moment after which every nonce is remembered; empty for always.
    """

    view: Callable[[str], View]
    snapshot: Callable[[str], Snapshot]
    nonce_used_by: Callable[[str], str | None]
    known_since: Callable[[], str]


@dataclass(frozen=True, slots=True)
class Permitted:
    """Hold a query that may be done, at its beginning.

    Parameters
    ----------
    request : Request
        As it was judged; holds the query.
    question : str
        Digest of what is asked, and of the rows that it sees.
    snapshot : Snapshot
        The rows.
    session : Session
        In the guard round.
    """

    request: Request
    question: str
    snapshot: Snapshot
    session: Session


def accept(envelope: Envelope, *, trust: Trust, at: datetime, sources: Sources) -> Permitted:
    """Decide on a query that is seen for the first time.

    Parameters
    ----------
    envelope : Envelope
        The query as the coordinator delivered it.
    trust : Trust
        The network and its root.
    at : datetime
        The present moment.
    sources : Sources
        What the hospital knows.

    Returns
    -------
    Permitted
        Signed by its researcher, addressed to us, in time, new, inside our agreement, and about a
        dataset that we hold.

    Raises
    ------
    Refused
        With every reason: one of `SIGNATURE_INVALID`, `ROLE_REFUSED`, `MALFORMED` and
        `IDENTITY_MISMATCH` alone; else all of those of `judge`, `QUERY_BEFORE_UNLOCK`,
        `QUERY_REPLAYED`, and, to whom we have agreed, one of `DATASET_UNAVAILABLE`, those of
        `Session` and `MODEL_UNPROVEN`.
    """
    # 1. What cannot be believed, or read, is refused for that alone.
    try:
        query = read(envelope, trust=trust, at=at)
        check_recipient(query.recipient)
        purpose = _purpose(query)
    except WardnetError as error:
        raise Refused([error]) from error
    # 2. We hold the dataset, under the dictionary that the question was written against, and the
    # question fits it.
    digest, misfits = canonical.digest(envelope.payload), list[WardnetError]()
    snapshot, session = None, None
    try:
        snapshot = sources.snapshot(query.dataset)
        session = Session(query, digest=digest, dictionary=snapshot.dictionary)
    except WardnetError as error:
        misfits.append(error)
    # 3. It is for us, in time, and inside our agreement; a model that it brings was fitted.
    question = _question(query, snapshot)
    view = sources.view(question)
    if session is not None:
        try:
            check_model(query, view=view, trust=trust, at=at)
        except WardnetError as error:
            misfits.append(error)
    request = _request(query, envelope, purpose=purpose, session=session)
    reasons = list(judge(request, view=view, at=at))
    # 4. Its nonce is new, or belongs to these very bytes; of before an unlocking nobody can say.
    if query.not_before <= sources.known_since():
        reasons.append(WardnetError(Reason.QUERY_BEFORE_UNLOCK))
    if sources.nonce_used_by(query.nonce) not in {None, digest}:
        reasons.append(WardnetError(Reason.QUERY_REPLAYED))
    if STRANGERS.isdisjoint(reason.reason for reason in reasons):
        reasons.extend(misfits)
    if reasons or snapshot is None or session is None:
        raise Refused(reasons)
    return Permitted(request, question, snapshot, session)


def take_up(envelope: Envelope, *, snapshot: Snapshot) -> Permitted:
    """Return a query that was accepted before, at its beginning, with the snapshot of then.

    Raises
    ------
    WardnetError
        As `Session`, when this version no longer knows what the one before accepted.
    """
    query = queries.from_bytes(envelope.payload)
    digest = canonical.digest(envelope.payload)
    session = Session(query, digest=digest, dictionary=snapshot.dictionary)
    request = _request(query, envelope, purpose=_purpose(query), session=session)
    return Permitted(request, _question(query, snapshot), snapshot, session)


def read(envelope: Envelope, *, trust: Trust, at: datetime) -> Query:
    """Return what one researcher of the network has signed.

    Raises
    ------
    WardnetError
        `SIGNATURE_INVALID`, `ROLE_REFUSED`, `MALFORMED` or `IDENTITY_MISMATCH`.
    """
    # 1. One researcher of this network has signed these bytes, and nobody else has.
    signer = _only(verify(envelope, payload_type=PAYLOAD_TYPE, trust=trust, at=at))
    if signer.role is not Role.RESEARCHER:
        raise WardnetError(Reason.ROLE_REFUSED, role=signer.role)
    # 2. Only now are the bytes parsed.
    query = queries.from_bytes(envelope.payload)
    # 3. Who signed is who asks.
    if signer.id != query.researcher:
        raise WardnetError(Reason.IDENTITY_MISMATCH, identity=query.researcher)
    return query


def check_attempt(query: Query, *, hospital: str, hospitals: Sequence[str]) -> None:
    """Refuse an attempt among other hospitals, or fewer, than the researcher has signed.

    Raises
    ------
    WardnetError
        `ROUNDS_DIVERGED`.
    """
    # 1. A list can be compared only in its one order.
    if list(hospitals) != sorted(set(hospitals)):
        _diverged("the attempt's hospitals are not sorted and unique")
    # 2. Nobody was added, and we are there.
    if hospital not in hospitals or not set(hospitals) <= set(query.hospitals):
        _diverged("the attempt's hospitals are not those of the query")
    # 3. Enough are left.
    if len(hospitals) < query.minimum_hospitals:
        _diverged("the attempt has fewer hospitals than the query allows")


def _request(
    query: Query,
    envelope: Envelope,
    *,
    purpose: Purpose,
    session: Session | None,
) -> Request:
    return Request(
        query=query,
        key=key_of(envelope.signatures[0].certificates[0]),
        purpose=purpose,
        columns=frozenset() if session is None else session.columns,
    )


def _purpose(query: Query) -> Purpose:
    return canonical.read(_PURPOSE, canonical.encode(query.purpose))


def _question(query: Query, snapshot: Snapshot | None) -> str:
    """Return the digest of what is asked, and of whose rows.

    Asked again of the same rows, it has the same exact answer by construction, and costs nothing.
    """
    asked = {
        name: value
        for name, value in queries.ADAPTER.dump_python(query, mode="json").items()
        if name not in _NOT_ASKED
    }
    return canonical.digest(canonical.encode([asked, "" if snapshot is None else snapshot.id]))


def _only(signers: Sequence[Member]) -> Member:
    if len(signers) != 1:
        raise WardnetError(Reason.SIGNATURE_INVALID, rule="a query has one signer")
    return signers[0]


def _diverged(rule: str) -> NoReturn:
    raise WardnetError(Reason.ROUNDS_DIVERGED, rule=rule)

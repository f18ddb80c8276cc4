"""What the client believes: nothing that the coordinator says, only what members have signed."""

from collections.abc import Mapping
from datetime import datetime
from typing import NoReturn

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from wardnet.audit.receipt import Promise, read_promise
from wardnet.errors import Reason, WardnetError
from wardnet.identity.envelope import Envelope, Trust, merge, verify
from wardnet.identity.member import Member, Role
from wardnet.model.signed import NO_PINS, check_pinned
from wardnet.question import interim as interims
from wardnet.question import query as queries
from wardnet.question.interim import Interim
from wardnet.question.query import Query
from wardnet.sealing.answers import INTERIM, open_sealed, recipient_of
from wardnet.transport.convert import answer_from_bytes, envelope_from_bytes


def verify_own_query(envelope: Envelope, *, me: Member, trust: Trust, at: datetime) -> Query:
    """Return a query that the coordinator has kept, if it is one of mine.

    Raises
    ------
    WardnetError
        `SIGNATURE_INVALID`, or `MALFORMED`.
    """
    if verify(envelope, payload_type=queries.PAYLOAD_TYPE, trust=trust, at=at) != (me,):
        _refuse("the query is somebody else's")
    return queries.from_bytes(envelope.payload)


def open_answers(
    sealed: Mapping[str, bytes], *, query: Query, digest: str, key: X25519PrivateKey
) -> tuple[Envelope, Mapping[str, Envelope]]:
    """Return the answer that all hospitals have sealed for me, and what each promises.

    Parameters
    ----------
    sealed : Mapping of str to bytes
        By hospital, as the coordinator delivered it.
    query, digest : Query, str
        My own, and the digest of its signed bytes.
    key : X25519PrivateKey
        Opens the answers of this query.

    Returns
    -------
    Envelope
        The answer, with all their signatures.
    mapping of str to Envelope
        By hospital: where the answer stands in its access log.

    Raises
    ------
    WardnetError
        `ANSWER_SEALED` when the query was asked from another home, `SIGNATURE_INVALID`,
        `MALFORMED`, or `ROUNDS_DIVERGED` when the hospitals answered differently.
    """
    # 1. It is this key that the hospitals have sealed for.
    if recipient_of(key) != query.recipient:
        raise WardnetError(Reason.ANSWER_SEALED)
    # 2. Each answer was sealed for this query, under the name of its hospital.
    opened = {
        hospital: answer_from_bytes(open_sealed(data, key, query=digest, hospital=hospital))
        for hospital, data in sealed.items()
    }
    envelopes = [envelope for envelope, _ in opened.values()]
    # 3. All say the same.
    if len({(envelope.payload_type, envelope.payload) for envelope in envelopes}) != 1:
        raise WardnetError(Reason.ROUNDS_DIVERGED, rule="their answers differ")
    promises = {hospital: promise for hospital, (_, promise) in opened.items() if promise}
    return merge(envelopes), promises


def open_interim(
    sealed: bytes,
    *,
    hospital: str,
    query: Query,
    digest: str,
    key: X25519PrivateKey,
    trust: Trust,
    at: datetime,
    pins: Mapping[str, str] = NO_PINS,
) -> Interim:
    """Return what one hospital tells while my query runs.

    Parameters
    ----------
    sealed : bytes
        As the coordinator delivered it, in the name of `hospital`.
    query, digest, key
        As `open_answers` takes them.
    pins : Mapping of str to str
        As `check_pinned` takes them.

    Raises
    ------
    WardnetError
        `SIGNATURE_INVALID`, or `MALFORMED`.
    """
    # 1. I have asked the hospital, and it was sealed for this query, under its name.
    if hospital not in query.hospitals:
        _refuse(f"{hospital} was not asked and tells nothing")
    opened = open_sealed(sealed, key, query=digest, hospital=hospital, kind=INTERIM)
    # 2. The hospital has signed it, and nobody else.
    envelope = envelope_from_bytes(opened)
    kind, size = interims.PAYLOAD_TYPE, interims.MAXIMUM_BYTES
    signers = verify(envelope, payload_type=kind, trust=trust, at=at, maximum_bytes=size)
    if signers != (Member(trust.network, Role.NODE, hospital),):
        _refuse(f"{hospital} has not signed what it is said to tell")
    check_pinned(envelope, pins)
    # 3. It is about this query.
    interim = interims.from_bytes(envelope.payload)
    if interim.query != digest:
        _refuse(f"{hospital} tells of another query")
    return interim


def verify_promises(
    promises: Mapping[str, Envelope], *, digest: str, trust: Trust, at: datetime
) -> Mapping[str, Promise]:
    """Return what hospitals promise about an answer, each about its own log.

    Raises
    ------
    WardnetError
        `SIGNATURE_INVALID`, or `MALFORMED`.
    """
    made = {
        hospital: read_promise(envelope, trust=trust, at=at)
        for hospital, envelope in promises.items()
    }
    for hospital, promise in made.items():
        uri = Member(trust.network, Role.NODE, hospital).uri
        if promise.origin != uri and not promise.origin.startswith(f"{uri}/"):
            _refuse("a promise is about another log")
        if promise.request_digest != digest:
            _refuse("a promise is about another query")
    return made


def _refuse(rule: str) -> NoReturn:
    raise WardnetError(Reason.SIGNATURE_INVALID, rule=rule)

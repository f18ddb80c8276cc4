"""What the client believes: nothing that the coordinator says, only what members have signed."""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Final, NoReturn

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from wardnet import canonical
from wardnet.agreement.address_book import key_of
from wardnet.audit.receipt import Promise, read_promise
from wardnet.errors import Reason, WardnetError
from wardnet.identity.certificates import Usage, leaf_member, read_certificate
from wardnet.identity.envelope import Envelope, Trust, merge, verify
from wardnet.identity.member import Member, Role
from wardnet.question import answer as answers
from wardnet.question import dictionary as dictionaries
from wardnet.question import query as queries
from wardnet.question.answer import Answer
from wardnet.question.dictionary import Dictionary
from wardnet.question.query import Query
from wardnet.sealing.answers import open_sealed, recipient_of
from wardnet.transport.convert import answer_from_bytes

NO_PINS: Final[Mapping[str, str]] = MappingProxyType({})

_PUBLISHERS: Final = frozenset({Role.NODE, Role.STEWARD})


def verify_dictionary(
    envelope: Envelope, *, dataset: str, digest: str, trust: Trust, at: datetime
) -> Dictionary:
    """Return a published dictionary.

    Parameters
    ----------
    dataset, digest : str
        What was asked for.

    Raises
    ------
    WardnetError
        `SIGNATURE_INVALID`, or `MALFORMED`.
    """
    # 1. Signed by a hospital's node or steward.
    members = verify(envelope, payload_type=dictionaries.PAYLOAD_TYPE, trust=trust, at=at)
    if not {member.role for member in members} <= _PUBLISHERS:
        _refuse("the dictionary is not signed by a hospital")
    # 2. The one that was asked for.
    dictionary = dictionaries.from_bytes(envelope.payload)
    if (dictionary.name, canonical.digest(envelope.payload)) != (dataset, digest):
        _refuse("it is another dictionary")
    return dictionary


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


def verify_answer(
    envelope: Envelope,
    *,
    query: Query,
    digest: str,
    trust: Trust,
    at: datetime,
    pins: Mapping[str, str] = NO_PINS,
) -> Answer:
    """Return an answer that all its hospitals have signed.

    Parameters
    ----------
    query : Query
        My own.
    digest : str
        Of its signed bytes.
    pins : Mapping of str to str
        As `check_pinned` takes them.

    Raises
    ------
    WardnetError
        `SIGNATURE_INVALID`, or `MALFORMED`.
    """
    # 1. Every signature holds.
    members = verify(envelope, payload_type=answers.PAYLOAD_TYPE, trust=trust, at=at)
    check_pinned(envelope, pins)
    answer = answers.from_bytes(envelope.payload)
    # 2. It answers my question and no other.
    if answer.query != digest:
        _refuse("the answer is to another query")
    if (answer.method, answer.method_version) != (query.method, query.method_version):
        _refuse("the answer is of another method")
    # 3. It rests on hospitals that I asked, and on enough of them.
    hospitals = [participant.hospital for participant in answer.participants]
    if hospitals != sorted(set(hospitals)) or not set(hospitals) <= set(query.hospitals):
        _refuse("the answer names hospitals that were not asked")
    if len(hospitals) < query.minimum_hospitals:
        _refuse("the answer rests on too few hospitals")
    # 4. Each of these hospitals has signed it, and nobody else.
    nodes = {Member(trust.network, Role.NODE, hospital) for hospital in hospitals}
    if set(members) != nodes:
        _refuse("not all hospitals that the answer names have signed it")
    return answer


def check_pinned(envelope: Envelope, pins: Mapping[str, str]) -> None:
    """Refuse a signature by another key than the one that people have compared.

    A certificate alone says who signed only as far as its issuer, the coordinator, is believed.

    Parameters
    ----------
    envelope : Envelope
        Verified.
    pins : Mapping of str to str
        Compared fingerprints by a member's URI; who is not among them is known by certificate only.

    Raises
    ------
    WardnetError
        `SIGNATURE_INVALID`, naming the member.
    """
    for signature in envelope.signatures:
        leaf = signature.certificates[0]
        member, key = leaf_member(read_certificate(leaf), usage=Usage.SIGNING), key_of(leaf)
        if pins.get(member.uri, key) != key:
            _refuse(f"{member.id} has signed with another key than the one that you have pinned")


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

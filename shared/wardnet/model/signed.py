"""What members sign and others believe without asking anybody: dictionaries and answers."""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Final, NoReturn

from wardnet import canonical
from wardnet.errors import Reason, WardnetError
from wardnet.identity.certificates import Usage, leaf_member, read_certificate
from wardnet.identity.envelope import Envelope, Trust, key_of, verify
from wardnet.identity.member import Member, Role
from wardnet.question import answer as answers
from wardnet.question import dictionary as dictionaries
from wardnet.question.answer import Answer
from wardnet.question.dictionary import Dictionary
from wardnet.question.query import Query

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
    members = verify(
        envelope,
        payload_type=answers.PAYLOAD_TYPE,
        trust=trust,
        at=at,
        maximum_bytes=answers.MAXIMUM_BYTES,
    )
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
    for member, key in keys_of(envelope).items():
        if pins.get(member.uri, key) != key:
            _refuse(f"{member.id} has signed with another key than the one that you have pinned")


def keys_of(envelope: Envelope) -> Mapping[Member, str]:
    """Return who has signed a verified envelope, and the fingerprint of the key."""
    leaves = [signature.certificates[0] for signature in envelope.signatures]
    return {
        leaf_member(read_certificate(leaf), usage=Usage.SIGNING): key_of(leaf) for leaf in leaves
    }


def _refuse(rule: str) -> NoReturn:
    raise WardnetError(Reason.SIGNATURE_INVALID, rule=rule)

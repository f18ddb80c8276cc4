"""What the client believes of a study: what its researchers and its hospitals have signed."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final, NoReturn

from wardnet.agreement import agreement as agreements
from wardnet.agreement import decline as declines
from wardnet.agreement import revocation as revocations
from wardnet.agreement import study as studies
from wardnet.agreement.address_book import signing_keys
from wardnet.agreement.agreement import Agreement, check_within
from wardnet.agreement.decline import Decline
from wardnet.agreement.revocation import Revocation
from wardnet.agreement.study import Study
from wardnet.errors import Reason, WardnetError
from wardnet.identity.envelope import Envelope, Trust, verify
from wardnet.identity.member import Member, Role
from wardnet.model.signed import NO_PINS, check_pinned

_READ: Final[Mapping[str, Callable[[bytes], Agreement | Decline | Revocation]]] = {
    agreements.PAYLOAD_TYPE: agreements.from_bytes,
    declines.PAYLOAD_TYPE: declines.from_bytes,
    revocations.PAYLOAD_TYPE: revocations.from_bytes,
}


def verify_study(envelope: Envelope, *, me: Member, trust: Trust, at: datetime) -> Study:
    """Return a study that names me and that one of its people has signed.

    Raises
    ------
    WardnetError
        `SIGNATURE_INVALID`, or `MALFORMED`.
    """
    # 1. Every signature holds.
    verify(envelope, payload_type=studies.PAYLOAD_TYPE, trust=trust, at=at)
    study = studies.from_bytes(envelope.payload)
    # 2. It is of this network, and names me.
    if study.network != trust.network or me.id not in {person.id for person in study.people}:
        _refuse("the study is somebody else's")
    # 3. One of its people has signed, with the key that it names.
    if signing_keys(envelope).isdisjoint(person.key for person in study.people):
        _refuse("none of its people has signed the study")
    return study


def verify_decision(
    envelope: Envelope,
    *,
    hospital: str,
    study: Study,
    trust: Trust,
    at: datetime,
    pins: Mapping[str, str] = NO_PINS,
) -> Agreement | Decline | Revocation:
    """Return what a hospital has decided on a study.

    Whether its steward may decide is the hospital's own business: its node has checked that
    against the hospital's address book before it signed.

    Parameters
    ----------
    pins : Mapping of str to str
        As `check_pinned` takes them.

    Raises
    ------
    WardnetError
        `SIGNATURE_INVALID`, `AGREEMENT_TOO_WIDE` or `MALFORMED`.
    """
    # 1. It is a decision, and every signature holds.
    read = _READ.get(envelope.payload_type)
    if read is None:
        _refuse("it is another kind of statement")
    members = verify(envelope, payload_type=envelope.payload_type, trust=trust, at=at)
    check_pinned(envelope, pins)
    # 2. The hospital's own node has signed, and besides it nobody but stewards.
    node = Member(trust.network, Role.NODE, hospital)
    if node not in members or any(
        member.role is not Role.STEWARD for member in members if member != node
    ):
        _refuse(f"{hospital} has not signed it")
    # 3. It is the hospital's decision on this study, and allows nothing that was not asked for.
    statement = read(envelope.payload)
    if (statement.network, statement.hospital) != (trust.network, hospital):
        _refuse("it is another hospital's")
    if not isinstance(statement, Revocation) and statement.study != study.digest:
        _refuse("it is about another study")
    if isinstance(statement, Agreement):
        for excess in check_within(statement, study):
            raise excess
    return statement


def _refuse(rule: str) -> NoReturn:
    raise WardnetError(Reason.SIGNATURE_INVALID, rule=rule)

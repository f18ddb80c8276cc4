"""Threat: the coordinator or a stranger forges, edits or reuses a signed statement."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.pki import TestNetwork
from wardnet.canonical import MAXIMUM_BYTES
from wardnet.errors import Reason, WardnetError
from wardnet.identity.envelope import Envelope, Signature, Signer, encode_for_signing, sign, verify
from wardnet.identity.member import Member, Role

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
TYPE = "application/vnd.wardnet.query.v1+json"
PAYLOAD = b'{"ask":"age"}'

NETWORK = TestNetwork(at=NOW)
OTHER = TestNetwork("othernet", at=NOW)
NAMESAKE = TestNetwork("heartnet", at=NOW)
ADA = NETWORK.researcher("ada")
GOOD = sign(TYPE, PAYLOAD, ADA.signer)


def _refused(envelope: Envelope, *, payload_type: str = TYPE, at: datetime = NOW) -> str:
    with pytest.raises(WardnetError) as caught:
        verify(envelope, payload_type=payload_type, trust=NETWORK.trust, at=at)
    assert caught.value.reason is Reason.SIGNATURE_INVALID
    return caught.value.details["rule"]


def _signed_by(signer: Signer) -> Envelope:
    return sign(TYPE, PAYLOAD, signer)


def test_good_statement_verifies() -> None:
    """The forgeries below differ from this one by one thing only."""
    assert verify(GOOD, payload_type=TYPE, trust=NETWORK.trust, at=NOW) == (ADA.member,)


@given(place=st.integers(0, len(PAYLOAD) - 1), bit=st.integers(0, 7))
def test_edited_payload_is_refused(place: int, bit: int) -> None:
    """No bit of a statement can be changed."""
    edited = bytearray(PAYLOAD)
    edited[place] ^= 1 << bit
    assert "does not belong" in _refused(replace(GOOD, payload=bytes(edited)))


@given(place=st.integers(0, 63), bit=st.integers(0, 7))
def test_edited_signature_is_refused(place: int, bit: int) -> None:
    """No bit of a signature can be changed."""
    edited = bytearray(GOOD.signatures[0].signature)
    edited[place] ^= 1 << bit
    changed = replace(GOOD.signatures[0], signature=bytes(edited))
    assert "does not belong" in _refused(replace(GOOD, signatures=(changed,)))


@given(st.binary(max_size=100))
def test_random_signature_is_refused(data: bytes) -> None:
    """Signatures of any other length or content are refused without a crash."""
    changed = replace(GOOD.signatures[0], signature=data)
    _refused(replace(GOOD, signatures=(changed,)))


@given(st.lists(st.binary(max_size=200), max_size=4))
def test_random_certificates_are_refused(chain: list[bytes]) -> None:
    """Bytes that are no certificates are refused without a crash."""
    changed = replace(GOOD.signatures[0], certificates=tuple(chain))
    _refused(replace(GOOD, signatures=(changed,)))


def test_statement_of_one_kind_is_none_of_another() -> None:
    """A signed answer cannot be passed off as a query, under either label."""
    answer = "application/vnd.wardnet.answer.v1+json"
    assert "another kind" in _refused(GOOD, payload_type=answer)
    relabelled = replace(GOOD, payload_type=answer)
    assert "does not belong" in _refused(relabelled, payload_type=answer)


def test_type_and_payload_cannot_trade_bytes() -> None:
    """The lengths are signed too: moving the border between type and payload is an edit."""
    moved = Envelope(TYPE + PAYLOAD[:1].decode(), PAYLOAD[1:], GOOD.signatures)
    _refused(moved, payload_type=moved.payload_type)


def test_signature_over_the_bare_payload_is_refused() -> None:
    """Only the encoding with the type counts."""
    bare = Signature(ADA.signer.certificates, ADA.signer.key.sign(PAYLOAD))
    assert "does not belong" in _refused(replace(GOOD, signatures=(bare,)))


def test_statement_nobody_signed_is_refused() -> None:
    """No signatures is not the same as no invalid signatures."""
    assert "1 to 1024" in _refused(replace(GOOD, signatures=()))


def test_one_bad_signature_spoils_all() -> None:
    """A good signature does not vouch for another."""
    bob = NETWORK.researcher("bob").signer
    bad = Signature(bob.certificates, bytes(64))
    for signatures in ((*GOOD.signatures, bad), (bad, *GOOD.signatures)):
        _refused(replace(GOOD, signatures=signatures))


def test_nobody_counts_twice() -> None:
    """A repeated signature, or two keys of one member, are not two signers."""
    again = _signed_by(NETWORK.issue(ADA.member).signer).signatures
    for second in (GOOD.signatures, again):
        assert "twice" in _refused(replace(GOOD, signatures=(*GOOD.signatures, *second)))


def test_too_much_is_refused_before_it_is_checked() -> None:
    """Size and number are bounded."""
    assert "too long" in _refused(sign(TYPE, bytes(MAXIMUM_BYTES + 1), ADA.signer))
    assert "1 to 1024" in _refused(replace(GOOD, signatures=GOOD.signatures * 1025))


def test_certificate_of_somebody_else_is_refused() -> None:
    """Mallory's signature under Ada's certificate is not Ada's."""
    mallory = NETWORK.researcher("mallory").signer
    forged = Signature(ADA.signer.certificates, mallory.key.sign(encode_for_signing(TYPE, PAYLOAD)))
    assert "does not belong" in _refused(replace(GOOD, signatures=(forged,)))


@pytest.mark.parametrize(
    ("signer", "rule"),
    [
        (lambda: OTHER.researcher("ada").signer, "did not issue"),
        (lambda: NAMESAKE.researcher("ada").signer, "did not issue"),
        (
            lambda: NETWORK.issue(Member("othernet", Role.RESEARCHER, "ada")).signer,
            "another network",
        ),
        (
            lambda: NETWORK.issue(ADA.member, at=NOW - timedelta(days=60)).signer,
            "expired",
        ),
        (
            lambda: NETWORK.issue(ADA.member, at=NOW + timedelta(days=1)).signer,
            "not valid yet",
        ),
    ],
    ids=["other network", "namesake network", "foreign name", "expired", "not yet valid"],
)
def test_foreign_signer_is_refused(signer: Callable[[], Signer], rule: str) -> None:
    """Only a present member of this network can sign."""
    assert rule in _refused(_signed_by(signer()))

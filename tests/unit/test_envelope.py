"""An envelope carries exact bytes and who signed them."""

from datetime import UTC, datetime

import pytest

from support.pki import TestNetwork
from wardnet.errors import Reason, WardnetError
from wardnet.identity.envelope import Envelope, encode_for_signing, merge, sign, verify

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
TYPE = "application/vnd.wardnet.test.v1+json"


@pytest.fixture(scope="module")
def network() -> TestNetwork:
    """Return a network that lives at `NOW`."""
    return TestNetwork(at=NOW)


def test_encoding_is_that_of_the_specification() -> None:
    """The test vector of DSSE v1.0.2, protocol.md, and lengths in bytes, not characters."""
    vector = b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    assert encode_for_signing("http://example.com/HelloWorld", b"hello world") == vector
    assert encode_for_signing("é", b"") == "DSSEv1 2 é 0 ".encode()


@pytest.mark.parametrize("payload", [b"", b"{}", b"\x00\xff" * 1000])
def test_signed_bytes_verify_to_their_signer(payload: bytes, network: TestNetwork) -> None:
    """Any bytes can be signed; the signer is named."""
    ada = network.researcher()
    envelope = sign(TYPE, payload, ada.signer)
    members = verify(envelope, payload_type=TYPE, trust=network.trust, at=NOW)
    assert members == (ada.member,)


def test_merged_envelope_names_all_signers_once(network: TestNetwork) -> None:
    """Signatures over the same statement add up; a repeated one counts once."""
    nodes = [network.node(name) for name in ("a", "b", "c")]
    signed = [sign(TYPE, b"{}", node.signer) for node in nodes]
    merged = merge([*signed, signed[0]])
    members = verify(merged, payload_type=TYPE, trust=network.trust, at=NOW)
    assert members == tuple(node.member for node in nodes)
    assert merge([merged, merged]) == merged


@pytest.mark.parametrize("other", [Envelope(TYPE, b"[]", ()), Envelope("x/y", b"{}", ())])
def test_different_statements_do_not_merge(other: Envelope, network: TestNetwork) -> None:
    """Two hospitals that sign different answers have not signed one."""
    with pytest.raises(WardnetError) as caught:
        merge([sign(TYPE, b"{}", network.node("a").signer), other])
    assert caught.value.reason is Reason.SIGNATURE_INVALID

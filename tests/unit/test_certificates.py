"""Certificates are issued as documented, and a good chain leads to its member."""

import ipaddress
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding

from support.pki import TestNetwork
from wardnet.errors import Reason, WardnetError
from wardnet.identity.authority import issue, request
from wardnet.identity.certificates import (
    Usage,
    check_fingerprint,
    fingerprint,
    network_of,
    read_certificate,
    verify_chain,
)
from wardnet.identity.credentials import Keys
from wardnet.identity.member import Member, Role

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
MEMBER = Member("heartnet", Role.NODE, "clinic-a")


@pytest.fixture(scope="module")
def network() -> TestNetwork:
    """Return a network that lives at `NOW`."""
    return TestNetwork(at=NOW)


def _issue(network: TestNetwork, usage: Usage) -> tuple[bytes, bytes]:
    keys = Keys.generate()
    wanted = keys.tls_request if usage is Usage.TLS else keys.signing_request
    return issue(wanted, member=MEMBER, usage=usage, issuing=network.issuing, at=NOW)


@pytest.mark.parametrize("usage", list(Usage))
def test_issued_chain_leads_to_its_member(usage: Usage, network: TestNetwork) -> None:
    """Both kinds of leaf verify up to the root for a year, and not a second longer."""
    chain = _issue(network, usage)
    root = network.root.certificate
    for at in (NOW - timedelta(minutes=4), NOW, NOW + timedelta(days=365)):
        assert verify_chain(chain, root, at=at, usage=usage) == MEMBER
    for at in (NOW - timedelta(minutes=6), NOW + timedelta(days=365, seconds=1)):
        with pytest.raises(WardnetError) as caught:
            verify_chain(chain, root, at=at, usage=usage)
        assert caught.value.reason is Reason.CERTIFICATE_REFUSED


def test_authorities_are_what_they_should_be(network: TestNetwork) -> None:
    """P-256, ten and five years, the root above the issuing one, the issuing one above leaves."""
    for authority, length, days in ((network.root, 1, 3650), (network.issuing, 0, 1825)):
        certificate = authority.certificate
        assert isinstance(certificate.public_key(), ec.EllipticCurvePublicKey)
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
        assert constraints.critical
        assert constraints.value == x509.BasicConstraints(ca=True, path_length=length)
        lifetime = certificate.not_valid_after_utc - certificate.not_valid_before_utc
        assert lifetime == timedelta(days=days, minutes=5)
        assert network_of(certificate) == "heartnet"


def test_leaf_carries_one_uri_and_no_server_name(network: TestNetwork) -> None:
    """Only the coordinator may answer under a host's name."""
    ada = network.researcher("ada")
    leaf = x509.load_pem_x509_certificates(ada.tls_chain_pem)[0]
    assert _names(leaf.public_bytes(Encoding.DER)) == [ada.member.uri]
    with pytest.raises(ValueError, match="only the coordinator"):
        issue(
            Keys.generate().tls_request,
            member=MEMBER,
            usage=Usage.TLS,
            issuing=network.issuing,
            at=NOW,
            server_names=["localhost"],
        )


def test_node_answers_under_the_name_of_its_own_uri_only(network: TestNetwork) -> None:
    """Two nodes never share it, whatever their ids look like, and no host's name is one."""
    members = [
        Member(name, Role.NODE, hospital)
        for name in ("heartnet", "h")
        for hospital in ("a", "a.", "b")
    ]
    assert len({member.server_name for member in members}) == len(members)
    node = network.node("a")
    leaf = x509.load_pem_x509_certificates(node.tls_chain_pem)[0]
    assert _names(leaf.public_bytes(Encoding.DER)) == [node.member.uri, node.member.server_name]
    assert node.member.server_name.endswith(".node.wardnet.invalid")
    assert _names(node.signer.certificates[0]) == [node.member.uri]


def _names(leaf: bytes) -> list[str]:
    """Return every name in a leaf."""
    extensions = read_certificate(leaf).extensions
    names = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return [str(name.value) for name in names]


def test_coordinator_carries_its_server_names(network: TestNetwork) -> None:
    """Names and addresses stand beside the URI."""
    coordinator = x509.load_pem_x509_certificates(network.coordinator().tls_chain_pem)[0]
    names = coordinator.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost"]
    assert names.get_values_for_type(x509.IPAddress) == [ipaddress.ip_address("127.0.0.1")]


@pytest.mark.parametrize(
    ("wanted", "usage"),
    [
        (request(ed25519.Ed25519PrivateKey.generate()), Usage.TLS),
        (request(ec.generate_private_key(ec.SECP256R1())), Usage.SIGNING),
        (request(ec.generate_private_key(ec.SECP384R1())), Usage.TLS),
        (b"", Usage.TLS),
        (b"\x30\x03\x02\x01\x01", Usage.SIGNING),
    ],
)
def test_request_with_the_wrong_key_is_refused(
    wanted: bytes, usage: Usage, network: TestNetwork
) -> None:
    """The usage decides the kind of key."""
    with pytest.raises(WardnetError) as caught:
        issue(wanted, member=MEMBER, usage=usage, issuing=network.issuing, at=NOW)
    assert caught.value.reason is Reason.MALFORMED


def test_request_that_its_key_did_not_sign_is_refused(network: TestNetwork) -> None:
    """Nobody gets a certificate for somebody else's key."""
    good = bytearray(Keys.generate().signing_request)
    good[-1] ^= 1
    with pytest.raises(WardnetError) as caught:
        issue(bytes(good), member=MEMBER, usage=Usage.SIGNING, issuing=network.issuing, at=NOW)
    assert caught.value.reason is Reason.MALFORMED


def test_leaf_never_outlives_its_issuer(network: TestNetwork) -> None:
    """A leaf issued in the last year of the authority ends with it."""
    end = network.issuing.certificate.not_valid_after_utc
    chain = issue(
        Keys.generate().tls_request,
        member=MEMBER,
        usage=Usage.TLS,
        issuing=network.issuing,
        at=end - timedelta(days=1),
    )
    assert read_certificate(chain[0]).not_valid_after_utc == end


@pytest.mark.parametrize("which", [0, 1])
def test_no_flipped_byte_of_a_chain_is_more_than_a_refusal(
    which: int, network: TestNetwork
) -> None:
    """A certificate with another version or kind of key is refused, too, and crashes nobody."""
    chain = _issue(network, Usage.SIGNING)
    for place in range(len(chain[which])):
        altered = bytearray(chain[which])
        altered[place] ^= 0x0A
        broken = (bytes(altered), chain[1]) if which == 0 else (chain[0], bytes(altered))
        with pytest.raises(WardnetError):
            verify_chain(broken, network.root.certificate, at=NOW, usage=Usage.SIGNING)


def test_a_certificate_has_one_spelling(network: TestNetwork) -> None:
    """Bits of its own signature cannot be called unused, which nobody has signed."""
    while True:  # until the signature's last bit is one that a reader would let go
        leaf, issuing = _issue(network, Usage.SIGNING)
        signature = read_certificate(leaf).signature
        if signature[-1] & 1 == 0:
            break
    place = len(leaf) - len(signature) - 1
    assert leaf[place] == 0
    altered = leaf[:place] + b"\x01" + signature
    with pytest.raises(WardnetError) as caught:
        verify_chain((altered, issuing), network.root.certificate, at=NOW, usage=Usage.SIGNING)
    assert caught.value.reason is Reason.CERTIFICATE_REFUSED


def test_fingerprint_is_compared_without_its_grouping(network: TestNetwork) -> None:
    """A person may type it with blanks, colons or in capitals."""
    root = network.root.certificate
    text = fingerprint(root)
    assert len(text.split("-")) == 16
    for typed in (text, text.upper(), text.replace("-", ":"), text.replace("-", " ")):
        check_fingerprint(root, typed)
    for wrong in ("", text[:-1], text[:4], fingerprint(TestNetwork(at=NOW).root.certificate)):
        with pytest.raises(WardnetError) as caught:
            check_fingerprint(root, wrong)
        assert caught.value.reason is Reason.FINGERPRINT_MISMATCH

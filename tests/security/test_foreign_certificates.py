"""Threat: somebody holds a real certificate and uses it for what it was not made for."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID

from support.pki import TestNetwork, certificates
from wardnet.errors import Reason, WardnetError
from wardnet.identity.authority import Authority, create_issuing
from wardnet.identity.certificates import (
    NO_AUTHORITY,
    Usage,
    key_usage,
    network_of,
    verify_chain,
)
from wardnet.identity.credentials import Credentials, Keys
from wardnet.identity.member import Member, Role

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
NETWORK = TestNetwork(at=NOW)
OTHER = TestNetwork("othernet", at=NOW)
ADA = NETWORK.researcher("ada")
URI = x509.UniformResourceIdentifier(ADA.member.uri)
CLIENT = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
ISSUING = NETWORK.issuing.certificate.public_bytes(Encoding.DER)

Extensions = dict[type[x509.ExtensionType], tuple[x509.ExtensionType, bool] | None]


def _tls_chain(credentials: Credentials) -> list[bytes]:
    return [each.public_bytes(Encoding.DER) for each in certificates(credentials.tls_chain_pem)]


def _refused(chain: Sequence[bytes], *, usage: Usage = Usage.TLS, at: datetime = NOW) -> str:
    with pytest.raises(WardnetError) as caught:
        verify_chain(chain, NETWORK.root.certificate, at=at, usage=usage)
    assert caught.value.reason is Reason.CERTIFICATE_REFUSED
    return caught.value.details["rule"]


def _crafted(
    changes: Extensions | None = None,
    *,
    by: Authority = NETWORK.issuing,
    curve: ec.EllipticCurve | None = None,
) -> bytes:
    """Return a leaf as `issue` makes it, with some extensions changed or left out."""
    extensions: Extensions = {
        x509.BasicConstraints: (NO_AUTHORITY, True),
        x509.KeyUsage: (key_usage(digital_signature=True), True),
        x509.ExtendedKeyUsage: (CLIENT, True),
        x509.SubjectAlternativeName: (x509.SubjectAlternativeName([URI]), True),
    }
    extensions |= changes or {}
    builder = x509.CertificateBuilder(
        issuer_name=by.certificate.subject,
        subject_name=x509.Name([]),
        public_key=ec.generate_private_key(curve or ec.SECP256R1()).public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=NOW - timedelta(days=1),
        not_valid_after=NOW + timedelta(days=1),
    )
    for extension in filter(None, extensions.values()):
        builder = builder.add_extension(extension[0], critical=extension[1])
    return builder.sign(by.key, SHA256()).public_bytes(Encoding.DER)


def _names(*names: x509.GeneralName) -> Extensions:
    return {x509.SubjectAlternativeName: (x509.SubjectAlternativeName(names), True)}


def test_crafted_leaf_without_changes_is_accepted() -> None:
    """The refusals below have one cause each."""
    chain = [_crafted(), ISSUING]
    member = verify_chain(chain, NETWORK.root.certificate, at=NOW, usage=Usage.TLS)
    assert member == ADA.member


def test_two_kinds_of_leaf_never_stand_for_each_other() -> None:
    """A TLS key signs no statements, a signing key opens no connection."""
    assert "not a signing certificate" in _refused(_tls_chain(ADA), usage=Usage.SIGNING)
    assert "not a tls certificate" in _refused(ADA.signer.certificates)


def test_chain_of_another_network_is_refused() -> None:
    """Also when somebody mixes both networks' certificates."""
    foreign = _tls_chain(OTHER.researcher("ada"))
    own = _tls_chain(ADA)
    for chain in (foreign, [own[0], foreign[1]], [foreign[0], own[1]]):
        assert "did not issue" in _refused(chain)


def test_name_of_another_network_is_refused() -> None:
    """Our own authority cannot speak for another network."""
    stranger = NETWORK.issue(Member("othernet", Role.RESEARCHER, "ada"), at=NOW)
    assert "another network" in _refused(_tls_chain(stranger))


def test_member_issues_nothing() -> None:
    """A leaf's key makes no further leaves."""
    key = ec.generate_private_key(ec.SECP256R1())
    leaf = x509.load_der_x509_certificate(_tls_chain(ADA)[0])
    forged = _crafted(by=Authority(leaf, key))
    assert "did not issue" in _refused([forged, _tls_chain(ADA)[0]])


def test_authority_is_no_member() -> None:
    """The issuing certificate itself, or a second one below it, opens nothing."""
    root = NETWORK.root.certificate.public_bytes(Encoding.DER)
    assert "issuer may not issue" in _refused([ISSUING, root])
    below = create_issuing(
        Authority(NETWORK.issuing.certificate, NETWORK.issuing.key), at=NOW
    ).certificate.public_bytes(Encoding.DER)
    assert "authority" in _refused([below, ISSUING])


def test_leaf_straight_from_the_root_is_refused() -> None:
    """The offline root issues no leaves; its key would have to be online."""
    root = NETWORK.root.certificate.public_bytes(Encoding.DER)
    assert "issuer may not issue" in _refused([_crafted(by=NETWORK.root), root])


@pytest.mark.parametrize("length", [0, 1, 3])
def test_chain_of_another_length_is_refused(length: int) -> None:
    """Exactly leaf and issuing certificate."""
    chain = [*_tls_chain(ADA), NETWORK.root.certificate.public_bytes(Encoding.DER)][:length]
    assert "chain of two" in _refused(chain)


@pytest.mark.parametrize(
    ("at", "rule"),
    [
        (NOW + timedelta(days=31), "expired"),
        (NOW - timedelta(days=50), "not valid yet"),
        (NOW + timedelta(days=2000), "expired"),
    ],
)
def test_certificate_counts_in_its_time_only(at: datetime, rule: str) -> None:
    """Neither before nor after."""
    assert rule in _refused(_tls_chain(ADA), at=at)


def test_expired_authority_takes_its_leaves_along() -> None:
    """A leaf dated beyond its issuer does not outlive it."""
    short = TestNetwork(at=NOW - timedelta(days=1800))
    leaf = _crafted(by=short.issuing)
    chain = [leaf, short.issuing.certificate.public_bytes(Encoding.DER)]
    with pytest.raises(WardnetError, match="expired"):
        verify_chain(chain, short.root.certificate, at=NOW, usage=Usage.TLS)


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({x509.BasicConstraints: None}, "missing"),
        (
            {x509.BasicConstraints: (x509.BasicConstraints(ca=True, path_length=0), True)},
            "authority",
        ),
        ({x509.KeyUsage: None}, "missing"),
        ({x509.KeyUsage: (key_usage(key_cert_sign=True), True)}, "not a tls"),
        ({x509.ExtendedKeyUsage: None}, "missing"),
        (
            {
                x509.ExtendedKeyUsage: (
                    x509.ExtendedKeyUsage([ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE]),
                    True,
                )
            },
            "not a tls",
        ),
        (
            {
                x509.ExtendedKeyUsage: (
                    x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]),
                    True,
                )
            },
            "not a tls",
        ),
        ({x509.SubjectAlternativeName: None}, "missing"),
        (
            _names(URI, x509.UniformResourceIdentifier("wardnet://heartnet/auditor/eve")),
            "exactly one",
        ),
        (_names(URI, URI), "exactly one"),
        (_names(x509.DNSName("ada")), "exactly one"),
        (_names(x509.UniformResourceIdentifier("https://heartnet/node/a")), "name a member"),
        ({x509.InhibitAnyPolicy: (x509.InhibitAnyPolicy(0), True)}, "not known"),
    ],
    ids=str,
)
def test_leaf_of_another_shape_is_refused(changes: Extensions, rule: str) -> None:
    """Every extension counts, even under our own authority's signature."""
    assert rule in _refused([_crafted(changes), ISSUING])


def test_leaf_with_another_curve_is_refused() -> None:
    """P-256 and nothing else."""
    assert "not a tls" in _refused([_crafted(curve=ec.SECP384R1()), ISSUING])


@pytest.mark.parametrize("place", range(0, 400, 13))
def test_edited_certificate_is_refused(place: int) -> None:
    """A changed byte anywhere breaks the signature or the form."""
    leaf, issuing = _tls_chain(ADA)
    edited = bytearray(leaf)
    edited[place % len(edited)] ^= 0x01
    _refused([bytes(edited), issuing])


def _swap_tls(ours: Credentials, theirs: Credentials) -> tuple[Sequence[bytes], Sequence[bytes]]:
    return _tls_chain(theirs), ours.signer.certificates


def _swap_signing(
    ours: Credentials, theirs: Credentials
) -> tuple[Sequence[bytes], Sequence[bytes]]:
    return _tls_chain(ours), theirs.signer.certificates


@pytest.mark.parametrize("swap", [_swap_tls, _swap_signing])
@pytest.mark.parametrize("theirs", [NETWORK.researcher("eve"), NETWORK.issue(ADA.member)])
def test_certificates_for_another_key_or_member_are_not_taken(
    swap: Callable[[Credentials, Credentials], tuple[Sequence[bytes], Sequence[bytes]]],
    theirs: Credentials,
) -> None:
    """What comes back from an enrolment must fit the keys that were made."""
    tls = load_pem_private_key(ADA.tls_key_pem, None)
    assert isinstance(tls, ec.EllipticCurvePrivateKey)
    tls_chain, signing_chain = swap(ADA, theirs)
    with pytest.raises(WardnetError) as caught:
        Keys(tls, ADA.signer.key).certified(
            root=NETWORK.root.certificate, tls_chain=tls_chain, signing_chain=signing_chain, at=NOW
        )
    assert caught.value.reason is Reason.CERTIFICATE_REFUSED


def test_certificate_without_a_network_is_no_root() -> None:
    """A root that names no network vouches for no member."""
    with pytest.raises(WardnetError) as caught:
        network_of(x509.load_der_x509_certificate(_crafted()))
    assert caught.value.reason is Reason.CERTIFICATE_REFUSED

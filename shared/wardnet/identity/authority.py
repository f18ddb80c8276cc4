"""The authorities of a network: make the root and the issuing one, and issue leaves.

Only the coordinator's TLS leaf carries server names that people choose, so whoever passes a
client's check of such a name *is* the network's coordinator. A node's carries one name that is made
of its own URI (`Member.server_name`), so whoever passes the check of that name is that node.
"""

import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, TypeAlias

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from wardnet.errors import Reason, WardnetError
from wardnet.identity.certificates import (
    NO_AUTHORITY,
    Usage,
    extended_usage,
    fits,
    key_usage,
    network_of,
)
from wardnet.identity.member import Member, Role

PrivateKey: TypeAlias = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
_LeafKey: TypeAlias = ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey

ROOT_LIFETIME: Final = timedelta(days=3650)
ISSUING_LIFETIME: Final = timedelta(days=1825)
LEAF_LIFETIME: Final = timedelta(days=365)
CLOCK_SLACK: Final = timedelta(minutes=5)
"""A certificate starts this long before it is made: clocks of hospitals differ."""


@dataclass(frozen=True, slots=True)
class Authority:
    """Hold a certificate that issues others, and its key.

    Parameters
    ----------
    certificate : Certificate
        The root's or the issuing authority's.
    key : private key
        P-256.
    """

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey = field(repr=False)


def create_root(network: str, *, at: datetime) -> Authority:
    """Make a network's root of trust; its key belongs offline."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name(network, "root")
    builder = _builder(name, key.public_key(), issuer=name, at=at, until=at + ROOT_LIFETIME)
    builder = _as_authority(builder, key.public_key(), path_length=1)
    return Authority(builder.sign(key, SHA256()), key)


def create_issuing(root: Authority, *, at: datetime) -> Authority:
    """Make the authority that issues the leaves of the root's network."""
    key = ec.generate_private_key(ec.SECP256R1())
    builder = _builder(
        _name(network_of(root.certificate), "issuing"),
        key.public_key(),
        issuer=root.certificate.subject,
        at=at,
        until=min(at + ISSUING_LIFETIME, root.certificate.not_valid_after_utc),
    )
    builder = _as_authority(builder, key.public_key(), path_length=0)
    builder = _issued_by(builder, root)
    return Authority(builder.sign(root.key, SHA256()), key)


def request(key: PrivateKey) -> bytes:
    """Return a PKCS#10 request, DER, that proves possession of `key`; it names nobody."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    algorithm = SHA256() if isinstance(key, ec.EllipticCurvePrivateKey) else None
    return builder.sign(key, algorithm).public_bytes(Encoding.DER)


def issue(
    request_der: bytes,
    *,
    member: Member,
    usage: Usage,
    issuing: Authority,
    at: datetime,
    server_names: Iterable[str] = (),
    lifetime: timedelta = LEAF_LIFETIME,
) -> tuple[bytes, bytes]:
    """Issue a leaf to `member` and return its chain, DER: the leaf, then the issuing certificate.

    Parameters
    ----------
    request_der : bytes
        PKCS#10; only its public key counts, the names in it are ignored.
    usage : Usage
        Decides the kind of key that is accepted.
    server_names : Iterable of str
        DNS names and IP addresses; for the coordinator's TLS leaf only.
    lifetime : timedelta
        At most until the issuing certificate ends.

    Raises
    ------
    WardnetError
        `MALFORMED` when the request is none, is not signed by its key, or has a key of the wrong
        kind.
    """
    # 1. The requester holds the key, and it is of the kind that the usage wants.
    public_key = _requested_key(request_der, usage)
    # 2. Only the coordinator and nodes serve; see the top of this module.
    names = list(server_names)
    if names and (member.role is not Role.COORDINATOR or usage is not Usage.TLS):
        message = "only the coordinator's TLS certificate carries server names of one's choice"
        raise ValueError(message)
    if member.role is Role.NODE and usage is Usage.TLS:
        names = [member.server_name]
    # 3. Everything else comes from the issuer, nothing from the request.
    builder = _builder(
        x509.Name([]),
        public_key,
        issuer=issuing.certificate.subject,
        at=at,
        until=min(at + lifetime, issuing.certificate.not_valid_after_utc),
    )
    builder = _issued_by(builder, issuing)
    builder = builder.add_extension(NO_AUTHORITY, critical=True)
    builder = builder.add_extension(key_usage(digital_signature=True), critical=True)
    builder = builder.add_extension(extended_usage(usage, server=bool(names)), critical=True)
    builder = builder.add_extension(_alternative_names(member, names), critical=True)
    leaf = builder.sign(issuing.key, SHA256())
    return leaf.public_bytes(Encoding.DER), issuing.certificate.public_bytes(Encoding.DER)


def _name(network: str, what: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, network),
            x509.NameAttribute(NameOID.COMMON_NAME, f"Wardnet {what} of {network}"),
        ]
    )


def _builder(
    subject: x509.Name, key: _LeafKey, *, issuer: x509.Name, at: datetime, until: datetime
) -> x509.CertificateBuilder:
    return x509.CertificateBuilder(
        subject_name=subject,
        issuer_name=issuer,
        public_key=key,
        serial_number=x509.random_serial_number(),
        not_valid_before=at - CLOCK_SLACK,
        not_valid_after=until,
    )


def _as_authority(
    builder: x509.CertificateBuilder, key: ec.EllipticCurvePublicKey, *, path_length: int
) -> x509.CertificateBuilder:
    return (
        builder.add_extension(
            x509.BasicConstraints(ca=True, path_length=path_length), critical=True
        )
        .add_extension(key_usage(key_cert_sign=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _issued_by(builder: x509.CertificateBuilder, authority: Authority) -> x509.CertificateBuilder:
    identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key())
    return builder.add_extension(identifier, critical=False)


def _alternative_names(member: Member, server_names: Sequence[str]) -> x509.SubjectAlternativeName:
    names = [_server_name(name) for name in server_names]
    return x509.SubjectAlternativeName([x509.UniformResourceIdentifier(member.uri), *names])


def _server_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _requested_key(request_der: bytes, usage: Usage) -> _LeafKey:
    try:
        parsed = x509.load_der_x509_csr(request_der)
        valid = parsed.is_signature_valid
        key = parsed.public_key()
    except (ValueError, TypeError, InvalidSignature) as error:
        raise _bad_request(rule="it cannot be read") from error
    if not valid:
        raise _bad_request(rule="it is not signed by its own key")
    if isinstance(key, _LeafKey) and fits(key, usage):
        return key
    raise _bad_request(rule=f"its key is not of the kind for {usage}")


def _bad_request(*, rule: str) -> WardnetError:
    return WardnetError(Reason.MALFORMED, field="certificate request", rule=rule)

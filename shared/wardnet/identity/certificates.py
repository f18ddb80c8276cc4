"""Certificates: which there are, and how a chain of them is verified.

    root (10 years, P-256)  >  issuing (5 years, P-256)  >  TLS leaf      (1 year, P-256)
                                                         >  signing leaf  (1 year, Ed25519)

The two kinds of leaf never mix: key type and extended usage keep them apart. Every leaf carries
exactly one URI, the member's.

References
----------
RFC 5280, sections 4.2.1 (extensions) and 6.1 (path validation); RFC 9336 (document signing).
"""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Final, TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from wardnet.errors import Reason, WardnetError
from wardnet.identity.member import Member

MAXIMUM_BYTES: Final = 8192

NO_AUTHORITY: Final = x509.BasicConstraints(ca=False, path_length=None)

_DOCUMENT_SIGNING: Final = x509.ObjectIdentifier("1.3.6.1.5.5.7.3.36")


class Usage(StrEnum):
    """Name the two kinds of leaf."""

    TLS = "tls"
    SIGNING = "signing"


def verify_chain(
    chain_der: Sequence[bytes], root: x509.Certificate, *, at: datetime, usage: Usage
) -> Member:
    """Return the member whose leaf begins a chain up to `root`.

    Parameters
    ----------
    chain_der : Sequence of bytes
        Exactly two certificates: the leaf, then the issuing one.
    root : Certificate
        The receiver's own copy.
    at : datetime
        When all three must be valid.
    usage : Usage
        What the leaf is used for now.

    Raises
    ------
    WardnetError
        `CERTIFICATE_REFUSED`, naming the first check that failed.
    """
    # 1. Exactly the two certificates that this network's chains have; parse them.
    if len(chain_der) != 2 or any(len(der) > MAXIMUM_BYTES for der in chain_der):
        raise _refused(rule="it is not a chain of two certificates")
    leaf, issuing = (read_certificate(der) for der in chain_der)
    # 2. Each is signed by the next, up to our own root (RFC 5280 6.1.3 a 1 and a 4).
    _check_issued(leaf, issuing)
    _check_issued(issuing, root)
    # 3. All are valid now (6.1.3 a 2).
    for certificate in (leaf, issuing, root):
        check_validity(certificate, at=at)
    # 4. The issuing one may issue leaves and nothing deeper (6.1.4 k-n).
    _check_authority(issuing)
    # 5. The leaf is of this usage's kind, and names one member of the root's network.
    member = leaf_member(leaf, usage=usage)
    if member.network != network_of(root):
        raise _refused(rule="it names a member of another network")
    return member


def leaf_member(leaf: x509.Certificate, *, usage: Usage) -> Member:
    """Return the member that a leaf of one usage names; signatures and validity are not checked.

    Raises
    ------
    WardnetError
        `CERTIFICATE_REFUSED`.
    """
    # 1. No extension that must be understood is unknown (RFC 5280 6.1.5 f).
    if any(extension.critical and extension.oid not in _KNOWN for extension in _extensions(leaf)):
        raise _refused(rule="it holds a critical extension that is not known")
    # 2. It issues nothing.
    if _extension(leaf, x509.BasicConstraints) != NO_AUTHORITY:
        raise _refused(rule="it belongs to an authority")
    # 3. It is of the kind asked for: key type, key usage, extended usage.
    extended = set(_extension(leaf, x509.ExtendedKeyUsage))
    if (
        not fits(leaf.public_key(), usage)
        or _extension(leaf, x509.KeyUsage) != key_usage(digital_signature=True)
        or extended not in (set(extended_usage(usage, server=server)) for server in (False, True))
    ):
        raise _refused(rule=f"it is not a {usage} certificate")
    # 4. It names exactly one member.
    names = _extension(leaf, x509.SubjectAlternativeName)
    uris = names.get_values_for_type(x509.UniformResourceIdentifier)
    if len(uris) != 1:
        raise _refused(rule="it does not name exactly one member")
    return Member.from_uri(uris[0])


def check_validity(certificate: x509.Certificate, *, at: datetime) -> None:
    """Refuse a certificate that is not valid at a moment.

    Raises
    ------
    WardnetError
        `CERTIFICATE_REFUSED`.
    """
    if at < certificate.not_valid_before_utc:
        raise _refused(rule="it is not valid yet")
    if at > certificate.not_valid_after_utc:
        raise _refused(rule="it has expired")


def read_certificate(der: bytes) -> x509.Certificate:
    """Parse one certificate.

    Raises
    ------
    WardnetError
        `CERTIFICATE_REFUSED`.
    """
    try:
        certificate = x509.load_der_x509_certificate(der)
    except (ValueError, TypeError, x509.InvalidVersion) as error:
        raise _refused(rule="it cannot be read") from error
    # A signature is whole bytes: its last bits could be called unused, and nobody has signed that.
    if not der.endswith(b"\0" + certificate.signature):
        raise _refused(rule="it cannot be read")
    return certificate


def network_of(authority: x509.Certificate) -> str:
    """Return the network that a root or issuing certificate belongs to."""
    names = authority.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    if len(names) != 1:
        raise _refused(rule="it does not name a network")
    return str(names[0].value)


def fingerprint(certificate: x509.Certificate) -> str:
    """Return the SHA-256 of a certificate for people to compare: 16 groups of 4 characters."""
    text = hashlib.sha256(certificate.public_bytes(Encoding.DER)).hexdigest()
    return "-".join(text[start : start + 4] for start in range(0, len(text), 4))


def check_fingerprint(certificate: x509.Certificate, expected: str) -> None:
    """Refuse a certificate that has not the fingerprint a person was told, however it is grouped.

    Raises
    ------
    WardnetError
        `FINGERPRINT_MISMATCH`.
    """
    actual = fingerprint(certificate)
    if _letters(expected) != _letters(actual):
        raise WardnetError(Reason.FINGERPRINT_MISMATCH, fingerprint=actual)


def _letters(text: str) -> str:
    return "".join(character for character in text.lower() if character.isalnum())


def key_usage(*, digital_signature: bool = False, key_cert_sign: bool = False) -> x509.KeyUsage:
    """Return the key usage extension with these bits set."""
    return x509.KeyUsage(
        digital_signature=digital_signature,
        key_cert_sign=key_cert_sign,
        crl_sign=key_cert_sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def extended_usage(usage: Usage, *, server: bool) -> x509.ExtendedKeyUsage:
    """Return the extended usage that keeps the two kinds of leaf apart."""
    if usage is Usage.SIGNING:
        return x509.ExtendedKeyUsage([_DOCUMENT_SIGNING])
    server_auth = [ExtendedKeyUsageOID.SERVER_AUTH] if server else []
    return x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH, *server_auth])


def fits(key: object, usage: Usage) -> bool:
    """Return whether a public key is of the kind that a usage wants."""
    if usage is Usage.SIGNING:
        return isinstance(key, ed25519.Ed25519PublicKey)
    return isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1)


def _check_issued(certificate: x509.Certificate, issuer: x509.Certificate) -> None:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm) as error:
        raise _refused(rule="this network's root did not issue it") from error


def _check_authority(certificate: x509.Certificate) -> None:
    constraints = _extension(certificate, x509.BasicConstraints)
    usage = _extension(certificate, x509.KeyUsage)
    if constraints != x509.BasicConstraints(ca=True, path_length=0) or not usage.key_cert_sign:
        raise _refused(rule="its issuer may not issue it")


_KNOWN: Final = frozenset(
    extension.oid
    for extension in (
        x509.BasicConstraints,
        x509.KeyUsage,
        x509.ExtendedKeyUsage,
        x509.SubjectAlternativeName,
    )
)

_E = TypeVar("_E", bound=x509.ExtensionType)


def _extensions(certificate: x509.Certificate) -> x509.Extensions:
    try:
        return certificate.extensions
    except (ValueError, x509.DuplicateExtension) as error:
        raise _refused(rule="its extensions cannot be read") from error


def _extension(certificate: x509.Certificate, kind: type[_E]) -> _E:
    try:
        return _extensions(certificate).get_extension_for_class(kind).value
    except x509.ExtensionNotFound as error:
        raise _refused(rule="an extension is missing") from error


def _refused(*, rule: str) -> WardnetError:
    return WardnetError(Reason.CERTIFICATE_REFUSED, rule=rule)

"""Signed envelopes (DSSE): exact bytes, who signed them, and how that is verified.

References
----------
DSSE protocol v1.0.2, https://github.com/secure-systems-lab/dsse/blob/v1.0.2/protocol.md; RFC 8032.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, NoReturn, cast

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from wardnet.canonical import MAXIMUM_BYTES
from wardnet.errors import Reason, WardnetError
from wardnet.identity.certificates import Usage, read_certificate, verify_chain
from wardnet.identity.member import Member

MAXIMUM_SIGNATURES: Final = 1024


@dataclass(frozen=True, slots=True)
class Trust:
    """Hold what a verifier believes: one network and its root.

    Parameters
    ----------
    network : str
        Id of the network.
    root : Certificate
        Our own copy, fingerprint checked when we joined.
    """

    network: str
    root: x509.Certificate


@dataclass(frozen=True, slots=True)
class Signer:
    """Hold a member's signing key and its certificates.

    Parameters
    ----------
    certificates : tuple of bytes
        DER: the signing leaf, then the issuing certificate.
    key : Ed25519PrivateKey
        Belongs to the leaf.
    """

    certificates: tuple[bytes, ...]
    key: Ed25519PrivateKey = field(repr=False)


@dataclass(frozen=True, slots=True)
class Signature:
    """Hold one signer's signature.

    Parameters
    ----------
    certificates : tuple of bytes
        DER: the signing leaf, then the issuing certificate.
    signature : bytes
        64 bytes, Ed25519 over `encode_for_signing`.
    """

    certificates: tuple[bytes, ...]
    signature: bytes


@dataclass(frozen=True, slots=True)
class Envelope:
    """Carry one statement as exact bytes; nothing in it is known to be true before `verify`.

    Parameters
    ----------
    payload_type : str
        Media type; part of what is signed.
    payload : bytes
        At most 1 MiB, or what its kind of statement allows.
    signatures : tuple of Signature
        1 to 1024, no two by the same signer.
    """

    payload_type: str
    payload: bytes
    signatures: tuple[Signature, ...]


def encode_for_signing(payload_type: str, payload: bytes) -> bytes:
    """Return the bytes that are signed: PAE of DSSE v1.0.2, "Signature Definition".

    Examples
    --------
    >>> encode_for_signing("http://example.com/HelloWorld", b"hello world")
    b'DSSEv1 29 http://example.com/HelloWorld 11 hello world'
    """
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def sign(payload_type: str, payload: bytes, signer: Signer) -> Envelope:
    """Return `payload` in an envelope with one signature."""
    signature = signer.key.sign(encode_for_signing(payload_type, payload))
    return Envelope(payload_type, payload, (Signature(signer.certificates, signature),))


def verify(
    envelope: Envelope,
    *,
    payload_type: str,
    trust: Trust,
    at: datetime,
    maximum_bytes: int = MAXIMUM_BYTES,
) -> tuple[Member, ...]:
    """Return who signed, in the order of the signatures; all of them hold, or it raises.

    Call it before the payload is parsed (DSSE v1.0.2, "Protocol": verifiers do not parse the
    payload first).

    Parameters
    ----------
    payload_type : str
        What the receiver expects; a statement of another kind never passes.
    trust : Trust
        Whose members may sign.
    at : datetime
        When the certificates must be valid.
    maximum_bytes : int
        Of the payload.

    Raises
    ------
    WardnetError
        `SIGNATURE_INVALID`, naming the first check that failed.
    """
    # 1. Bound the work, and accept only the kind of statement that is expected.
    if len(envelope.payload) > maximum_bytes:
        _refuse("the statement is too long")
    if not 1 <= len(envelope.signatures) <= MAXIMUM_SIGNATURES:
        _refuse("it needs 1 to 1024 signatures")
    if envelope.payload_type != payload_type:
        _refuse("it is another kind of statement")
    # 2. Every signature holds, and its signer is a member of our network.
    signed = encode_for_signing(payload_type, envelope.payload)
    members = tuple(
        _verify_one(signature, signed, trust=trust, at=at) for signature in envelope.signatures
    )
    # 3. Nobody counts twice.
    if len(set(members)) != len(members):
        _refuse("somebody signed twice")
    return members


def key_of(certificate: bytes) -> str:
    """Return the fingerprint of a certificate's key: SHA-256 of SubjectPublicKeyInfo, hexadecimal.

    Parameters
    ----------
    certificate : bytes
        DER.

    Raises
    ------
    WardnetError
        `CERTIFICATE_REFUSED` when it cannot be read.
    """
    key = read_certificate(certificate).public_key()
    info = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(info).hexdigest()


def signing_keys(envelope: Envelope) -> frozenset[str]:
    """Return the fingerprints of all keys that have signed an envelope; `verify` it before."""
    return frozenset(key_of(signature.certificates[0]) for signature in envelope.signatures)


def merge(envelopes: Sequence[Envelope]) -> Envelope:
    """Return one envelope with all signatures; a repeated one counts once.

    Raises
    ------
    WardnetError
        `SIGNATURE_INVALID` when the envelopes do not hold the same statement.
    """
    statements = {(envelope.payload_type, envelope.payload) for envelope in envelopes}
    if len(statements) != 1:
        _refuse("the statements differ")
    signatures = dict.fromkeys(
        signature for envelope in envelopes for signature in envelope.signatures
    )
    return Envelope(*statements.pop(), tuple(signatures))


def _verify_one(signature: Signature, signed: bytes, *, trust: Trust, at: datetime) -> Member:
    # 1. The certificates lead to our root, are valid, and are made for signing.
    try:
        member = verify_chain(signature.certificates, trust.root, at=at, usage=Usage.SIGNING)
    except WardnetError as error:
        raise WardnetError(
            Reason.SIGNATURE_INVALID,
            rule=f"the signer's certificate is refused: {error.details['rule']}",
        ) from error
    # 2. The signer belongs to the network that we expect.
    if member.network != trust.network:
        _refuse("the signer belongs to another network")
    # 3. The signature is over these bytes by the leaf's key (which verify_chain found Ed25519).
    key = cast("Ed25519PublicKey", read_certificate(signature.certificates[0]).public_key())
    try:
        key.verify(signature.signature, signed)
    except InvalidSignature:
        _refuse("it does not belong to the statement")
    return member


def _refuse(rule: str) -> NoReturn:
    raise WardnetError(Reason.SIGNATURE_INVALID, rule=rule)

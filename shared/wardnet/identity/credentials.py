"""Credentials: what a member needs to be believed, and how they are made, kept and read."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
    load_pem_private_key,
)

from wardnet import clock
from wardnet.errors import Reason, WardnetError
from wardnet.identity import authority
from wardnet.identity.certificates import Usage, network_of, read_certificate, verify_chain
from wardnet.identity.envelope import Signer, Trust
from wardnet.identity.files import write_private
from wardnet.identity.keystore import HOW_TO_BEGIN, Keystore
from wardnet.identity.member import Member

ROOT_FILE: Final = "root.crt"
TLS_FILE: Final = "tls.crt"
SIGNING_FILE: Final = "signing.crt"


@dataclass(frozen=True, slots=True)
class TlsIdentity:
    """Hold what one end of a mutual TLS connection needs.

    Parameters
    ----------
    member : Member
        Whom the certificate names.
    root : Certificate
        The network's root: the only authority believed.
    tls_key_pem, tls_chain_pem : bytes
        P-256 private key; leaf and issuing certificate.
    """

    member: Member
    root: x509.Certificate
    tls_key_pem: bytes = field(repr=False)
    tls_chain_pem: bytes = field(repr=False)

    @property
    def trust(self) -> Trust:
        """Return what this member believes."""
        return Trust(network_of(self.root), self.root)


@dataclass(frozen=True, slots=True)
class Credentials(TlsIdentity):
    """Hold all that an enrolled member needs to be believed.

    Parameters
    ----------
    signer : Signer
        For statements.
    """

    signer: Signer

    @classmethod
    def load(cls, home: Path, keystore: Keystore, *, at: datetime | None = None) -> "Credentials":
        """Read the certificates of `home` and the private keys of its keystore, and check them.

        Raises
        ------
        WardnetError
            `NOT_INITIALISED` before enrolment, `CERTIFICATE_REFUSED` (e.g. expired),
            `STATE_DAMAGED`.
        """
        keys = Keys.load(keystore)
        return keys.certified(
            root=_read_chain(home / ROOT_FILE)[0],
            tls_chain=[_der(certificate) for certificate in _read_chain(home / TLS_FILE)],
            signing_chain=[_der(certificate) for certificate in _read_chain(home / SIGNING_FILE)],
            at=at or clock.now(),
        )

    def save(self, home: Path, keystore: Keystore) -> None:
        """Write the certificates to `home` and the private keys to its keystore."""
        Keys(_p256(load_pem_private_key(self.tls_key_pem, None)), self.signer.key).save(keystore)
        signing = [read_certificate(der) for der in self.signer.certificates]
        write_private(home / ROOT_FILE, _pem([self.root]))
        write_private(home / TLS_FILE, self.tls_chain_pem)
        write_private(home / SIGNING_FILE, _pem(signing))


def read_trust(home: Path) -> Trust | None:
    """Return what the owner of `home` believes, which needs no passphrase; None before enrolment.

    Raises
    ------
    WardnetError
        `STATE_DAMAGED`.
    """
    if not (home / ROOT_FILE).exists():
        return None
    root = _read_chain(home / ROOT_FILE)[0]
    return Trust(network_of(root), root)


@dataclass(frozen=True, slots=True)
class Keys:
    """Hold a member's two private keys: P-256 for TLS, Ed25519 for statements."""

    tls: ec.EllipticCurvePrivateKey = field(repr=False)
    signing: ed25519.Ed25519PrivateKey = field(repr=False)

    @classmethod
    def generate(cls) -> "Keys":
        """Make two new keys."""
        return cls(ec.generate_private_key(ec.SECP256R1()), ed25519.Ed25519PrivateKey.generate())

    @classmethod
    def load(cls, keystore: Keystore) -> "Keys":
        """Read both keys from a keystore."""
        tls = load_der_private_key(keystore.open("tls"), None)
        signing = load_der_private_key(keystore.open("signing"), None)
        return cls(_p256(tls), _ed25519(signing))

    def save(self, keystore: Keystore) -> None:
        """Seal both keys into a keystore."""
        keystore.seal("tls", private_der(self.tls))
        keystore.seal("signing", private_der(self.signing))

    @property
    def tls_request(self) -> bytes:
        """Return the PKCS#10 request, DER, for the TLS certificate."""
        return authority.request(self.tls)

    @property
    def signing_request(self) -> bytes:
        """Return the PKCS#10 request, DER, for the signing certificate."""
        return authority.request(self.signing)

    def certified(
        self,
        *,
        root: x509.Certificate,
        tls_chain: Sequence[bytes],
        signing_chain: Sequence[bytes],
        at: datetime,
    ) -> Credentials:
        """Join the keys with their certificates, after checking that they belong together.

        Parameters
        ----------
        root : Certificate
            Of the network, fingerprint checked before.
        tls_chain, signing_chain : Sequence of bytes
            DER: the leaf, then the issuing certificate.

        Raises
        ------
        WardnetError
            `CERTIFICATE_REFUSED`.
        """
        # 1. Both chains lead to the root, are valid, and of their kind.
        member = verify_chain(tls_chain, root, at=at, usage=Usage.TLS)
        signer = verify_chain(signing_chain, root, at=at, usage=Usage.SIGNING)
        # 2. Both name the same member, and certify these keys.
        if member != signer:
            raise _refused(rule="the two certificates name different members")
        for chain, key in ((tls_chain, self.tls), (signing_chain, self.signing)):
            if read_certificate(chain[0]).public_key() != key.public_key():
                raise _refused(rule="it belongs to another key")
        return Credentials(
            member=member,
            root=root,
            tls_key_pem=private_pem(self.tls),
            tls_chain_pem=_pem([read_certificate(der) for der in tls_chain]),
            signer=Signer(tuple(signing_chain), self.signing),
        )


def private_der(key: authority.PrivateKey) -> bytes:
    """Return a private key as PKCS#8 DER, unencrypted: for the keystore."""
    return key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def private_pem(key: authority.PrivateKey) -> bytes:
    """Return a private key as PKCS#8 PEM, unencrypted: for the TLS library, in memory."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def chain_pem(chain_der: Sequence[bytes]) -> bytes:
    """Return DER certificates as one PEM text."""
    return _pem([read_certificate(der) for der in chain_der])


def _p256(key: object) -> ec.EllipticCurvePrivateKey:
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise _refused(rule="its key is of another kind")
    return key


def _ed25519(key: object) -> ed25519.Ed25519PrivateKey:
    if not isinstance(key, ed25519.Ed25519PrivateKey):
        raise _refused(rule="its key is of another kind")
    return key


def _read_chain(path: Path) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(path.read_bytes())
    except FileNotFoundError:
        raise WardnetError(
            Reason.NOT_INITIALISED, path=str(path.parent), rule=HOW_TO_BEGIN
        ) from None
    except ValueError as error:
        raise WardnetError(
            Reason.STATE_DAMAGED, path=str(path), rule="it holds no certificates"
        ) from error


def _pem(chain: Sequence[x509.Certificate]) -> bytes:
    return b"".join(certificate.public_bytes(Encoding.PEM) for certificate in chain)


def _der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)


def _refused(*, rule: str) -> WardnetError:
    return WardnetError(Reason.CERTIFICATE_REFUSED, rule=rule)

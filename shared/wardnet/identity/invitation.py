"""Invitations: one printable line that lets its holder enrol once, as one exact member."""

import base64
import hashlib
from dataclasses import dataclass, field
from typing import Final

from cryptography.hazmat.primitives.serialization import load_der_private_key

from wardnet.errors import Reason, WardnetError
from wardnet.identity import certificates
from wardnet.identity.authority import PrivateKey
from wardnet.identity.credentials import TlsIdentity, chain_pem, private_pem
from wardnet.identity.member import Member, Role

PREFIX: Final = "wardnet-invitation-v1:"
TOKEN_BYTES: Final = 32

_CHECKSUM_BYTES: Final = 8
_MAXIMUM_CHARACTERS: Final = 16384


@dataclass(frozen=True, slots=True)
class Invitation:
    """Hold what an invited person or hospital needs to enrol.

    Parameters
    ----------
    address : str
        `host:port` of the coordinator; its certificate must carry the host.
    member : Member
        Whom the holder becomes.
    token : bytes
        32 random bytes; the coordinator knows only their SHA-256.
    root : bytes
        The network's root certificate, DER. Compare `fingerprint` with what you were told.
    chain : tuple of bytes
        DER: a short-lived TLS leaf of role `invited`, then the issuing certificate.
    key : bytes
        The leaf's private key, PKCS#8 DER.
    """

    address: str
    member: Member
    token: bytes = field(repr=False)
    root: bytes = field(repr=False)
    chain: tuple[bytes, bytes] = field(repr=False)
    key: bytes = field(repr=False)

    @property
    def fingerprint(self) -> str:
        """Return the fingerprint of the network's root, for people."""
        return certificates.fingerprint(certificates.read_certificate(self.root))

    @property
    def tls(self) -> TlsIdentity:
        """Return the identity to connect with for the enrolment."""
        invited = Member(self.member.network, Role.INVITED, self.member.id)
        root = certificates.read_certificate(self.root)
        return TlsIdentity(invited, root, private_pem(_load_key(self.key)), chain_pem(self.chain))

    def to_line(self) -> str:
        """Return the printable line; whoever holds it can enrol."""
        uri = self.member.uri
        fields = (self.address.encode(), uri.encode(), self.token, self.root, *self.chain, self.key)
        body = b"".join(len(part).to_bytes(2, "big") + part for part in fields)
        return PREFIX + base64.urlsafe_b64encode(body + _checksum(body)).decode().rstrip("=")

    @classmethod
    def from_line(cls, line: str) -> "Invitation":
        """Read an invitation; blanks and line breaks from copying are ignored.

        Raises
        ------
        WardnetError
            `INVITATION_MALFORMED`.
        """
        # 1. Bound it, take off the frame, check the checksum.
        text = "".join(line.split())
        if not text.startswith(PREFIX):
            raise _malformed(rule=f"it starts with {PREFIX}")
        body = _decode(text.removeprefix(PREFIX))
        # 2. Exactly the seven fields.
        fields = _split(body)
        if len(fields) != 7:
            raise _malformed(rule="it has other parts than this version knows")
        address, uri, token, root, leaf, issuing, key = fields
        # 3. Each of them can be read.
        try:
            member = Member.from_uri(uri.decode())
            invitation = cls(address.decode(), member, token, root, (leaf, issuing), key)
            _ = invitation.fingerprint, invitation.tls
        except (WardnetError, ValueError) as error:
            raise _malformed(rule="a part of it cannot be read") from error
        if len(token) != TOKEN_BYTES:
            raise _malformed(rule="its token has another length")
        return invitation


def _load_key(der: bytes) -> PrivateKey:
    key = load_der_private_key(der, None)
    if not isinstance(key, PrivateKey):
        raise _malformed(rule="its key is of another kind")
    return key


def _decode(text: str) -> bytes:
    if len(text) > _MAXIMUM_CHARACTERS:
        raise _malformed(rule="it is too long")
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError as error:
        raise _malformed(rule="it holds other characters") from error
    body, checksum = data[:-_CHECKSUM_BYTES], data[-_CHECKSUM_BYTES:]
    if checksum != _checksum(body):
        raise _malformed(rule="a part is missing or changed")
    return body


def _checksum(body: bytes) -> bytes:
    return hashlib.sha256(body).digest()[:_CHECKSUM_BYTES]


def _split(body: bytes) -> list[bytes]:
    fields = []
    while body:
        end = 2 + int.from_bytes(body[:2], "big")
        fields.append(body[2:end])
        body = body[end:]
    return fields


def _malformed(*, rule: str) -> WardnetError:
    return WardnetError(Reason.INVITATION_MALFORMED, rule=rule)

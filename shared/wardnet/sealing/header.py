"""The header of a parcel: what it is, signed by the owner's node, inside the recipient's seal."""

from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import Annotated, Final, NoReturn, Self

from pydantic import Field, StringConstraints, TypeAdapter, model_validator
from pydantic.dataclasses import dataclass

from wardnet import canonical
from wardnet.clock import Moment
from wardnet.errors import Reason, WardnetError
from wardnet.identity import envelope as envelopes
from wardnet.identity.envelope import Envelope, Signature, Signer, Trust
from wardnet.identity.member import Member, Role
from wardnet.question.dictionary import STRICT
from wardnet.question.fields import Layout, Line
from wardnet.question.query import Digest, Id
from wardnet.sealing import hpke, names
from wardnet.sealing.frames import MAXIMUM_BYTES, frames_of
from wardnet.sealing.hpke import HybridKey

PAYLOAD_TYPE: Final = "application/vnd.wardnet.parcel-header.v1+json"

ROWS: Final = names.ROWS
"""Name of the first part: the rows, as Parquet."""
ROWS_MEDIA_TYPE: Final = "application/vnd.apache.parquet"
MAXIMUM_PARTS: Final = 2000
"""The rows and 1999 attachments: whatever their names, their header stays below 1 MiB."""
MAXIMUM_HEADER_BYTES: Final = canonical.MAXIMUM_BYTES + (1 << 14)
"""Of a sealed header; nobody needs to read further."""

_Length = Annotated[int, Field(ge=0, le=MAXIMUM_BYTES)]
_MediaType = Annotated[
    str, StringConstraints(pattern=r"^[a-z0-9]+/[a-z0-9][a-z0-9.+-]*$", max_length=127)
]
_Hex = Annotated[str, StringConstraints(pattern=r"^([0-9a-f]{2})+$", max_length=1 << 14)]


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Label:
    """Say under which grant a parcel goes from whom to whom: what both sides know beforehand.

    Parameters
    ----------
    network : str
        Id of the network.
    grant : str
        SHA-256 of the signed grant, hexadecimal.
    sender, recipient : str
        Ids of the two hospitals.
    """

    network: Id
    grant: Digest
    sender: Id
    recipient: Id

    @property
    def info(self) -> str:
        """Return what the header is sealed for."""
        return f"wardnet parcel v1|{self.network}|{self.grant}|{self.sender}|{self.recipient}"


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Part:
    """Point to one file inside the body.

    Parameters
    ----------
    name : str
        `ROWS`, or an attachment's name, 1 to 255 bytes.
    media_type : str
        What it holds.
    offset, length : int
        Where, in plaintext bytes of the body.
    """

    name: str
    media_type: _MediaType
    offset: _Length
    length: _Length


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Header:
    """State what a parcel is, as the owner's node signs it.

    Parameters
    ----------
    version : int
        Of this layout; 1.
    label : Label
        Whose it is.
    snapshot : str
        Which version of the dataset.
    parts : tuple of Part
        The rows, then 0 to 1999 attachments; each begins where the one before ends.
    frames : int
        Of the body.
    length : int
        Plaintext bytes of the body.
    digest : str
        SHA-256 of the body as it is stored, hexadecimal: the parcel's name.
    key_hash : str
        SHA-256 of the content key, hexadecimal: AES-GCM alone commits to none.
    made : str
        Moment of sealing.
    """

    version: Layout
    label: Label
    snapshot: Line
    parts: Annotated[tuple[Part, ...], Field(min_length=1, max_length=MAXIMUM_PARTS)]
    frames: Annotated[int, Field(ge=1, le=1 << 32)]
    length: _Length
    digest: Digest
    key_hash: Digest
    made: Moment

    @model_validator(mode="after")
    def _contiguous(self) -> Self:
        place = 0
        for part in self.parts:
            if part.offset != place:
                message = "a part begins where the one before ends"
                raise ValueError(message)
            place += part.length
        if place != self.length or self.frames != frames_of(self.length):
            message = "the parts together are the body"
            raise ValueError(message)
        if self.parts[0].name != ROWS:
            message = f"the first part is {ROWS}"
            raise ValueError(message)
        return self


@dataclass(frozen=True, config=STRICT, kw_only=True)
class _Sealed:
    """Hold what a sealed header holds: the key, and an envelope with one signature."""

    version: Layout
    key: Digest
    payload: str
    certificates: Annotated[tuple[_Hex, ...], Field(min_length=2, max_length=2)]
    signature: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{128}$")]


_HEADER: Final = TypeAdapter(Header)
_SEALED: Final = TypeAdapter(_Sealed)


def seal_header(header: Header, key: bytes, *, recipient: str, signer: Signer) -> bytes:
    """Return a header signed by the owner's node, with the content key, sealed to the recipient.

    Raises
    ------
    WardnetError
        `MALFORMED` when the recipient is no hybrid public key.
    """
    signed = envelopes.sign(PAYLOAD_TYPE, to_bytes(header), signer)
    sealed = _Sealed(
        version=1,
        key=key.hex(),
        payload=signed.payload.decode(),
        certificates=tuple(item.hex() for item in signed.signatures[0].certificates),
        signature=signed.signatures[0].signature.hex(),
    )
    return hpke.seal_hybrid(canonical.write(_SEALED, sealed), recipient, info=header.label.info)


def open_header(
    data: bytes,
    private_key: HybridKey,
    *,
    label: Label,
    digest: str,
    nodes: AbstractSet[str],
    trust: Trust,
    at: datetime,
) -> tuple[Header, bytes]:
    """Return what the sending hospital's node has signed, and the content key.

    Parameters
    ----------
    data : bytes
        The sealed header.
    private_key : HybridKey
        Made for the request that the grant answers.
    label : Label
        Of the grant that we hold.
    digest : str
        Of the parcel that the owner has announced: an earlier one of the same grant is refused.
    nodes : set of str
        Keys of the sender's node, from our own address book.
    trust : Trust
        Whose members may sign.
    at : datetime
        When the sender's certificates must be valid.

    Raises
    ------
    WardnetError
        `SIGNATURE_INVALID` when the header was changed, or sealed or signed for or by somebody
        else; `PARCEL_REFUSED` when it is another parcel than the grant allows; `MALFORMED`,
        `ATTACHMENT_NAME`.
    """
    # 1. Open the seal: made for this key, this grant and these two hospitals.
    if len(data) > MAXIMUM_HEADER_BYTES:
        _refuse(label, "its header is too long")
    rule = "the parcel's header was changed, or sealed for another grant or hospital"
    opened = hpke.open_sealed(data, private_key, info=label.info, rule=rule)
    sealed = canonical.read(_SEALED, opened)
    # 2. Whoever knows the recipient's key can seal to it: the sender's node must have signed.
    certificates = tuple(bytes.fromhex(item) for item in sealed.certificates)
    signature = Signature(certificates, bytes.fromhex(sealed.signature))
    signed = Envelope(PAYLOAD_TYPE, sealed.payload.encode(), (signature,))
    members = envelopes.verify(signed, payload_type=PAYLOAD_TYPE, trust=trust, at=at)
    if members != (Member(label.network, Role.NODE, label.sender),):
        _refuse(label, "somebody else than the sending hospital's node has signed it")
    if envelopes.signing_keys(signed).isdisjoint(nodes):
        _refuse(label, "the key that signed it is not in our address book")
    # 3. What is signed is this label, and belongs to this key.
    header, key = from_bytes(signed.payload), bytes.fromhex(sealed.key)
    if header.label != label:
        _refuse(label, "it was made for another grant or hospital")
    if header.digest != digest:
        _refuse(label, "it is not the parcel that was announced")
    if canonical.digest(key) != header.key_hash:
        _refuse(label, "its key is not the one that was signed")
    return header, key


def to_bytes(header: Header) -> bytes:
    """Return the canonical bytes that the owner's node signs."""
    return canonical.write(_HEADER, header)


def from_bytes(data: bytes) -> Header:
    """Read canonical bytes whose signature was verified before.

    Raises
    ------
    WardnetError
        `MALFORMED`, or `ATTACHMENT_NAME` when a name cannot be used.
    """
    header = canonical.read(_HEADER, data)
    names.check_names(part.name for part in header.parts[1:])
    return header


def _refuse(label: Label, rule: str) -> NoReturn:
    raise WardnetError(Reason.PARCEL_REFUSED, rule=rule, hospital=label.sender)

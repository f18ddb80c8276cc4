"""Notices: what either hospital says about a share after it was asked for, each signed."""

from enum import StrEnum
from functools import cached_property
from typing import Annotated, Final, Literal, TypeAlias

from pydantic import Discriminator, Field, StringConstraints, TypeAdapter
from pydantic.dataclasses import dataclass

from wardnet import canonical
from wardnet.clock import Moment
from wardnet.question.dictionary import STRICT
from wardnet.question.fields import Layout, Paragraph
from wardnet.question.query import Digest, Id

PAYLOAD_TYPE: Final = "application/vnd.wardnet.share-notice.v1+json"

Bytes: TypeAlias = Annotated[int, Field(ge=1, lt=1 << 53)]
Address: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]{1,300}$")]


class Place(StrEnum):
    """Name where a parcel waits."""

    DIRECT = "direct"
    """At the owner's node, which listens."""
    RELAY = "relay"


class Cause(StrEnum):
    """Name why a recipient has destroyed what it held."""

    EXPIRED = "expired"
    REVOKED = "revoked"
    UNWANTED = "unwanted"
    """Its steward has decided so."""


@dataclass(frozen=True, config=STRICT)
class Declined:
    """The owner's steward turns the request down."""

    reason: Paragraph
    kind: Literal["declined"] = "declined"


@dataclass(frozen=True, config=STRICT)
class Refused:
    """A node could not take a statement: what was asked for cannot be given, or was not asked for.

    Parameters
    ----------
    statement : str
        Digest of what is refused: the request, or the grant.
    cause : str
        A reason of the error catalogue.
    words : str
        Its sentence.
    """

    statement: Digest
    cause: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
    words: Paragraph
    kind: Literal["refused"] = "refused"


@dataclass(frozen=True, config=STRICT)
class Revoked:
    """The owner's steward takes the grant back, at once."""

    grant: Digest
    reason: Paragraph
    kind: Literal["revoked"] = "revoked"


@dataclass(frozen=True, config=STRICT)
class Ready:
    """The parcel is sealed and can be fetched.

    Parameters
    ----------
    grant : str
        Digest of the grant.
    parcel : str
        Digest of the parcel: SHA-256 of its body's ciphertext.
    header, body : int
        Bytes of its two files.
    place : Place
        Where it waits.
    address : str
        `host:port` of the owner's node or of the relay.
    """

    grant: Digest
    parcel: Digest
    header: Bytes
    body: Bytes
    place: Place
    address: Address
    kind: Literal["ready"] = "ready"


@dataclass(frozen=True, config=STRICT)
class Fetched:
    """The recipient has the whole parcel; it can be removed where it waited."""

    grant: Digest
    parcel: Digest
    kind: Literal["fetched"] = "fetched"


@dataclass(frozen=True, config=STRICT)
class Opened:
    """The recipient has opened the parcel: its records lie in the vault."""

    grant: Digest
    parcel: Digest
    kind: Literal["opened"] = "opened"


@dataclass(frozen=True, config=STRICT)
class Destroyed:
    """The recipient has destroyed every key to what it was handed."""

    grant: Digest
    cause: Cause
    kind: Literal["destroyed"] = "destroyed"


Said: TypeAlias = Annotated[
    Declined | Refused | Revoked | Ready | Fetched | Opened | Destroyed, Discriminator("kind")
]

BY_STEWARD: Final = (Declined, Revoked)
"""What takes a steward's signature; the node signs everything."""

BY_OWNER: Final = (Declined, Revoked, Ready)
BY_RECIPIENT: Final = (Fetched, Opened, Destroyed)


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Notice:
    """Say something about a share, as the node of who says it signs it.

    Parameters
    ----------
    version : int
        Of this layout; 1.
    network, sender, recipient : str
        Who says it to whom: ids of the two hospitals.
    request : str
        Digest of the request that began the share.
    said : Said
        What.
    made : str
        Moment of signing.
    """

    version: Layout
    network: Id
    sender: Id
    recipient: Id
    request: Digest
    said: Said
    made: Moment

    @cached_property
    def digest(self) -> str:
        """Return the SHA-256 of the canonical bytes, hexadecimal."""
        return canonical.digest(to_bytes(self))


_ADAPTER: Final = TypeAdapter(Notice)


def to_bytes(notice: Notice) -> bytes:
    """Return the canonical bytes that are signed."""
    return canonical.write(_ADAPTER, notice)


def from_bytes(data: bytes) -> Notice:
    """Read canonical bytes whose signatures were verified before.

    Raises
    ------
    WardnetError
        `MALFORMED`.
    """
    return canonical.read(_ADAPTER, data)

"""What an owner tells the relay of a parcel: who may fetch it, how often, and until when.

The grant itself says why and what, and goes sealed from hospital to hospital. This says only what
somebody must know who keeps a sealed parcel for a while and hands it to the right one.
"""

from datetime import datetime
from typing import Annotated, Final

from pydantic import Field, TypeAdapter
from pydantic.dataclasses import dataclass

from wardnet import canonical
from wardnet.clock import Moment
from wardnet.errors import Reason, WardnetError
from wardnet.identity.envelope import Envelope, Signer, Trust, sign, verify
from wardnet.identity.member import Member, Role
from wardnet.question.dictionary import STRICT
from wardnet.question.fields import Layout
from wardnet.question.query import Digest, Id
from wardnet.sharing.grant import Fetches

PAYLOAD_TYPE: Final = "application/vnd.wardnet.consignment.v1+json"


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Consignment:
    """Commit a parcel to the relay, as the owner's node signs it.

    Parameters
    ----------
    version : int
        Of this layout; 1.
    network, owner, recipient : str
        From which hospital to which: ids.
    grant : str
        SHA-256 of the signed grant's payload, hexadecimal.
    parcel : str
        SHA-256 of the parcel's body, hexadecimal: its name.
    size : int
        Bytes of the body.
    until : str
        Moment when the grant ends; after it nothing is handed out or kept.
    maximum_fetches : int
        How often it may be fetched, from 1: as the grant says.
    """

    version: Layout
    network: Id
    owner: Id
    recipient: Id
    grant: Digest
    parcel: Digest
    size: Annotated[int, Field(ge=1, lt=1 << 53)]
    until: Moment
    maximum_fetches: Fetches


_ADAPTER: Final = TypeAdapter(Consignment)


def signed(consignment: Consignment, signer: Signer) -> Envelope:
    """Return the statement with its node's signature."""
    return sign(PAYLOAD_TYPE, canonical.write(_ADAPTER, consignment), signer)


def verified(envelope: Envelope, *, trust: Trust, at: datetime) -> Consignment:
    """Return what the node of the owner itself, and nobody else, has signed.

    Raises
    ------
    WardnetError
        `SIGNATURE_INVALID` or `MALFORMED`.
    """
    signers = verify(envelope, payload_type=PAYLOAD_TYPE, trust=trust, at=at)
    consignment = canonical.read(_ADAPTER, envelope.payload)
    owner = Member(trust.network, Role.NODE, consignment.owner)
    if consignment.network != trust.network or signers != (owner,):
        rule = "it is not signed by the hospital's own node"
        raise WardnetError(Reason.SIGNATURE_INVALID, rule=rule)
    return consignment

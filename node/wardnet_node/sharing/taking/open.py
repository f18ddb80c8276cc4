"""Opening: a fetched parcel is verified whole, then taken into the vault, or nothing is.

The first pass opens every frame and keeps none. Only the second decrypts, straight into encrypted
segments of a new dataset; attachments stay in the parcel's own frames. The dataset, its grant and
the receipt to the owner are one transaction.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from wardnet.agreement.view import View
from wardnet.errors import Reason, WardnetError
from wardnet.identity.credentials import Credentials
from wardnet.sealing.header import Label
from wardnet.sealing.hpke import HybridKey
from wardnet.sealing.parcel import Parcel, open_parcel
from wardnet.sharing.grant import Grant
from wardnet_node.desk.shares.state import Share
from wardnet_node.sharing.carrying.spool import Sealed
from wardnet_node.sharing.taking.incoming_rows import IncomingRows
from wardnet_node.vault.receive import Arrival, Lent, Received


class Commit(Protocol):
    """Say that a share was opened, and what comes with it, in one transaction."""

    def __call__(self, arrival: Arrival, /) -> object:
        """Call the arrival's `put` in the transaction."""


@dataclass(frozen=True, slots=True)
class Sender:
    """Say how the sender of a parcel is known.

    Parameters
    ----------
    credentials : Credentials
        Of the recipient: the network's root.
    view : View
        What the recipient knows: keys in its address book, and which were taken back.
    at : datetime
        When the sender's certificates must be valid.
    """

    credentials: Credentials
    view: View
    at: datetime

    def nodes(self, hospital: str) -> frozenset[str]:
        """Return the keys of a hospital's node that are believed."""
        known = self.view.book.organisation(hospital)
        return frozenset(known.nodes if known else ()) - self.view.revoked_by(hospital)


def dataset_name(share: Share, grant: Grant) -> str:
    """Return what the dataset of a share is called here; no dictionary can have such a name."""
    return f"{share.request.dataset}-from-{share.request.owner}-{grant.digest[:8]}"


def verified(share: Share, sealed: Sealed, key: HybridKey, *, sender: Sender) -> Parcel:
    """Return a parcel that is whole, and the one that was granted and announced.

    Parameters
    ----------
    share : Share
        Whose time is not over.
    sealed : Sealed
        The two files.
    key : HybridKey
        Of the request.
    sender : Sender
        How the owner is known.

    Raises
    ------
    WardnetError
        `PARCEL_INCOMPLETE` when it was not fetched whole; what `open_parcel` refuses;
        `PARCEL_REFUSED`; `PARCEL_DAMAGED`.
    """
    request, grant, ready = share.request, share.grant, share.ready
    if grant is None or ready is None or not sealed.whole:
        raise WardnetError(Reason.PARCEL_INCOMPLETE, hospital=request.owner)
    label = Label(
        network=request.network,
        grant=grant.digest,
        sender=request.owner,
        recipient=request.recipient,
    )
    parcel = open_parcel(
        sealed.header.read_bytes(),
        sealed.body,
        key,
        label=label,
        digest=ready.parcel,
        nodes=sender.nodes(request.owner),
        trust=sender.credentials.trust,
        at=sender.at,
    )
    if parcel.header.snapshot != grant.snapshot:
        rule = "it was made from another snapshot than was granted"
        raise WardnetError(Reason.PARCEL_REFUSED, rule=rule, hospital=request.owner)
    parcel.verify()
    return parcel


def take_in(share: Share, parcel: Parcel, into: Received, *, commit: Commit) -> str:
    """Decrypt a verified parcel into the vault and return the name of its dataset.

    Raises
    ------
    WardnetError
        `PARCEL_REFUSED` when its rows are not what was granted; `DISK_FULL`; what `commit`
        raises. Nothing is stored then.
    """
    grant = share.grant
    if grant is None:
        message = "a share without a grant has no parcel"
        raise ValueError(message)
    with IncomingRows(parcel, request=share.request, grant=grant) as rows:
        lent = Lent(
            name=dataset_name(share, grant),
            dictionary=rows.dictionary,
            request=share.digest,
            parcel=parcel.header.digest,
            length=parcel.header.length,
            key=parcel.key,
            attachments=parcel.header.parts[1:],
        )
        into.receive(lent, rows.batches(), commit=commit)
    return lent.name

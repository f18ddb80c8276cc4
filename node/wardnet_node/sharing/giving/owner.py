"""The owner's side of a share once it is granted: make the parcel, say where it waits."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final, Self

from wardnet import clock
from wardnet.audit import tags
from wardnet.identity.credentials import Credentials
from wardnet.identity.keystore import Keystore
from wardnet.sealing.header import ROWS, ROWS_MEDIA_TYPE, Label
from wardnet.sealing.write import ParcelWriter, SealedParcel, sweep
from wardnet.sharing.consignment import Consignment
from wardnet.sharing.grant import Grant
from wardnet.sharing.notice import Place, Ready
from wardnet_node.desk.shares.shares import Shares
from wardnet_node.desk.shares.state import Share, State
from wardnet_node.intake.blocks import Progress
from wardnet_node.settings import NodeSettings
from wardnet_node.sharing.carrying.serving import waiting_place
from wardnet_node.sharing.carrying.spool import Spool
from wardnet_node.sharing.giving import attachments
from wardnet_node.sharing.giving.attachments import Attachment
from wardnet_node.sharing.giving.extract import Selection, open_extract
from wardnet_node.sharing.giving.make import make
from wardnet_node.sharing.giving.preparing import Preparing
from wardnet_node.vault.catalog import Catalog
from wardnet_node.vault.keys import Keyring
from wardnet_node.vault.vault import Vault

ALIVE: Final = frozenset({State.GRANTED, State.READY, State.FETCHED, State.OPENED})
"""Where a parcel may lie here."""


class Owner(Preparing):
    """Hand out what stewards have granted; used from one thread only.

    Parameters
    ----------
    home : Path
        The node's.
    catalog : Catalog
        Of the node.
    vault, shares : Vault, Shares
        Over this very catalog.
    credentials : Credentials
        The hospital's.
    settings : NodeSettings
        Say where parcels wait.
    tag_key : bytes
        What the log names patients with.
    """

    def __init__(
        self,
        home: Path,
        catalog: Catalog,
        *,
        vault: Vault,
        shares: Shares,
        credentials: Credentials,
        settings: NodeSettings,
        tag_key: bytes,
    ) -> None:
        super().__init__(catalog, vault=vault, shares=shares, member=credentials.member)
        self.spool = Spool(home)
        self._home = home
        self._catalog = catalog
        self._credentials = credentials
        self._settings = settings
        self._tag_key = tag_key

    @classmethod
    def open(
        cls, home: Path, keystore: Keystore, credentials: Credentials, settings: NodeSettings
    ) -> Self:
        """Open all that it needs, with a catalog of its own."""
        catalog = Catalog.open(home, keystore)
        return cls(
            home,
            catalog,
            vault=Vault(home, keystore, catalog, member=credentials.member),
            shares=Shares(catalog, keyring=Keyring(home, keystore), credentials=credentials),
            credentials=credentials,
            settings=settings,
            tag_key=keystore.derive(tags.PURPOSE),
        )

    def close(self) -> None:
        """Close the catalog."""
        self._catalog.close()

    def make(
        self,
        prefix: str,
        files: Sequence[Attachment] = (),
        *,
        progress: Progress | None = None,
    ) -> Share:
        """Make and seal the parcel of a grant, and tell the recipient where it waits.

        What another parcel of the grant has left here goes.

        Parameters
        ----------
        files : sequence of Attachment
            That go along; the grant names them.
        progress : callable or None
            As for `make`.

        Raises
        ------
        WardnetError
            `SHARE_UNKNOWN`, `SHARE_NOT_FOR_US`; why nothing may be handed out under the grant; as
            `open_extract` and `make`; `FILE_UNREADABLE`, `ATTACHMENT_NAME`, `PARCEL_TOO_LARGE`;
            `ATTACHMENT_NOT_GRANTED`, `ATTACHMENT_MISSING`; `DISK_FULL`; `NOT_INITIALISED`. Nothing
            is left then.
        """
        share = self.owned(prefix)
        grant = self.shares.in_force(share.digest)
        if len(files) < len(grant.attachments):  # before the rows are made for nothing
            raise attachments.missing(grant.request)
        place, address = waiting_place(self._home, self._settings)
        sealed, patients = self._sealed(share, grant, files, progress)
        try:
            made = self.shares.mark_ready(
                share.digest,
                parcel=sealed.header.digest,
                header=sealed.header_path.stat().st_size,
                body=sealed.body_path.stat().st_size,
                place=place,
                address=address,
                patients=patients,
                attachments=len(files),
            )
        except BaseException:
            self.spool.discard(sealed.header.digest)
            raise
        if share.ready is not None:
            self.spool.discard(share.ready.parcel)
        return made

    def to_bring(self, share: Share) -> Consignment | None:
        """Return what must still be brought to the relay; None when nothing must."""
        grant, ready = share.grant, share.ready
        if grant is None or ready is None or share.state is not State.READY:
            return None
        if ready.place is not Place.RELAY or not self.spool.made(ready.parcel).whole:
            return None
        return Consignment(
            version=1,
            network=grant.network,
            owner=grant.owner,
            recipient=grant.recipient,
            grant=grant.digest,
            parcel=ready.parcel,
            size=ready.body,
            until=grant.until,
            maximum_fetches=grant.maximum_fetches,
        )

    def lies_here(self, share: Share) -> Ready | None:
        """Return the parcel of a share that is over, while something of it lies here."""
        if not share.owned or share.ready is None or share.state in ALIVE:
            return None
        return share.ready if self.spool.made(share.ready.parcel).header.exists() else None

    def clear(self, share: Share) -> None:
        """Delete all that a share which is over has left among the parcels that go out."""
        if share.ready is not None:
            self.spool.discard(share.ready.parcel)

    def sweep(self) -> None:
        """Delete what a crash has left half made."""
        sweep(self.spool.outgoing)

    def _sealed(
        self,
        share: Share,
        grant: Grant,
        files: Sequence[Attachment],
        progress: Progress | None,
    ) -> tuple[SealedParcel, Iterable[str]]:
        """Return the sealed parcel, and the tags of those whose rows are in it."""
        request = share.request
        extract = open_extract(
            self._vault,
            self._consent,
            Selection.of(request, grant),
            grant=grant.digest,
            snapshot=grant.snapshot,
        )
        label = Label(
            network=grant.network,
            grant=grant.digest,
            sender=grant.owner,
            recipient=grant.recipient,
        )
        with ParcelWriter(
            self.spool.outgoing,
            label,
            recipient=request.key,
            snapshot=grant.snapshot,
            signer=self._credentials.signer,
            made=clock.now(),
        ) as parcel:
            with parcel.part(ROWS, ROWS_MEDIA_TYPE) as sink:
                made = make(extract, sink, progress=progress)
            attachments.put(parcel, files, grant=grant)
            return parcel.seal(), made.tags(extract, self._tag_key)

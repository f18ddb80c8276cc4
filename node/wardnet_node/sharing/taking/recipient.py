"""The recipient's side once a parcel is here: open it, use it under its grant, destroy it in time.

What was lent is destroyed from the inside out: the dataset's key, then the parcel's files, then the
request's key with the receipt to the owner. Whatever interrupts that, the share stays due until all
of it is done.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Final, Self, TypeVar

from wardnet import clock
from wardnet.audit import log, tags
from wardnet.audit.entry import Event, EventType
from wardnet.errors import Reason, WardnetError
from wardnet.identity.credentials import Credentials
from wardnet.identity.keystore import Keystore
from wardnet.sealing.frame_reader import FrameReader, SealedFile
from wardnet.sealing.header import Part
from wardnet.sharing.deidentification import Patient
from wardnet.sharing.notice import Cause
from wardnet_node.desk.events import by_operator
from wardnet_node.desk.knowledge import Knowledge
from wardnet_node.desk.refusals import refusals_logged
from wardnet_node.desk.shares import moments
from wardnet_node.desk.shares.shares import Shares
from wardnet_node.desk.shares.state import Share, State
from wardnet_node.desk.shares.statements import about
from wardnet_node.notify.message import Kind
from wardnet_node.notify.queue import enqueue
from wardnet_node.sharing.carrying.spool import Spool
from wardnet_node.sharing.taking.open import Sender, take_in, verified
from wardnet_node.sharing.taking.plain_rows import Chosen, Lines, lines, readable
from wardnet_node.vault.catalog import Catalog
from wardnet_node.vault.keys import Keyring
from wardnet_node.vault.received import ReceivedRecord
from wardnet_node.vault.vault import Vault

T = TypeVar("T")

NOTE_EVERY: Final = timedelta(minutes=1)
"""How far a clock that is put back while nobody looks can prolong a share at most."""

PIECE: Final = 1 << 20
"""Bytes of an attachment that are read at once: one frame."""

_CAUSES: Final = {State.ENDED: Cause.EXPIRED, State.REVOKED: Cause.REVOKED}
_OVER: Final = {Reason.SHARE_ENDED, Reason.SHARE_REVOKED}


class Recipient:
    """Hold what other hospitals have lent; used from one thread only.

    Parameters
    ----------
    catalog : Catalog
        Of the node.
    vault, shares, spool : Vault, Shares, Spool
        Of the same home; vault and shares over this very catalog.
    credentials : Credentials
        The hospital's.
    tag_key : bytes
        What the log names patients with.
    """

    def __init__(
        self,
        catalog: Catalog,
        *,
        vault: Vault,
        shares: Shares,
        spool: Spool,
        credentials: Credentials,
        tag_key: bytes,
    ) -> None:
        self.shares = shares
        self._tag_key = tag_key
        self._catalog = catalog
        self._received = vault.received
        self._spool = spool
        self._credentials = credentials
        self._member = credentials.member
        self._knowledge = Knowledge(credentials)

    @classmethod
    def open(cls, home: Path, keystore: Keystore, credentials: Credentials) -> Self:
        """Open all that it needs, with a catalog of its own."""
        catalog = Catalog.open(home, keystore)
        return cls(
            catalog,
            vault=Vault(home, keystore, catalog, member=credentials.member),
            shares=Shares(catalog, keyring=Keyring(home, keystore), credentials=credentials),
            spool=Spool(home),
            credentials=credentials,
            tag_key=keystore.derive(tags.PURPOSE),
        )

    def close(self) -> None:
        """Close the catalog."""
        self._catalog.close()

    def open_parcel(self, prefix: str) -> str:
        """Open a fetched parcel into the vault and return the name of the new dataset.

        Parameters
        ----------
        prefix : str
            Beginning of the share's id.

        Raises
        ------
        WardnetError
            `SHARE_UNKNOWN`, `SHARE_NOT_FOR_US`; `SHARE_DECIDED` when it was opened before or is
            not ready; `SHARE_ENDED`, `SHARE_REVOKED`; `PARCEL_INCOMPLETE`, `PARCEL_REFUSED`,
            `PARCEL_DAMAGED`; `DISK_FULL`. Nothing is stored then, and the refusal is logged.
        """
        share = self.find(prefix)
        with self._refusals_logged(self._event(share, EventType.SHARE_OPENED)):
            kept = self._received.find(share.digest)
            if kept is not None:
                raise self._decided(rule=f"it was opened before, into {kept.dataset}")
            self._note_time([share])
            key = self.shares.private_key(share.digest)
            parcel = share.ready.parcel if share.ready else ""
            try:
                opened = verified(share, self._spool.fetched(parcel), key, sender=self._sender())
                name = take_in(
                    share,
                    opened,
                    self._received,
                    commit=lambda arrival: self.shares.mark_opened(
                        share.digest,
                        arrival.put,
                        parcel=parcel,
                        patients=arrival.tags(self._tag_key) if _names(share) else (),
                        attachments=len(arrival.lent.attachments),
                    ),
                )
            except WardnetError as error:
                if error.reason is Reason.PARCEL_DAMAGED:
                    self._spool.discard(parcel)  # so that it can be fetched again
                raise
        if opened.header.parts[1:]:
            self._spool.fetched(parcel).header.unlink(missing_ok=True)
        else:
            self._spool.discard(parcel)
        return name

    def find(self, prefix: str) -> Share:
        """Return a share that we have asked for, by its id or by its dataset's name.

        Raises
        ------
        WardnetError
            `SHARE_UNKNOWN`, `SHARE_NOT_FOR_US`.
        """
        named = {kept.dataset: kept.request for kept in self._received.list()}
        share = self.shares.show(named.get(prefix, prefix))
        if share.owned:
            raise WardnetError(Reason.SHARE_NOT_FOR_US)
        return share

    def granted(self) -> Mapping[str, Share]:
        """Return the shares that datasets were received by, by the names of the datasets."""
        shares = {share.digest: share for share in self.shares.list()}
        return {
            kept.dataset: shares[kept.request]
            for kept in self._received.list()
            if kept.request in shares
        }

    def columns(self, prefix: str) -> tuple[str, ...]:
        """Return the names of the columns that were received; that they are is no use of them.

        Raises
        ------
        WardnetError
            As `read`.
        """
        _, kept = self._usable(prefix)
        return readable(self._received.pin(kept).dictionary)

    def read(
        self, prefix: str, *, names: Sequence[str] = (), first: int | None = None
    ) -> Iterator[Lines]:
        """Return rows, batch by batch; the use is in the log before anything is decrypted.

        Parameters
        ----------
        prefix : str
            Beginning of the share's id, or the dataset's name.
        names : sequence of str
            Columns; all when empty.
        first : int or None
            Most rows.

        Raises
        ------
        WardnetError
            `SHARE_UNKNOWN`; `SHARE_DECIDED` before it was opened; `SHARE_ENDED` and
            `SHARE_REVOKED`, also while it is read: what is left is destroyed then;
            `SHARE_COLUMN_UNKNOWN`; `VAULT_DAMAGED`.
        """
        share, kept = self._usable(prefix)
        snapshot = self._received.pin(kept)
        known = readable(snapshot.dictionary)
        for name in names:
            if name not in known:
                short = share.digest[:12]
                raise WardnetError(Reason.SHARE_COLUMN_UNKNOWN, column=name, share=short)
        chosen = Chosen(tuple(names) or known, first)
        self._log_use(share, kept, f"rows: {', '.join(chosen.names)}")
        return self._while_usable(share, lines(snapshot, self._received.patients(kept), chosen))

    def attachments(self, prefix: str) -> tuple[Part, ...]:
        """Return what the attachments are called and how long they are.

        Raises
        ------
        WardnetError
            As `read`.
        """
        return self._usable(prefix)[1].attachments

    def attachment(self, prefix: str, name: str) -> Iterator[bytes]:
        """Return the bytes of an attachment, piece by piece; the use is in the log before.

        Raises
        ------
        WardnetError
            As `read`; `ATTACHMENT_UNKNOWN`; `PARCEL_DAMAGED`.
        """
        share, kept = self._usable(prefix)
        found = [item for item in enumerate(kept.attachments, start=1) if item[1].name == name]
        if not found:
            raise WardnetError(Reason.ATTACHMENT_UNKNOWN, share=share.digest[:12])
        position, part = found[0]
        self._log_use(share, kept, f"attachment {position} ({part.media_type})")
        return self._while_usable(share, self._pieces(kept, part))

    def destroy(
        self,
        prefix: str,
        *,
        cause: Cause = Cause.UNWANTED,
        stewards: Sequence[Credentials] = (),
    ) -> Share:
        """Destroy what was lent by a share and every key to it, and send the owner the receipt.

        Raises
        ------
        WardnetError
            `SHARE_UNKNOWN`, `SHARE_NOT_FOR_US`, or as `Shares.destroy`.
        """
        share = self.find(prefix)
        self._received.drop(share.digest)
        if share.ready is not None:
            self._spool.discard(share.ready.parcel)
        return self.shares.destroy(share.digest, cause=cause, stewards=stewards)

    def expire(self) -> tuple[Share, ...]:
        """Destroy what is due: over, revoked, or never to come; return the shares.

        Raises
        ------
        WardnetError
            The first reason why one could not be destroyed, when the others were; it stays due.
        """
        self._note_time(self._held())
        done, errors = list[Share](), list[WardnetError]()
        for share in self._due():
            try:
                if share.state is State.ENDED and share.grant is not None:
                    with self._catalog.transaction() as connection:
                        enqueue(connection, Kind.SHARE_EXPIRED, at=clock.now())
                cause = _CAUSES.get(share.state, Cause.UNWANTED)
                done.append(self.destroy(share.digest, cause=cause))
            except WardnetError as error:
                errors.append(error)
        if errors:
            raise errors[0]
        return tuple(done)

    def _due(self) -> Iterable[Share]:
        """Return what must be destroyed; a damaged share keeps nothing beyond its time either."""
        due = {share.digest: share for share in self.shares.due()}
        lent = {kept.request for kept in self._received.list()}
        with self._catalog.reading() as connection:
            seen = moments.seen(connection)
        at = clock.to_moment(clock.now())
        for share in self.shares.list():
            over = share.until <= max(at, seen.get(share.digest, ""))
            if share.digest in lent and (over or share.state is State.DESTROYED):
                due.setdefault(share.digest, share)
        return due.values()

    def _held(self) -> list[Share]:
        return [share for share in self.shares.list() if share.has_key]

    def _note_time(self, shares: Sequence[Share]) -> None:
        """Note the present moment with shares, unless that was done a moment ago."""
        at = clock.now()
        with self._catalog.reading() as connection:
            seen, latest = moments.seen(connection), moments.latest(connection, at)
        recent = clock.to_moment(clock.from_moment(latest) - NOTE_EVERY)
        old = [share.digest for share in shares if seen.get(share.digest, "") < recent]
        if old:
            with self._catalog.transaction() as connection:
                moments.note(connection, old, at=latest)

    def _usable(self, prefix: str) -> tuple[Share, ReceivedRecord]:
        """Return a share that may be used, and what came by it; else it is destroyed in time."""
        share = self.find(prefix)
        with self._refusals_logged(self._event(share, EventType.SHARE_READ)):
            self._note_time([share])
            self._check_usable(share.digest)
            kept = self._received.find(share.digest)
            if kept is None:
                raise self._decided(rule="its parcel was not opened yet: `wardnet-node share open`")
            return share, kept

    def _check_usable(self, digest: str) -> None:
        """Refuse what is not lent any more.

        Raises
        ------
        WardnetError
            `SHARE_ENDED`, `SHARE_REVOKED`, `STATE_DAMAGED`.
        """
        share = self.shares.show(digest)
        owner = share.request.owner
        if share.state is State.REVOKED:
            raise WardnetError(Reason.SHARE_REVOKED, hospital=owner)
        if share.state in {State.ENDED, State.DESTROYED}:
            raise WardnetError(Reason.SHARE_ENDED, hospital=owner)
        if share.state is State.DAMAGED:
            rule = "a row about the share was changed in the database"
            raise WardnetError(Reason.STATE_DAMAGED, path="the catalog", rule=rule)

    def _while_usable(self, share: Share, pieces: Iterable[T]) -> Iterator[T]:
        """Hand pieces out until the share ends in mid-reading."""
        for piece in pieces:
            with self._refusals_logged(self._event(share, EventType.SHARE_READ)):
                self._check_usable(share.digest)
            yield piece

    def _pieces(self, kept: ReceivedRecord, part: Part) -> Iterator[bytes]:
        body = self._spool.fetched(kept.parcel).body
        frames = SealedFile(body, self._received.content_key(kept), length=kept.length)
        with FrameReader(frames, offset=part.offset, length=part.length) as source:
            while piece := source.read(PIECE):
                yield piece

    def _sender(self) -> Sender:
        with self._catalog.reading() as connection:
            known = self._knowledge.look(connection)
        if known.book_error is not None:
            raise known.book_error
        return Sender(self._credentials, known.view, clock.now())

    def _event(self, share: Share, kind: EventType) -> Event:
        event = about(by_operator(self._member, kind), share.request)
        return replace(event, agreement=share.grant.digest if share.grant else None)

    def _log_use(self, share: Share, kept: ReceivedRecord, operation: str) -> None:
        """Log a use, of all patients whose numbers came along: any of them may be looked at."""
        event = replace(self._event(share, EventType.SHARE_READ), operation=operation)
        named = self._received.patients(kept).tags(self._tag_key) if _names(share) else ()
        at = clock.now()
        with self._catalog.transaction() as connection:
            for each in tags.in_batches(event, named):
                log.append(connection, each, at=at)

    @contextmanager
    def _refusals_logged(self, event: Event) -> Iterator[None]:
        """Log a refusal; where a share is over, destroy what is left of it, too."""
        try:
            with refusals_logged(self._catalog, event):
                yield
        except WardnetError as error:
            if error.reason in _OVER:
                self.expire()
            raise

    def _decided(self, *, rule: str) -> WardnetError:
        return WardnetError(Reason.SHARE_DECIDED, hospital=self._member.id, rule=rule)


def _names(share: Share) -> bool:
    """Say whether patients' own numbers came along."""
    return share.grant is not None and share.grant.deidentification.patient is Patient.KEEP

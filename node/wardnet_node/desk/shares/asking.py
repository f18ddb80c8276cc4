"""The asking hospital: its requests, the keys of their parcels, and the receipts it gives."""

import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Final

from wardnet import canonical, clock
from wardnet.audit import log
from wardnet.audit.entry import Event, EventType
from wardnet.audit.log import Connection
from wardnet.errors import Reason, WardnetError
from wardnet.identity.credentials import Credentials
from wardnet.question.cohort import EVERYONE, Cohort
from wardnet.question.dictionary import Dictionary
from wardnet.sealing.hpke import HybridKey, public_key
from wardnet.sharing import request as requests
from wardnet.sharing.notice import Cause, Destroyed, Fetched, Opened, Ready, Said
from wardnet.sharing.request import Basis, ShareRequest, check_asked
from wardnet_node.desk.decision import sign_all
from wardnet_node.desk.refusals import refusals_logged
from wardnet_node.desk.shares import store
from wardnet_node.desk.shares.known import find
from wardnet_node.desk.shares.office import Office, Scene
from wardnet_node.desk.shares.state import Share, State, check_whole
from wardnet_node.desk.shares.statements import about, check_signers, lent, read
from wardnet_node.desk.steward_events import by_node, by_steward

_CONTEXT: Final = "share key"

_HANDED_OVER: Final = {State.GRANTED, State.READY, State.FETCHED, State.OPENED, State.REVOKED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """Say what is wanted of another hospital; the fields are those of `ShareRequest`."""

    owner: str
    basis: Basis
    study: str | None = None
    purpose: str
    columns: Sequence[str]
    cohort: Cohort = EVERYONE
    patients: Sequence[str] = ()
    identifiers: bool = False
    hours: int


class Asking(Office):
    """Ask for records, open them, and destroy the keys in time."""

    def request(
        self, wish: Wish, *, dictionary: Dictionary, stewards: Sequence[Credentials]
    ) -> Share:
        """Ask another hospital for records.

        Parameters
        ----------
        wish : Wish
            What for.
        dictionary : Dictionary
            The network's shared dictionary of the dataset.
        stewards : Sequence of Credentials
            Who signs, one or more of this hospital.

        Raises
        ------
        WardnetError
            `SHARE_IDENTIFIERS`, `COLUMN_UNAVAILABLE`, `PARAMETER_INVALID`, `MALFORMED`,
            `MESSAGE_TOO_LARGE` or `APPROVAL_MISSING`, logged; `STATE_DAMAGED`.
        """
        event = by_steward(self._member, EventType.SHARE_REQUESTED, stewards)
        with refusals_logged(self._catalog, event):
            key = HybridKey.generate()
            with self._scene() as scene:
                known = scene.view.book.organisation(wish.owner)
                met = known is not None and bool(known.nodes and known.stewards)
                if not met or wish.owner == self._member.id:
                    raise _no_such_owner()
                request = self._written(wish, dictionary, key, at=clock.to_moment(scene.at))
                for error in check_asked(request, dictionary):
                    raise error
                data = requests.to_bytes(request)
                signers = [*stewards, self._credentials]
                envelope = sign_all(requests.PAYLOAD_TYPE, data, signers)
                signed = read(
                    envelope, member=self._member, trust=self._credentials.trust, at=scene.at
                )
                check_signers(signed, scene.view)
                self._keep(scene, request, signed, event=event)
                self._send(scene, envelope, to=wish.owner, request=request.digest)
                self._keep_key(scene, request.digest, key)
        return self.show(request.digest)

    def private_key(self, prefix: str) -> HybridKey:
        """Return what opens the parcel of a share.

        Raises
        ------
        WardnetError
            `SHARE_UNKNOWN`; `SHARE_REVOKED` or `SHARE_ENDED`; `SHARE_DECIDED` before the parcel is
            ready; `VAULT_DAMAGED`.
        """
        with self._catalog.reading() as connection:
            share = find(self._known.look(connection, at=clock.now(), prefix=prefix), prefix)
            self._check_usable(share)
            wrapped = store.key(connection, share.digest)
        if wrapped is None:
            raise _over(share)
        ring = self._keyring.key(_name(share.digest))
        return HybridKey.from_bytes(ring.unwrap(wrapped, f"{_CONTEXT}|{share.digest}"))

    def mark_fetched(self, prefix: str, *, parcel: str) -> Share:
        """Say that the whole parcel is here, durable.

        Parameters
        ----------
        parcel : str
            Its digest; the owner may have put another in its place meanwhile.

        Raises
        ------
        WardnetError
            `SHARE_UNKNOWN`, `SHARE_REVOKED`, `SHARE_ENDED` or `SHARE_DECIDED`.
        """
        return self._mark(
            prefix,
            EventType.SHARE_FETCHED,
            lambda of: Fetched(of.grant, parcel=of.parcel),
            parcel=parcel,
        )

    def mark_opened(
        self,
        prefix: str,
        keep: Callable[[Connection], object] = lambda _: None,
        *,
        parcel: str,
        patients: Iterable[str] = (),
        attachments: int = 0,
    ) -> Share:
        """Say that the parcel was opened: the receipt. Call it before the records can be read.

        Parameters
        ----------
        parcel : str
            Its digest.
        keep : Callable
            Makes the records a dataset, in the same transaction.
        patients : iterable of str
            Tags of those whose numbers came along.
        attachments : int
            Files in the parcel.

        Raises
        ------
        WardnetError
            `SHARE_UNKNOWN`, `SHARE_REVOKED`, `SHARE_ENDED` or `SHARE_DECIDED`.
        """
        return self._mark(
            prefix,
            EventType.SHARE_OPENED,
            lambda of: Opened(of.grant, parcel=of.parcel),
            parcel=parcel,
            also=keep,
            patients=patients,
            attachments=attachments,
        )

    def due(self) -> tuple[Share, ...]:
        """Return the shares whose keys must be destroyed now; destroy their datasets first."""
        return tuple(share for share in self.list() if share.has_key and _must_go(share))

    def destroy(self, prefix: str, *, cause: Cause, stewards: Sequence[Credentials] = ()) -> Share:
        """Destroy the key of a share for good, and send the owner a receipt of it.

        Parameters
        ----------
        cause : Cause
            Why.
        stewards : Sequence of Credentials
            Who has decided so, for `UNWANTED`.

        Raises
        ------
        WardnetError
            `SHARE_UNKNOWN`, or `SHARE_NOT_FOR_US` at the owner's.
        """
        event = (
            by_steward(self._member, EventType.SHARE_DESTROYED, stewards)
            if stewards
            else by_node(self._member, EventType.SHARE_DESTROYED)
        )
        with self._asked(prefix, event) as (scene, share):
            if share.stands in _HANDED_OVER and share.grant is not None:
                said = Destroyed(share.grant.digest, cause=cause)
                self._say(scene, share, said, event=event, stewards=stewards)
            else:  # there is nobody to give a receipt to
                log.append(scene.connection, about(event, share.request), at=scene.at)
            store.forget_key(scene.connection, share.digest)
            self._keyring.destroy(_name(share.digest))  # before the receipt becomes durable
        return self.show(share.digest)

    def _mark(
        self,
        prefix: str,
        kind: EventType,
        said: Callable[[Ready], Said],
        *,
        parcel: str,
        also: Callable[[Connection], object] = lambda _: None,
        patients: Iterable[str] = (),
        attachments: int = 0,
    ) -> Share:
        event = by_node(self._member, kind)
        with self._asked(prefix, event) as (scene, share):
            self._check_usable(share)
            if share.ready is None or share.grant is None:
                raise self._decided(rule="no parcel is ready")
            if share.ready.parcel != parcel:
                raise self._decided(rule="another parcel has taken the place of this one")
            if kind is EventType.SHARE_OPENED:
                statement = lent(share.grant, attachments=attachments)
                event = replace(event, snapshot=share.grant.snapshot, statement=statement)
            self._say(scene, share, said(share.ready), event=event, patients=patients)
            also(scene.connection)
        return self.show(share.digest)

    @contextmanager
    def _asked(self, prefix: str, event: Event) -> Iterator[tuple[Scene, Share]]:
        """Run a transaction about a share that we have asked for; a refusal is logged."""
        named = replace(about(event, self.show(prefix).request), result_digest=None)
        with refusals_logged(self._catalog, named), self._scene(prefix) as scene:
            share = find(scene.shares, prefix)
            if share.owned:
                raise WardnetError(Reason.SHARE_NOT_FOR_US)
            yield scene, share

    def _written(
        self, wish: Wish, dictionary: Dictionary, key: HybridKey, *, at: str
    ) -> ShareRequest:
        return canonical.validated(
            lambda: ShareRequest(
                version=1,
                network=self._member.network,
                owner=wish.owner,
                recipient=self._member.id,
                number=secrets.token_hex(16),
                basis=wish.basis,
                study=wish.study,
                purpose=wish.purpose,
                dataset=dictionary.name,
                dictionary=dictionary.digest,
                columns=tuple(sorted(set(wish.columns))),
                cohort=wish.cohort,
                patients=tuple(sorted(set(wish.patients))),
                identifiers=wish.identifiers,
                hours=wish.hours,
                key=public_key(key),
                made=at,
            )
        )

    def _keep_key(self, scene: Scene, request: str, key: HybridKey) -> None:
        """Wrap the key of a request by one that lies outside the catalog."""
        self._keyring.create(_name(request))
        ring = self._keyring.key(_name(request))
        wrapped = ring.wrap(key.to_bytes(), f"{_CONTEXT}|{request}")
        store.put_key(scene.connection, request, wrapped)

    def _check_usable(self, share: Share) -> None:
        """Refuse what is not, or no longer, handed over."""
        check_whole(share.state)
        if share.owned:
            raise WardnetError(Reason.SHARE_NOT_FOR_US)
        if share.state is State.REVOKED:
            raise WardnetError(Reason.SHARE_REVOKED, hospital=share.request.owner)
        if share.state in {State.ENDED, State.DESTROYED}:
            raise _over(share)
        if share.state not in {State.READY, State.FETCHED, State.OPENED}:
            raise self._decided(rule=f"it is {share.state}")


def _must_go(share: Share) -> bool:
    """Say whether nothing allows it any more; a damaged share cannot show that something does."""
    usable = {State.ASKED, State.GRANTED, State.READY, State.FETCHED, State.OPENED}
    return share.state not in usable


def _over(share: Share) -> WardnetError:
    return WardnetError(Reason.SHARE_ENDED, hospital=share.request.owner)


def _name(request: str) -> str:
    """Return how the keyring names the key of a request."""
    return f"share-{request}"


def _no_such_owner() -> WardnetError:
    return WardnetError(
        Reason.PARAMETER_INVALID,
        method="A request for records",
        parameter="the hospital",
        rule="must be another one of whose node and of one of whose stewards the keys stand in the "
        "address book: `wardnet-node book add` writes them there",
    )

"""The owner's door: where a parcel waits, and who may fetch it how often, until when."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from wardnet import clock
from wardnet.agreement.view import View
from wardnet.audit import log
from wardnet.audit.entry import Actor, Event, EventType, Outcome
from wardnet.errors import Reason, WardnetError
from wardnet.identity.member import Member
from wardnet.sharing.grant import Grant
from wardnet.sharing.notice import Place, Ready
from wardnet.usage.table import Shared
from wardnet_node import usage
from wardnet_node.desk.refusals import log_refusal, refusals_logged
from wardnet_node.desk.shares import store
from wardnet_node.desk.shares.known import find
from wardnet_node.desk.shares.office import Office, Scene
from wardnet_node.desk.shares.state import Share, State, check_whole
from wardnet_node.desk.shares.statements import about, lent
from wardnet_node.desk.steward_events import by_node


class Handing(Office):
    """Let parcels be fetched under a grant that holds."""

    def in_force(self, prefix: str) -> Grant:
        """Return the grant of a share under which a parcel may be made and handed out now.

        Raises
        ------
        WardnetError
            As `mark_ready`; not logged.
        """
        with self._scene(reading=True) as scene:
            return self._in_force(scene, find(scene.shares, prefix))

    def mark_ready(
        self,
        prefix: str,
        *,
        parcel: str,
        header: int,
        body: int,
        place: Place,
        address: str,
        patients: Iterable[str] = (),
        attachments: int = 0,
    ) -> Share:
        """Tell the recipient where its sealed parcel waits; call it before the relay gets a byte.

        Parameters
        ----------
        parcel : str
            SHA-256 of the body's ciphertext, hexadecimal.
        header, body : int
            Bytes of the two files.
        place, address : Place, str
            Where it waits; `host:port`.
        patients : iterable of str
            Tags of those whose rows are in it: they count as released from now on.
        attachments : int
            Files in it.

        Raises
        ------
        WardnetError
            `SHARE_UNKNOWN`, `SHARE_DECIDED`, `SHARE_REVOKED`, `SHARE_ENDED`, `APPROVAL_MISSING` or
            `NODE_LOCKED`; logged.
        """
        event = by_node(self._member, EventType.SHARE_READY)
        with self._owned(prefix, event) as (scene, share):
            granted = self._in_force(scene, share)
            said = Ready(
                granted.digest,
                parcel=parcel,
                header=header,
                body=body,
                place=place,
                address=address,
            )
            signed = self._known.signed(scene.connection, share.digest)
            stewards = (one.signers for one in signed if one.statement == granted)
            released = replace(
                event,
                snapshot=granted.snapshot,
                approvals=tuple(sorted(frozenset().union(*stewards))),
                statement=lent(granted, attachments=attachments),
            )
            self._say(scene, share, said, event=released, patients=patients)
            made = Shared(
                time=clock.to_moment(scene.at),
                share=share.digest,
                recipient=share.other,
                size=header + body,
            )
            usage.note_shared(scene.connection, made)
        return self.show(share.digest)

    def begin_fetch(self, *, grant: str, parcel: str, fetch: str, peer: Member) -> Share:
        """Let a fetch begin, or go on; a new one counts, and is in the log before a byte leaves.

        Two new fetches never share the last place: one transaction decides.

        Parameters
        ----------
        grant, parcel : str
            Their digests.
        fetch : str
            32 hexadecimal digits, the same at every attempt to go on after a cut.
        peer : Member
            Who asks, by its certificate.

        Raises
        ------
        WardnetError
            `PARCEL_UNKNOWN` (also when it is another's), `SHARE_REVOKED`, `SHARE_ENDED`,
            `SHARE_USED_UP`, `APPROVAL_MISSING`, `KEY_REVOKED`, `NODE_LOCKED`, `LOG_STALE`,
            `STATE_DAMAGED`; logged.
        """
        event = self._fetching(grant=grant, fetch=fetch, peer=peer)
        with refusals_logged(self._catalog, event), self._scene(grant) as scene:
            share = _parcel(scene, grant=grant, parcel=parcel, peer=peer)
            granted = self._in_force(scene, share)
            begun = self._known.fetches(scene.connection, grant)
            if begun.get(fetch, len(begun) >= granted.maximum_fetches):
                raise WardnetError(Reason.SHARE_USED_UP, hospital=self._member.id)
            if fetch not in begun:
                store.put_fetch(scene.connection, grant, fetch)
                released = replace(about(event, share.request), outcome=Outcome.RELEASED)
                released = replace(released, agreement=grant, snapshot=granted.snapshot)
                log.append(scene.connection, replace(released, result_digest=parcel), at=scene.at)
        return share

    def finish_fetch(self, *, grant: str, fetch: str, peer: Member) -> None:
        """Close a fetch: its recipient has the whole parcel. A second time changes nothing."""
        with self._catalog.transaction() as connection:
            shares = self._known.look(connection, at=clock.now(), prefix=grant).values()
            for share in shares:
                named = share.grant is not None and share.grant.digest == grant
                if named and peer.id == share.request.recipient:
                    store.close_fetch(connection, grant, fetch)

    def refuse_fetch(self, error: WardnetError, *, grant: str, fetch: str, peer: Member) -> None:
        """Log that a fetch was refused before the desk was asked, e.g. `LOG_UNPROVEN`."""
        log_refusal(self._catalog, self._fetching(grant=grant, fetch=fetch, peer=peer), error)

    def _fetching(self, *, grant: str, fetch: str, peer: Member) -> Event:
        return Event(
            type=EventType.SHARE_FETCHED,
            node=self._member.uri,
            actor=Actor(subject=peer.uri, organisation=peer.id, role=peer.role.value),
            request_id=fetch,
            agreement=grant,
        )

    def _in_force(self, scene: Scene, share: Share) -> Grant:
        """Return the grant of a share, unless nothing may be handed out under it.

        Raises
        ------
        WardnetError
            Why.
        """
        self._check_open(scene)
        check_whole(share.state)
        if share.state is State.REVOKED:
            raise WardnetError(Reason.SHARE_REVOKED, hospital=self._member.id)
        if share.state in {State.ENDED, State.DESTROYED}:
            raise WardnetError(Reason.SHARE_ENDED, hospital=self._member.id)
        if share.grant is None or share.state is State.REFUSED:
            raise self._decided(rule=f"it is {share.state}")
        signed = self._known.signed(scene.connection, share.digest)
        given = next(one for one in signed if isinstance(one.statement, Grant))
        self._check_still_granted(scene, given)
        check_node(scene.view, share.request.recipient)
        return share.grant

    @contextmanager
    def _owned(self, prefix: str, event: Event) -> Iterator[tuple[Scene, Share]]:
        """Run a transaction about a share whose records are ours; a refusal is logged."""
        named = replace(about(event, self.show(prefix).request), result_digest=None)
        with refusals_logged(self._catalog, named), self._scene(prefix) as scene:
            share = find(scene.shares, prefix)
            if not share.owned:
                raise WardnetError(Reason.SHARE_NOT_FOR_US)
            yield scene, share


def _parcel(scene: Scene, *, grant: str, parcel: str, peer: Member) -> Share:
    """Return the share of a parcel that waits here, for the hospital that it is for alone."""
    for share in scene.shares.values():
        if (
            share.owned
            and share.grant is not None
            and share.ready is not None
            and share.ready.place is Place.DIRECT
            and (share.grant.digest, share.ready.parcel) == (grant, parcel)
            and peer.id == share.request.recipient
        ):
            return share
    raise WardnetError(Reason.PARCEL_UNKNOWN)


def check_node(view: View, hospital: str) -> None:
    """Refuse a hospital whose node's key was taken back."""
    known = view.book.organisation(hospital)
    if known is None or view.revoked_by(hospital).issuperset(known.nodes):
        raise WardnetError(Reason.KEY_REVOKED, identity=hospital)

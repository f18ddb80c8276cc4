"""What the other hospital says about shares: checked as if a stranger had brought it, then kept."""

from dataclasses import replace
from datetime import timedelta
from typing import Final

from wardnet.audit import log
from wardnet.audit.entry import Actor, Event, EventType, refused
from wardnet.clock import from_moment
from wardnet.errors import Reason, WardnetError
from wardnet.identity.envelope import Envelope
from wardnet.identity.member import Member
from wardnet.sharing import grant as grants
from wardnet.sharing import notice as notices
from wardnet.sharing import request as requests
from wardnet.sharing.grant import Grant, check_within
from wardnet.sharing.notice import Refused
from wardnet.sharing.request import ShareRequest
from wardnet_node.desk.shares.deciding import Deciding
from wardnet_node.desk.shares.known import after, unknown
from wardnet_node.desk.shares.office import Scene
from wardnet_node.desk.shares.state import PATIENCE, Share, State
from wardnet_node.desk.shares.statements import Signed, by_other, check_signers, read
from wardnet_node.desk.steward_events import by_node
from wardnet_node.notify.message import Kind
from wardnet_node.notify.queue import enqueue

MAXIMUM_UNDECIDED: Final = 100
"""Most requests of one hospital that may wait: whoever floods the inbox fills nothing else."""

SKEW: Final = timedelta(minutes=15)
"""How far the clock of another hospital may be before ours."""

_KINDS: Final = {
    requests.PAYLOAD_TYPE: EventType.SHARE_REQUESTED,
    grants.PAYLOAD_TYPE: EventType.SHARE_GRANTED,
    notices.PAYLOAD_TYPE: EventType.SHARE_READY,
}
"""As what a statement is logged that cannot be read."""


class Receiving(Deciding):
    """Keep what the other hospital says, or refuse it: in the log, and to its face."""

    def receive(self, envelope: Envelope, *, sender: Member) -> tuple[WardnetError, ...]:
        """Keep a statement that came in a letter.

        Parameters
        ----------
        envelope : Envelope
            The statement.
        sender : Member
            Whose node has written the letter, by a key of the address book.

        Returns
        -------
        tuple of WardnetError
            Why it was refused: in the log, and in a letter to the sender when it has asked for
            something, or granted it.
        """
        kind = _KINDS.get(envelope.payload_type, EventType.SHARE_READY)
        actor = Actor(subject=sender.uri, organisation=sender.id, role=sender.role.value)
        event = Event(type=kind, node=self._member.uri, actor=actor)
        signed: Signed | None = None
        try:
            with self._scene() as scene:
                trust = self._credentials.trust
                signed = read(envelope, member=self._member, trust=trust, at=scene.at)
                event = by_other(self._member, signed)
                errors = self._take(scene, signed, sender=sender, event=event)
        except WardnetError as error:
            if error.row.retry:
                raise  # it is not the statement's fault: its letter comes again
            errors = (error,)
        if errors:
            with self._scene() as scene:
                named = replace(event, request_digest=signed.request if signed else None)
                log.append(scene.connection, refused(named, errors), at=scene.at)
                self._answer(scene, signed, errors[0], sender=sender)
        return errors

    def _take(
        self, scene: Scene, signed: Signed, *, sender: Member, event: Event
    ) -> tuple[WardnetError, ...]:
        """Keep a statement once it passes every check."""
        # 1. Its own hospital brings it, and has signed it by the keys that were compared.
        if signed.author != sender.id or signed.author == self._member.id:
            raise WardnetError(Reason.SHARE_NOT_FOR_US)
        check_signers(signed, scene.view)
        # 2. It follows from what was said before, and goes no further than it may.
        statement, share = signed.statement, scene.shares.get(signed.request)
        if isinstance(statement, ShareRequest):
            errors, request = self._wrong_request(scene, statement), statement
        elif share is None:
            raise unknown(signed.request)
        else:
            if self._is_kept(scene, signed):
                return ()
            after(share, signed, hospital=self._member.id)
            errors, request = self._wrong_grant(statement, share), share.request
        if errors:
            return errors
        # 3. It is durable together with its entry; then people may be told.
        self._keep(scene, request, signed, event=event)
        if signed.kind.value in set(Kind):
            enqueue(scene.connection, Kind(signed.kind.value), at=scene.at)
        return ()

    def _is_kept(self, scene: Scene, signed: Signed) -> bool:
        kept = self._known.signed(scene.connection, signed.request)
        return signed.digest in {one.digest for one in kept}

    def _wrong_grant(self, statement: object, share: Share) -> tuple[WardnetError, ...]:
        if not isinstance(statement, Grant):
            return ()
        if share.state is State.ENDED:
            return (WardnetError(Reason.SHARE_ENDED, hospital=share.request.owner),)
        return check_within(statement, share.request)

    def _wrong_request(self, scene: Scene, request: ShareRequest) -> tuple[WardnetError, ...]:
        # 1. It is fresh, and its number is new: nobody asks twice with one signature.
        rule = ""
        if request.number in {share.request.number for share in scene.shares.values()}:
            rule = "its number was used before"
        elif not -SKEW <= scene.at - from_moment(request.made) <= PATIENCE:
            rule = "the moment of its signature does not fit our clock"
        if rule:
            return (WardnetError(Reason.SHARE_REPLAYED, rule=rule),)
        # 2. There is room for it.
        waiting = sum(
            share.owned and share.state is State.ASKED and share.other == request.recipient
            for share in scene.shares.values()
        )
        if waiting >= MAXIMUM_UNDECIDED:
            rule = f"{MAXIMUM_UNDECIDED} requests of one hospital wait for a decision"
            return (WardnetError(Reason.WORK_LIMIT, rule=rule),)
        # 3. It asks for what there is, and for nothing that never leaves.
        return tuple(self._unavailable(scene, request))

    def _answer(
        self, scene: Scene, signed: Signed | None, error: WardnetError, *, sender: Member
    ) -> None:
        """Tell the sender why what it asks for or grants was refused; a replay gets no answer."""
        if signed is None or signed.author != sender.id:
            return
        said = Refused(signed.digest, cause=error.reason.value, words=str(error)[:4000])
        share = scene.shares.get(signed.request)
        if isinstance(signed.statement, ShareRequest):
            if share is None and error.reason is not Reason.SHARE_REPLAYED:
                envelope = self._notice(scene, said, to=sender.id, request=signed.request)
                self._send(scene, envelope, to=sender.id, request=signed.request)
        elif isinstance(signed.statement, Grant) and share and share.stands is State.ASKED:
            event = by_node(self._member, EventType.SHARE_DECLINED)
            self._say(scene, share, said, event=event)

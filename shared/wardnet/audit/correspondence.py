"""Exchange letters about access logs: have ours cosigned, and cosign those of others.

A node and the coordinator both do. What either keeps is decided inside one transaction each, before
anything is answered (`witness`, `cosigned`); here it is only asked, waited for, and sent.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Final, Protocol, TypeAlias, TypeVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from wardnet import canonical, clock, logs
from wardnet.audit import checkpoint as checkpoints
from wardnet.audit import cosigned, disputes, letters, log, note, witness
from wardnet.audit.beginning import Approvers
from wardnet.audit.entry import Actor, Event, EventType, Outcome
from wardnet.audit.letters import Reply, Request
from wardnet.audit.log import Connection
from wardnet.audit.witness import Submission
from wardnet.errors import Reason, WardnetError
from wardnet.identity.credentials import Credentials
from wardnet.identity.envelope import Envelope, sign, verify
from wardnet.identity.member import Member

T = TypeVar("T")

Peers: TypeAlias = Mapping[str, frozenset[str] | None]
"""Who witnesses, and is witnessed, by URI: fingerprints of the keys that were compared; None where
the network's certificate is all there is. Only who was compared counts for a majority."""

PATIENCE: Final = 5.0
"""Seconds after which a witness counts as away."""

_STEPS: Final = 4
"""Most letters of one offer: what is held, the proof, and again when it was overtaken."""


class Writer(Protocol):
    """Run a job in a writing transaction, and return after its commit."""

    async def __call__(self, job: Callable[[Connection], T], /) -> T:
        """Run it."""


Sender: TypeAlias = Callable[[str, Envelope], Awaitable[None]]
"""Sends a letter to a member, or loses it."""


class Said(StrEnum):
    """Name what became of an offer."""

    COSIGNED = "cosigned"
    DISPUTED = "disputed"
    UNKNOWN = "unknown"
    REFUSED = "refused"
    AWAY = "away"


@dataclass(frozen=True, slots=True)
class _Asked:
    """Hold a request that waits for its reply."""

    witness: str
    digest: str
    reply: "asyncio.Future[tuple[Reply, Ed25519PublicKey] | None]"


class Correspondence:
    """Write to witnesses and answer those whose witness we are.

    Parameters
    ----------
    credentials : Credentials
        Ours.
    write : Writer
        Over the database that holds our log.
    send : Sender
        Over the present connections.
    peers : Callable
        Returns who takes part, from inside a transaction.
    approvers : Callable
        Returns who may let a member's log begin anew, from inside a transaction.
    patience : float
        Seconds after which a witness counts as away.
    """

    def __init__(
        self,
        *,
        credentials: Credentials,
        write: Writer,
        send: Sender,
        peers: Callable[[Connection], Peers],
        approvers: Callable[[Connection, Member], Approvers],
        patience: float = PATIENCE,
    ) -> None:
        self._credentials = credentials
        self._uri = credentials.member.uri
        self._write = write
        self._send = send
        self._peers = peers
        self._approvers = approvers
        self._patience = patience
        self._held: dict[str, int] = {}
        self._waiting: dict[str, _Asked] = {}
        self._answering: set[str] = set()

    async def offer_all(self) -> Mapping[str, Said]:
        """Offer the log to every witness that has not cosigned all of it; say what became of it."""
        peers = await self._write(self._begin)
        said = await asyncio.gather(*map(self._offer, peers))
        return dict(zip(peers, said, strict=True))

    def _begin(self, connection: Connection) -> tuple[str, ...]:
        """Make a checkpoint of what is there, and return whom to show it."""
        peers, at = self._peers(connection), clock.now()
        cosigned.cover(connection, counting(peers), at=at)
        if cosigned.is_due(connection, most=1):
            cosigned.sign(connection, owner=self._uri, key=self._credentials.signer.key, at=at)
        size = log.size(connection)
        done = {one.name for one in cosigned.standings(connection) if one.size >= size}
        return tuple(name for name in peers if not (name in done and name in self._held))

    async def _offer(self, name: str) -> Said:
        """Bring a witness to cosign our log as it is, by as many letters as it takes."""
        try:
            for _ in range(_STEPS):
                held = self._held.get(name)
                asked, request = await self._write(partial(self._compose, name=name, held=held))
                answer = await self._ask(request, name)
                if answer is None:
                    return Said.AWAY
                said = await self._write(partial(self._take, answer=answer, asked=asked, name=name))
                if said is not None:
                    return said
        except WardnetError as error:
            logs.logger().warning("not_cosigned", identity=name, error=str(error))
        return Said.REFUSED

    def _compose(
        self, connection: Connection, *, name: str, held: int | None
    ) -> tuple[Submission, Request]:
        key = self._credentials.signer.key
        asked, shown = cosigned.compose(
            connection, held=held, owner=self._uri, key=key, at=clock.now()
        )
        number = secrets.token_hex(16)
        return asked, Request(witness=name, number=number, submission=str(asked), recovery=shown)

    async def _ask(self, request: Request, name: str) -> tuple[Reply, Ed25519PublicKey] | None:
        data = letters.request_to_bytes(request)
        envelope = sign(letters.REQUEST, data, self._credentials.signer)
        future: asyncio.Future[tuple[Reply, Ed25519PublicKey] | None]
        future = asyncio.get_running_loop().create_future()
        asked = self._waiting[name] = _Asked(name, canonical.digest(data), future)
        try:
            async with asyncio.timeout(self._patience):
                await self._send(name, envelope)
                return await future
        except TimeoutError:
            return None
        finally:
            if self._waiting.get(name) is asked:
                del self._waiting[name]

    def _take(
        self,
        connection: Connection,
        *,
        answer: tuple[Reply, Ed25519PublicKey],
        asked: Submission,
        name: str,
    ) -> Said | None:
        """Keep what a witness said; None when it has to be asked on."""
        (reply, key), at, peers = answer, clock.now(), self._peers(connection)
        if not _is_pinned(peers, name, key):
            return Said.REFUSED
        if reply.cosignature:
            size = cosigned.keep(
                connection, reply.cosignature, asked=asked, name=name, key=key, at=at
            )
            was_known = name in self._held
            self._held[name] = size
            cosigned.cover(connection, counting(peers), at=at)
            return Said.COSIGNED if was_known else None
        if not reply.held:
            unknown = reply.refusal == Reason.LOG_UNKNOWN
            return Said.UNKNOWN if unknown else Said.REFUSED
        ours = self._credentials.signer.key.public_key()
        held, wrong = disputes.judge(
            connection, reply.held, number=cosigned.number(connection), owner=self._uri, key=ours
        )
        if wrong is not None:
            if disputes.dispute(connection, reply.held, name=name, key=ours, at=at):
                event = _event(self._uri, EventType.LOG_LOCKED, name, reply.held, wrong)
                log.append(connection, event, at=at)
            return Said.DISPUTED
        if disputes.is_disputed(connection):
            return Said.DISPUTED
        is_current = held.origin == cosigned.origin(connection, self._uri)
        self._held[name] = held.size if is_current else 0
        return None

    async def receive(self, sender: str, envelope: Envelope | None) -> None:
        """Take a letter; None tells that ours to `sender` was lost."""
        if envelope is None:
            self._lost(sender)
            return
        try:
            member = self._signer(envelope)
            if envelope.payload_type == letters.REPLY:
                self._replied(member, envelope)
            else:
                await self._answer(member, envelope)
        except WardnetError as error:
            logs.logger().warning("letter_refused", identity=sender[:200], error=str(error))

    def _signer(self, envelope: Envelope) -> Member:
        kind, trust = envelope.payload_type, self._credentials.trust
        if kind not in {letters.REQUEST, letters.REPLY}:
            raise WardnetError(Reason.MALFORMED, field="letter", rule="it is of another kind")
        (member, *others) = verify(envelope, payload_type=kind, trust=trust, at=clock.now())
        if others:
            raise WardnetError(Reason.SIGNATURE_INVALID, rule="a letter has one signer")
        return member

    def _lost(self, sender: str) -> None:
        asked = self._waiting.get(sender)
        if asked is not None and not asked.reply.done():
            asked.reply.set_result(None)

    def _replied(self, member: Member, envelope: Envelope) -> None:
        reply = letters.reply_from_bytes(envelope.payload)
        asked = self._waiting.get(member.uri)
        if asked and asked.digest == reply.request and not asked.reply.done():
            asked.reply.set_result((reply, letters.key_of(envelope)))

    async def _answer(self, member: Member, envelope: Envelope) -> None:
        """Cosign, or say why not; one letter of a member at a time."""
        if member.uri in self._answering:
            return
        self._answering.add(member.uri)
        try:
            request = letters.request_from_bytes(envelope.payload)
            if request.witness != self._uri:
                raise WardnetError(Reason.QUERY_NOT_FOR_US)
            key = letters.key_of(envelope)
            answer = partial(self._cosign, request=request, member=member, key=key)
            said, held = await self._write(answer)
            digest = canonical.digest(envelope.payload)
            reply = (
                Reply(request=digest, cosignature=said)
                if isinstance(said, str)
                else Reply(request=digest, refusal=said.reason.value, held=held)
            )
            data = letters.reply_to_bytes(reply)
            await self._send(member.uri, sign(letters.REPLY, data, self._credentials.signer))
        finally:
            self._answering.discard(member.uri)

    def _cosign(
        self, connection: Connection, *, request: Request, member: Member, key: Ed25519PublicKey
    ) -> tuple[str | WardnetError, str]:
        """Decide and keep; evidence of a fork goes into our own log too."""
        at, forks = clock.now(), len(witness.forks(connection))
        try:
            asked = witness.parse(request.submission)
            origin = checkpoints.parse(note.parse(asked.note).text)
        except WardnetError as error:
            return error, ""
        is_theirs = origin.owner == member.uri
        is_theirs = is_theirs and _is_pinned(self._peers(connection), member.uri, key)
        said = witness.add_checkpoint(
            connection,
            asked,
            logs={origin.origin: key} if is_theirs else {},
            name=self._uri,
            key=self._credentials.signer.key,
            at=at,
            approvers=self._approvers(connection, member),
            shown=request.recovery,
        )
        if isinstance(said, WardnetError) and len(witness.forks(connection)) > forks:
            event = _event(self._uri, EventType.FORK_FOUND, member.uri, asked.note, said)
            log.append(connection, event, at=at)
        return said, witness.held_note(connection, member.uri) if is_theirs else ""


def counting(peers: Peers) -> frozenset[str]:
    """Return who counts for a majority."""
    return frozenset(name for name, pinned in peers.items() if pinned is not None)


def _is_pinned(peers: Peers, name: str, key: Ed25519PublicKey) -> bool:
    if name not in peers:
        return False
    pinned = peers[name]
    return pinned is None or note.fingerprint(key) in pinned


def _event(uri: str, kind: EventType, other: str, shown: str, why: WardnetError) -> Event:
    """Say that a member has shown a checkpoint that does not fit."""
    return Event(
        type=kind,
        outcome=Outcome.FAILED,
        reason=why.reason,
        reasons=(why.reason,),
        node=uri,
        actor=Actor(subject=other),
        result_digest=canonical.digest(shown.encode()),
    )

"""The post: letters between members, and the coordinator's own as a witness of access logs.

Letters pass through unread and unstored; those about shares are sealed besides. The coordinator
cosigns the logs of all nodes, which is evidence of what was shown to it and counts for no majority;
and every node that is attached cosigns the coordinator's log.
"""

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Final, cast

from wardnet import logs
from wardnet.audit import disputes, letters
from wardnet.audit.beginning import Approvers
from wardnet.audit.correspondence import Correspondence, Peers, Said
from wardnet.audit.log import Connection
from wardnet.errors import Reason, WardnetError
from wardnet.identity.credentials import Credentials
from wardnet.identity.envelope import Envelope
from wardnet.identity.member import Member, Role
from wardnet.sharing.letters import KINDS
from wardnet_coordinator import accounts, registry
from wardnet_coordinator.broker import Attachment, Broker, Letter
from wardnet_coordinator.state import Database

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping

_KINDS: Final = KINDS | {letters.REQUEST, letters.REPLY}


class Post:
    """Carry letters, and write and answer the coordinator's own.

    Parameters
    ----------
    credentials : Credentials
        The coordinator's.
    database : Database
        Holds its log.
    broker : Broker
        The streams to the hospitals.
    """

    def __init__(self, *, credentials: Credentials, database: Database, broker: Broker) -> None:
        self._member = credentials.member
        self._broker = broker
        self._database = database
        self._tasks: set[asyncio.Task[None]] = set()
        self._correspondence = Correspondence(
            credentials=credentials,
            write=database.write,
            send=self._send,
            peers=self._peers,
            # It has compared no keys: a certificate of a steward is all that there is.
            approvers=lambda _connection, _member: Approvers(credentials.trust),
        )

    async def run(self, *, seconds: float) -> None:
        """Have the coordinator's log cosigned by whoever is attached, for ever."""
        told: Mapping[str, Said] = {}
        for evidence in await self._database.read(disputes.evidence):
            logs.logger().error(
                "log_disputed", identity=evidence.witness, error=accounts.dispute(evidence)
            )
        while True:
            await asyncio.sleep(seconds)
            with suppress(WardnetError):  # a full disk is told where it stops something
                said = await self._correspondence.offer_all()
                for name in said:
                    if said[name] is Said.DISPUTED and told.get(name) is not Said.DISPUTED:
                        error = str(WardnetError(Reason.LOG_FORKED, identity=self._member.uri))
                        logs.logger().error("log_disputed", identity=name, error=error)
                told = said

    def take(self, attachment: Attachment, member: str, envelope: Envelope) -> None:
        """Carry a letter of a hospital to another, or open one that is for us."""
        sender = self._uri(attachment.hospital)
        if len(envelope.payload) > letters.MAXIMUM_BYTES:
            rule = f"{letters.MAXIMUM_BYTES >> 10} KiB"
            raise WardnetError(Reason.MESSAGE_TOO_LARGE, rule=rule)
        # One letter of each kind waits: few kinds and one signer bound what a hospital is sent.
        if envelope.payload_type not in _KINDS or len(envelope.signatures) != 1:
            rule = "it is of another kind, or has several signers"
            raise WardnetError(Reason.MALFORMED, field="letter", rule=rule)
        if member == self._member.uri:
            self._start(sender, envelope)
        elif not self._carry(member, Letter(sender, envelope)):
            attachment.deliver(Letter(member, None))

    def close(self) -> None:
        """Leave letters that are being answered."""
        for task in self._tasks:
            task.cancel()

    async def _send(self, member: str, envelope: Envelope) -> None:
        if not self._carry(member, Letter(self._member.uri, envelope)):
            await self._correspondence.receive(member, None)

    def _carry(self, member: str, letter: Letter) -> bool:
        """Bring a letter to a hospital; say whether it is attached."""
        try:
            to = Member.from_uri(member)
        except WardnetError:
            return False
        if (to.network, to.role) != (self._member.network, Role.NODE):
            return False
        attachment = self._broker.find(to.id)
        if attachment is not None:
            attachment.deliver(letter)
        return attachment is not None

    def _start(self, sender: str, envelope: Envelope) -> None:
        """Open a letter beside the stream that brought it."""
        task = asyncio.create_task(self._correspondence.receive(sender, envelope))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _peers(self, connection: Connection) -> Peers:
        return {
            self._uri(name): None
            for name in registry.hospitals(cast("sqlite3.Connection", connection))
        }

    def _uri(self, hospital: str) -> str:
        return Member(self._member.network, Role.NODE, hospital).uri

"""The node among witnesses: its log is cosigned by other hospitals, and it cosigns theirs.

Witnesses are the hospitals whose nodes' keys stand in the address book, and the coordinator, which
counts for no majority. After every start another hospital must have confirmed that the log is whole
before a question is answered: a catalog that was put back has forgotten, and its anchor may have
been put back with it; what others have seen was not.
"""

import asyncio
from collections.abc import Callable, Mapping
from time import monotonic
from typing import Final, TypeVar

from wardnet import clock, logs
from wardnet.agreement.view import View
from wardnet.audit import cosigned, letters
from wardnet.audit import receipt as receipts
from wardnet.audit.beginning import Approvers
from wardnet.audit.correspondence import Correspondence, Peers, Said
from wardnet.audit.log import Connection
from wardnet.audit.receipt import Receipt
from wardnet.errors import Reason, WardnetError
from wardnet.identity.credentials import Credentials
from wardnet.identity.envelope import Envelope, Trust
from wardnet.identity.member import Member, Role
from wardnet.jobs import Jobs
from wardnet_node import messages
from wardnet_node.desk.knowledge import Knowledge
from wardnet_node.settings import NodeSettings
from wardnet_node.stream import Stream
from wardnet_node.vault.catalog import Catalog

T = TypeVar("T")

LOOK_SECONDS: Final = 1.0
"""How often it is looked whether many entries are new, and how soon a proof is tried again."""


def peers(member: Member, nodes: Mapping[str, frozenset[str]]) -> Peers:
    """Return who witnesses a hospital's log.

    Parameters
    ----------
    member : Member
        The hospital's node.
    nodes : mapping of str to frozenset of str
        By organisation: keys of its node that hold.
    """
    found: dict[str, frozenset[str] | None] = {
        Member(member.network, Role.NODE, name).uri: pinned
        for name, pinned in nodes.items()
        if pinned and name != member.id
    }
    found[Member(member.network, Role.COORDINATOR, "coordinator").uri] = None
    return found


def approvers(member: Member, view: View, trust: Trust) -> Approvers:
    """Return who may let another hospital's log begin anew, as far as this one knows."""
    taken_back = view.lists[member.id].digests if member.id in view.lists else frozenset()
    others = {
        key
        for organisation in view.book.organisations
        if organisation.id != member.id
        for steward in organisation.stewards
        for key in steward.keys
    }
    theirs = view.book.organisation(member.id)
    return Approvers(
        trust,
        known=tuple(frozenset(steward.keys) for steward in theirs.stewards) if theirs else (),
        refused=view.revoked | taken_back | others,
    )


class Witnesses:
    """Keep the log cosigned while the node is attached.

    Parameters
    ----------
    credentials : Credentials
        The hospital's.
    settings : NodeSettings
        How often.
    catalog : Jobs of Catalog
        Holds the log, the address book, and what was witnessed; beside the desk, so that no query
        waits for it.
    """

    kinds = frozenset({letters.REQUEST, letters.REPLY})

    def __init__(
        self,
        *,
        credentials: Credentials,
        settings: NodeSettings,
        catalog: Jobs[Catalog],
    ) -> None:
        self._credentials = credentials
        self._member = credentials.member
        self._settings = settings
        self._catalog = catalog
        self._knowledge = Knowledge(credentials)
        self._stream: Stream | None = None
        self._proven = asyncio.Event()
        self._told: Mapping[str, Said] = {}
        self._correspondence = Correspondence(
            credentials=credentials,
            write=self._write,
            send=self._send,
            peers=self._peers,
            approvers=self._approvers,
        )

    async def run(self, stream: Stream) -> None:
        """Show the log to its witnesses, again and again, while a stream lasts."""
        self._stream = stream
        try:
            while True:
                await self._show()
                await self._until_due()
        finally:
            self._stream = None

    async def _show(self) -> None:
        """Show the log; what keeps us from it, e.g. a full disk, must not cost us the stream."""
        try:
            self._note(await self._correspondence.offer_all())
        except WardnetError as error:
            logs.logger().error("not_shown", reason=error.reason.value, error=str(error))

    async def receive(self, sender: str, envelope: Envelope) -> None:
        """Take a letter."""
        await self._correspondence.receive(sender, envelope)

    async def lost(self, member: str) -> None:
        """Count a member as away for now."""
        await self._correspondence.receive(member, None)

    async def receipt(self, promised: Envelope) -> Receipt:
        """Return what keeps a promise of this log.

        Raises
        ------
        WardnetError
            `SIGNATURE_INVALID` when we have not given it; `ENTRY_UNCOVERED` before enough witnesses
            have cosigned the entry.
        """
        return await self._catalog.do(lambda catalog: self._receipt(catalog, promised))

    def _receipt(self, catalog: Catalog, promised: Envelope) -> Receipt:
        trust, at = self._credentials.trust, clock.now()
        made = receipts.read_promise(promised, trust=trust, at=at)
        if letters.key_of(promised) != self._credentials.signer.key.public_key():
            raise WardnetError(Reason.SIGNATURE_INVALID, rule="the promise is somebody else's")
        with catalog.reading() as connection:
            found = cosigned.coverage(connection)
            covered = found.covered if found.peers else None
            if covered is not None and made.seq > covered:
                raise WardnetError(Reason.ENTRY_UNCOVERED, line=made.seq)
            return receipts.receipt(connection, promised, covered=covered)

    async def wait_until_proven(self) -> None:
        """Wait until another hospital has confirmed the log, or has shown that it was changed.

        Raises
        ------
        WardnetError
            `LOG_UNPROVEN` when none has for too long.
        """
        try:
            async with asyncio.timeout(self._settings.proof_patience):
                await self._proven.wait()
        except TimeoutError:
            raise WardnetError(Reason.LOG_UNPROVEN, hospital=self._member.id) from None

    def _note(self, said: Mapping[str, Said]) -> None:
        """Open the way once a hospital has cosigned; where none witnesses us, none can."""
        hospitals = [what for name, what in said.items() if Member.from_uri(name).role is Role.NODE]
        if Said.DISPUTED in said.values():
            self._proven.set()  # the desk refuses from now on, and says why
        if not hospitals or Said.COSIGNED in hospitals or set(hospitals) == {Said.UNKNOWN}:
            self._proven.set()
        for name, what in said.items():
            if self._told.get(name) is not what and what is not Said.COSIGNED:
                logs.logger().warning("not_cosigned", identity=name, state=what.value)
        self._told = said

    async def _until_due(self) -> None:
        begun = monotonic()
        while True:
            await asyncio.sleep(min(LOOK_SECONDS, self._settings.checkpoint_seconds))
            if not self._proven.is_set():
                return
            if monotonic() - begun >= self._settings.checkpoint_seconds:
                return
            if await self._catalog.do(self._is_due):
                return

    def _is_due(self, catalog: Catalog) -> bool:
        with catalog.reading() as connection:
            return cosigned.is_due(connection, most=self._settings.checkpoint_entries)

    def _peers(self, connection: Connection) -> Peers:
        known = self._knowledge.look(connection).view
        nodes = {
            organisation.id: frozenset(organisation.nodes) - known.revoked
            for organisation in known.book.organisations
        }
        return peers(self._member, nodes)

    def _approvers(self, connection: Connection, member: Member) -> Approvers:
        return approvers(member, self._knowledge.look(connection).view, self._credentials.trust)

    async def _write(self, job: Callable[[Connection], T], /) -> T:
        def write(catalog: Catalog) -> T:
            with catalog.transaction() as connection:
                return job(connection)

        return await self._catalog.do(write)

    async def _send(self, member: str, envelope: Envelope) -> None:
        if self._stream is not None:
            await self._stream.send(messages.letter(member, envelope))

"""Whoever owns a member's disk and passphrase: changes its log, and speaks in its name."""

import asyncio
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

from support.member import Member
from wardnet.audit import letters, tree
from wardnet.audit.letters import Reply, Request
from wardnet.audit.log import Connection
from wardnet.audit.tree import leaf_hash
from wardnet.audit.witness import Submission
from wardnet.identity import member as members
from wardnet.identity.credentials import Credentials
from wardnet.identity.envelope import sign
from wardnet.identity.keystore import Keystore
from wardnet.transport.channel import open_channel
from wardnet.transport.convert import envelope_from_wire
from wardnet.wire.v1.link_pb2 import AttachResponse
from wardnet.wire.v1.link_pb2_grpc import LinkServiceStub
from wardnet_node import messages
from wardnet_node.vault.catalog import Catalog

SECONDS = 3.0


def keystore_of(member: Member) -> Keystore:
    """Open a member's keystore by its passphrase."""
    return Keystore.unlock(member.home, member.passphrase_file.read_text().strip())


@contextmanager
def catalog_of(node: Member) -> Iterator[Catalog]:
    """Open the catalog of a node, whose log lies in it."""
    catalog = Catalog.open(node.home, keystore_of(node))
    try:
        yield catalog
    finally:
        catalog.close()


def edit(connection: Connection, seq: int, *, rehashed: bool) -> None:
    """Change one byte of an entry, with its own hash or without."""
    (data,) = connection.execute("SELECT entry FROM access_log WHERE seq = ?", (seq,)).fetchone()
    data = edited(seq, bytes(data))
    connection.execute("UPDATE access_log SET entry = ? WHERE seq = ?", (data, seq))
    if rehashed:
        connection.execute("UPDATE access_log SET leaf = ? WHERE seq = ?", (leaf_hash(data), seq))


def edited(_: int, data: bytes) -> bytes:
    """Return an entry with one byte changed."""
    changed = data.replace(b'"version":1', b'"version":2')
    assert changed != data
    return changed


def rewrite(connection: Connection, change: Callable[[int, bytes], bytes | None]) -> None:
    """Tell the whole log anew, entry by entry, with hashes and numbers that fit; None omits one."""
    rows = connection.execute("SELECT seq, entry FROM access_log ORDER BY seq").fetchall()
    told = [(seq, data) for seq, old in rows if (data := change(seq, bytes(old))) is not None]
    connection.execute("DELETE FROM access_log")
    connection.execute("DELETE FROM access_log_tree")
    nodes: dict[tuple[int, int], bytes] = {}
    for index, (seq, data) in enumerate(told):
        moved = data.replace(b',"seq":%d,' % seq, b',"seq":%d,' % (index + 1))
        leaf = nodes[0, index] = leaf_hash(moved)
        connection.execute("INSERT INTO access_log VALUES (?, ?, ?)", (index + 1, moved, leaf))
        for node in tree.completed(lambda *at: nodes[at], index, leaf):
            nodes[node[:2]] = node[2]
            connection.execute("INSERT INTO access_log_tree VALUES (?, ?, ?)", node)


def offered(
    node: Member, address: str, *, witness: str, submissions: Sequence[Submission]
) -> list[Reply]:
    """Dial as a node, with its own keys, show a witness its log all at once; return its replies.

    A witness answers one letter of a member at a time, and leaves those that come meanwhile.

    Parameters
    ----------
    node : Member
        Its daemon is stopped.
    address : str
        Of the coordinator.
    witness : str
        Id of another hospital.
    """
    credentials = Credentials.load(node.home, keystore_of(node))
    uri = members.Member(credentials.member.network, members.Role.NODE, witness).uri
    return asyncio.run(_offered(credentials, address, uri, submissions))


async def _offered(
    credentials: Credentials, address: str, witness: str, submissions: Sequence[Submission]
) -> list[Reply]:
    async with open_channel(credentials, address) as channel:
        call = LinkServiceStub(channel).Attach()
        epoch = int(time.time())
        await call.write(messages.hello(credentials.member.id, epoch=epoch, held=()))
        for submission in submissions:
            number = secrets.token_hex(16)
            request = Request(witness=witness, number=number, submission=str(submission))
            data = letters.request_to_bytes(request)
            await call.write(
                messages.letter(witness, sign(letters.REQUEST, data, credentials.signer))
            )
        replies: list[Reply] = []
        with suppress(TimeoutError):
            async with asyncio.timeout(SECONDS):
                while len(replies) < len(submissions):
                    replies += _read(await call.read(), witness)
        call.cancel()
        return replies


def _read(response: AttachResponse, witness: str) -> list[Reply]:
    if response.WhichOneof("message") != "letter" or response.letter.member != witness:
        return []
    envelope = envelope_from_wire(response.letter.letter)
    if envelope.payload_type != letters.REPLY:
        return []
    return [letters.reply_from_bytes(envelope.payload)]

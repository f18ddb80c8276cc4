"""Logs that begin anew as whoever owns their disk and passphrase likes, for tests."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from support.hospital import Hospital
from support.questions import key
from wardnet import canonical, clock
from wardnet.audit import checkpoint, cosigned, disputes, log, note, recovery
from wardnet.audit.checkpoint import Checkpoint, origin_of
from wardnet.audit.entry import EventType
from wardnet.audit.log import Connection
from wardnet.audit.recovery import PAYLOAD_TYPE, BreakGlass, Recovery
from wardnet.identity.credentials import Credentials
from wardnet_node.desk.decision import sign_all
from wardnet_node.desk.steward_events import by_steward


@dataclass(frozen=True, slots=True)
class Beginning:
    """Hold what a log shows that begins anew, and what was seen of it before."""

    shown: Recovery | None
    anew: Checkpoint
    held: Checkpoint
    key: Ed25519PublicKey


def newest(connection: Connection, hospital: Hospital) -> Checkpoint:
    """Return a checkpoint of a hospital's log as it is."""
    uri, signing = hospital.credentials.member.uri, hospital.credentials.signer.key
    cosigned.sign(connection, owner=uri, key=signing, at=clock.now())
    return checkpoint.parse(note.parse(checkpoint.latest(connection) or "").text)


def begin(
    hospital: Hospital, signers: Sequence[Credentials], *, approvals: Sequence[Credentials] = ()
) -> Beginning:
    """Let a log begin anew with the signatures of anybody, its desk unasked.

    Parameters
    ----------
    approvals : sequence of Credentials
        Whom the entry names instead.
    """
    member = hospital.credentials.member
    with hospital.catalog() as catalog, catalog.transaction() as connection:
        held, number = newest(connection, hospital), cosigned.next_number(connection)
        statement = BreakGlass(
            version=1,
            network=member.network,
            hospital=member.id,
            anchored=None,
            present=log.head(connection),
            witnessed=disputes.lost(connection),
            origin=origin_of(member.uri, number),
            at=clock.to_moment(clock.now()),
            reason="The disk failed.",
        )
        data = recovery.to_bytes(statement)
        envelope = sign_all(PAYLOAD_TYPE, data, signers)
        event = by_steward(member, EventType.BREAK_GLASS, approvals or signers)
        event = replace(event, result_digest=canonical.digest(data), statement=data.decode())
        entry = log.append(connection, event, at=clock.now())
        cosigned.begin_anew(
            connection, number=number, seq=entry.seq, signed=envelope, at=clock.now()
        )
        anew = newest(connection, hospital)
        shown = recovery.show(connection, size=anew.size)
    return Beginning(shown, anew, held, hospital.credentials.signer.key.public_key())


def keys(*people: Credentials) -> frozenset[str]:
    """Return the fingerprints of people's signing keys."""
    return frozenset(map(key, people))

"""Queries on a hospital's link: asked, added up, and read back from its log."""

from datetime import datetime

from support.hospital import Hospital
from support.pki import TestNetwork
from support.post import Attached
from support.questions import count_query, signed
from wardnet import canonical
from wardnet.errors import Reason
from wardnet.identity.envelope import Envelope
from wardnet.question.answer import Participant
from wardnet.transport.work import Total, WorkId, sums_from_wire
from wardnet.wire.v1.link_pb2 import Explanation, Refusal, RoundPart


def query(
    network: TestNetwork, *, at: datetime | None = None, **changes: object
) -> tuple[Envelope, str]:
    """Return a signed query and its digest."""
    envelope = signed(network, count_query(network, at=at, **changes))
    return envelope, canonical.digest(envelope.payload)


def total(part: RoundPart, number: int = 0, *, b: str = "1:bb") -> Total:
    """Return the total of a round in which b has what a has, in a snapshot of b."""
    sums = {name: array * 2 for name, array in sums_from_wire(part.sums).items()}
    participants = (Participant("a", part.snapshot), Participant("b", b))
    return Total(number, sums, participants)


def reasons(message: Refusal | Explanation) -> list[Reason]:
    """Return every reason that the node gives."""
    return [Reason(cause.reason) for cause in message.causes]


def logged(hospital: Hospital) -> list[tuple[str, str]]:
    """Return what the access log says about queries: type, and attempt and round."""
    entries = [entry for entry in hospital.entries() if entry.type.startswith("query")]
    return [(entry.type.value, (entry.request_id or "")[65:]) for entry in entries]


async def guard_round(stream: Attached, envelope: Envelope, query: str) -> RoundPart:
    """Ask for the guard round of the first attempt and return its part."""
    await stream.ask(envelope, WorkId(query, 1, 0))
    part: RoundPart = await stream.next("part")
    return part

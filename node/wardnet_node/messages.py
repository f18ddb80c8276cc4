"""What the node says to the coordinator, as wire messages; results as the bytes that are kept."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import version

from wardnet.audit.receipt import Receipt
from wardnet.errors import WardnetError
from wardnet.identity.envelope import Envelope
from wardnet.statistics.methods import METHODS
from wardnet.sums.arrays import PackedArray
from wardnet.transport.convert import causes_to_wire, envelope_to_wire
from wardnet.transport.work import WorkId, sums_to_wire
from wardnet.wire.v1.link_pb2 import (
    Announcement,
    AttachRequest,
    AuditPage,
    Explanation,
    Heartbeat,
    HeldDataset,
    Hello,
    Letter,
    LogReceipt,
    MethodVersion,
    Refusal,
    SignedAnswer,
    StudyDecision,
)
from wardnet_node.public import public


@dataclass(frozen=True, slots=True)
class Held:
    """Name a dataset that can be asked here.

    Parameters
    ----------
    name : str
        The dataset.
    dictionary : str
        Digest of the dictionary it was adopted under.
    """

    name: str
    dictionary: str


def hello(hospital: str, *, epoch: int, held: Iterable[Held]) -> AttachRequest:
    """Introduce this process."""
    return AttachRequest(
        hello=Hello(
            hospital=hospital,
            epoch=epoch,
            software_version=version("wardnet"),
            methods=[
                MethodVersion(name=method.name, version=method.version)
                for method in METHODS.values()
            ],
            announcement=_announcement(held),
        )
    )


def heartbeat() -> AttachRequest:
    """Show that this process is alive."""
    return AttachRequest(heartbeat=Heartbeat())


def announcement(held: Iterable[Held]) -> AttachRequest:
    """List the datasets after a change."""
    return AttachRequest(announcement=_announcement(held))


def part(
    work_id: WorkId,
    sums: Sequence[PackedArray],
    *,
    snapshot: str,
    transcript: str,
    interim: bytes = b"",
) -> bytes:
    """Write the result of a round, and a sealed report beside it."""
    message = AttachRequest()
    part = message.part
    part.work_id, part.snapshot, part.transcript = str(work_id), snapshot, transcript
    part.interim = interim
    sums_to_wire(sums, part.sums)
    return message.SerializeToString()


def answer(work_id: WorkId, sealed: bytes) -> bytes:
    """Write the signed answer, sealed to the researcher."""
    message = SignedAnswer(work_id=str(work_id), sealed=sealed)
    return AttachRequest(answer=message).SerializeToString()


def refusal(work_id: WorkId, reasons: Iterable[WardnetError]) -> bytes:
    """Write every reason why the work is not done."""
    message = Refusal(
        work_id=str(work_id), causes=causes_to_wire(public(reasons, work=str(work_id)))
    )
    return AttachRequest(refusal=message).SerializeToString()


def explanation(number: int, reasons: Iterable[WardnetError]) -> AttachRequest:
    """Say what would be done with a query: no reason against it, or every one."""
    causes = causes_to_wire(public(reasons, work="explain"))
    return AttachRequest(explanation=Explanation(id=number, causes=causes))


def audit_page(number: int, sealed: bytes, *, last: bool) -> AttachRequest:
    """Carry one sealed page of what an auditor is shown."""
    return AttachRequest(audit_page=AuditPage(id=number, sealed=sealed, last=last))


def audit_refusal(number: int, reason: WardnetError) -> AttachRequest:
    """Say why an auditor is shown nothing."""
    page = AuditPage(id=number, last=True, causes=causes_to_wire([reason]))
    return AttachRequest(audit_page=page)


def decision(study: str, statement: Envelope) -> AttachRequest:
    """Carry what the hospital has decided about a study."""
    message = StudyDecision(study=study, statement=envelope_to_wire(statement))
    return AttachRequest(decision=message)


def revocations(listed: Envelope) -> AttachRequest:
    """Carry what the hospital has taken back."""
    return AttachRequest(revocations=envelope_to_wire(listed))


def letter(member: str, envelope: Envelope) -> AttachRequest:
    """Carry what is said to another member."""
    return AttachRequest(letter=Letter(member=member, letter=envelope_to_wire(envelope)))


def receipt(number: int, made: Receipt) -> AttachRequest:
    """Carry what keeps a promise."""
    message = LogReceipt(id=number, proof=made.proof, checkpoint=made.checkpoint)
    return AttachRequest(receipt=message)


def receipt_refusal(number: int, reason: WardnetError) -> AttachRequest:
    """Say why there is no receipt."""
    return AttachRequest(receipt=LogReceipt(id=number, causes=causes_to_wire([reason])))


def _announcement(held: Iterable[Held]) -> Announcement:
    return Announcement(
        datasets=[HeldDataset(name=item.name, dictionary=item.dictionary) for item in held]
    )

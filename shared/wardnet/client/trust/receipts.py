"""Receipts: that an answer stands in each hospital's access log, and who else has seen that."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from wardnet.audit import receipt as receipts
from wardnet.audit.note import Keys
from wardnet.audit.receipt import Kept, Receipt
from wardnet.canonical import Json
from wardnet.client.printing.listing import Listing
from wardnet.errors import Reason, WardnetError
from wardnet.identity.certificates import Usage, leaf_member, read_certificate
from wardnet.identity.envelope import Envelope, Trust
from wardnet.identity.member import Member, Role


@dataclass(frozen=True, slots=True)
class Sent:
    """Hold what one hospital has sent for its promise; nothing of it is known to be true.

    Parameters
    ----------
    hospital : str
        Its id.
    away : bool
        Whether it could not be asked.
    proof : tuple of bytes
        Inclusion proof.
    checkpoint : str
        Signed note.
    causes : tuple of WardnetError
        Why there is no receipt.
    """

    hospital: str
    away: bool
    proof: tuple[bytes, ...]
    checkpoint: str
    causes: tuple[WardnetError, ...]


@dataclass(frozen=True, slots=True)
class Shown:
    """Hold what one hospital has to show for its promise.

    Parameters
    ----------
    hospital : str
        Its id.
    kept : Kept or None
        What its receipt proves; None without one.
    error : WardnetError or None
        Why there is none, or why it does not hold.
    """

    hospital: str
    kept: Kept | None
    error: WardnetError | None


class Receipts(Listing[Shown]):
    """Hold what every hospital of an answer has to show, sorted; prints as a table."""

    def __init__(self, items: Iterable[Shown]) -> None:
        super().__init__(
            "where the answer stands in the access logs",
            sorted(items, key=lambda each: each.hospital),
            record=_record,
            shown=_told,
        )


def verified_receipts(
    sent: Iterable[Sent],
    *,
    envelope: Envelope,
    promises: Mapping[str, Envelope],
    hospitals: Sequence[str],
    trust: Trust,
    at: datetime,
) -> Receipts:
    """Verify what hospitals send for their promises.

    Parameters
    ----------
    envelope : Envelope
        The verified answer: by whom it is signed, gives the keys of those who may be witnesses.
    promises : mapping of str to Envelope
        By hospital, verified.
    hospitals : sequence of str
        All that have answered.
    """
    witnesses = _keys(envelope)
    shown = {
        name: Shown(name, None, WardnetError(Reason.PROMISE_MISSING, hospital=name))
        for name in hospitals
        if name not in promises
    }
    for one in sent:
        name = one.hospital
        if name in promises and name not in shown:
            shown[name] = _verified(one, promises[name], trust, at, witnesses=witnesses)
    for name in promises.keys() - shown.keys():
        shown[name] = Shown(name, None, WardnetError(Reason.HOSPITAL_AWAY, hospital=name))
    return Receipts(shown.values())


def _verified(
    sent: Sent,
    promise: Envelope,
    trust: Trust,
    at: datetime,
    *,
    witnesses: Keys,
) -> Shown:
    name = sent.hospital
    if sent.away:
        return Shown(name, None, WardnetError(Reason.HOSPITAL_AWAY, hospital=name))
    if sent.causes:
        return Shown(name, None, sent.causes[0])
    try:
        made = Receipt(promise, sent.proof, sent.checkpoint)
        own = Member(trust.network, Role.NODE, name).uri
        others = {uri: key for uri, key in witnesses.items() if uri != own}
        return Shown(name, receipts.verify(made, trust=trust, at=at, witnesses=others), None)
    except WardnetError as error:
        return Shown(name, None, error)


def _keys(envelope: Envelope) -> Keys:
    """Return the keys of the nodes that have signed an answer, by URI."""
    keys = {}
    for signature in envelope.signatures:
        leaf = read_certificate(signature.certificates[0])
        keys[leaf_member(leaf, usage=Usage.SIGNING).uri] = receipts.key_of_leaf(leaf)
    return keys


def _record(shown: Shown) -> Mapping[str, Json]:
    kept = shown.kept
    witnesses: list[Json] = [] if kept is None else [*sorted(kept.cosigned)]
    return {
        "hospital": shown.hospital,
        "entry": None if kept is None else kept.promise.seq,
        "of": None if kept is None else kept.size,
        "witnesses": witnesses,
        "reason": None if shown.error is None else shown.error.reason.value,
        "why": None if shown.error is None else str(shown.error),
    }


def _told(shown: Shown) -> Mapping[str, str]:
    kept = shown.kept
    if kept is None:
        return {"hospital": shown.hospital, "entry": "", "seen by": "", "why": str(shown.error)}
    seen = ", ".join(sorted(name.rpartition("/")[2] for name in kept.cosigned)) or "nobody else"
    entry = f"{kept.promise.seq} of {kept.size}"
    return {"hospital": shown.hospital, "entry": entry, "seen by": seen, "why": ""}

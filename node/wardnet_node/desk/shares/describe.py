"""A share in plain language: for the stewards' page and for `wardnet-node share show`."""

from collections.abc import Iterator
from typing import Final

from wardnet.question.cohort import EVERYONE, Cohort
from wardnet.question.grammar import write
from wardnet.sharing.deidentification import Deidentification, Patient
from wardnet.sharing.grant import Grant
from wardnet.sharing.notice import Place
from wardnet.sharing.request import Basis, ShareRequest
from wardnet.sharing.result import in_words
from wardnet_node.desk.plain import Section
from wardnet_node.desk.shares.state import PATIENCE, Share, State
from wardnet_node.desk.words import happened, moment

_STANDS: Final = {
    State.ASKED: ("It waits for your decision.", "{other} has not decided yet."),
    State.REFUSED: (
        "A node could not take it: {why}",
        "A node could not take it: {why}",
    ),
    State.DECLINED: ("You have declined: {why}", "{other} has declined: {why}"),
    State.GRANTED: (
        "You have granted it; the node makes the parcel.",
        "{other} has granted it; the parcel is not ready yet.",
    ),
    State.READY: (
        "The parcel is sealed and waits for {other}.",
        "The parcel is ready; your node fetches it.",
    ),
    State.FETCHED: (
        "{other} has fetched the parcel, and not opened it yet.",
        "The parcel is here. Open it when you need it.",
    ),
    State.OPENED: (
        "{other} has opened the parcel and has given a receipt.",
        "The records are in your vault and can be read until the time is over.",
    ),
    State.REVOKED: (
        "You have taken it back: {why} {other} has not said yet that it has destroyed what it had.",
        "{other} has taken it back: {why}",
    ),
    State.ENDED: (
        "Its time is over. {other} has not said yet that it has destroyed what it had.",
        "Its time is over; what was lent is destroyed.",
    ),
    State.DESTROYED: (
        "{other} has said that it destroyed what it had, and every key to it.",
        "What was lent is destroyed, and every key to it; {other} has the receipt.",
    ),
    State.DAMAGED: (
        "A row about it was changed in the database. Nothing is done under it any more.",
        "A row about it was changed in the database. Nothing is done under it any more.",
    ),
}
"""How it stands, as the owner and as the recipient reads it."""

_UNDECIDED: Final = (
    f"It was not decided on within {PATIENCE.days} days; {{other}} may ask again.",
    f"{{other}} has not decided within {PATIENCE.days} days. Ask again if you still need it.",
)

_NEXT: Final = {
    (True, State.ASKED): "wardnet-node share preview {id}",
    (False, State.READY): "wardnet-node share fetch {id}",
    (False, State.FETCHED): "wardnet-node share open {id}",
    (False, State.OPENED): "wardnet-node share read {id}",
}


def describe(share: Share) -> tuple[Section, ...]:
    """Return what a steward must know about a share, as questions and answers."""
    request, grant = share.request, share.grant
    sections = [
        Section("How does it stand?", tuple(_stands(share))),
        Section("Who asks whom?", (f"{request.recipient} asks {request.owner}.",)),
        Section("What for?", tuple(_purpose(request))),
        Section("Which records are asked for?", tuple(_asked(request))),
    ]
    if grant is not None:
        sections.append(Section("What was granted?", tuple(granted(grant, request))))
    sections.append(Section("What has happened?", tuple(_happened(share))))
    return tuple(sections)


def stands(share: Share) -> str:
    """Return in one sentence how a share stands, as this hospital's steward reads it."""
    undecided = share.state is State.ENDED and share.grant is None
    owner, recipient = _UNDECIDED if undecided else _STANDS[share.state]
    words = share.why if not share.why or share.why.endswith((".", "!", "?")) else f"{share.why}."
    return (owner if share.owned else recipient).format(other=share.other, why=words).strip()


def next_command(share: Share) -> str:
    """Return the command that usually comes next; empty when there is nothing to do."""
    return _NEXT.get((share.owned, share.state), "").format(id=share.digest[:12])


def granted(grant: Grant, request: ShareRequest) -> Iterator[str]:
    """Yield what a grant gives, and in what it is narrower than its request."""
    left_out = sorted(set(request.columns) - set(grant.columns))
    yield f"Until {moment(grant.until)}; then it is destroyed at {grant.recipient}."
    yield f"It may be fetched {_times(grant.maximum_fetches)}."
    yield from rules(grant.deidentification)
    if left_out:
        yield f"Not given: {', '.join(left_out)}."
    if grant.cohort != request.cohort:
        yield f"Only {patients(grant.cohort)}."
    if grant.attachments:
        count = len(grant.attachments)
        yield f"Files that go along AS THEY ARE, not de-identified: {count}."
    for obligation in grant.obligations:
        yield f"Obligation: {obligation}"


def rules(deidentification: Deidentification) -> Iterator[str]:
    """Yield what becomes of the patients' numbers and of every column."""
    yield {
        Patient.DROP: "Patients' numbers are left out, and no rows are linked.",
        Patient.PSEUDONYM: "Patients' numbers are replaced by pseudonyms made for this grant.",
        Patient.KEEP: "PATIENTS' NUMBERS LEAVE AS THEY ARE.",
    }[deidentification.patient]
    for item in deidentification.columns:
        yield f"{item.name}: {in_words(item.rule) or 'as it is'}"
    if deidentification.minimum_group > 1:
        names = ", ".join(deidentification.quasi_identifiers)
        least = deidentification.minimum_group
        yield f"Rows whose {names} fewer than {least} patients share stay here."


def patients(cohort: Cohort) -> str:
    """Return whose rows a cohort selects."""
    return "all patients in the table" if cohort == EVERYONE else f"those where {write(cohort)}"


def _stands(share: Share) -> Iterator[str]:
    yield stands(share)
    if share.undelivered:
        yield f"{share.other} has not confirmed the last letter about it yet."
    if share.hindrance:
        yield f"{share.other} could not take a letter about it: {share.hindrance}."
    if share.ready is not None and share.owned and share.state is State.READY:
        where = "here" if share.ready.place is Place.DIRECT else "at the relay"
        yield f"It waits {where}."
    if share.state in {State.GRANTED, State.READY, State.FETCHED, State.OPENED}:
        yield f"It ends by itself at {moment(share.until)}."


def _happened(share: Share) -> Iterator[str]:
    for step in share.history:
        yield f"{moment(step.at)}, {step.hospital}: {happened(step.kind)}"
    if share.owned and share.fetches:
        yield f"Fetches that began here: {share.fetches}."


def _purpose(request: ShareRequest) -> Iterator[str]:
    if request.basis is Basis.TREATMENT:
        yield "For the treatment of the patients themselves."
    else:
        yield f"For a study, number {(request.study or '')[:12]}."
    yield from request.purpose.split("\n")


def _asked(request: ShareRequest) -> Iterator[str]:
    yield f"From the dataset {request.dataset}: {', '.join(request.columns)}."
    if request.patients:
        yield f"Only {len(request.patients)} patients, whom the request names."
    if request.cohort != EVERYONE or not request.patients:
        yield f"Of {patients(request.cohort)}."
    yield (
        "WITH the patients' own numbers."
        if request.identifiers
        else "Without the patients' own numbers."
    )
    yield f"For {_hours(request.hours)} from the grant on."


def _hours(hours: int) -> str:
    days, rest = divmod(hours, 24)
    if rest or not days:
        return f"{hours} hours" if hours > 1 else "one hour"
    return f"{days} days" if days > 1 else "one day"


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number} times"

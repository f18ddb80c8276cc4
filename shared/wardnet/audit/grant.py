"""The grant: what a hospital's steward lets one auditor read of its access log, and until when."""

from collections.abc import Iterator
from typing import Annotated, Final, Literal, TypeAlias, TypeVar

from pydantic import AfterValidator, TypeAdapter
from pydantic.dataclasses import dataclass

from wardnet import canonical
from wardnet.audit.entry import Entry, EventType
from wardnet.audit.search import Search
from wardnet.clock import Moment
from wardnet.question.dictionary import STRICT, Name
from wardnet.question.query import Digest, Id

PAYLOAD_TYPE: Final = "application/vnd.wardnet.audit-grant.v1+json"

T = TypeVar("T", str, EventType)


def _in_order(values: tuple[T, ...]) -> tuple[T, ...]:
    if list(values) != sorted(set(values)):
        message = "must be sorted, and nothing may stand twice"
        raise ValueError(message)
    return values


InOrder: TypeAlias = Annotated[tuple[T, ...], AfterValidator(_in_order)]


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Scope:
    """State which entries an auditor may read; what is empty does not narrow.

    Parameters
    ----------
    datasets, studies : tuple of str
        Only entries about these; one about none is not among them. Sorted.
    kinds : tuple of EventType
        Only such entries. Sorted.
    since, until : Moment
        Only entries from the first moment, and before the second.
    patients : bool
        Whether entries may be found by a patient's number.
    answers : bool
        Whether the answers themselves may be read.
    """

    datasets: InOrder[Name] = ()
    studies: InOrder[Digest] = ()
    kinds: InOrder[EventType] = ()
    since: Moment | Literal[""] = ""
    until: Moment | Literal[""] = ""
    patients: bool = False
    answers: bool = False

    @property
    def whole(self) -> bool:
        """Say whether every entry is within it: only then can completeness be proven."""
        return not (self.datasets or self.studies or self.kinds or self.since or self.until)

    def covers(self, entry: Entry) -> bool:
        """Say whether an entry is within it."""
        return (
            (not self.datasets or entry.dataset in self.datasets)
            and (not self.studies or entry.study in self.studies)
            and (not self.kinds or entry.type in self.kinds)
            and (not self.since or entry.time >= self.since)
            and (not self.until or entry.time < self.until)
        )

    def beyond(self, wanted: Search) -> Iterator[tuple[str, str]]:
        """Yield what a search asks for by name that lies outside: the field, and why."""
        if self.datasets and wanted.dataset and wanted.dataset not in self.datasets:
            yield "dataset", "it is not one of the granted datasets"
        if (
            self.studies
            and wanted.study
            and not any(study.startswith(wanted.study) for study in self.studies)
        ):
            yield "study", "it is not one of the granted studies"
        if self.kinds and wanted.type and wanted.type not in self.kinds:
            yield "type", "it is not one of the granted kinds of entries"
        if wanted.tag and not self.patients:
            yield "patient", "searching by patient is not granted"


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Grant:
    """Let one auditor, known by one key, read a hospital's log.

    Parameters
    ----------
    version : int
        Of this layout; 1.
    network, hospital, auditor : str
        Who lets whom: ids.
    key : str
        Fingerprint of the auditor's signing key, compared by a steward outside the network.
    number : int
        Rises by one with every statement about this auditor; the highest holds.
    scope : Scope or None
        What may be read; None takes the grant before back.
    not_after : Moment
        Until when.
    questions : str
        X25519 public key of the node, hexadecimal: what an auditor looks for is sealed to it.
    """

    version: Literal[1]
    network: Id
    hospital: Id
    auditor: Id
    key: Digest
    number: int
    scope: Scope | None
    not_after: Moment
    questions: Digest


_ADAPTER: Final = TypeAdapter(Grant)


def to_bytes(grant: Grant) -> bytes:
    """Return the canonical bytes that the steward and the node sign."""
    return canonical.write(_ADAPTER, grant)


def from_bytes(data: bytes) -> Grant:
    """Read canonical bytes whose signatures were verified before.

    Raises
    ------
    WardnetError
        `MALFORMED`.
    """
    return canonical.read(_ADAPTER, data)

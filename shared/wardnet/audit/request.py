"""What an auditor signs to be shown something, and what the node signs in reply.

What is looked for (a patient's number above all) is sealed to the hospital's node, inside what the
auditor signs: the coordinator that carries it learns who asked which hospital and when.
"""

from enum import StrEnum
from typing import Annotated, Final, Literal, TypeAlias

from pydantic import Field, StringConstraints, TypeAdapter
from pydantic.dataclasses import dataclass

from wardnet import canonical
from wardnet.audit.search import EVERYTHING, Place, Search
from wardnet.clock import Moment
from wardnet.question.dictionary import STRICT
from wardnet.question.query import Digest, Id, Nonce

PAYLOAD_TYPE: Final = "application/vnd.wardnet.audit-request.v1+json"
REPLY_PAYLOAD_TYPE: Final = "application/vnd.wardnet.audit-reply.v1+json"

MOST_ENTRIES: Final = 2000
"""Most entries in one reply; the next request begins where it ended."""

Hex: TypeAlias = Annotated[str, StringConstraints(pattern=r"^([0-9a-f]{2})*$", max_length=1 << 16)]


class Action(StrEnum):
    """Name what an auditor asks for."""

    GRANT = "grant"
    """The grant itself, with the key that questions are sealed to."""
    SEARCH = "search"
    """Entries, each with its proof."""
    ANSWER = "answer"
    """The answer that was released to a query, and its entry."""


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Question:
    """State what is looked for.

    Parameters
    ----------
    search : Search
        Which entries; its tag is the hospital's to fill in.
    patient : str
        The patient's number at the hospital; empty when it does not matter.
    query : str
        SHA-256 of the signed query whose answer is wanted; else empty.
    limit : int
        Most entries, 1 to `MOST_ENTRIES`.
    size : int
        Of the log that the proofs are for, as an earlier reply said; 0 for the present one.
    seen : int
        Size of the log that the auditor has seen before; the reply proves that it only grew.
    """

    search: Search = EVERYTHING
    patient: Annotated[str, StringConstraints(max_length=200)] = ""
    query: Digest | Literal[""] = ""
    limit: Annotated[int, Field(ge=1, le=MOST_ENTRIES)] = MOST_ENTRIES
    size: Place = 0
    seen: Place = 0


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Request:
    """Ask one hospital for something of its log.

    Parameters
    ----------
    version : int
        Of this layout; 1.
    network, hospital, auditor : str
        Who asks whom: ids.
    action : Action
        For what.
    question : str
        A `Question`, sealed to the grant's key, hexadecimal; empty for `GRANT`.
    recipient : str
        X25519 public key that the reply is sealed to, hexadecimal.
    nonce : str
        128 random bits, hexadecimal.
    not_before, not_after : Moment
        When it counts.
    """

    version: Literal[1]
    network: Id
    hospital: Id
    auditor: Id
    action: Action
    question: Hex
    recipient: Digest
    nonce: Nonce
    not_before: Moment
    not_after: Moment

    @property
    def info(self) -> str:
        """Return what the question is sealed for: this request and no other."""
        return (
            f"wardnet audit question v1|{self.network}|{self.hospital}|{self.auditor}|{self.nonce}"
        )


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Reply:
    """State what belongs to a reply, so that no page can be held back, changed or moved.

    Parameters
    ----------
    version : int
        Of this layout; 1.
    network, hospital : str
        Who replies.
    request : str
        SHA-256 of the signed request's payload.
    pages : int
        How many follow.
    body : str
        SHA-256 of what they hold together.
    size : int
        Of the log that the proofs are for.
    next : int
        `search.before` of the next request; 0 when nothing is left.
    tag : str
        Keyed tag of the patient that was named; empty when none was.
    consistency : tuple of str
        Proof that this log continues the one of `seen` entries (RFC 9162, 2.1.4), hexadecimal.
    """

    version: Literal[1]
    network: Id
    hospital: Id
    request: Digest
    pages: Place
    body: Digest
    size: Place
    next: Place
    tag: Digest | Literal[""] = ""
    consistency: tuple[Digest, ...] = ()


_QUESTION: Final = TypeAdapter(Question)
_REQUEST: Final = TypeAdapter(Request)
_REPLY: Final = TypeAdapter(Reply)


def page_info(*, request: str, hospital: str, number: int) -> str:
    """Return what one page of a reply is sealed for."""
    return f"wardnet audit answer v1|{request}|{hospital}|{number}"


def question_to_bytes(question: Question) -> bytes:
    """Return the canonical bytes that are sealed."""
    return canonical.write(_QUESTION, question)


def question_from_bytes(data: bytes) -> Question:
    """Read canonical bytes after they were opened.

    Raises
    ------
    WardnetError
        `MALFORMED`.
    """
    return canonical.read(_QUESTION, data)


def to_bytes(request: Request) -> bytes:
    """Return the canonical bytes that the auditor signs."""
    return canonical.write(_REQUEST, request)


def from_bytes(data: bytes) -> Request:
    """Read canonical bytes whose signature was verified before.

    Raises
    ------
    WardnetError
        `MALFORMED`.
    """
    return canonical.read(_REQUEST, data)


def reply_to_bytes(reply: Reply) -> bytes:
    """Return the canonical bytes that the node signs."""
    return canonical.write(_REPLY, reply)


def reply_from_bytes(data: bytes) -> Reply:
    """Read canonical bytes whose signature was verified before.

    Raises
    ------
    WardnetError
        `MALFORMED`.
    """
    return canonical.read(_REPLY, data)

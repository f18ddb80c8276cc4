"""The grant: the owner's signed yes to a request, equal to it or narrower."""

from collections.abc import Iterator
from datetime import timedelta
from functools import cached_property
from typing import Annotated, Final, TypeAlias

from pydantic import Field, StringConstraints, TypeAdapter
from pydantic.dataclasses import dataclass

from wardnet import canonical, clock
from wardnet.clock import Moment
from wardnet.errors import Reason, WardnetError
from wardnet.question.cohort import Cohort, joined_by_and
from wardnet.question.dictionary import STRICT
from wardnet.question.fields import InOrder, Layout, Paragraph
from wardnet.question.grammar import write
from wardnet.question.query import Digest, Id
from wardnet.sharing.deidentification import Deidentification, Patient
from wardnet.sharing.request import Basis, ShareRequest

PAYLOAD_TYPE: Final = "application/vnd.wardnet.share-grant.v1+json"

MOST_FETCHES: Final = 100

Fetches: TypeAlias = Annotated[int, Field(ge=1, le=MOST_FETCHES)]
"""How often a parcel may be fetched; who keeps it notes each."""

MOST_ATTACHMENTS: Final = 1000
"""So that a grant that names them all is no longer than a letter may be."""

SnapshotId: TypeAlias = Annotated[
    str, StringConstraints(pattern=r"^[1-9][0-9]{0,15}:[0-9a-f]{64}$")
]
"""Number of a snapshot and the digest of its manifest."""


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Grant:
    """Hand records over, as a steward of the owner and its node sign it.

    Parameters
    ----------
    version : int
        Of this layout; 1.
    network, owner, recipient : str
        Who hands over to whom: ids of hospitals.
    request : str
        Digest of the request; it pins the basis, the dataset, the patients and the key.
    cohort : Cohort
        Whose rows: the request's cohort, or it and further conditions.
    deidentification : Deidentification
        Which columns, and what becomes of them and of the patients' numbers.
    snapshot : str
        Which version of the dataset, as the preview showed it.
    until : str
        Moment from which nothing is fetched, and what was received is destroyed.
    maximum_fetches : int
        How often the parcel may be fetched.
    obligations : tuple of str
        What the recipient must do besides, in words.
    attachments : tuple of str
        SHA-256 of every file that goes along as it is; sorted.
    made : str
        Moment of signing.
    """

    version: Layout
    network: Id
    owner: Id
    recipient: Id
    request: Digest
    cohort: Cohort
    deidentification: Deidentification
    snapshot: SnapshotId
    until: Moment
    maximum_fetches: Fetches
    obligations: tuple[Paragraph, ...]
    attachments: Annotated[InOrder[Digest], Field(max_length=MOST_ATTACHMENTS)]
    made: Moment

    @cached_property
    def digest(self) -> str:
        """Return the SHA-256 of the canonical bytes, hexadecimal."""
        return canonical.digest(to_bytes(self))

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the names of the columns that are handed over; sorted."""
        return self.deidentification.names


def grant_whole(
    request: ShareRequest, *, deidentification: Deidentification, snapshot: str, made: str
) -> Grant:
    """Return the grant of all that was asked for, fetched once; narrow it with `replace`.

    Parameters
    ----------
    deidentification : Deidentification
        What becomes of the columns.
    snapshot : str
        `id` of the dataset's present snapshot.
    made : str
        Moment of signing.
    """
    return Grant(
        version=1,
        network=request.network,
        owner=request.owner,
        recipient=request.recipient,
        request=request.digest,
        cohort=request.cohort,
        deidentification=deidentification,
        snapshot=snapshot,
        until=_latest(request, made),
        maximum_fetches=1,
        obligations=(),
        attachments=(),
        made=made,
    )


def check_within(grant: Grant, request: ShareRequest) -> tuple[WardnetError, ...]:
    """Return every way in which a grant is not equal to its request or narrower.

    Returns
    -------
    tuple of WardnetError
        `SHARE_TOO_WIDE`, each naming the field and the rule, or `SHARE_IDENTIFIERS`; empty when it
        is within.
    """
    errors = [
        WardnetError(Reason.SHARE_TOO_WIDE, field=field, rule=rule)
        for field, rule in _excess(grant, request)
    ]
    keeps = grant.deidentification.patient is Patient.KEEP
    if keeps and not (request.identifiers and request.basis is Basis.TREATMENT):
        errors.append(WardnetError(Reason.SHARE_IDENTIFIERS))
    return tuple(errors)


def _excess(grant: Grant, request: ShareRequest) -> Iterator[tuple[str, str]]:
    # 1. It answers this request, of this hospital to that one.
    if (grant.network, grant.request) != (request.network, request.digest):
        yield "request", "it is another request"
    if (grant.owner, grant.recipient) != (request.owner, request.recipient):
        yield "recipient", "the request is between other hospitals"
    # 2. It gives nothing that was not asked for.
    for name in sorted(set(grant.columns) - set(request.columns)):
        yield "columns", f"the request does not ask for {name}"
    if not joined_by_and(request.cohort) <= joined_by_and(grant.cohort):
        yield "cohort", "it must hold every condition of the request's cohort"
    further = joined_by_and(grant.cohort) - joined_by_and(request.cohort)
    if not all(write(condition).isprintable() for condition in further):
        yield "cohort", "a further condition holds characters that cannot be seen"
    # 3. It lasts no longer.
    if grant.until > _latest(request, grant.made):
        yield "until", "it is later than the request asks for"
    if grant.until <= grant.made:
        yield "until", "it has passed already"


def _latest(request: ShareRequest, made: str) -> str:
    return clock.to_moment(clock.from_moment(made) + timedelta(hours=request.hours))


_ADAPTER: Final = TypeAdapter(Grant)


def to_bytes(grant: Grant) -> bytes:
    """Return the canonical bytes that are signed."""
    return canonical.write(_ADAPTER, grant)


def from_bytes(data: bytes) -> Grant:
    """Read canonical bytes whose signatures were verified before.

    Raises
    ------
    WardnetError
        `MALFORMED`.
    """
    return canonical.read(_ADAPTER, data)

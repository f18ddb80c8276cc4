"""The request: one hospital asks another for records, and says for what and for how long."""

from collections.abc import Iterator
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Final, Self, TypeAlias

from pydantic import Field, StringConstraints, TypeAdapter, model_validator
from pydantic.dataclasses import dataclass

from wardnet import canonical
from wardnet.clock import Moment
from wardnet.errors import Reason, WardnetError
from wardnet.question.cohort import Cohort, check
from wardnet.question.dictionary import STRICT, Dictionary, Name
from wardnet.question.fields import InOrder, Layout, Paragraph, SomeInOrder
from wardnet.question.query import Digest, Id, Nonce

PAYLOAD_TYPE: Final = "application/vnd.wardnet.share-request.v1+json"

MOST_PATIENTS: Final = 1000
"""Most patients that a request lists; whoever needs more describes them by a cohort."""

MOST_HOURS: Final = 24 * 366
"""A year: longest time for which records are handed over."""

RecipientKey: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{2432}$")]
"""A hybrid public key, ML-KEM-768 (1184 bytes) and X25519 (32), hexadecimal."""

PatientId: TypeAlias = Annotated[
    str, StringConstraints(pattern=r"^[^\p{C}\p{Z}](?:[^\p{C}]*[^\p{C}\p{Z}])?$", max_length=64)
]
"""A patient's number as the owner's records write it: nothing invisible, no space around it."""


class Basis(StrEnum):
    """Name what allows it."""

    STUDY = "study"
    """A study that the owner has agreed to."""
    TREATMENT = "treatment"
    """The care of the patients themselves; only then may their numbers be kept."""


@dataclass(frozen=True, config=STRICT, kw_only=True)
class ShareRequest:
    """Ask one hospital for records, as a steward of the asking one and its node sign it.

    Parameters
    ----------
    version : int
        Of this layout; 1.
    network, owner, recipient : str
        Who is asked, and who asks: ids of hospitals, two different ones.
    number : str
        128 random bits, hexadecimal: no two requests are the same.
    basis : Basis
        What allows it.
    study : str or None
        Digest of the study, for the basis `study`; else None.
    purpose : str
        What the records are for, in words that the owner's steward reads.
    dataset, dictionary : str
        Which table, and the digest of the shared dictionary that was read.
    columns : tuple of str
        What is asked for; sorted.
    cohort : Cohort
        Whose rows.
    patients : tuple of str
        Only these patients' rows; all of the cohort's when it is empty. Sorted.
    identifiers : bool
        Whether the patients' numbers are asked for, too.
    hours : int
        How long the records are kept at most, from the grant on.
    key : str
        Public key that the parcel is sealed to, made for this request alone.
    made : str
        Moment of signing.
    """

    version: Layout
    network: Id
    owner: Id
    recipient: Id
    number: Nonce
    basis: Basis
    study: Digest | None
    purpose: Paragraph
    dataset: Name
    dictionary: Digest
    columns: SomeInOrder[Name]
    cohort: Cohort
    patients: Annotated[InOrder[PatientId], Field(max_length=MOST_PATIENTS)]
    identifiers: bool
    hours: Annotated[int, Field(ge=1, le=MOST_HOURS)]
    key: RecipientKey
    made: Moment

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.owner == self.recipient:
            message = "owner and recipient must be two hospitals"
            raise ValueError(message)
        if (self.study is None) == (self.basis is Basis.STUDY):
            message = "study must be named for the basis study, and for no other"
            raise ValueError(message)
        return self

    @cached_property
    def digest(self) -> str:
        """Return the SHA-256 of the canonical bytes, hexadecimal."""
        return canonical.digest(to_bytes(self))


def check_asked(request: ShareRequest, dictionary: Dictionary) -> tuple[WardnetError, ...]:
    """Return every reason why nobody may be asked so, by the dictionary of the dataset.

    Returns
    -------
    tuple of WardnetError
        `SHARE_IDENTIFIERS`, `DICTIONARY_OUTDATED`, `COLUMN_UNAVAILABLE` for an unknown column and
        for one that never leaves alike, `PARAMETER_INVALID`; empty when it may be asked.
    """
    return tuple(_wrong(request, dictionary))


def _wrong(request: ShareRequest, dictionary: Dictionary) -> Iterator[WardnetError]:
    if request.identifiers and request.basis is not Basis.TREATMENT:
        yield WardnetError(Reason.SHARE_IDENTIFIERS)
    if (request.dataset, request.dictionary) != (dictionary.name, dictionary.digest):
        yield WardnetError(Reason.DICTIONARY_OUTDATED, dataset=request.dataset)
    for column in request.columns:
        try:
            dictionary.column(column)
        except WardnetError as error:
            yield error
    try:
        check(request.cohort, dictionary)
    except WardnetError as error:
        yield error


_ADAPTER: Final = TypeAdapter(ShareRequest)


def to_bytes(request: ShareRequest) -> bytes:
    """Return the canonical bytes that are signed."""
    return canonical.write(_ADAPTER, request)


def from_bytes(data: bytes) -> ShareRequest:
    """Read canonical bytes whose signatures were verified before.

    Raises
    ------
    WardnetError
        `MALFORMED`.
    """
    return canonical.read(_ADAPTER, data)

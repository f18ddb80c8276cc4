"""The query: what a researcher signs, to the byte."""

from typing import Annotated, Final, Literal, Self, TypeAlias

from pydantic import Field, JsonValue, StringConstraints, TypeAdapter, model_validator
from pydantic.dataclasses import dataclass

from wardnet import canonical
from wardnet.clock import Moment
from wardnet.question.cohort import Cohort
from wardnet.question.dictionary import STRICT, Name

PAYLOAD_TYPE: Final = "application/vnd.wardnet.query.v1+json"

Digest: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Nonce: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
Id: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9.-]{0,62}$")]
"""An organisation's or person's id within the network: lower case, digits, dots, dashes."""


@dataclass(frozen=True, config=STRICT)
class Query:
    """Hold one question to a fixed set of hospitals.

    Parameters
    ----------
    version : int
        Of this layout; 1.
    network, researcher : str
        Who asks: ids within the network.
    dataset : str
        Which table.
    dictionary : str
        Digest of the shared dictionary that the question was written against.
    method, method_version : str, int
        How it is computed.
    parameters : dict
        The method's own parameters, checked by the method at every node.
    cohort : Cohort
        Whose rows.
    hospitals : tuple of str
        The ids that must take part; sorted, unique.
    minimum_hospitals : int
        Fewest hospitals an answer may rest on, 1 to `len(hospitals)`.
    mode : str
        How sums travel; `clear` is the only mode of this version.
    study : str
        Digest of the study that it belongs to.
    agreements : dict of str to str
        By hospital: digest of the agreement that it relies on; one per hospital asked.
    purpose : dict
        What it is asked for, as `agreement.purpose` writes it.
    minimum_patients : int
        Fewest patients that the answer may describe: the strictest of all agreements, at least 10.
    recipient : str
        X25519 public key that the answer is sealed to, hexadecimal.
    nonce : str
        128 random bits, hexadecimal.
    not_before, not_after : str
        Moments between which a node may start it.
    """

    version: Literal[1]
    network: Id
    researcher: Id
    dataset: Name
    dictionary: Digest
    method: Name
    method_version: int
    parameters: dict[str, JsonValue]
    cohort: Cohort
    hospitals: tuple[Id, ...]
    minimum_hospitals: int
    mode: Literal["clear"]
    study: Digest
    agreements: dict[Id, Digest]
    purpose: dict[str, JsonValue]
    minimum_patients: Annotated[int, Field(ge=10)]
    recipient: Digest
    nonce: Nonce
    not_before: Moment
    not_after: Moment

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if not self.hospitals or list(self.hospitals) != sorted(set(self.hospitals)):
            message = "hospitals must be sorted and unique"
            raise ValueError(message)
        if sorted(self.agreements) != list(self.hospitals):
            message = "agreements must name one per hospital"
            raise ValueError(message)
        if not 1 <= self.minimum_hospitals <= len(self.hospitals):
            message = "minimum_hospitals must lie between 1 and the number of hospitals"
            raise ValueError(message)
        return self


ADAPTER: Final = TypeAdapter(Query)


def to_bytes(query: Query) -> bytes:
    """Return the canonical bytes that the researcher signs."""
    return canonical.write(ADAPTER, query)


def from_bytes(data: bytes) -> Query:
    """Read canonical bytes whose signature was verified before.

    Raises
    ------
    WardnetError
        `MALFORMED`.
    """
    return canonical.read(ADAPTER, data)

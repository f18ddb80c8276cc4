"""What a hospital tells a researcher while her query runs: numbers that the answer will hold."""

from typing import Annotated, Final, Literal, TypeAlias

from pydantic import Field, StringConstraints, TypeAdapter
from pydantic.dataclasses import dataclass

from wardnet import canonical
from wardnet.question.dictionary import STRICT
from wardnet.question.query import Digest

PAYLOAD_TYPE: Final = "application/vnd.wardnet.interim.v1+json"

MAXIMUM_BYTES: Final = 16 << 10
"""Of a signed and sealed report."""


Name: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=80)]


@dataclass(frozen=True, config=STRICT)
class Interim:
    """State what one hospital signs while a query runs.

    Parameters
    ----------
    version : int
        Of this layout; 1.
    query : str
        Digest of the signed query's bytes.
    attempt, round : int
        From 1, and from 0: where it was told.
    numbers : dict of str to float
        By name, 1 to 8: what the answer of this attempt will hold, if there will be one.
    """

    version: Literal[1]
    query: Digest
    attempt: Annotated[int, Field(ge=1)]
    round: Annotated[int, Field(ge=0)]
    numbers: Annotated[dict[Name, float], Field(min_length=1, max_length=8)]


_ADAPTER: Final = TypeAdapter(Interim)


def to_bytes(interim: Interim) -> bytes:
    """Return the canonical bytes that the hospital signs."""
    return canonical.write(_ADAPTER, interim)


def from_bytes(data: bytes) -> Interim:
    """Read canonical bytes whose signature was verified before.

    Raises
    ------
    WardnetError
        `MALFORMED`.
    """
    return canonical.read(_ADAPTER, data, maximum_bytes=MAXIMUM_BYTES)

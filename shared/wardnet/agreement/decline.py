"""The decline: a hospital's signed statement that it takes no part in a study."""

from typing import Final

from pydantic import TypeAdapter
from pydantic.dataclasses import dataclass

from wardnet import canonical
from wardnet.question.dictionary import STRICT
from wardnet.question.fields import Layout, Paragraph
from wardnet.question.query import Digest, Id

PAYLOAD_TYPE: Final = "application/vnd.wardnet.decline.v1+json"


@dataclass(frozen=True, config=STRICT)
class Decline:
    """Turn one study down, as the hospital's steward signs it.

    Parameters
    ----------
    version : int
        Of this layout; 1.
    network, hospital : str
        Who declines: ids.
    study : str
        Digest of the study.
    reason : str
        Why, in words.
    """

    version: Layout
    network: Id
    hospital: Id
    study: Digest
    reason: Paragraph


_ADAPTER: Final = TypeAdapter(Decline)


def to_bytes(decline: Decline) -> bytes:
    """Return the canonical bytes that the steward signs."""
    return canonical.write(_ADAPTER, decline)


def from_bytes(data: bytes) -> Decline:
    """Read canonical bytes whose signature was verified before.

    Raises
    ------
    WardnetError
        `MALFORMED`.
    """
    return canonical.read(_ADAPTER, data)

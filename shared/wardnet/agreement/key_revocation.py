"""Taking a key back that a hospital has vouched for: its steward's, its researcher's, its node's.

The statement stays at the hospital and holds there at once; for everybody else the key stands on
the hospital's list, without the reason.
"""

from typing import Final

from pydantic import TypeAdapter
from pydantic.dataclasses import dataclass

from wardnet import canonical
from wardnet.agreement.revocation import Revoked
from wardnet.question.dictionary import STRICT
from wardnet.question.fields import Layout, Paragraph
from wardnet.question.query import Digest, Id

PAYLOAD_TYPE: Final = "application/vnd.wardnet.key-revocation.v1+json"

FOR_EVER: Final = "9999-12-31T23:59:59.999Z"
"""A certificate ends and another one for the same key may follow: a key itself never ends."""


@dataclass(frozen=True, config=STRICT)
class KeyRevocation:
    """Take one key back, as its hospital's steward and node sign it.

    Parameters
    ----------
    version : int
        Of this layout; 1.
    network, hospital : str
        Who takes it back: ids.
    key : str
        Fingerprint of the key.
    reason : str
        Why, in words; only the hospital itself reads them.
    """

    version: Layout
    network: Id
    hospital: Id
    key: Digest
    reason: Paragraph

    @property
    def entry(self) -> Revoked:
        """Return what the hospital's list says of it."""
        return Revoked(self.key, until=FOR_EVER)


_ADAPTER: Final = TypeAdapter(KeyRevocation)


def to_bytes(revocation: KeyRevocation) -> bytes:
    """Return the canonical bytes that are signed."""
    return canonical.write(_ADAPTER, revocation)


def from_bytes(data: bytes) -> KeyRevocation:
    """Read canonical bytes whose signature was verified before.

    Raises
    ------
    WardnetError
        `MALFORMED`.
    """
    return canonical.read(_ADAPTER, data)

"""Members: who somebody is in a network, written as the URI in their certificates."""

import hashlib
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Self

from wardnet.errors import Reason, WardnetError

_ID: Final = r"[a-z0-9][a-z0-9.-]{0,62}"
ID: Final = re.compile(_ID)
"""How the id of a network or a member is written."""

_URI: Final = re.compile(rf"wardnet://(?P<network>{_ID})/(?P<role>[a-z]+)/(?P<id>{_ID})")


class Role(StrEnum):
    """Name what a member is."""

    COORDINATOR = "coordinator"
    NODE = "node"
    STEWARD = "steward"
    RESEARCHER = "researcher"
    AUDITOR = "auditor"
    INVITED = "invited"
    """The holder of an invitation: may enrol, and nothing else."""


@dataclass(frozen=True, slots=True, order=True)
class Member:
    """Name one member of a network.

    Parameters
    ----------
    network : str
        Id of the network.
    role : Role
        What the member is.
    id : str
        Unique within the network and role: 1 to 63 lower case letters, digits, dots and dashes.

    Raises
    ------
    WardnetError
        `PARAMETER_INVALID` when an id is not written like that.

    Examples
    --------
    >>> Member("heartnet", Role.NODE, "clinic-a").uri
    'wardnet://heartnet/node/clinic-a'
    """

    network: str
    role: Role
    id: str

    def __post_init__(self) -> None:
        """Refuse ids that could not be told apart, or not be written as a URI."""
        for name, text in (("network", self.network), ("id", self.id)):
            if not ID.fullmatch(text):
                raise WardnetError(
                    Reason.PARAMETER_INVALID,
                    method="A member",
                    parameter=name,
                    rule="takes 1 to 63 lower case letters, digits, dots and dashes",
                )

    @property
    def uri(self) -> str:
        """Return the name that the member's certificates carry."""
        return f"wardnet://{self.network}/{self.role}/{self.id}"

    @property
    def server_name(self) -> str:
        """Return the DNS name that a node's TLS certificate carries, for hospitals that dial it.

        No name server knows it (RFC 2606, section 2): it says who answers, not where. A digest,
        because an id may be written in ways that no DNS name is.
        """
        return f"{hashlib.sha256(self.uri.encode()).hexdigest()[:40]}.{self.role}.wardnet.invalid"

    @classmethod
    def from_uri(cls, text: str) -> Self:
        """Read the name in a certificate.

        Raises
        ------
        WardnetError
            `CERTIFICATE_REFUSED` when it is not a member's name.
        """
        match = _URI.fullmatch(text)
        if match is None or match["role"] not in set(Role):
            raise WardnetError(Reason.CERTIFICATE_REFUSED, rule="it does not name a member")
        return cls(match["network"], Role(match["role"]), match["id"])

"""What stewards are told: which kind of thing waits at which hospital, and how to look.

Mail and webhooks pass through other people's machines, so a message has no room for more: not who
asks, which dataset, why, or how much.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from wardnet import canonical
from wardnet.clock import to_moment
from wardnet.identity.member import Member


class Kind(StrEnum):
    """Name what stewards are told of."""

    STUDY_RECEIVED = "study_received"
    SHARE_REQUESTED = "share_requested"
    SHARE_GRANTED = "share_granted"
    SHARE_DECLINED = "share_declined"
    SHARE_READY = "share_ready"
    SHARE_REVOKED = "share_revoked"
    SHARE_EXPIRED = "share_expired"
    SHARE_DESTROYED = "share_destroyed"
    TEST = "test"


INBOX: Final = "wardnet-node share inbox"
LIST: Final = "wardnet-node share list"

WORDS: Final[Mapping[Kind, tuple[str, str]]] = MappingProxyType(
    {
        Kind.STUDY_RECEIVED: ("A proposed study waits for a decision", "wardnet-node study list"),
        Kind.SHARE_REQUESTED: ("A request for records waits for a decision", INBOX),
        Kind.SHARE_GRANTED: ("Another hospital has granted a request for records", LIST),
        Kind.SHARE_DECLINED: ("Another hospital has declined a request for records", LIST),
        Kind.SHARE_READY: ("Records of another hospital are ready to be fetched", LIST),
        Kind.SHARE_REVOKED: ("Another hospital has taken records back", LIST),
        Kind.SHARE_EXPIRED: ("The time of shared records is over", LIST),
        Kind.SHARE_DESTROYED: ("Another hospital has destroyed the records it was lent", LIST),
        Kind.TEST: ("Notifications work", "wardnet-node notify list"),
    }
)
"""For each kind: what is said, and the command that shows the rest."""


@dataclass(frozen=True, slots=True)
class Message:
    """Hold one message.

    Parameters
    ----------
    id : str
        The same for every try, so that receivers can tell a second copy.
    kind : Kind
        Of what waits.
    member : Member
        The hospital's node.
    at : datetime
        When it is sent.
    """

    id: str
    kind: Kind
    member: Member
    at: datetime

    @property
    def subject(self) -> str:
        """Return one line: what waits where."""
        return f"{WORDS[self.kind][0]} ({self.member.id})"

    @property
    def text(self) -> str:
        """Return what a person reads."""
        said, command = WORDS[self.kind]
        return (
            f"{said}.\n\n"
            f"Hospital: {self.member.id}, network: {self.member.network}\n"
            f"To look: {command}, or the stewards' page\n\n"
            "This message says no more on purpose, and holds no link. Do not follow one in a "
            "message that looks like it.\n"
        )

    @property
    def body(self) -> bytes:
        """Return what a program reads, as canonical JSON; `text` is for chat rooms."""
        said, command = WORDS[self.kind]
        return canonical.encode(
            {
                "type": self.kind.value,
                "timestamp": to_moment(self.at),
                "text": f"{said} ({self.member.id}). To look: {command}",
                "data": {
                    "hospital": self.member.id,
                    "network": self.member.network,
                    "look": command,
                },
            }
        )

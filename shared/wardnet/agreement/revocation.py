"""Revocation: what an organisation takes back, and how others learn of it for certain.

A hospital's own revocation is local and holds at once; its signed statement says why. For others
every organisation signs a list of all that it has taken back. The list's epoch only rises, an entry
stays until what it names has expired, and a list older than a day counts as hidden: whoever holds
it back only stops the queries of that organisation's researchers.
"""

from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from functools import cached_property
from typing import Annotated, Final, NoReturn, TypeAlias

from pydantic import Field, TypeAdapter
from pydantic.dataclasses import dataclass

from wardnet import canonical, clock
from wardnet.agreement.address_book import AddressBook
from wardnet.clock import Moment
from wardnet.errors import Reason, WardnetError
from wardnet.question.dictionary import STRICT
from wardnet.question.fields import InOrder, Layout, Number, Paragraph
from wardnet.question.query import Digest, Id

PAYLOAD_TYPE: Final = "application/vnd.wardnet.revocation.v1+json"
LIST_PAYLOAD_TYPE: Final = "application/vnd.wardnet.revocations.v1+json"

MAXIMUM_AGE: Final = timedelta(hours=24)
"""Longest time that a list is believed to be complete."""

Epoch: TypeAlias = Annotated[int, Field(ge=1, lt=1 << 53)]


@dataclass(frozen=True, config=STRICT)
class Revocation:
    """Take one agreement back, as its hospital's steward signs it.

    Parameters
    ----------
    version : int
        Of this layout; 1.
    network, hospital : str
        Who revokes: ids.
    agreement : str
        Digest of the agreement.
    epoch : int
        Counts the agreements that the hospital has taken back.
    reason : str
        Why, in words.
    """

    version: Layout
    network: Id
    hospital: Id
    agreement: Digest
    epoch: Number
    reason: Paragraph


@dataclass(frozen=True, order=True, config=STRICT)
class Revoked:
    """Name one thing that was taken back.

    Parameters
    ----------
    digest : str
        Of an agreement, or the fingerprint of a signing key.
    until : str
        Moment at which it would have ended by itself; the entry stays so long.
    """

    digest: Digest
    until: Moment


@dataclass(frozen=True, config=STRICT)
class RevocationList:
    """Hold all that an organisation has taken back, as a steward or its node signs it.

    Parameters
    ----------
    version : int
        Of this layout; 1.
    network, organisation : str
        Who revokes: ids.
    epoch : int
        Rises with every list. It is the moment of signing in Unix milliseconds, or one more than
        the last where the clock says less: so it rises after a restored backup, too.
    issued : str
        Moment of signing; believed for `MAXIMUM_AGE`.
    revoked : tuple of Revoked
        Everything that has not yet ended by itself; sorted.
    """

    version: Layout
    network: Id
    organisation: Id
    epoch: Epoch
    issued: Moment
    revoked: InOrder[Revoked]

    @cached_property
    def digests(self) -> frozenset[str]:
        """Return what was taken back: digests of agreements and fingerprints of keys."""
        return frozenset(entry.digest for entry in self.revoked)

    def is_fresh(self, at: datetime) -> bool:
        """Say whether the list is believed to be complete; one from the future is not."""
        return abs(at - clock.from_moment(self.issued)) <= MAXIMUM_AGE


def accept_list(
    received: RevocationList,
    *,
    signers: AbstractSet[str],
    book: AddressBook,
    held: RevocationList | None,
    at: datetime,
) -> RevocationList:
    """Return the list that holds from now on: the received one, once it passes every check.

    Parameters
    ----------
    received : RevocationList
        As the coordinator delivered it.
    signers : set of str
        Keys whose signatures on it hold.
    book : AddressBook
        The hospital's own.
    held : RevocationList or None
        What is held of this organisation.
    at : datetime
        The present moment.

    Raises
    ------
    WardnetError
        `SIGNATURE_INVALID` or `REVOCATIONS_ROLLED_BACK`; the held list then stays in force.
    """
    # 1. The organisation itself has signed, and the hospital knows it.
    known = book.organisation(received.organisation)
    if received.network != book.network or known is None or not known.speaks(signers):
        raise WardnetError(
            Reason.SIGNATURE_INVALID, rule=f"{received.organisation} did not sign the list"
        )
    if held is None or received == held:
        return received
    # 2. Nobody speaks for it by a key that it has taken back.
    if not known.speaks(signers - held.digests):
        raise WardnetError(
            Reason.SIGNATURE_INVALID,
            rule=f"{received.organisation} has taken back its signer's key",
        )
    check_follows(received, held, at=at)
    return received


def check_follows(received: RevocationList, held: RevocationList, *, at: datetime) -> None:
    """Refuse a list that does not come after another one of the same organisation.

    Raises
    ------
    WardnetError
        `REVOCATIONS_ROLLED_BACK`.
    """
    # 1. It comes after the one we hold.
    if received.epoch <= held.epoch:
        _refuse(received, "a newer one is known")
    # 2. It takes nothing back that has not ended by itself.
    now = clock.to_moment(at)
    if any(entry.until > now for entry in set(held.revoked) - set(received.revoked)):
        _refuse(received, "an entry is missing")


def _refuse(received: RevocationList, rule: str) -> NoReturn:
    raise WardnetError(Reason.REVOCATIONS_ROLLED_BACK, identity=received.organisation, rule=rule)


_ADAPTER: Final = TypeAdapter(Revocation)
_LIST_ADAPTER: Final = TypeAdapter(RevocationList)


def to_bytes(revocation: Revocation) -> bytes:
    """Return the canonical bytes that the steward signs."""
    return canonical.write(_ADAPTER, revocation)


def from_bytes(data: bytes) -> Revocation:
    """Read canonical bytes whose signature was verified before.

    Raises
    ------
    WardnetError
        `MALFORMED`.
    """
    return canonical.read(_ADAPTER, data)


def list_to_bytes(revocations: RevocationList) -> bytes:
    """Return the canonical bytes that the organisation signs."""
    return canonical.write(_LIST_ADAPTER, revocations)


def list_from_bytes(data: bytes) -> RevocationList:
    """Read canonical bytes whose signature was verified before.

    Raises
    ------
    WardnetError
        `MALFORMED`.
    """
    return canonical.read(_LIST_ADAPTER, data)

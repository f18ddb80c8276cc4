"""The hospital's own address book: whom it knows, by keys whose fingerprints it has checked.

Nothing in it comes from the coordinator. A key is written down after its fingerprint was compared
by another way than the network: on the telephone, on paper, face to face. All keys are the SHA-256
of a signing key (SubjectPublicKeyInfo), hexadecimal.
"""

from collections import Counter
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from functools import cached_property
from typing import Final, Literal, Self

from pydantic import TypeAdapter, model_validator
from pydantic.dataclasses import dataclass

from wardnet import canonical
from wardnet.errors import Reason, WardnetError
from wardnet.identity.envelope import key_of, signing_keys
from wardnet.question.dictionary import STRICT
from wardnet.question.fields import InOrder, Layout, Line, SomeInOrder
from wardnet.question.query import Digest, Id

__all__ = [
    "NOBODY",
    "AddressBook",
    "Organisation",
    "Steward",
    "approval_missing",
    "check_approved",
    "from_bytes",
    "key_of",
    "signing_keys",
    "to_bytes",
]

NOBODY: Final[frozenset[str]] = frozenset()


@dataclass(frozen=True, order=True, config=STRICT)
class Steward:
    """Name one person who decides for an organisation.

    Parameters
    ----------
    id : str
        Of the person, within the network.
    keys : tuple of str
        The person's approving keys, the renewed ones included; sorted.
    """

    id: Id
    keys: SomeInOrder[Digest]


@dataclass(frozen=True, order=True, config=STRICT)
class Organisation:
    """Hold one organisation that the hospital knows.

    Parameters
    ----------
    id, name : str
        Id within the network (a hospital's is its node's), and the name for people.
    stewards : tuple of Steward
        Who decides for it; sorted.
    nodes : tuple of str
        Keys of its node; sorted.
    researchers : tuple of str
        Keys of its researchers that were checked one by one; sorted. Others are vouched for by
        one of its stewards.
    """

    id: Id
    name: Line
    stewards: InOrder[Steward]
    nodes: InOrder[Digest]
    researchers: InOrder[Digest]

    def approvers(
        self, signers: AbstractSet[str], *, requesters: AbstractSet[str] = NOBODY
    ) -> frozenset[str]:
        """Return the stewards who have signed and did not request it: ids, each person once.

        Parameters
        ----------
        signers : set of str
            Keys whose signatures hold.
        requesters : set of str
            Ids of the people who want it; a requester never approves.
        """
        return frozenset(
            steward.id
            for steward in self.stewards
            if steward.id not in requesters and not signers.isdisjoint(steward.keys)
        )

    def speaks(self, signers: AbstractSet[str]) -> bool:
        """Say whether the organisation itself has signed: a steward, or its node."""
        return bool(self.approvers(signers)) or not signers.isdisjoint(self.nodes)


@dataclass(frozen=True, config=STRICT)
class AddressBook:
    """Hold all organisations that a hospital knows, its own among them.

    Parameters
    ----------
    version : int
        Of this layout; 1.
    network : str
        Id of the network.
    organisations : tuple of Organisation
        Sorted by id; no key stands twice, so that nobody counts as two.
    """

    version: Layout
    network: Id
    organisations: InOrder[Organisation]

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        _refuse_twice("an organisation", Counter(item.id for item in self.organisations))
        for item in self.organisations:
            _refuse_twice("a steward", Counter(steward.id for steward in item.stewards))
        keys = Counter[str]()
        for item in self.organisations:
            keys.update(item.nodes)
            keys.update(item.researchers)
            for steward in item.stewards:
                keys.update(steward.keys)
        _refuse_twice("a key", keys)
        return self

    @cached_property
    def _by_id(self) -> Mapping[str, Organisation]:
        return {organisation.id: organisation for organisation in self.organisations}

    def organisation(self, name: str) -> Organisation | None:
        """Return an organisation by its id, or None when the hospital does not know it."""
        return self._by_id.get(name)


def _refuse_twice(what: str, counted: Counter[str]) -> None:
    if any(number > 1 for number in counted.values()):
        message = f"{what} stands twice"
        raise ValueError(message)


_HOW_MANY: Final[Mapping[int, str]] = {1: "one steward", 2: "two different stewards"}


def check_approved(
    book: AddressBook,
    *,
    organisation: str,
    signers: AbstractSet[str],
    requesters: AbstractSet[str],
    needed: Literal[1, 2],
) -> None:
    """Refuse what too few stewards of an organisation have signed.

    Parameters
    ----------
    organisation : str
        Whose decision it is.
    signers : set of str
        Keys whose signatures hold.
    requesters : set of str
        Ids of the people who want it.
    needed : int
        1; 2 to loosen a rule or to break glass.

    Raises
    ------
    WardnetError
        `APPROVAL_MISSING`.
    """
    known = book.organisation(organisation)
    approvers = known.approvers(signers, requesters=requesters) if known else NOBODY
    if len(approvers) < needed:
        raise approval_missing(organisation, needed=needed, requested=bool(requesters))


def approval_missing(
    organisation: str, *, needed: Literal[1, 2], requested: bool = True
) -> WardnetError:
    """Return the refusal that says who must sign.

    Parameters
    ----------
    requested : bool
        Whether there are people who want it, and so cannot approve it.
    """
    rule = f"{_HOW_MANY[needed]} of {organisation}"
    rule += " who did not request it" if requested else ""
    return WardnetError(Reason.APPROVAL_MISSING, rule=rule)


_ADAPTER: Final = TypeAdapter(AddressBook)


def to_bytes(book: AddressBook) -> bytes:
    """Return the canonical bytes, as the hospital keeps them."""
    return canonical.write(_ADAPTER, book)


def from_bytes(data: bytes) -> AddressBook:
    """Read canonical bytes.

    Raises
    ------
    WardnetError
        `MALFORMED`.
    """
    return canonical.read(_ADAPTER, data)

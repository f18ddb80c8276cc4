"""The hospital's address book on disk: numbered pages, each approved by the stewards before it.

The first page is signed by the node and its first steward, at the node's own machine. Every later
one follows on a page, holds the whole new book, and is signed by the node and by stewards of the
page before: one, or two where the hospital's own stewards change and it has two. So whoever can
write to the database, and even sign as the node, cannot slip in an approving key.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final, Literal

from pydantic import TypeAdapter
from pydantic.dataclasses import dataclass as checked

from wardnet import canonical, clock
from wardnet.agreement.address_book import (
    AddressBook,
    Organisation,
    Steward,
    check_approved,
    signing_keys,
)
from wardnet.errors import Reason, WardnetError
from wardnet.identity.envelope import Envelope, Trust, verify
from wardnet.identity.member import Member
from wardnet.question.dictionary import STRICT
from wardnet.question.fields import Layout, Number
from wardnet.question.query import Digest
from wardnet.transport.convert import envelope_from_bytes
from wardnet_node.desk.studies import Kept

PAYLOAD_TYPE: Final = "application/vnd.wardnet.address-book.v1+json"

NOTHING: Final = "0" * 64
"""What the first page follows on."""


@checked(frozen=True, config=STRICT)
class Page:
    """Hold one revision of the book.

    Parameters
    ----------
    version : int
        Of this layout; 1.
    revision : int
        From 1, without gaps.
    previous : str
        SHA-256 of the page before, hexadecimal; zeros for the first.
    book : AddressBook
        The whole book from now on.
    """

    version: Layout
    revision: Number
    previous: Digest
    book: AddressBook


@dataclass(frozen=True, slots=True)
class Key:
    """Name one key and whose it is.

    Parameters
    ----------
    role : str
        Whether it approves, runs the node, or asks.
    id : str
        Of the person; of the organisation for a node.
    fingerprint : str
        SHA-256 of the public key, 64 hexadecimal characters.
    """

    role: Literal["steward", "node", "researcher"]
    id: str
    fingerprint: str


_ADAPTER: Final = TypeAdapter(Page)


def to_bytes(page: Page) -> bytes:
    """Return the canonical bytes that are signed."""
    return canonical.write(_ADAPTER, page)


def read(kept: Iterable[Kept], *, member: Member, trust: Trust) -> Page | None:
    """Return the newest page after checking all of them, or None when the book is not begun.

    Parameters
    ----------
    member : Member
        The hospital's node.

    Raises
    ------
    WardnetError
        `STATE_DAMAGED` when a page was changed, moved, taken out, or not approved.
    """
    newest: Page | None = None
    previous = NOTHING
    for row in kept:
        try:
            envelope = envelope_from_bytes(row.envelope)
            newest = _check(
                envelope, newest, row=row, previous=previous, member=member, trust=trust
            )
        except WardnetError as error:
            path = f"page {row.position} of the address book"
            raise WardnetError(Reason.STATE_DAMAGED, path=path, rule=_bare(error)) from error
        previous = canonical.digest(envelope.payload)
    return newest


def _check(
    envelope: Envelope,
    before: Page | None,
    *,
    row: Kept,
    previous: str,
    member: Member,
    trust: Trust,
) -> Page:
    # 1. The node has signed it.
    at = clock.from_moment(row.at)
    if member not in verify(envelope, payload_type=PAYLOAD_TYPE, trust=trust, at=at):
        raise WardnetError(Reason.SIGNATURE_INVALID, rule="this hospital's node did not sign it")
    # 2. It is the next page of this network's book.
    page = canonical.read(_ADAPTER, envelope.payload)
    follows = (before.revision + 1 if before else 1, previous)
    if page.revision != row.position or (page.revision, page.previous) != follows:
        raise WardnetError(Reason.MALFORMED, field="revision", rule="a page is missing")
    if page.book.network != trust.network:
        raise WardnetError(Reason.SIGNATURE_INVALID, rule="it is another network's")
    # 3. The stewards of the page before have approved it.
    check_change(
        before.book if before else None,
        page.book,
        hospital=member.id,
        signers=signing_keys(envelope),
    )
    return page


def check_change(
    before: AddressBook | None, after: AddressBook, *, hospital: str, signers: frozenset[str]
) -> None:
    """Refuse a new book that too few stewards have signed, or that drops the hospital itself.

    Parameters
    ----------
    before : AddressBook or None
        The present one; None when `after` is the first.
    hospital : str
        Id of the hospital.
    signers : frozenset of str
        Keys whose signatures hold.

    Raises
    ------
    WardnetError
        `APPROVAL_MISSING`, or `PARAMETER_INVALID`.
    """
    own = after.organisation(hospital)
    if own is None or not own.stewards or not own.nodes:
        raise invalid(
            parameter="organisation", rule="must keep this hospital, its node and a steward"
        )
    book = before or after
    known = book.organisation(hospital)
    change = before is not None and known is not None and known.stewards != own.stewards
    check_approved(
        book,
        organisation=hospital,
        signers=signers,
        requesters=frozenset(),
        needed=2 if change and known is not None and len(known.stewards) > 1 else 1,
    )


def founding(member: Member, *, node: str, steward: Key) -> AddressBook:
    """Return the first book: the hospital itself, with one steward.

    Parameters
    ----------
    member : Member
        The hospital's node.
    node : str
        Fingerprint of the node's signing key.
    steward : Key
        The first steward's.
    """
    own = Organisation(
        id=member.id,
        name=member.id,
        stewards=(Steward(steward.id, (steward.fingerprint,)),),
        nodes=(node,),
        researchers=(),
    )
    return AddressBook(version=1, network=member.network, organisations=(own,))


def with_key(book: AddressBook, organisation: str, key: Key, *, name: str = "") -> AddressBook:
    """Return a book that knows one more key, and its organisation if that is new.

    Parameters
    ----------
    name : str
        Of the organisation, for people; kept as it is, or the id, when empty.

    Raises
    ------
    WardnetError
        `PARAMETER_INVALID` when the key stands there already, or something is not written right.
    """
    known = book.organisation(organisation)
    try:
        entry = known or Organisation(organisation, name or organisation, (), (), ())
        entry = replace(_added(entry, key), name=name or entry.name)
        return _replaced(book, organisation, entry)
    except ValueError as error:
        raise invalid(parameter=key.role, rule=_words(error)) from None


def without_key(book: AddressBook, organisation: str, fingerprint: str) -> AddressBook:
    """Return a book that no longer knows a key; a person or organisation without keys goes too.

    Raises
    ------
    WardnetError
        `PARAMETER_INVALID` when the key does not stand there.
    """
    entry = book.organisation(organisation)
    if entry is None or fingerprint not in {key.fingerprint for key in keys_of(entry)}:
        raise invalid(parameter="fingerprint", rule=f"does not stand under {organisation}")
    stewards = (
        replace(steward, keys=tuple(key for key in steward.keys if key != fingerprint))
        for steward in entry.stewards
        if steward.keys != (fingerprint,)
    )
    entry = replace(
        entry,
        stewards=tuple(stewards),
        nodes=tuple(key for key in entry.nodes if key != fingerprint),
        researchers=tuple(key for key in entry.researchers if key != fingerprint),
    )
    return _replaced(book, organisation, entry if any(keys_of(entry)) else None)


def without_steward(
    book: AddressBook, organisation: str, steward: str, *, must: bool = True
) -> AddressBook:
    """Return a book that knows no key of a steward any more.

    Parameters
    ----------
    must : bool
        Whether it is an error that no key of hers stands there.

    Raises
    ------
    WardnetError
        `PARAMETER_INVALID`.
    """
    entry = book.organisation(organisation)
    keys = {person.id: person.keys for person in entry.stewards} if entry else {}
    if must and steward not in keys:
        raise invalid(parameter="steward", rule=f"does not stand under {organisation}")
    for fingerprint in keys.get(steward, ()):
        book = without_key(book, organisation, fingerprint)
    return book


def keys_of(organisation: Organisation) -> Iterator[Key]:
    """Yield every key of an organisation; a researcher's person is not written down."""
    for steward in organisation.stewards:
        yield from (Key("steward", steward.id, key) for key in steward.keys)
    yield from (Key("node", organisation.id, key) for key in organisation.nodes)
    yield from (Key("researcher", "", key) for key in organisation.researchers)


def invalid(*, parameter: str, rule: str) -> WardnetError:
    """Return the refusal of a change that makes no sense."""
    return WardnetError(
        Reason.PARAMETER_INVALID, method="The address book", parameter=parameter, rule=rule
    )


def _added(entry: Organisation, key: Key) -> Organisation:
    if key.role == "node":
        return replace(entry, nodes=_in_order(*entry.nodes, key.fingerprint))
    if key.role == "researcher":
        return replace(entry, researchers=_in_order(*entry.researchers, key.fingerprint))
    stewards = {steward.id: steward.keys for steward in entry.stewards}
    stewards[key.id] = _in_order(*stewards.get(key.id, ()), key.fingerprint)
    return replace(
        entry, stewards=tuple(Steward(name, keys) for name, keys in sorted(stewards.items()))
    )


def _in_order(*keys: str) -> tuple[str, ...]:
    return tuple(sorted(keys))


def _replaced(book: AddressBook, name: str, entry: Organisation | None) -> AddressBook:
    others = [known for known in book.organisations if known.id != name]
    entries = [*others, entry] if entry is not None else others
    return replace(book, organisations=tuple(sorted(entries)))


def _words(error: ValueError) -> str:
    """Return what a refused value broke, without the value."""
    text = str(error).casefold()
    if "stands twice" in text or "nothing may stand twice" in text:
        return "stands in the book already"
    return "takes an id and a fingerprint of 64 hexadecimal characters"


def _bare(error: WardnetError) -> str:
    return error.details.get("rule", str(error)).removesuffix(".")

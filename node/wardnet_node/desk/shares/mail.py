"""Letters about shares: what goes out next, and what is done with what comes in.

A letter waits in the catalog until the other side has acknowledged it; one of a hospital at a time
goes out, so that they arrive in order. Who takes a letter remembers it, so that a second copy is
acknowledged and nothing else.
"""

import secrets
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Self, TypeAlias

from wardnet import canonical, clock
from wardnet.agreement.address_book import signing_keys
from wardnet.audit.entry import Actor, Event, EventType
from wardnet.errors import Reason, WardnetError
from wardnet.identity.credentials import Credentials
from wardnet.identity.envelope import Envelope, sign, verify
from wardnet.identity.keystore import Keystore
from wardnet.identity.member import Member, Role
from wardnet.sealing.hpke import HybridKey, public_key
from wardnet.sharing import letters
from wardnet.sharing.letters import Acknowledgement, KeyRequest, LetterKey
from wardnet.transport.convert import envelope_from_bytes, envelope_to_bytes
from wardnet_node.desk.knowledge import Knowledge
from wardnet_node.desk.refusals import log_refusal
from wardnet_node.desk.shares import store
from wardnet_node.desk.shares.shares import Shares
from wardnet_node.desk.shares.store import Waiting
from wardnet_node.vault.catalog import Catalog
from wardnet_node.vault.keys import Keyring

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Post: TypeAlias = tuple[str, Envelope]
"""A letter and the URI of whom it is for."""

_MOST_REMEMBERED: Final = 1000


class Mail:
    """Write letters and take them; only the daemon does.

    Parameters
    ----------
    catalog : Catalog
        Keeps letters, the address book, and the log.
    shares : Shares
        Keeps what the letters say.
    credentials : Credentials
        The hospital's.
    key : HybridKey
        Opens letters to this node.
    """

    def __init__(
        self, catalog: Catalog, *, shares: Shares, credentials: Credentials, key: HybridKey
    ) -> None:
        self._catalog = catalog
        self._shares = shares
        self._credentials = credentials
        self._member = credentials.member
        self._key = key
        self._knowledge = Knowledge(credentials)
        self._keys: dict[str, str] = {}
        self._asked: dict[str, str] = {}
        self._refused: set[str] = set()
        self._takes: Mapping[str, Callable[[Member, Envelope], Post | None]] = MappingProxyType(
            {
                letters.KEY_REQUEST: self._tell_key,
                letters.KEY: self._learn_key,
                letters.LETTER: self._open,
                letters.ACKNOWLEDGEMENT: self._acknowledged,
            }
        )

    @classmethod
    def open(cls, home: Path, keystore: Keystore, credentials: Credentials) -> Self:
        """Open all that it needs, with a catalog of its own."""
        catalog = Catalog.open(home, keystore)
        shares = Shares(catalog, keyring=Keyring(home, keystore), credentials=credentials)
        return cls(catalog, shares=shares, credentials=credentials, key=letter_key(keystore))

    def close(self) -> None:
        """Close the catalog."""
        self._catalog.close()

    def due(self) -> tuple[Post, ...]:
        """Return the letter that is next for every hospital, or the question for its key."""
        with self._catalog.reading() as connection:
            waiting = store.letters(connection)
        return tuple(map(self._outgoing, waiting))

    def take(self, sender: str, envelope: Envelope) -> Post | None:
        """Take a letter and return what is written back, if anything.

        Raises
        ------
        WardnetError
            Why it is not taken; logged, once while the node runs.
        """
        name = f"{sender} {canonical.digest(envelope_to_bytes(envelope))}"
        try:
            return self._takes[envelope.payload_type](self._writer(sender, envelope), envelope)
        except WardnetError as error:
            if name not in self._refused:
                self._remember(name)
                self._log(sender, error)
            raise

    def _writer(self, sender: str, envelope: Envelope) -> Member:
        """Return whose node has written a letter, by a key that was compared with it."""
        kind, trust = envelope.payload_type, self._credentials.trust
        if kind not in letters.KINDS:
            raise WardnetError(Reason.MALFORMED, field="letter", rule="it is of another kind")
        (member, *others) = verify(envelope, payload_type=kind, trust=trust, at=clock.now())
        if others or member.role is not Role.NODE or member.uri != sender:
            raise WardnetError(Reason.SIGNATURE_INVALID, rule="a node signs its letters alone")
        with self._catalog.reading() as connection:
            known = self._knowledge.look(connection)
        organisation = known.view.book.organisation(member.id)
        pinned = organisation.nodes if organisation else ()
        if not signing_keys(envelope) & set(pinned) - known.view.revoked_by(member.id):
            rule = f"the key of {member.id}'s node is not in the address book, or was revoked"
            raise WardnetError(Reason.SIGNATURE_INVALID, rule=rule)
        return member

    def _outgoing(self, waiting: Waiting) -> Post:
        """Return a letter as it goes out, the same bytes every time."""
        to = waiting.member
        if waiting.letter is not None:
            return to, waiting.letter
        key = self._keys.get(to)
        if key is None:
            number = self._asked.setdefault(to, secrets.token_hex(16))
            asked = letters.key_request_to_bytes(KeyRequest(to=to, number=number))
            return to, self._signed(letters.KEY_REQUEST, asked)
        data = letters.seal(waiting.statement, key, sender=self._member.uri, to=to)
        letter = self._signed(letters.LETTER, data)
        with self._catalog.transaction() as connection:
            store.seal_letter(connection, waiting.position, letter)
        return to, letter

    def _tell_key(self, sender: Member, envelope: Envelope) -> Post:
        request = letters.key_request_from_bytes(envelope.payload)
        self._check_ours(request.to)
        told = LetterKey(to=sender.uri, number=request.number, key=public_key(self._key))
        return sender.uri, self._signed(letters.KEY, letters.key_to_bytes(told))

    def _learn_key(self, sender: Member, envelope: Envelope) -> None:
        told = letters.key_from_bytes(envelope.payload)
        self._check_ours(told.to)
        if self._asked.get(sender.uri) == told.number:  # else an answer that came twice
            # A key that nothing can be sealed to would keep everybody's letters back.
            letters.seal(b"", told.key, sender=self._member.uri, to=sender.uri)
            del self._asked[sender.uri]
            self._keys[sender.uri] = told.key

    def _open(self, sender: Member, envelope: Envelope) -> Post:
        """Take what a letter says, once, and acknowledge it."""
        digest = canonical.digest(envelope.payload)
        with self._catalog.reading() as connection:
            taken = store.was_taken(connection, digest)
        refusal = ""
        if not taken:
            try:
                data = letters.unseal(
                    envelope.payload, self._key, sender=sender.uri, to=self._member.uri
                )
            except WardnetError as error:
                refusal = error.reason.value
                self._log(sender.uri, error)
            else:
                self._receive(sender, data, digest)
        said = letters.acknowledgement_to_bytes(Acknowledgement(letter=digest, refusal=refusal))
        return sender.uri, self._signed(letters.ACKNOWLEDGEMENT, said)

    def _receive(self, sender: Member, data: bytes, digest: str) -> None:
        try:
            statement = envelope_from_bytes(data)
        except WardnetError as error:
            self._log(sender.uri, error)
        else:
            self._shares.receive(statement, sender=sender)
        with self._catalog.transaction() as connection:
            store.note_taken(connection, digest)

    def _acknowledged(self, sender: Member, envelope: Envelope) -> None:
        said = letters.acknowledgement_from_bytes(envelope.payload)
        with self._catalog.transaction() as connection:
            if said.refusal:
                self._keys.pop(sender.uri, None)
                store.refused_letter(connection, sender.uri, said.letter, refusal=said.refusal)
            else:
                store.forget_letter(connection, sender.uri, said.letter)

    def _check_ours(self, to: str) -> None:
        if to != self._member.uri:
            raise WardnetError(Reason.SHARE_NOT_FOR_US)

    def _signed(self, kind: str, data: bytes) -> Envelope:
        return sign(kind, data, self._credentials.signer)

    def _remember(self, name: str) -> None:
        if len(self._refused) >= _MOST_REMEMBERED:
            self._refused.clear()
        self._refused.add(name)

    def _log(self, sender: str, error: WardnetError) -> None:
        """Record a letter that is not believed; the coordinator has said whose it is."""
        event = Event(
            type=EventType.SHARE_REQUESTED,
            node=self._member.uri,
            actor=Actor(subject="coordinator", role="coordinator", on_behalf_of=sender[:200]),
        )
        log_refusal(self._catalog, event, error)


def letter_key(keystore: Keystore) -> HybridKey:
    """Return the key that opens letters about shares; it is stored nowhere."""
    return HybridKey.from_bytes(
        b"".join(keystore.derive(f"share letters {part}") for part in (1, 2, 3))
    )

"""What was taken back, as it is kept: the newest list of each organisation, and our own keys.

What these rows say counts only once `desk.knowledge` has verified it. Functions on a connection
work inside the caller's transaction.
"""

from dataclasses import dataclass
from datetime import datetime

from wardnet import clock
from wardnet.agreement import key_revocation
from wardnet.agreement.address_book import AddressBook, signing_keys
from wardnet.agreement.key_revocation import KeyRevocation
from wardnet.agreement.revocation import LIST_PAYLOAD_TYPE, RevocationList, list_from_bytes
from wardnet.audit.log import Connection
from wardnet.errors import Reason, WardnetError
from wardnet.identity.envelope import Envelope, Trust, verify
from wardnet.identity.member import Member
from wardnet.transport.convert import envelope_to_bytes
from wardnet_node.desk.studies import Kept


@dataclass(frozen=True, slots=True)
class Listed:
    """Hold the newest list of an organisation.

    Parameters
    ----------
    content : RevocationList
        What it says.
    signers : frozenset of str
        Fingerprints of the keys that have signed it.
    envelope : Envelope
        As it was signed.
    """

    content: RevocationList
    signers: frozenset[str]
    envelope: Envelope

    def counts(self, book: AddressBook) -> bool:
        """Say whether the organisation itself has signed it, by the keys of the book."""
        known = book.organisation(self.content.organisation)
        return known is not None and known.speaks(self.signers)


def read_list(envelope: Envelope, *, trust: Trust, at: datetime) -> Listed:
    """Return a list whose signatures hold; whether they are the organisation's, the book says.

    Raises
    ------
    WardnetError
        `SIGNATURE_INVALID` or `MALFORMED`.
    """
    verify(envelope, payload_type=LIST_PAYLOAD_TYPE, trust=trust, at=at)
    return Listed(list_from_bytes(envelope.payload), signing_keys(envelope), envelope)


def read_key(envelope: Envelope, *, member: Member, trust: Trust, at: datetime) -> KeyRevocation:
    """Return this hospital's own statement that takes a key back.

    Its steward was in the book when she signed; taking back holds whoever she is today.

    Raises
    ------
    WardnetError
        `SIGNATURE_INVALID` or `MALFORMED`.
    """
    signers = verify(envelope, payload_type=key_revocation.PAYLOAD_TYPE, trust=trust, at=at)
    statement = key_revocation.from_bytes(envelope.payload)
    if member not in signers or (statement.network, statement.hospital) != (
        member.network,
        member.id,
    ):
        raise WardnetError(
            Reason.SIGNATURE_INVALID, rule="this hospital's node did not sign it for itself"
        )
    return statement


def put_list(
    connection: Connection, organisation: str, envelope: Envelope, *, at: datetime
) -> None:
    """Keep a list in the place of the organisation's last one."""
    connection.execute(
        "INSERT OR REPLACE INTO revocations (organisation, envelope, received) VALUES (?, ?, ?)",
        (organisation, envelope_to_bytes(envelope), clock.to_moment(at)),
    )


def lists_after(connection: Connection, position: int) -> tuple[Kept, ...]:
    """Return the lists kept after a position, in order."""
    return _kept(
        connection,
        "SELECT position, envelope, received FROM revocations WHERE position > ? ORDER BY position",
        position,
    )


def put_key(connection: Connection, envelope: Envelope, *, at: datetime) -> None:
    """Keep a statement that takes a key back."""
    connection.execute(
        "INSERT INTO revoked_keys (envelope, made) VALUES (?, ?)",
        (envelope_to_bytes(envelope), clock.to_moment(at)),
    )


def keys_after(connection: Connection, position: int) -> tuple[Kept, ...]:
    """Return the statements about keys kept after a position, in order."""
    return _kept(
        connection,
        "SELECT position, envelope, made FROM revoked_keys WHERE position > ? ORDER BY position",
        position,
    )


def _kept(connection: Connection, sql: str, position: int) -> tuple[Kept, ...]:
    rows = connection.execute(sql, (position,))
    return tuple(Kept(place, "", bytes(data), at) for place, data, at in rows)

"""Whoever writes to a hospital's database hands nothing over by it, and takes nothing back."""

from collections.abc import Callable, Iterator
from pathlib import Path
from sqlite3 import Connection

import pytest

from support.pki import TestNetwork
from support.sharing import (
    Side,
    exchange,
    granted,
    in_an_hour,
    shared_network,
    sharing_hospital,
    sides,
)
from wardnet.audit.entry import EventType, Outcome
from wardnet.errors import Reason, WardnetError
from wardnet.sealing.hpke import HybridKey
from wardnet.sharing.notice import Cause
from wardnet.transport.convert import envelope_from_bytes, envelope_to_bytes
from wardnet_node.desk.decision import sign_all
from wardnet_node.desk.shares.state import Share, State


@pytest.fixture
def network() -> TestNetwork:
    """Return a network."""
    return shared_network()


@pytest.fixture
def desks(network: TestNetwork, tmp_path: Path) -> Iterator[list[Side]]:
    """Return the desks of a, whose records they are, and of b, which asks."""
    made = [sharing_hospital(network, tmp_path / name, name) for name in "ab"]
    with sides(network, *made) as opened:
        yield opened


@pytest.fixture
def share(desks: list[Side]) -> Share:
    """Return a share that is ready at both sides."""
    a, b = desks
    made = granted(a, b, until=in_an_hour())
    a.ready(made)
    exchange(a, b)
    return b.shares.show(made.digest)


def edit(side: Side, attack: Callable[[Connection], object]) -> None:
    """Write to the database, as its owner can."""
    with side.hospital.catalog() as catalog, catalog.transaction() as connection:
        attack(connection)


def refusal(side: Side, share: Share, *, fetch: str = "1" * 32) -> Reason:
    """Return why nothing may be fetched, as the log says it, too."""
    with pytest.raises(WardnetError) as caught:
        side.fetch(share, fetch=fetch)
    last = side.entries()[-1]
    assert (last.outcome, last.reason) == (Outcome.REFUSED, caught.value.reason)
    return caught.value.reason


def _of_grant(connection: Connection) -> tuple[int, bytes]:
    for position, data in connection.execute("SELECT position, envelope FROM share_statements"):
        if b"share-grant" in data:
            return position, bytes(data)
    message = "there is no grant"
    raise AssertionError(message)


def longer(connection: Connection) -> None:
    """Let the grant last longer."""
    position, data = _of_grant(connection)
    changed = data.replace(b'"maximum_fetches":1', b'"maximum_fetches":9')
    assert changed != data
    connection.execute(
        "UPDATE share_statements SET envelope = ? WHERE position = ?", (changed, position)
    )


def taken_out(connection: Connection) -> None:
    """Take the last statement away."""
    connection.execute(
        "DELETE FROM share_statements WHERE position = (SELECT max(position) FROM share_statements)"
    )


def of_another_moment(connection: Connection) -> None:
    """Say that the grant was received when its certificates were not yet valid."""
    position, _ = _of_grant(connection)
    connection.execute(
        "UPDATE share_statements SET at = '2001-01-01T00:00:00.000Z' WHERE position = ?",
        (position,),
    )


def turned_round(connection: Connection) -> None:
    """Let the last statement stand before the grant."""
    position, _ = _of_grant(connection)
    connection.execute(
        "UPDATE share_statements SET position = position + 100 WHERE position = ?", (position,)
    )


def renamed(connection: Connection) -> None:
    """Give the grant another digest."""
    position, _ = _of_grant(connection)
    connection.execute(
        "UPDATE share_statements SET digest = ? WHERE position = ?", ("5f" * 32, position)
    )


ATTACKS = [longer, taken_out, of_another_moment, turned_round, renamed]


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("again", [False, True])
def test_a_grant_that_was_edited_hands_nothing_over(
    network: TestNetwork,
    desks: list[Side],
    share: Share,
    attack: Callable[[Connection], object],
    *,
    again: bool,
) -> None:
    """Nor opens anything at the recipient; also in a process that begins afterwards."""
    for side in desks:
        edit(side, attack)
    with sides(network, *(side.hospital for side in desks)) as fresh:
        a, b = fresh if again else desks
        assert {side.shares.show(share.digest).state for side in (a, b)} == {State.DAMAGED}
        assert refusal(a, share) in {Reason.STATE_DAMAGED, Reason.PARCEL_UNKNOWN}
        with pytest.raises(WardnetError) as caught:
            b.shares.private_key(share.digest)
        assert caught.value.reason is Reason.STATE_DAMAGED


def test_a_revocation_cannot_be_taken_away(desks: list[Side], share: Share) -> None:
    """Without its row the log still knows of it, at both sides."""
    a, b = desks
    a.shares.revoke(share.digest, reason="By mistake.", stewards=a.stewards)
    exchange(a, b)
    for side in desks:
        edit(side, taken_out)
        assert side.shares.show(share.digest).state is State.DAMAGED
    assert refusal(a, share) is Reason.STATE_DAMAGED


def test_fetches_cannot_be_forgotten(desks: list[Side], share: Share) -> None:
    """The log counts those whose rows are gone."""
    a, _ = desks
    a.fetch(share)
    edit(a, lambda connection: connection.execute("DELETE FROM share_fetches"))
    assert refusal(a, share) is Reason.SHARE_USED_UP
    assert refusal(a, share, fetch="0" * 32) is Reason.SHARE_USED_UP


def test_a_grant_that_only_the_node_has_signed_hands_nothing_over(
    desks: list[Side], share: Share
) -> None:
    """The same words without the steward's signature, in the place of hers."""
    a, _ = desks

    def attack(connection: Connection) -> None:
        position, data = _of_grant(connection)
        signed = envelope_from_bytes(data)
        alone = sign_all(signed.payload_type, signed.payload, [a.hospital.credentials])
        connection.execute(
            "UPDATE share_statements SET envelope = ? WHERE position = ?",
            (envelope_to_bytes(alone), position),
        )

    edit(a, attack)
    assert refusal(a, share) is Reason.APPROVAL_MISSING


def test_a_key_of_another_request_opens_nothing(desks: list[Side], share: Share) -> None:
    """Wrapped keys cannot be exchanged, nor can one be put in that somebody else has made."""
    _, b = desks
    other = b.request()
    for value in (
        "(SELECT wrapped FROM share_keys WHERE request = :other)",
        f"x'{HybridKey.generate().to_bytes().hex()}'",
    ):
        edit(
            b,
            lambda connection, value=value: connection.execute(  # type: ignore[misc]
                f"UPDATE share_keys SET wrapped = {value} WHERE request = :this",
                {"this": share.digest, "other": other.digest},
            ),
        )
        with pytest.raises(WardnetError) as caught:
            b.shares.private_key(share.digest)
        assert caught.value.reason is Reason.VAULT_DAMAGED


def test_a_destroyed_key_is_in_no_copy_of_the_catalog(desks: list[Side], share: Share) -> None:
    """What lay in the catalog yesterday opens nothing: what it was wrapped with is gone."""
    a, b = desks
    with b.hospital.catalog() as catalog, catalog.reading() as connection:
        wrapped = connection.execute("SELECT request, wrapped FROM share_keys").fetchall()
    a.shares.revoke(share.digest, reason="By mistake.", stewards=a.stewards)
    exchange(a, b)
    b.shares.destroy(share.digest, cause=Cause.REVOKED)
    edit(
        b,
        lambda connection: connection.executemany("INSERT INTO share_keys VALUES (?, ?)", wrapped),
    )
    assert share.digest.encode() not in (b.hospital.home / "keyring.json").read_bytes()
    assert [one.digest for one in b.shares.due()] == [share.digest]
    with pytest.raises(WardnetError) as caught:
        b.shares.private_key(share.digest)
    assert caught.value.reason is Reason.SHARE_ENDED


def test_what_cannot_be_shown_to_be_granted_is_destroyed(desks: list[Side], share: Share) -> None:
    """A recipient's edited row does not keep records beyond their time: the key is due at once."""
    _, b = desks
    edit(b, longer)
    assert [one.digest for one in b.shares.due()] == [share.digest]
    b.shares.destroy(share.digest, cause=Cause.EXPIRED)
    assert b.shares.due() == ()
    assert b.entries()[-1].type is EventType.SHARE_DESTROYED

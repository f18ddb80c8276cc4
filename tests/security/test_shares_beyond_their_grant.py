"""Nothing is handed over beyond a grant: no file, no fetch too many, nothing after its end."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from support.lending import lending, lending_hospitals
from support.pki import TestNetwork
from support.questions import key
from support.sharing import (
    PARCEL,
    Side,
    exchange,
    granted,
    in_an_hour,
    node,
    shared_network,
    sharing_hospital,
    sides,
)
from support.sharing_logs import fetched, refusals, why
from support.vaults import visits
from wardnet import clock
from wardnet.errors import Reason, WardnetError
from wardnet.sharing.notice import Cause, Place
from wardnet_node.desk.book import Key, with_key
from wardnet_node.desk.shares.shares import Shares
from wardnet_node.desk.shares.state import State
from wardnet_node.sharing.carrying.spool import Spool
from wardnet_node.sharing.giving.attachments import Attachment, digests


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


def test_no_file_goes_along_that_a_steward_has_not_signed(tmp_path: Path) -> None:
    """Not one that was never granted, nor the granted one with other bytes; nothing is left."""
    scan, other = tmp_path / "scan.dcm", tmp_path / "all.pdf"
    scan.write_bytes(b"a picture")
    other.write_bytes(b"letters of all patients")
    network = shared_network()
    hospitals = lending_hospitals(network, tmp_path, visits(60))
    with lending(network, hospitals) as lent:
        share = lent.grant(lent.ask(), attachments=digests([Attachment(scan)]))
        outgoing = Spool(lent.a.hospital.home).outgoing
        for changed, files in ((False, [other]), (False, [scan, other]), (True, [scan])):
            if changed:
                scan.write_bytes(b"another picture")
            with pytest.raises(WardnetError) as caught:
                lent.send(share, list(map(Attachment, files)))
            assert caught.value.reason is Reason.ATTACHMENT_NOT_GRANTED
            assert list(outgoing.iterdir()) == []
        scan.write_bytes(b"a picture")
        assert lent.send(share, [Attachment(scan)]).state is State.READY


def test_a_fetch_goes_on_and_counts_once(desks: list[Side]) -> None:
    """The same fetch after every cut; another one is one too many, and so is a closed one."""
    a, b = desks
    share = granted(a, b)
    a.ready(share)
    for _ in range(3):
        a.fetch(share)
    assert why(lambda: a.fetch(share, fetch="1" * 32)) is Reason.SHARE_USED_UP
    assert share.grant is not None
    a.shares.finish_fetch(grant=share.grant.digest, fetch="0" * 32, peer=node("b"))
    assert why(lambda: a.fetch(share)) is Reason.SHARE_USED_UP
    assert len(fetched(a)) == 1
    assert refusals(a) == [Reason.SHARE_USED_UP] * 2


def test_two_fetches_that_race_for_the_last_place(desks: list[Side]) -> None:
    """By any number of threads and processes: as many begin as were granted, others are refused."""
    a, b = desks
    share = granted(a, b, maximum_fetches=2)
    a.ready(share)
    grant = share.grant
    assert grant is not None
    opened = a.hospital.home, a.hospital.keystore, a.hospital.credentials
    doors = [Shares.open(*opened) for _ in range(6)]

    def begin(number: int) -> Reason | None:
        try:
            doors[number].begin_fetch(
                grant=grant.digest, parcel=PARCEL, fetch=f"{number:032x}", peer=node("b")
            )
        except WardnetError as error:
            return error.reason
        return None

    with ThreadPoolExecutor(len(doors)) as threads:
        ended = list(threads.map(begin, range(len(doors))))
    for door in doors:
        door.close()
    assert sorted(map(str, ended)) == ["None"] * 2 + ["share_used_up"] * 4
    assert len(fetched(a)) == 2
    assert a.shares.show(share.digest).fetches == 2


def test_a_parcel_at_the_relay_is_not_handed_out_at_the_door_as_well(desks: list[Side]) -> None:
    """Each counts the fetches for itself: two doors would hand it out twice as often."""
    a, b = desks
    share = granted(a, b)
    a.ready(share, place=Place.RELAY)
    assert why(lambda: a.fetch(share)) is Reason.PARCEL_UNKNOWN
    assert a.shares.show(share.digest).fetches == 0


def test_another_hospitals_parcel_does_not_exist(desks: list[Side]) -> None:
    """Whoever is not the recipient learns nothing, not even that there is one."""
    a, b = desks
    share = granted(a, b)
    a.ready(share)
    assert why(lambda: a.fetch(share, peer="c")) is Reason.PARCEL_UNKNOWN
    assert share.grant is not None
    grant = share.grant.digest
    for named, parcel in ((grant, "2f" * 32), ("2f" * 32, PARCEL)):
        assert (
            why(
                lambda named=named, parcel=parcel: a.shares.begin_fetch(  # type: ignore[misc]
                    grant=named, parcel=parcel, fetch="0" * 32, peer=node("b")
                )
            )
            is Reason.PARCEL_UNKNOWN
        )
    assert refusals(a) == [Reason.PARCEL_UNKNOWN] * 3
    assert fetched(a) == []


def test_an_expired_grant_hands_nothing_over_and_opens_nothing(
    desks: list[Side], monkeypatch: pytest.MonkeyPatch
) -> None:
    """From that moment on, at both sides; the keys are due to be destroyed."""
    a, b = desks
    share = granted(a, b, until=in_an_hour())
    a.ready(share)
    exchange(a, b)
    assert b.shares.due() == ()
    b.shares.private_key(share.digest)
    later = clock.now() + timedelta(hours=1)
    monkeypatch.setattr(clock, "now", lambda: later)
    assert {side.shares.show(share.digest).state for side in desks} == {State.ENDED}
    assert why(lambda: a.fetch(share)) is Reason.SHARE_ENDED
    assert why(lambda: a.ready(share)) is Reason.SHARE_ENDED
    assert why(lambda: b.shares.private_key(share.digest)) is Reason.SHARE_ENDED
    assert why(lambda: b.shares.mark_opened(share.digest, parcel=PARCEL)) is Reason.SHARE_ENDED
    assert (refusals(a), refusals(b)) == ([Reason.SHARE_ENDED] * 2, [Reason.SHARE_ENDED])
    assert [one.digest for one in b.shares.due()] == [share.digest]
    b.shares.destroy(share.digest, cause=Cause.EXPIRED)
    exchange(a, b)
    assert {side.shares.show(share.digest).state for side in desks} == {State.DESTROYED}
    assert b.shares.due() == ()
    assert why(lambda: b.shares.private_key(share.digest)) is Reason.SHARE_ENDED


def test_a_revoked_grant_hands_nothing_over(desks: list[Side]) -> None:
    """At once, also for a fetch that is under way."""
    a, b = desks
    share = granted(a, b)
    a.ready(share)
    a.fetch(share)
    a.shares.revoke(share.digest, reason="By mistake.", stewards=a.stewards)
    assert why(lambda: a.fetch(share)) is Reason.SHARE_REVOKED
    assert why(lambda: a.ready(share)) is Reason.SHARE_REVOKED
    assert refusals(a) == [Reason.SHARE_REVOKED] * 2
    exchange(a, b)
    assert why(lambda: b.shares.private_key(share.digest)) is Reason.SHARE_REVOKED
    assert why(lambda: b.shares.mark_opened(share.digest, parcel=PARCEL)) is Reason.SHARE_REVOKED


def test_a_grant_ends_with_the_key_of_its_steward(desks: list[Side], network: TestNetwork) -> None:
    """What a steward has signed whose key the hospital takes back hands nothing over any more."""
    a, b = desks
    share = granted(a, b)
    a.ready(share)
    second = network.credentials(a.stewards[0].member.role, "second-a")
    with a.hospital.decisions() as decisions:
        decisions.change_book(
            lambda book: with_key(book, "a", Key("steward", "second-a", key(second))),
            stewards=a.stewards,
        )
        decisions.revoke_key(key(a.stewards[0]), steward=second, reason="Stolen.")
    assert why(lambda: a.fetch(share)) is Reason.APPROVAL_MISSING
    assert refusals(a)[-1] is Reason.APPROVAL_MISSING

"""Nobody asks for what never leaves, and nothing is handed over beyond a grant."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from support.lending import lending, lending_hospitals
from support.pki import TestNetwork
from support.questions import key, steward
from support.sharing import (
    PARCEL,
    Side,
    asked_by,
    exchange,
    granted,
    in_an_hour,
    node,
    shared_network,
    sharing_hospital,
    sides,
    wish,
)
from support.vaults import visits
from wardnet import clock
from wardnet.audit.entry import Entry, Outcome
from wardnet.errors import Reason, WardnetError
from wardnet.question.cohort import EVERYONE, col
from wardnet.sharing import grant as grants
from wardnet.sharing.deidentification import Band, Cap, Patient, kept
from wardnet.sharing.grant import grant_whole
from wardnet.sharing.notice import Cause, Place
from wardnet.sharing.request import Basis
from wardnet_node.desk.book import Key, with_key
from wardnet_node.desk.decision import sign_all
from wardnet_node.desk.shares import receiving
from wardnet_node.desk.shares.describe import stands
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


def why(call: Callable[[], object]) -> Reason:
    """Return why something is refused."""
    with pytest.raises(WardnetError) as caught:
        call()
    return caught.value.reason


def refusals(side: Side) -> list[Reason | None]:
    """Return the reasons of the refusals in a log, in order."""
    return [one.reason for one in side.entries() if one.outcome is Outcome.REFUSED]


def fetched(side: Side) -> list[Entry]:
    """Return the fetches that a log holds."""
    return [one for one in side.entries("share_fetched") if one.outcome is Outcome.RELEASED]


FORBIDDEN = [
    ({"columns": ("age", "shoes")}, Reason.COLUMN_UNAVAILABLE),
    ({"cohort": (col("shoes") == "red").cohort}, Reason.COLUMN_UNAVAILABLE),
    (
        {"identifiers": True, "basis": Basis.STUDY, "study": "5f" * 32},
        Reason.SHARE_IDENTIFIERS,
    ),
]


@pytest.mark.parametrize(("changes", "reason"), FORBIDDEN)
def test_what_never_leaves_is_not_even_asked_for(
    desks: list[Side], changes: dict[str, object], reason: Reason
) -> None:
    """The asking node refuses its own steward, and logs it."""
    _, b = desks
    assert why(lambda: b.request(wish(**changes))) is reason
    assert refusals(b) == [reason]
    assert b.shares.list() == ()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        *FORBIDDEN,
        ({"dataset": "secrets"}, Reason.DATASET_UNAVAILABLE),
        ({"dictionary": "5f" * 32}, Reason.DICTIONARY_OUTDATED),
    ],
)
def test_a_dishonest_node_that_asks_for_it_is_refused(
    network: TestNetwork, desks: list[Side], changes: dict[str, object], reason: Reason
) -> None:
    """Properly signed or not: it never reaches the inbox, and stands in the owner's log."""
    a, _ = desks
    _, envelope = asked_by(network, "b", signed_by="b", **changes)
    (error,) = a.shares.receive(envelope, sender=node("b"))
    assert error.reason is reason
    assert refusals(a) == [reason]
    assert a.shares.list() == ()


def test_a_replayed_request_is_refused(network: TestNetwork, desks: list[Side]) -> None:
    """The same again, the same number for something else, and one from long ago."""
    a, _ = desks
    first, envelope = asked_by(network, "b")
    assert a.shares.receive(envelope, sender=node("b")) == ()
    a.shares.decline(first.digest, reason="No.", stewards=a.stewards)
    again = [envelope, asked_by(network, "b", number=first.number, hours=9)[1]]
    for days in (-1, 31):
        made = clock.to_moment(clock.now() - timedelta(days=days))
        again.append(asked_by(network, "b", made=made)[1])
    for one in again:
        (error,) = a.shares.receive(one, sender=node("b"))
        assert error.reason is Reason.SHARE_REPLAYED
    assert refusals(a) == [Reason.SHARE_REPLAYED] * 4
    assert a.shares.inbox() == ()


def test_no_inbox_is_flooded(
    network: TestNetwork, desks: list[Side], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond so many undecided requests of one hospital, more are refused."""
    a, _ = desks
    monkeypatch.setattr(receiving, "MAXIMUM_UNDECIDED", 2)
    errors = [a.shares.receive(asked_by(network, "b")[1], sender=node("b")) for _ in range(3)]
    assert [len(found) for found in errors] == [0, 0, 1]
    assert refusals(a) == [Reason.WORK_LIMIT]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"deidentification": kept(Patient.KEEP, ("age", "sex"))}, Reason.SHARE_IDENTIFIERS),
        ({"deidentification": kept(Patient.DROP, ("age", "shoes"))}, Reason.SHARE_TOO_WIDE),
        ({"until": "2099-01-01T00:00:00.000Z"}, Reason.SHARE_TOO_WIDE),
        ({"cohort": EVERYONE}, Reason.SHARE_TOO_WIDE),
        ({"snapshot": f"9:{'5f' * 32}"}, Reason.DATASET_UNAVAILABLE),
    ],
)
def test_a_grant_beyond_its_request_is_not_signed(
    desks: list[Side], changes: dict[str, object], reason: Reason
) -> None:
    """Whatever the steward's screen has said."""
    a, b = desks
    asked = b.request(wish(cohort=(col("age") >= 40).cohort))
    exchange(a, b)
    assert why(lambda: a.grant(asked, **changes)) is reason
    assert refusals(a) == [reason]
    assert a.shares.show(asked.digest).state is State.ASKED


def test_a_grant_beyond_its_request_is_not_taken(network: TestNetwork, desks: list[Side]) -> None:
    """A dishonest owner cannot make the recipient take numbers that its steward has not signed."""
    a, b = desks
    asked = b.request()
    exchange(a, b)
    wide = grant_whole(
        asked.request,
        deidentification=kept(Patient.KEEP, ("age", "sex")),
        snapshot=f"1:{'5f' * 32}",
        made=clock.to_moment(clock.now()),
    )
    signing = [steward(network, "a"), network.node("a")]
    envelope = sign_all(grants.PAYLOAD_TYPE, grants.to_bytes(wide), signing)
    (error,) = b.shares.receive(envelope, sender=node("a"))
    assert error.reason is Reason.SHARE_IDENTIFIERS
    assert refusals(b) == [Reason.SHARE_IDENTIFIERS]
    assert b.shares.show(asked.digest).state is State.REFUSED


def test_a_grant_cannot_write_to_the_screen_of_who_reads_it(
    network: TestNetwork, desks: list[Side]
) -> None:
    """Control characters, or such as turn a text round, stand in no further condition or rule."""
    a, b = desks
    for text in ("\x1b[2J", "female\u202e", "a\nb"):
        asked = b.request()
        exchange(a, b)
        made = a.draft(asked, cohort=(col("sex") != text).cohort)
        signing = [steward(network, "a"), network.node("a")]
        envelope = sign_all(grants.PAYLOAD_TYPE, grants.to_bytes(made), signing)
        (error,) = b.shares.receive(envelope, sender=node("a"))
        assert error.reason is Reason.SHARE_TOO_WIDE
        assert b.shares.show(asked.digest).grant is None
        with pytest.raises(ValueError, match="pattern"):
            Band(text)
        with pytest.raises(ValueError, match="pattern"):
            Cap(low=text)


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


def test_a_second_grant_does_not_take_the_place_of_the_first(desks: list[Side]) -> None:
    """One request, one grant: neither steward can sign twice, at either side."""
    a, b = desks
    share = granted(a, b)
    assert why(lambda: a.grant(share)) is Reason.SHARE_DECIDED
    assert (
        why(lambda: a.shares.decline(share.digest, reason="No.", stewards=a.stewards))
        is Reason.SHARE_DECIDED
    )
    assert refusals(a) == [Reason.SHARE_DECIDED] * 2
    assert b.shares.show(share.digest).grant == a.shares.show(share.digest).grant


def test_nothing_is_granted_to_a_hospital_of_which_nothing_new_is_known(
    network: TestNetwork, tmp_path: Path
) -> None:
    """Without its list of what it took back, no older than a day, its keys are not believed."""
    made = [sharing_hospital(network, tmp_path / name, name) for name in "ab"]
    (a, b) = (Side(network, one) for one in made)
    asked = b.request()
    exchange(a, b)
    assert why(lambda: a.grant(asked)) is Reason.REVOCATIONS_STALE
    assert refusals(a) == [Reason.REVOCATIONS_STALE]
    a.close()
    b.close()


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


def test_two_stewards_who_grant_at_once_sign_one_grant(desks: list[Side]) -> None:
    """Of two grants that race for one request one is refused."""
    a, b = desks
    asked = b.request()
    exchange(a, b)
    opened = a.hospital.home, a.hospital.keystore, a.hospital.credentials
    doors = [Shares.open(*opened) for _ in range(2)]
    draft = a.draft(asked)

    def grant(number: int) -> Reason | None:
        try:
            doors[number].grant(asked.digest, draft, stewards=a.stewards)
        except WardnetError as error:
            return error.reason
        return None

    with ThreadPoolExecutor(2) as threads:
        ended = list(threads.map(grant, range(2)))
    for door in doors:
        door.close()
    assert sorted(map(str, ended)) == ["None", "share_decided"]
    assert refusals(a) == [Reason.SHARE_DECIDED]


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


def test_a_request_that_nobody_decided_on_ends(
    desks: list[Side], monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a month its key is destroyed, and a grant comes too late."""
    a, b = desks
    asked = b.request()
    exchange(a, b)
    draft = a.draft(asked)
    later = clock.now() + timedelta(days=30, seconds=1)
    monkeypatch.setattr(clock, "now", lambda: later)
    assert [one.digest for one in b.shares.due()] == [asked.digest]
    assert a.shares.inbox() == ()
    for side in desks:
        assert "within 30 days" in stands(side.shares.show(asked.digest))
    assert why(lambda: a.shares.grant(asked.digest, draft, stewards=a.stewards)) in {
        Reason.SHARE_DECIDED,
        Reason.SHARE_ENDED,
    }


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


def test_a_request_too_long_for_a_letter_is_refused_in_words(desks: list[Side]) -> None:
    """Before anything is kept; its patients fit into a cohort."""
    _, b = desks
    many = [f"{'äöü' * 20}{n:04}" for n in range(1000)]
    assert why(lambda: b.request(wish(patients=many))) is Reason.MESSAGE_TOO_LARGE
    assert b.shares.list() == ()
    assert refusals(b) == [Reason.MESSAGE_TOO_LARGE]

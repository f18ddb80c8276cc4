"""Nobody asks for what never leaves, and no grant goes beyond its request."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from support.pki import TestNetwork
from support.questions import steward
from support.sharing import (
    Side,
    asked_by,
    exchange,
    granted,
    node,
    shared_network,
    sharing_hospital,
    sides,
    wish,
)
from support.sharing_logs import refusals, why
from wardnet import clock
from wardnet.errors import Reason, WardnetError
from wardnet.question.cohort import EVERYONE, col
from wardnet.sharing import grant as grants
from wardnet.sharing.deidentification import Band, Cap, Patient, kept
from wardnet.sharing.grant import grant_whole
from wardnet.sharing.request import Basis
from wardnet_node.desk.decision import sign_all
from wardnet_node.desk.shares import receiving
from wardnet_node.desk.shares.describe import stands
from wardnet_node.desk.shares.shares import Shares
from wardnet_node.desk.shares.state import State


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


def test_a_request_too_long_for_a_letter_is_refused_in_words(desks: list[Side]) -> None:
    """Before anything is kept; its patients fit into a cohort."""
    _, b = desks
    many = [f"{'äöü' * 20}{n:04}" for n in range(1000)]
    assert why(lambda: b.request(wish(patients=many))) is Reason.MESSAGE_TOO_LARGE
    assert b.shares.list() == ()
    assert refusals(b) == [Reason.MESSAGE_TOO_LARGE]

"""Two hospitals agree on records: what is said on one side stands on the other, in both logs."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.hospital import Hospital
from support.pki import TestNetwork
from support.questions import DICTIONARY, key, steward, study
from support.sharing import (
    FETCH,
    PARCEL,
    WISH,
    Side,
    exchange,
    granted,
    shared_network,
    sharing_hospital,
    sides,
    wish,
)
from wardnet.audit import lending
from wardnet.audit.entry import EventType, Outcome
from wardnet.errors import Reason, WardnetError
from wardnet.identity.member import Role
from wardnet.sealing.hpke import public_key
from wardnet.sharing.notice import Cause
from wardnet.sharing.request import Basis
from wardnet_node.desk.book import without_key
from wardnet_node.desk.shares.describe import describe
from wardnet_node.desk.shares.state import State
from wardnet_node.desk.words import happened

TERMS = {EventType.SHARE_GRANTED, EventType.SHARE_READY, EventType.SHARE_OPENED}
"""What the hospital itself says in these names what is handed over."""


@pytest.fixture
def network() -> TestNetwork:
    """Return a network."""
    return shared_network()


@pytest.fixture
def hospitals(network: TestNetwork, tmp_path: Path) -> list[Hospital]:
    """Return hospitals a and b."""
    return [sharing_hospital(network, tmp_path / name, name) for name in "ab"]


@pytest.fixture
def desks(network: TestNetwork, hospitals: list[Hospital]) -> Iterator[list[Side]]:
    """Return the desks of a, whose records they are, and of b, which asks."""
    with sides(network, *hospitals) as opened:
        yield opened


def kinds(side: Side) -> list[tuple[str, str]]:
    """Return what a log says of shares, and how each ended."""
    return [(one.type.value, str(one.outcome)) for one in side.entries()]


def test_a_share_goes_from_request_to_receipt(desks: list[Side]) -> None:
    """Both sides see the same share, and both logs hold every step."""
    a, b = desks
    asked = b.request(wish(patients=("P-2", "P-1")))
    assert (asked.state, asked.undelivered, asked.has_key) == (State.ASKED, 1, True)
    exchange(a, b)
    (waiting,) = a.shares.inbox()
    assert waiting.request == asked.request
    assert (waiting.owned, waiting.other, waiting.has_key) == (True, "b", False)
    a.grant(waiting, obligations=("Ask us before you pass anything on.",))
    a.ready(waiting)
    exchange(a, b)
    share = b.shares.show(asked.digest)
    assert share.state is State.READY
    assert share.grant is not None
    assert share.grant == a.shares.show(asked.digest).grant
    assert public_key(b.shares.private_key(share.digest)) == share.request.key
    a.fetch(share)
    a.shares.finish_fetch(grant=share.grant.digest, fetch=FETCH, peer=b.member)
    b.shares.mark_fetched(share.digest, parcel=PARCEL)
    b.shares.mark_opened(share.digest, parcel=PARCEL)
    exchange(a, b)
    assert a.shares.show(share.digest).state is State.OPENED
    b.shares.destroy(share.digest, cause=Cause.UNWANTED, stewards=b.stewards)
    exchange(a, b)
    for side in desks:
        assert side.shares.show(share.digest).state is State.DESTROYED
        assert side.shares.show(share.digest).undelivered == 0
    for side in desks:
        found = side.shares.show(share.digest)
        told = [(step.kind.value.removeprefix("share_"), step.hospital) for step in found.history]
        by = dict.fromkeys(("granted", "ready"), "a")
        names = ("requested", "granted", "ready", "fetched", "opened", "destroyed")
        assert told == [(name, by.get(name, "b")) for name in names]
        (section,) = [one for one in describe(found) if one.title == "What has happened?"]
        assert f"b: {happened(EventType.SHARE_DESTROYED)}" in section.lines[5]
        assert section.lines[6:] == (("Fetches that began here: 1.",) if side is a else ())
    steps = ["requested", "granted", "ready", "fetched", "opened", "destroyed"]
    assert kinds(b) == [(f"share_{step}", "done") for step in steps]
    assert kinds(a) == [
        ("share_requested", "done"),
        ("share_granted", "done"),
        ("share_ready", "released"),
        ("share_fetched", "released"),
        *[(f"share_{step}", "done") for step in steps[3:]],
    ]
    for side in desks:
        for entry in side.entries():
            assert entry.request_digest == share.digest
            assert entry.recipient == b.member.uri
            assert (entry.purpose, entry.dataset) == ("treatment", "cardiology")
            own = entry.actor.organisation == side.member.id
            granted_here = entry.type is EventType.SHARE_GRANTED
            lent = lending.read(entry)
            assert (lent is not None) == (granted_here or (own and entry.type in TERMS))
            if lent is not None:
                assert (lent.owner, lent.patients) == (a.member.uri, "drop")
                assert lent.columns == ("age", "sex")
                assert lent.until == share.grant.until
    released = a.entries()[3]
    assert (released.request_id, released.result_digest) == (FETCH, PARCEL)


def test_a_decline_tells_why(desks: list[Side]) -> None:
    """The asking side reads the owner's words, and has to destroy its key."""
    a, b = desks
    asked = b.request()
    exchange(a, b)
    a.shares.decline(asked.digest, reason="They have not agreed.", stewards=a.stewards)
    exchange(a, b)
    share = b.shares.show(asked.digest)
    assert (share.state, share.why) == (State.DECLINED, "They have not agreed.")
    assert [one.digest for one in b.shares.due()] == [asked.digest]
    b.shares.destroy(asked.digest, cause=Cause.UNWANTED)
    assert b.shares.due() == ()
    assert exchange(a, b) == 0


@pytest.mark.parametrize("reason", ["", "x" * 4001, "a\x00b"])
def test_a_reason_that_nobody_can_read_is_refused_in_words(desks: list[Side], reason: str) -> None:
    """None, one too long, one with invisible characters: nothing is signed, and the log says so."""
    a, b = desks
    asked = b.request()
    exchange(a, b)
    for decide in (a.shares.decline, a.shares.revoke):
        with pytest.raises(WardnetError) as caught:
            decide(asked.digest, reason=reason, stewards=a.stewards)
        assert caught.value.reason is Reason.MALFORMED
        assert a.entries()[-1].reason is Reason.MALFORMED
        if decide == a.shares.decline:
            a.grant(asked)


def test_a_revocation_reaches_the_recipient(desks: list[Side]) -> None:
    """From then on its key opens nothing and is due to be destroyed, with a receipt."""
    a, b = desks
    share = granted(a, b)
    a.ready(share)
    exchange(a, b)
    a.shares.revoke(share.digest, reason="By mistake.", stewards=a.stewards)
    exchange(a, b)
    assert b.shares.show(share.digest).state is State.REVOKED
    assert [one.digest for one in b.shares.due()] == [share.digest]
    b.shares.destroy(share.digest, cause=Cause.REVOKED)
    exchange(a, b)
    assert a.shares.show(share.digest).state is State.DESTROYED


def test_a_node_that_cannot_give_says_so_itself(desks: list[Side]) -> None:
    """A request for what is not there is refused, logged with its reason, and answered."""
    a, b = desks
    with a.hospital.vault() as vault:
        vault.drop("cardiology")
    asked = b.request()
    exchange(a, b)
    assert a.shares.list() == ()
    assert a.entries()[-1].reasons == (Reason.DATASET_UNAVAILABLE,)
    share = b.shares.show(asked.digest)
    assert share.state is State.REFUSED
    assert "cardiology" in share.why
    assert b.entries()[-1].type is EventType.SHARE_DECLINED
    assert b.entries()[-1].reason is Reason.DATASET_UNAVAILABLE


def test_letters_that_cross_leave_both_sides_alike(desks: list[Side]) -> None:
    """The recipient says that it has opened what the owner takes back at that moment."""
    a, b = desks
    share = granted(a, b)
    a.ready(share)
    exchange(a, b)
    b.shares.mark_fetched(share.digest, parcel=PARCEL)
    b.shares.mark_opened(share.digest, parcel=PARCEL)
    a.shares.revoke(share.digest, reason="By mistake.", stewards=a.stewards)
    exchange(a, b)
    assert {side.shares.show(share.digest).state for side in desks} == {State.REVOKED}
    assert ("share_opened", "done") in kinds(a)


def test_a_parcel_that_another_has_replaced_is_not_called_fetched(desks: list[Side]) -> None:
    """Word of the new one came while the old one was fetched: the new one is fetched, too."""
    a, b = desks
    share = granted(a, b)
    a.ready(share)
    exchange(a, b)
    a.ready(share, parcel="2e" * 32)
    exchange(a, b)
    for mark in (b.shares.mark_fetched, b.shares.mark_opened):
        with pytest.raises(WardnetError) as caught:
            mark(share.digest, parcel=PARCEL)
        assert caught.value.reason is Reason.SHARE_DECIDED
    assert b.shares.show(share.digest).state is State.READY
    b.shares.mark_fetched(share.digest, parcel="2e" * 32)
    exchange(a, b)
    assert a.shares.show(share.digest).state is State.FETCHED


def test_a_letter_taken_twice_is_kept_once(desks: list[Side]) -> None:
    """A lost acknowledgement costs another copy and changes nothing."""
    a, b = desks
    b.request()
    ((_, question),) = b.mail.due()
    reply = a.mail.take(b.member.uri, question)
    assert reply is not None
    b.mail.take(a.member.uri, reply[1])
    ((_, letter),) = b.mail.due()
    assert b.mail.due() == ((a.member.uri, letter),)
    acknowledgements = [a.mail.take(b.member.uri, letter) for _ in range(3)]
    assert len({reply[1].payload for reply in acknowledgements if reply}) == 1
    assert kinds(a) == [("share_requested", "done")]
    assert acknowledgements[0] is not None
    b.mail.take(a.member.uri, acknowledgements[0][1])
    assert b.mail.due() == ()


def test_the_coordinator_reads_nothing_of_a_letter(desks: list[Side]) -> None:
    """Neither patients nor purpose nor columns, in whatever it carries; nor how many patients."""
    a, b = desks
    lengths = set()
    for number in (1, 20):
        b.request(wish(patients=[f"PATIENT-{n}" for n in range(number)]))
        carried = []
        while due := b.mail.due():
            ((_, envelope),) = due
            carried.append(envelope.payload)
            reply = a.mail.take(b.member.uri, envelope)
            assert reply is not None
            carried.append(reply[1].payload)
            b.mail.take(a.member.uri, reply[1])
        for word in (b"PATIENT-0", b"moved to us", b"treatment", b"sex"):
            assert not any(word in payload for payload in carried)
        lengths.add(max(map(len, carried)))
    assert len(lengths) == 1


def test_what_a_study_allows_is_asked_for_under_its_agreement(
    network: TestNetwork, desks: list[Side]
) -> None:
    """On the basis of a study that this hospital has agreed to, its columns are granted."""
    a, b = desks
    proposed = study(network).digest
    asked = b.request(wish(basis=Basis.STUDY, study=proposed))
    exchange(a, b)
    assert a.shares.concerns(asked.digest) == ()
    a.grant(asked)
    assert a.entries()[-1].study == proposed
    strange = b.request(wish(basis=Basis.STUDY, study="5f" * 32))
    exchange(a, b)
    assert [error.reason for error in a.shares.concerns(strange.digest)] == [
        Reason.AGREEMENT_MISSING
    ]


def test_nobody_is_asked_whose_stewards_are_not_known(
    desks: list[Side], network: TestNetwork
) -> None:
    """No grant of theirs would count: it is said before anybody has done any work."""
    _, b = desks
    own, theirs = steward(network, "b"), steward(network, "a")
    with b.hospital.decisions() as decisions:
        decisions.change_book(lambda book: without_key(book, "a", key(theirs)), stewards=[own])
    with pytest.raises(WardnetError) as caught:
        b.request()
    assert caught.value.reason is Reason.PARAMETER_INVALID
    assert "one of whose stewards" in str(caught.value)
    assert b.shares.list() == ()


def test_only_stewards_ask_and_decide(desks: list[Side], network: TestNetwork) -> None:
    """Whoever is none is refused, and the attempt stands in the log."""
    a, b = desks
    stranger = network.credentials(Role.STEWARD, "stranger")
    with pytest.raises(WardnetError) as caught:
        b.shares.request(WISH, dictionary=DICTIONARY, stewards=[stranger])
    assert caught.value.reason is Reason.APPROVAL_MISSING
    assert b.shares.list() == ()
    asked = b.request()
    exchange(a, b)
    draft = a.draft(asked)
    with pytest.raises(WardnetError) as caught:
        a.shares.grant(asked.digest, draft, stewards=[stranger])
    assert caught.value.reason is Reason.APPROVAL_MISSING
    with pytest.raises(WardnetError) as caught:
        a.shares.decline(asked.digest, reason="No.", stewards=[])
    assert caught.value.reason is Reason.APPROVAL_MISSING
    refusals = [(one.type, one.outcome, one.reason) for one in a.entries()[-2:]]
    assert refusals == [
        (kind, Outcome.REFUSED, Reason.APPROVAL_MISSING)
        for kind in (EventType.SHARE_GRANTED, EventType.SHARE_DECLINED)
    ]
    assert a.shares.show(asked.digest).state is State.ASKED

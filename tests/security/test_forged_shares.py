"""Nobody asks for records, grants them or takes them back in another hospital's name."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from support.pki import TestNetwork
from support.questions import key, steward
from support.sharing import (
    Side,
    asked_by,
    exchange,
    node,
    shared_network,
    sharing_hospital,
    sides,
    wish,
)
from wardnet.audit.entry import Outcome
from wardnet.errors import Reason, WardnetError
from wardnet.identity.envelope import Envelope, sign
from wardnet.sharing import grant as grants
from wardnet.sharing import letters
from wardnet.sharing import request as requests
from wardnet.sharing.letters import LetterKey
from wardnet_node.desk.book import Key, with_key
from wardnet_node.desk.decision import sign_all
from wardnet_node.desk.shares.state import State


@pytest.fixture
def network() -> TestNetwork:
    """Return a network."""
    return shared_network()


@pytest.fixture
def desks(network: TestNetwork, tmp_path: Path) -> Iterator[list[Side]]:
    """Return the desks of a, whose records they are, and of b and c, which ask."""
    made = [sharing_hospital(network, tmp_path / name, name) for name in "abc"]
    with sides(network, *made) as opened:
        yield opened


def refused(side: Side, envelope: Envelope, *, sender: str) -> Reason:
    """Return why a statement is refused that a hospital brings; the log says so, too."""
    before = len(side.entries())
    errors = side.shares.receive(envelope, sender=node(sender))
    assert errors
    entry = side.entries()[before]
    assert (entry.outcome, entry.reason) == (Outcome.REFUSED, errors[0].reason)
    assert not side.shares.inbox()
    return errors[0].reason


def test_a_recipient_key_signed_by_the_wrong_hospital_is_no_request(
    network: TestNetwork, desks: list[Side]
) -> None:
    """Hospital c cannot put its key in the place of b's, whoever carries the letter."""
    _, forged = asked_by(network, "b", signed_by="c")
    for sender in "bc":
        assert refused(desks[0], forged, sender=sender) is Reason.SIGNATURE_INVALID


def test_a_request_that_another_hospital_brings_is_not_taken(
    network: TestNetwork, desks: list[Side]
) -> None:
    """Hospital c hands on what b has signed, as its own letter: b learns nothing of it."""
    _, honest = asked_by(network, "b")
    assert refused(desks[0], honest, sender="c") is Reason.SHARE_NOT_FOR_US


def test_a_request_to_another_hospital_is_not_taken(
    network: TestNetwork, desks: list[Side]
) -> None:
    """What b has asked of c does not count at a."""
    _, other = asked_by(network, "b", owner="c")
    assert refused(desks[0], other, sender="b") is Reason.SHARE_NOT_FOR_US


def test_a_request_without_a_known_steward_is_not_taken(
    network: TestNetwork, desks: list[Side]
) -> None:
    """The node alone cannot ask, nor with the steward of another hospital."""
    made, _ = asked_by(network, "b")
    data = requests.to_bytes(made)
    for signing in ([network.node("b")], [network.node("b"), steward(network, "c")]):
        envelope = sign_all(requests.PAYLOAD_TYPE, data, signing)
        assert refused(desks[0], envelope, sender="b") is Reason.APPROVAL_MISSING


def test_a_request_by_a_new_key_of_the_node_is_not_taken(
    network: TestNetwork, desks: list[Side]
) -> None:
    """A certificate from the network does not do: the key was not compared."""
    made, _ = asked_by(network, "b")
    impostor = network.issue(node("b"))
    assert key(impostor) != key(network.node("b"))
    envelope = sign_all(
        requests.PAYLOAD_TYPE, requests.to_bytes(made), [steward(network, "b"), impostor]
    )
    assert refused(desks[0], envelope, sender="b") is Reason.SIGNATURE_INVALID


def test_a_changed_request_is_not_taken(network: TestNetwork, desks: list[Side]) -> None:
    """One byte of it, and the signatures do not fit."""
    _, honest = asked_by(network, "b")
    changed = replace(honest, payload=honest.payload.replace(b'"hours":2', b'"hours":9'))
    assert refused(desks[0], changed, sender="b") is Reason.SIGNATURE_INVALID


def test_a_key_that_its_hospital_took_back_asks_for_nothing(
    network: TestNetwork, desks: list[Side]
) -> None:
    """From the moment at which the owner has b's list."""
    a, b, _ = desks
    second = network.issue(replace(steward(network, "b").member, id="second-b"))

    with b.hospital.decisions() as decisions:
        decisions.change_book(
            lambda book: with_key(book, "b", Key("steward", "second-b", key(second))),
            stewards=b.stewards,
        )
        decisions.revoke_key(key(b.stewards[0]), steward=second, reason="Stolen.")
        listed = decisions.own_list()
    a.told(listed)
    _, stale = asked_by(network, "b")
    assert refused(a, stale, sender="b") is Reason.APPROVAL_MISSING


def test_a_grant_of_somebody_else_hands_nothing_over(
    network: TestNetwork, desks: list[Side]
) -> None:
    """Neither c nor b itself can grant what b has asked of a."""
    a, b, _ = desks
    asked = b.request()
    exchange(*desks)
    data = grants.to_bytes(a.draft(asked))
    for name in "bc":
        signing = [steward(network, name), network.node(name)]
        forged = sign_all(grants.PAYLOAD_TYPE, data, signing)
        for sender in "ac":
            assert refused(b, forged, sender=sender) is Reason.SIGNATURE_INVALID
    by_node = sign_all(grants.PAYLOAD_TYPE, data, [network.node("a")])
    assert refused(b, by_node, sender="a") is Reason.APPROVAL_MISSING
    assert b.shares.show(asked.digest).grant is None


def test_a_letter_of_an_unknown_node_is_refused_and_logged(
    network: TestNetwork, desks: list[Side]
) -> None:
    """Its certificate is good and its key was never compared: no answer, one entry."""
    a = desks[0]
    told = letters.key_to_bytes(
        LetterKey(to=a.member.uri, number="0" * 32, key=asked_by(network, "b")[0].key)
    )
    for signer, sender in ((network.node("d"), "d"), (network.issue(node("b")), "b")):
        letter = sign(letters.KEY, told, signer.signer)
        for _ in range(3):
            with pytest.raises(WardnetError) as caught:
                a.mail.take(node(sender).uri, letter)
            assert caught.value.reason is Reason.SIGNATURE_INVALID
    entries = [one for one in a.entries() if one.outcome is Outcome.REFUSED]
    assert [one.reason for one in entries] == [Reason.SIGNATURE_INVALID] * 2
    assert {one.actor.on_behalf_of for one in entries} == {node("b").uri, node("d").uri}


def test_a_key_that_was_not_asked_for_is_not_used(network: TestNetwork, desks: list[Side]) -> None:
    """An answer to another question, or one that came before, does not change whom we seal to."""
    a, b, _ = desks
    b.request()
    told = LetterKey(to=b.member.uri, number="0" * 32, key=asked_by(network, "c")[0].key)
    letter = sign(letters.KEY, letters.key_to_bytes(told), network.node("a").signer)
    assert b.mail.take(a.member.uri, letter) is None
    ((_, still),) = b.mail.due()
    assert still.payload_type == letters.KEY_REQUEST


def test_a_key_that_is_none_keeps_no_letter_back(network: TestNetwork, desks: list[Side]) -> None:
    """A hospital that answers with bytes which are no key gets no letter; all others get theirs."""
    a, b, c = desks
    b.request()
    asked = b.request(wish(owner="c"))
    for to, envelope in b.mail.due():
        if to == a.member.uri:
            number = letters.key_request_from_bytes(envelope.payload).number
            told = LetterKey(to=b.member.uri, number=number, key="f" * 2432)
            letter = sign(letters.KEY, letters.key_to_bytes(told), network.node("a").signer)
            with pytest.raises(WardnetError) as caught:
                b.mail.take(to, letter)
            assert caught.value.reason is Reason.MALFORMED
    for _ in range(2):
        ((_, envelope),) = [post for post in b.mail.due() if post[0] == c.member.uri]
        reply = c.mail.take(b.member.uri, envelope)
        assert reply is not None
        b.mail.take(c.member.uri, reply[1])
    assert [one.digest for one in c.shares.inbox()] == [asked.digest]


def test_a_letter_sealed_to_another_key_comes_again(
    network: TestNetwork, desks: list[Side]
) -> None:
    """The receiver says that it cannot open it, and the sender asks for the present key."""
    a, b, _ = desks
    asked = b.request()
    ((_, question),) = b.mail.due()
    number = letters.key_request_from_bytes(question.payload).number
    old = LetterKey(to=b.member.uri, number=number, key=asked_by(network, "c")[0].key)
    b.mail.take(
        a.member.uri, sign(letters.KEY, letters.key_to_bytes(old), network.node("a").signer)
    )
    ((_, letter),) = b.mail.due()
    reply = a.mail.take(b.member.uri, letter)
    assert reply is not None
    assert a.entries()[-1].reason is Reason.SIGNATURE_INVALID
    b.mail.take(a.member.uri, reply[1])
    assert b.shares.show(asked.digest).hindrance == Reason.SIGNATURE_INVALID
    exchange(*desks)
    assert a.shares.show(asked.digest).state is State.ASKED
    assert b.shares.show(asked.digest).undelivered == 0


def test_a_letter_moved_to_another_hospital_opens_nowhere(desks: list[Side]) -> None:
    """The coordinator cannot bring c what b has written to a, nor claim that c wrote it."""
    a, b, c = desks
    b.request()
    ((_, question),) = b.mail.due()
    reply = a.mail.take(b.member.uri, question)
    assert reply is not None
    b.mail.take(a.member.uri, reply[1])
    ((_, letter),) = b.mail.due()
    with pytest.raises(WardnetError) as caught:
        a.mail.take(c.member.uri, letter)
    assert caught.value.reason is Reason.SIGNATURE_INVALID
    answer = c.mail.take(b.member.uri, letter)
    assert answer is not None
    assert letters.acknowledgement_from_bytes(answer[1].payload).refusal
    assert c.shares.list() == ()

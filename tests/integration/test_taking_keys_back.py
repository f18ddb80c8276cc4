"""A hospital takes back keys that it has vouched for: who may, which, and what its list says."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from support.pki import TestNetwork
from support.questions import key
from support.ward import Ward, proposal, reasons, signed_by
from wardnet import clock
from wardnet.agreement.key_revocation import FOR_EVER
from wardnet.agreement.revocation import RevocationList, Revoked
from wardnet.audit.entry import EventType
from wardnet.errors import Reason, WardnetError
from wardnet.identity.credentials import Credentials
from wardnet.identity.envelope import Envelope
from wardnet.identity.member import Role
from wardnet_node.desk.book import Key, with_key, without_key
from wardnet_node.desk.decide import Decisions
from wardnet_node.desk.taken_back import read_list

WHY = "Her laptop was stolen."


class Watch:
    """A clock that stands still until a test moves it."""

    def __init__(self) -> None:
        self.at = clock.now()

    def now(self) -> datetime:
        """Return the moment of this clock."""
        return self.at


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Watch:
    """Return the clock of this test."""
    watch = Watch()
    monkeypatch.setattr(clock, "now", watch.now)
    return watch


@pytest.fixture
def ward(tmp_path: Path) -> Ward:
    """Return hospital a with two stewards."""
    return Ward(TestNetwork(), tmp_path / "a", stewards=("sue", "sam"))


@pytest.fixture
def decisions(ward: Ward) -> Iterator[Decisions]:
    """Open the decisions of a hospital that has checked its own researcher eva."""
    with ward.decisions() as decisions:
        eva = Key("researcher", "eva", key(ward.network.researcher("eva")))
        decisions.change_book(
            lambda before: with_key(before, "a", eva), stewards=[ward.steward("sue")]
        )
        yield decisions


def content(ward: Ward, envelope: Envelope) -> RevocationList:
    """Return what a list says; its signature must hold."""
    return read_list(envelope, trust=ward.network.trust, at=clock.now()).content


def revoke(decisions: Decisions, member: Credentials, steward: Credentials) -> None:
    """Take a member's key back."""
    decisions.revoke_key(key(member), steward=steward, reason=WHY)


def refused(decisions: Decisions, member: Credentials, steward: Credentials) -> Reason:
    """Return why a key is not taken back."""
    with pytest.raises(WardnetError) as caught:
        revoke(decisions, member, steward)
    return caught.value.reason


def test_a_key_that_was_taken_back_holds_nothing(ward: Ward, decisions: Decisions) -> None:
    """At once, for every process, and for good: it stands on the list and in the log."""
    eva, sue = ward.network.researcher("eva"), ward.steward("sue")
    revoke(decisions, eva, sue)
    with ward.decisions() as again:
        assert key(eva) in again.view().revoked
        assert [(item.digest, item.reason) for item in again.taken_back()] == [(key(eva), WHY)]
    assert content(ward, decisions.own_list()).revoked == (Revoked(key(eva), FOR_EVER),)
    assert refused(decisions, eva, sue) is Reason.PARAMETER_INVALID
    kinds = [entry.type for entry in ward.entries()]
    assert EventType.KEY_REVOKED in kinds
    assert EventType.REVOCATIONS_ISSUED in kinds
    assert WHY not in decisions.own_list().payload.decode()


def test_only_stewards_take_keys_back_and_only_their_own_hospital_s(
    ward: Ward, decisions: Decisions
) -> None:
    """Refused and logged: a stranger, the researcher herself, and the key of another's."""
    eva, ada = ward.network.researcher("eva"), ward.network.researcher("ada")
    stranger = ward.network.credentials(Role.STEWARD, "max")
    assert refused(decisions, eva, stranger) is Reason.APPROVAL_MISSING
    assert refused(decisions, eva, eva) is Reason.ROLE_REFUSED
    assert refused(decisions, ada, ward.steward()) is Reason.PARAMETER_INVALID
    assert [kind for kind, _ in ward.refusals()] == [EventType.KEY_REVOKED] * 3
    assert decisions.taken_back() == ()


def test_a_researcher_who_stands_in_a_study_only_can_be_taken_back(
    ward: Ward, decisions: Decisions
) -> None:
    """A steward's signature vouched for her: she is the hospital's as well."""
    eve = ward.network.researcher("eve")
    people = proposal(ward.network).people
    named = type(people[0])("eve", organisation="a", key=key(eve))
    study = proposal(ward.network, people=(*people, named))
    decisions.receive(signed_by(study, ward.network.researcher("ada"), ward.steward()))
    revoke(decisions, eve, ward.steward())
    assert key(eve) in decisions.view().revoked


def test_the_key_of_a_steward_who_is_taken_back_decides_nothing(
    ward: Ward, decisions: Decisions
) -> None:
    """What she alone has agreed to ends; beside another she may still strike herself out."""
    sue, sam = ward.steward("sue"), ward.steward("sam")
    study = proposal(ward.network)
    decisions.receive(signed_by(study, ward.network.researcher("ada")))
    decisions.accept(study.digest, stewards=[sue])
    agreement = decisions.view().agreements[0].agreement.digest
    assert reasons(ward, decisions, study, agreement) == set()
    revoke(decisions, sue, sam)
    assert reasons(ward, decisions, study, agreement) == {Reason.APPROVAL_MISSING}
    with pytest.raises(WardnetError) as caught:
        decisions.change_book(lambda book: without_key(book, "a", key(sam)), stewards=[sue])
    assert caught.value.reason is Reason.APPROVAL_MISSING
    assert refused(decisions, sam, sue) is Reason.APPROVAL_MISSING
    assert refused(decisions, sam, sam) is Reason.PARAMETER_INVALID  # the last one stays
    decisions.change_book(lambda book: without_key(book, "a", key(sue)), stewards=[sue, sam])


def test_a_list_is_signed_anew_when_it_must_be(
    ward: Ward, decisions: Decisions, watch: Watch
) -> None:
    """After 6 hours, after each change, and else never; its epoch only rises."""
    first = decisions.own_list()
    watch.at += timedelta(hours=5, minutes=59)
    assert decisions.own_list() == first
    watch.at += timedelta(minutes=2)
    second = decisions.own_list()
    revoke(decisions, ward.network.researcher("eva"), ward.steward())
    third = decisions.own_list()
    with ward.decisions() as again:
        assert again.own_list() == third
    watch.at -= timedelta(hours=1)  # a clock that was put right
    fourth = decisions.own_list()
    epochs = [content(ward, envelope).epoch for envelope in (first, second, third, fourth)]
    assert epochs == sorted(set(epochs))
    issued = [entry.type for entry in ward.entries()].count(EventType.REVOCATIONS_ISSUED)
    assert issued == len(epochs)


def test_an_agreement_that_was_taken_back_stands_on_the_list_until_it_ends(
    ward: Ward, decisions: Decisions, watch: Watch
) -> None:
    """Then the entry goes, as the agreement would have."""
    study = proposal(ward.network)
    decisions.receive(signed_by(study, ward.network.researcher("ada")))
    until = clock.to_moment(watch.at + timedelta(days=2))
    narrowed = replace(decisions.draft(study.digest), until=until)
    decisions.accept(study.digest, stewards=[ward.steward()], narrowed=narrowed)
    agreement = decisions.view().agreements[0].agreement
    decisions.revoke(study.digest, steward=ward.steward(), reason="No.")
    expected = (Revoked(agreement.digest, agreement.until),)
    assert content(ward, decisions.own_list()).revoked == expected
    watch.at = clock.from_moment(until)
    assert content(ward, decisions.own_list()).revoked == ()


def test_a_hospital_counts_its_epochs_on_after_it_lost_its_lists(
    ward: Ward, decisions: Decisions, watch: Watch
) -> None:
    """A backup that was put back knows none of the lists since, and signs none of them again."""
    before = content(ward, decisions.own_list()).epoch
    with ward.catalog() as catalog, catalog.transaction() as connection:
        connection.execute("DELETE FROM revocations")
    watch.at += timedelta(seconds=1)
    assert content(ward, decisions.own_list()).epoch > before


def test_a_taken_out_row_does_not_bring_a_key_back(ward: Ward, decisions: Decisions) -> None:
    """The log knows better: nothing is allowed, and no list without the key is signed."""
    revoke(decisions, ward.network.researcher("eva"), ward.steward())
    with ward.catalog() as catalog, catalog.transaction() as connection:
        connection.execute("DELETE FROM revoked_keys")
    with ward.decisions() as again:
        for act in (again.book, again.own_list):
            with pytest.raises(WardnetError) as caught:
                act()
            assert caught.value.reason is Reason.STATE_DAMAGED
        assert again.view().book.organisations == ()

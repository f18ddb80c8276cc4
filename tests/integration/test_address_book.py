"""The hospital's address book: who writes into it, and who must sign."""

from pathlib import Path

import pytest

from support.pki import TestNetwork
from support.ward import Ward, fingerprint, proposal, reasons, signed_by
from wardnet import clock
from wardnet.agreement import revocation as revocations
from wardnet.agreement.revocation import RevocationList, Revoked
from wardnet.audit.entry import EventType
from wardnet.errors import Reason, WardnetError
from wardnet.identity.credentials import Credentials
from wardnet.identity.envelope import Envelope, sign
from wardnet.identity.member import Role
from wardnet_node.desk.book import Key, keys_of, with_key, without_key
from wardnet_node.desk.decide import Decisions

KEY = "0123456789abcdef" * 4


@pytest.fixture
def ward(tmp_path: Path) -> Ward:
    """Return hospital a with one steward."""
    return Ward(TestNetwork(), tmp_path / "a")


def known(decisions: Decisions, organisation: str) -> list[tuple[str, str]]:
    """Return the keys of an organisation: role and id."""
    entry = decisions.book().organisation(organisation)
    return [] if entry is None else [(key.role, key.id) for key in keys_of(entry)]


def add(decisions: Decisions, organisation: str, key: Key, *stewards: Credentials) -> None:
    """Write a key into the book."""
    decisions.change_book(
        lambda before: with_key(before, organisation, key), stewards=list(stewards)
    )


def refused_reason(decisions: Decisions, organisation: str, key: Key, *by: Credentials) -> Reason:
    """Return why a key is not written into the book."""
    with pytest.raises(WardnetError) as caught:
        add(decisions, organisation, key, *by)
    return caught.value.reason


def test_the_first_steward_begins_the_book_once(ward: Ward) -> None:
    """It names the hospital, its node and her; nobody else begins it again."""
    with ward.decisions() as decisions:
        assert known(decisions, "a") == [("steward", "sue"), ("node", "a")]
        assert decisions.found_book(ward.network.credentials(Role.STEWARD, "eve")) is False
        assert known(decisions, "a") == [("steward", "sue"), ("node", "a")]


def test_before_the_first_steward_nothing_can_be_written(tmp_path: Path) -> None:
    """The sentence says what to do."""
    network = TestNetwork()
    ward = Ward.__new__(Ward)
    ward.network, ward.home = network, tmp_path / "b"
    ward.credentials = network.node("a")
    ward.keystore = network.found(ward.home, "a")
    with ward.decisions() as decisions:
        assert decisions.book().organisations == ()
        reason = refused_reason(decisions, "b", Key("node", "b", KEY), ward.steward())
        assert reason is Reason.NOT_INITIALISED


def test_a_steward_adds_organisations_and_strikes_them_out(ward: Ward) -> None:
    """Each change is a page, signed and logged."""
    with ward.decisions() as decisions:
        add(decisions, "b", Key("steward", "bea", KEY), ward.steward())
        add(decisions, "b", Key("node", "b", KEY[::-1]), ward.steward())
        assert known(decisions, "b") == [("steward", "bea"), ("node", "b")]
        for key in (KEY, KEY[::-1]):
            decisions.change_book(
                lambda before, key=key: without_key(before, "b", key),  # type: ignore[misc]
                stewards=[ward.steward()],
            )
        assert known(decisions, "b") == []
    changes = [entry for entry in ward.entries() if entry.type is EventType.BOOK_CHANGED]
    assert len(changes) == 2 + 4
    assert {entry.approvals for entry in changes} == {(fingerprint(ward.steward()),)}


def test_what_makes_no_sense_is_refused(ward: Ward) -> None:
    """A key that stands there already, a fingerprint too short, a key that is not there."""
    sue = fingerprint(ward.steward())
    with ward.decisions() as decisions:
        for organisation, key in (
            ("b", Key("researcher", "x", sue)),
            ("a", Key("researcher", "x", sue)),
            ("b", Key("researcher", "x", "abc")),
            ("B B", Key("researcher", "x", KEY)),
            ("b", Key("steward", "x y", KEY)),
        ):
            reason = refused_reason(decisions, organisation, key, ward.steward())
            assert reason is Reason.PARAMETER_INVALID
        with pytest.raises(WardnetError) as caught:
            decisions.change_book(
                lambda before: without_key(before, "b", KEY), stewards=[ward.steward()]
            )
        assert caught.value.reason is Reason.PARAMETER_INVALID


@pytest.mark.parametrize("role", ["steward", "node"])
def test_the_hospital_itself_stays_in_its_book(ward: Ward, role: str) -> None:
    """Neither its node nor its last steward can be struck out."""
    key = fingerprint(ward.steward() if role == "steward" else ward.credentials)
    with ward.decisions() as decisions, pytest.raises(WardnetError) as caught:
        decisions.change_book(
            lambda before: without_key(before, "a", key), stewards=[ward.steward()]
        )
    assert caught.value.reason is Reason.PARAMETER_INVALID


def test_only_stewards_of_the_book_change_it(ward: Ward) -> None:
    """Nobody, a stranger, or a researcher: refused and logged."""
    strangers = (
        ward.network.credentials(Role.STEWARD, "eve"),
        ward.network.researcher("ada"),
        ward.credentials,
    )
    with ward.decisions() as decisions:
        for stranger in strangers:
            key = Key("researcher", "x", KEY)
            assert refused_reason(decisions, "b", key, stranger) is Reason.APPROVAL_MISSING
        assert refused_reason(decisions, "b", Key("node", "b", KEY)) is Reason.APPROVAL_MISSING
    assert ward.refusals() == [(EventType.BOOK_CHANGED, Reason.APPROVAL_MISSING)] * 4


def test_two_stewards_change_who_the_stewards_are(tmp_path: Path) -> None:
    """With two in the book, one alone can neither bring a third nor remove the other."""
    ward = Ward(TestNetwork(), tmp_path / "a", stewards=("sue", "sam"))
    sue, sam = ward.steward("sue"), ward.steward("sam")
    third = Key("steward", "eve", KEY)
    with ward.decisions() as decisions:
        assert refused_reason(decisions, "a", third, sue) is Reason.APPROVAL_MISSING
        assert refused_reason(decisions, "a", third, sue, sue) is Reason.APPROVAL_MISSING
        with pytest.raises(WardnetError) as caught:
            decisions.change_book(
                lambda before: without_key(before, "a", fingerprint(sam)), stewards=[sue]
            )
        assert caught.value.reason is Reason.APPROVAL_MISSING
        add(decisions, "a", third, sue, sam)
        assert ("steward", "eve") in known(decisions, "a")
        add(decisions, "b", Key("node", "b", KEY[::-1]), sam)


def test_a_struck_researcher_is_refused_at_once(ward: Ward) -> None:
    """Nobody vouches for the key any more."""
    study = proposal(ward.network)
    ada = ward.network.researcher("ada")
    with ward.decisions() as decisions:
        decisions.receive(signed_by(study, ada))
        decisions.accept(study.digest, stewards=[ward.steward()])
        agreement = decisions.view().agreements[0].agreement.digest
        assert reasons(ward, decisions, study, agreement) == set()
        decisions.change_book(
            lambda before: without_key(before, "university", fingerprint(ada)),
            stewards=[ward.steward()],
        )
        found = reasons(ward, decisions, study, agreement)
        assert found == {Reason.RESEARCHER_NOT_VOUCHED}


def revoking(signer: Credentials, *, epoch: int, keys: tuple[str, ...] = ()) -> Envelope:
    """Return a list of what the university has taken back."""
    later = clock.to_moment(clock.now().replace(year=clock.now().year + 1, day=1))
    taken = RevocationList(
        version=1,
        network="heartnet",
        organisation="university",
        epoch=epoch,
        issued=clock.to_moment(clock.now()),
        revoked=tuple(sorted(Revoked(key, until=later) for key in keys)),
    )
    data = revocations.list_to_bytes(taken)
    return sign(revocations.LIST_PAYLOAD_TYPE, data, signer.signer)


def test_a_revoked_key_is_refused(ward: Ward) -> None:
    """What the researcher's organisation takes back holds here; an older list changes nothing."""
    study = proposal(ward.network)
    ada, uma = ward.network.researcher("ada"), ward.network.credentials(Role.STEWARD, "uma")
    with ward.decisions() as decisions:
        key = Key("steward", "uma", fingerprint(uma))
        add(decisions, "university", key, ward.steward())
        decisions.receive(signed_by(study, ada))
        decisions.accept(study.digest, stewards=[ward.steward()])
        agreement = decisions.view().agreements[0].agreement.digest
        assert reasons(ward, decisions, study, agreement) == {Reason.REVOCATIONS_STALE}
        decisions.receive_list(revoking(uma, epoch=1))
        assert reasons(ward, decisions, study, agreement) == set()
        decisions.receive_list(revoking(uma, epoch=2, keys=(fingerprint(ada),)))
        assert reasons(ward, decisions, study, agreement) == {Reason.KEY_REVOKED}
        for forged, reason in (
            (revoking(uma, epoch=1), Reason.REVOCATIONS_ROLLED_BACK),
            (revoking(uma, epoch=3), Reason.REVOCATIONS_ROLLED_BACK),
            (revoking(ada, epoch=3), Reason.SIGNATURE_INVALID),
        ):
            with pytest.raises(WardnetError) as caught:
                decisions.receive_list(forged)
            assert caught.value.reason is reason
        assert reasons(ward, decisions, study, agreement) == {Reason.KEY_REVOKED}
    with ward.decisions() as again:
        assert reasons(ward, again, study, agreement) == {Reason.KEY_REVOKED}

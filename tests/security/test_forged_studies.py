"""A lying coordinator sends studies: forged, changed, malformed, for others, or by the thousand."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from support.pki import TestNetwork
from support.ward import Ward, fingerprint, proposal, reasons, signed_by
from wardnet import clock
from wardnet.agreement import study as studies
from wardnet.audit.entry import EventType
from wardnet.errors import Reason, WardnetError
from wardnet.identity.envelope import Envelope, sign
from wardnet.identity.member import Member, Role
from wardnet_node.desk import receive
from wardnet_node.desk.study_state import State

Forge = Callable[[TestNetwork], Envelope]


@pytest.fixture
def ward(tmp_path: Path) -> Ward:
    """Return hospital a with one steward."""
    return Ward(TestNetwork(), tmp_path / "a")


def by_nobody(network: TestNetwork) -> Envelope:
    """Let somebody else sign ada's study."""
    return signed_by(proposal(network), network.researcher("ben"))


def by_an_invented_ada(network: TestNetwork) -> Envelope:
    """Let the coordinator issue a second ada."""
    invented = network.issue(Member(network.name, Role.RESEARCHER, "ada"))
    return signed_by(proposal(network), invented)


def by_an_expired_ada(network: TestNetwork) -> Envelope:
    """Sign with a certificate of the past."""
    at = network.at - timedelta(days=60)
    expired = network.issue(network.researcher("ada").member, at=at, lifetime=timedelta(days=30))
    return signed_by(proposal(network), expired)


def flipped(network: TestNetwork) -> Envelope:
    """Change one byte."""
    envelope = signed_by(proposal(network), network.researcher("ada"))
    return replace(envelope, payload=envelope.payload.replace(b"Age", b"age"))


def of_another_type(network: TestNetwork) -> Envelope:
    """Give it out as something else."""
    envelope = signed_by(proposal(network), network.researcher("ada"))
    return replace(envelope, payload_type="application/vnd.wardnet.agreement.v1+json")


def for_others(network: TestNetwork) -> Envelope:
    """Ask other hospitals."""
    return signed_by(proposal(network, setting__hospitals=("b", "c")), network.researcher("ada"))


def of_another_network(network: TestNetwork) -> Envelope:
    """Name another network."""
    return signed_by(proposal(network, network="lungnet"), network.researcher("ada"))


def written_as(data: bytes) -> Forge:
    """Let ada sign bytes that are no study."""

    def forge(network: TestNetwork) -> Envelope:
        return sign(studies.PAYLOAD_TYPE, data, network.researcher("ada").signer)

    return forge


FORGED: dict[str, tuple[Forge, Reason]] = {
    "signed by somebody else": (by_nobody, Reason.SIGNATURE_INVALID),
    "an invented researcher": (by_an_invented_ada, Reason.SIGNATURE_INVALID),
    "an expired certificate": (by_an_expired_ada, Reason.SIGNATURE_INVALID),
    "a flipped byte": (flipped, Reason.SIGNATURE_INVALID),
    "another type": (of_another_type, Reason.SIGNATURE_INVALID),
    "for others": (for_others, Reason.STUDY_INVALID),
    "another network": (of_another_network, Reason.STUDY_INVALID),
    "a key twice": (written_as(b'{"version":1,"version":1}'), Reason.MALFORMED),
    "not a number": (written_as(b'{"version":NaN}'), Reason.MALFORMED),
    "an unknown field": (written_as(b'{"aim":"all","version":1}'), Reason.MALFORMED),
    "deep nesting": (written_as(b"[" * 100_000 + b"]" * 100_000), Reason.MALFORMED),
    "no JSON": (written_as(b"\xff"), Reason.MALFORMED),
}


@pytest.mark.parametrize(("forge", "reason"), FORGED.values(), ids=FORGED)
def test_a_forged_study_is_refused_and_logged_once(
    ward: Ward, forge: Forge, reason: Reason
) -> None:
    """However often it comes, it reaches nobody's inbox and does not fill the log."""
    forged = forge(ward.network)
    good = proposal(ward.network)
    with ward.decisions() as decisions:
        with pytest.raises(WardnetError) as caught:
            decisions.receive(forged)
        assert caught.value.reason is reason
        decisions.receive(forged)
        assert decisions.studies() == ()
        decisions.receive(signed_by(good, ward.network.researcher("ada")))
        assert [state.study for state in decisions.studies()] == [good]
    assert ward.refusals() == [(EventType.STUDY_RECEIVED, reason)]


def test_a_signature_too_many_does_not_spoil_an_agreed_study(ward: Ward) -> None:
    """Two keys under one name, each beside ada's own signature, are not joined to what is held."""
    study, ada = proposal(ward.network), ward.network.researcher("ada")
    uma = Member(ward.network.name, Role.STEWARD, "uma")
    first, second = ward.network.issue(uma), ward.network.issue(uma)
    with ward.decisions() as decisions:
        decisions.receive(signed_by(study, ada))
        agreement = decisions.accept(study.digest, stewards=[ward.steward()]).agreement
        assert agreement is not None
        decisions.receive(signed_by(study, ada, first))
        with pytest.raises(WardnetError) as caught:
            decisions.receive(signed_by(study, ada, second))
        assert caught.value.reason is Reason.SIGNATURE_INVALID
    with ward.decisions() as decisions:
        assert reasons(ward, decisions, study, agreement.digest) == set()
        assert decisions.study(study.digest).state is State.AGREED
    assert ward.refusals() == [(EventType.STUDY_RECEIVED, Reason.SIGNATURE_INVALID)]


def test_signatures_of_invented_people_fill_nothing(
    ward: Ward, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many countersign a study, so many are kept, and it stays as it is."""
    monkeypatch.setattr(receive, "MAXIMUM_SIGNERS", 3)
    study, ada = proposal(ward.network), ward.network.researcher("ada")
    invented = [ward.network.credentials(Role.STEWARD, f"s{number}") for number in range(3)]
    with ward.decisions() as decisions:
        for steward in invented[:2]:
            decisions.receive(signed_by(study, ada, steward))
        with pytest.raises(WardnetError) as caught:
            decisions.receive(signed_by(study, ada, invented[2]))
        assert caught.value.reason is Reason.WORK_LIMIT
        assert [state.state for state in decisions.studies()] == [State.NEW]


def test_a_flood_of_studies_stops_at_a_limit(ward: Ward, monkeypatch: pytest.MonkeyPatch) -> None:
    """The inbox holds so many undecided ones; the next is taken as soon as there is room."""
    monkeypatch.setattr(receive, "MAXIMUM_UNDECIDED", 3)
    ada = ward.network.researcher("ada")
    with ward.decisions() as decisions:
        for number in range(3):
            decisions.receive(
                signed_by(proposal(ward.network, project__title=f"Study {number}"), ada)
            )
        honest = signed_by(proposal(ward.network), ada)
        with pytest.raises(WardnetError) as caught:
            decisions.receive(honest)
        assert caught.value.reason is Reason.WORK_LIMIT
        waiting = decisions.studies()[0].study.digest
        decisions.decline(waiting, steward=ward.steward(), reason="No.")
        decisions.receive(honest)
        assert len(decisions.studies()) == 4


def test_a_study_that_was_valid_when_it_came_stays(ward: Ward) -> None:
    """The certificates of its signers may expire afterwards."""
    at = clock.now()
    short = ward.network.issue(
        Member("heartnet", Role.RESEARCHER, "ada"), lifetime=timedelta(seconds=2), at=at
    )
    people = (replace(proposal(ward.network).people[0], key=fingerprint(short)),)
    study = proposal(ward.network, people=people)
    with ward.decisions() as decisions:
        decisions.receive(signed_by(study, short))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock, "now", lambda: at + timedelta(days=1))
        with ward.decisions() as decisions:
            assert [state.study for state in decisions.studies()] == [study]

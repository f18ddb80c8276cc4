"""What stewards decide: signed, logged, kept, and what holds of it for questions."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from support.pki import TestNetwork
from support.questions import DICTIONARY
from support.ward import Ward, fingerprint, proposal, reasons, refused, signed_by
from wardnet import clock
from wardnet.agreement.agreement import Agreement
from wardnet.agreement.study import Method
from wardnet.audit.entry import EventType
from wardnet.errors import Reason, WardnetError
from wardnet.identity.envelope import verify
from wardnet.identity.member import Role
from wardnet.question.grammar import parse
from wardnet_node.desk import studies
from wardnet_node.desk.decide import Decisions
from wardnet_node.desk.narrow import Narrowing, evidence, narrow, narrower
from wardnet_node.desk.study_state import State


@pytest.fixture
def network() -> TestNetwork:
    """Return a network."""
    return TestNetwork()


@pytest.fixture
def ward(network: TestNetwork, tmp_path: Path) -> Ward:
    """Return hospital a with one steward."""
    return Ward(network, tmp_path / "a")


@pytest.fixture
def ward_of_two(network: TestNetwork, tmp_path: Path) -> Ward:
    """Return hospital a with two stewards."""
    return Ward(network, tmp_path / "a", stewards=("sue", "sam"))


def propose(ward: Ward, decisions: Decisions, **changes: object) -> str:
    """Let ada propose a study; return its id."""
    study = proposal(ward.network, **changes)
    decisions.receive(signed_by(study, ward.network.researcher("ada")))
    return study.digest


def agreed(decisions: Decisions, study: str) -> Agreement:
    """Return the newest agreement to a study."""
    agreement = decisions.study(study).agreement
    assert agreement is not None
    return agreement


def test_a_study_waits_until_a_steward_agrees(ward: Ward) -> None:
    """New at first; agreed afterwards, and a question under it is allowed."""
    with ward.decisions() as decisions:
        study = propose(ward, decisions)
        assert decisions.study(study[:6]).state is State.NEW
        state = decisions.accept(study, stewards=[ward.steward()])
        assert state.state is State.AGREED
        agreement = agreed(decisions, study)
        assert reasons(ward, decisions, state.study, agreement.digest) == set()
    kinds = [entry.type for entry in ward.entries()]
    assert kinds[-2:] == [EventType.STUDY_RECEIVED, EventType.AGREEMENT_SIGNED]
    assert ward.entries()[-1].approvals == (fingerprint(ward.steward()),)


def test_a_decision_is_seen_by_every_process(ward: Ward) -> None:
    """A command's agreement holds in the daemon at once, and its revocation too."""
    with ward.decisions() as daemon, ward.decisions() as command:
        study = propose(ward, daemon)
        assert reasons(ward, daemon, daemon.study(study).study, "0" * 64) == {
            Reason.AGREEMENT_MISSING
        }
        command.accept(study, stewards=[ward.steward()])
        agreement = agreed(command, study).digest
        assert reasons(ward, daemon, daemon.study(study).study, agreement) == set()
        command.revoke(study, steward=ward.steward(), reason="We need them no longer.")
        assert reasons(ward, daemon, daemon.study(study).study, agreement) == {
            Reason.AGREEMENT_REVOKED
        }


def test_statements_carry_the_signatures_of_steward_and_node(ward: Ward) -> None:
    """What is sent can be verified by others; it is sent until it is acknowledged."""
    with ward.decisions() as decisions:
        study = propose(ward, decisions)
        decisions.accept(study, stewards=[ward.steward()])
        decisions.revoke(study, steward=ward.steward(), reason="No.")
        first, second = decisions.unsent()
        for item in (first, second):
            kind = item.envelope.payload_type
            members = verify(
                item.envelope, payload_type=kind, trust=ward.network.trust, at=clock.now()
            )
            assert {member.role for member in members} == {Role.STEWARD, Role.NODE}
        decisions.acknowledge(first.digest)
        assert decisions.unsent() == (second,)


def test_an_agreement_may_be_narrower(ward: Ward, tmp_path: Path) -> None:
    """Every limit can be tightened; evidence goes in by its digest."""
    document = tmp_path / "vote.pdf"
    document.write_bytes(b"yes")
    with ward.decisions() as decisions:
        study = propose(ward, decisions)
        narrowing = Narrowing(
            columns=["age"],
            cohort_columns=["age", "sex"],
            methods=["summary"],
            minimum_patients=50,
            minimum_hospitals=3,
            quota=5,
            until=(clock.now() + timedelta(days=30)).date(),
            cohort=parse("age >= 18"),
            conditions=["Show us the manuscript."],
            evidence=[evidence(document)],
        )
        decisions.accept(
            study, stewards=[ward.steward()], narrowed=narrow(decisions.draft(study), narrowing)
        )
        agreement = agreed(decisions, study)
        assert (agreement.columns, agreement.quota) == (("age",), 5)
        assert agreement.evidence[0].name == "vote.pdf"
        ways = list(narrower(agreement, decisions.study(study).study))
        assert len(ways) == 8
        found = reasons(ward, decisions, decisions.study(study).study, agreement.digest)
        assert found == {Reason.COLUMN_UNAVAILABLE, Reason.OUTSIDE_AGREEMENT}


@pytest.mark.parametrize(
    "narrowing",
    [
        Narrowing(columns=["age", "pulse"]),
        Narrowing(methods=["count", "regression"]),
        Narrowing(minimum_patients=11),
        Narrowing(minimum_hospitals=1),
        Narrowing(quota=51),
        Narrowing(until=datetime(2999, 1, 1, tzinfo=UTC).date()),
        Narrowing(until=datetime(2020, 1, 1, tzinfo=UTC).date()),
        Narrowing(cohort=parse("pulse > 3")),
    ],
    ids=lambda item: next(name for name in item.__slots__ if getattr(item, name)),
)
def test_an_agreement_cannot_be_wider_than_its_study(ward: Ward, narrowing: Narrowing) -> None:
    """Whatever was not asked for is refused, and the refusal is logged."""
    with ward.decisions() as decisions:
        study = propose(ward, decisions)
        wide = narrow(decisions.draft(study), narrowing)
        with pytest.raises(WardnetError) as caught:
            decisions.accept(study, stewards=[ward.steward()], narrowed=wide)
        assert caught.value.reason is Reason.AGREEMENT_TOO_WIDE
        assert decisions.study(study).state is State.NEW
    assert ward.refusals() == [(EventType.AGREEMENT_SIGNED, Reason.AGREEMENT_TOO_WIDE)]


def test_a_cohort_that_the_dictionary_gives_no_meaning_is_refused(ward: Ward) -> None:
    """A mistyped level would allow nothing for ever."""
    with ward.decisions() as decisions:
        study = propose(ward, decisions)
        narrowed = narrow(decisions.draft(study), Narrowing(cohort=parse("sex = 'femal'")))
        with pytest.raises(WardnetError) as caught:
            decisions.accept(study, stewards=[ward.steward()], narrowed=narrowed)
        assert caught.value.reason is Reason.PARAMETER_INVALID


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"data__columns": ("age", "pulse")}, Reason.COLUMN_UNAVAILABLE),
        ({"data__dataset": "oncology"}, Reason.DATASET_UNAVAILABLE),
        ({"data__dictionary": "0" * 64}, Reason.DICTIONARY_OUTDATED),
    ],
)
def test_a_study_about_data_that_we_do_not_have_cannot_be_agreed_to(
    ward: Ward, changes: dict[str, object], reason: Reason
) -> None:
    """The steward sees it as a concern before she decides, and nothing is signed."""
    with ward.decisions() as decisions:
        study = propose(ward, decisions, **changes)
        assert [concern.reason for concern in decisions.concerns(study)] == [reason]
        with pytest.raises(WardnetError) as caught:
            decisions.accept(study, stewards=[ward.steward()])
        assert caught.value.reason is reason
    assert ward.refusals() == [(EventType.AGREEMENT_SIGNED, reason)]


def test_a_decline_says_why_and_can_be_changed(ward: Ward) -> None:
    """A declined study may be agreed to later; an agreed one is revoked, not declined."""
    with ward.decisions() as decisions:
        study = propose(ward, decisions)
        state = decisions.decline(study, steward=ward.steward(), reason="Too many columns.")
        assert (state.state, state.reason) == (State.DECLINED, "Too many columns.")
        with pytest.raises(WardnetError, match="declined already"):
            decisions.decline(study, steward=ward.steward(), reason="Again.")
        with pytest.raises(WardnetError, match="no agreement is in force"):
            decisions.revoke(study, steward=ward.steward(), reason="What?")
        assert decisions.accept(study, stewards=[ward.steward()]).state is State.AGREED
        with pytest.raises(WardnetError, match="revoke the agreement"):
            decisions.decline(study, steward=ward.steward(), reason="No.")


def test_a_reason_that_hides_what_it_says_is_refused(ward: Ward) -> None:
    """No control characters in what people read."""
    with ward.decisions() as decisions:
        study = propose(ward, decisions)
        with pytest.raises(WardnetError) as caught:
            decisions.decline(study, steward=ward.steward(), reason="no\u202eon")
        assert caught.value.reason is Reason.MALFORMED


def test_a_steward_does_not_approve_her_own_request(ward: Ward) -> None:
    """Whoever is among the people of a study signs nothing for it."""
    sue = ward.steward()
    people = (
        *proposal(ward.network).people,
        type(proposal(ward.network).people[0])("sue", organisation="a", key=fingerprint(sue)),
    )
    with ward.decisions() as decisions:
        study = propose(ward, decisions, people=people)
        with pytest.raises(WardnetError) as caught:
            decisions.accept(study, stewards=[sue])
        assert caught.value.reason is Reason.APPROVAL_MISSING
        assert decisions.view().agreements == ()
    assert ward.refusals() == [(EventType.AGREEMENT_SIGNED, Reason.APPROVAL_MISSING)]


def test_only_stewards_of_the_address_book_decide(ward: Ward) -> None:
    """A certificate of the network alone gives no say, whatever the coordinator issued."""
    invented = ward.network.credentials(Role.STEWARD, "eve")
    renamed = ward.network.issue(ward.steward().member)
    with ward.decisions() as decisions:
        study = propose(ward, decisions)
        for stranger in (invented, renamed):
            with pytest.raises(WardnetError) as caught:
                decisions.accept(study, stewards=[stranger])
            assert caught.value.reason is Reason.APPROVAL_MISSING
        with pytest.raises(WardnetError) as caught:
            decisions.accept(study, stewards=[ward.network.researcher("ada")])
        assert caught.value.reason is Reason.ROLE_REFUSED
        with pytest.raises(WardnetError) as caught:
            decisions.accept(study, stewards=[])
        assert caught.value.reason is Reason.APPROVAL_MISSING


def test_allowing_more_than_before_needs_two_stewards(ward_of_two: Ward) -> None:
    """One may narrow at any time; one alone, or the same twice, never widens."""
    ward = ward_of_two
    sue, sam = ward.steward("sue"), ward.steward("sam")
    with ward.decisions() as decisions:
        study = propose(ward, decisions)
        for quota in (10, 5):
            less = narrow(decisions.draft(study), Narrowing(quota=quota))
            decisions.accept(study, stewards=[sue], narrowed=less)
        more = narrow(decisions.draft(study), Narrowing(quota=6))
        for stewards in ([sue], [sue, sue]):
            with pytest.raises(WardnetError, match="two different stewards"):
                decisions.accept(study, stewards=stewards, narrowed=more)
        decisions.accept(study, stewards=[sue, sam], narrowed=more)
        agreement = agreed(decisions, study)
        assert (agreement.quota, agreement.revision) == (6, 3)
        assert len(decisions.view().agreements) == 3


def test_an_agreement_drawn_up_before_another_was_signed_is_refused(ward: Ward) -> None:
    """What was read is number 1; since then somebody has signed one, and it must be read again."""
    with ward.decisions() as decisions:
        study = propose(ward, decisions)
        draft = decisions.draft(study)
        decisions.accept(study, stewards=[ward.steward()])
        with pytest.raises(WardnetError) as caught:
            decisions.accept(study, stewards=[ward.steward()], narrowed=draft)
    assert caught.value.reason is Reason.STUDY_DECIDED
    assert "somebody has decided meanwhile; look at it again" in str(caught.value)


def test_agreeing_again_after_a_revocation_needs_two_stewards(ward_of_two: Ward) -> None:
    """What was taken back is not given again by one."""
    ward = ward_of_two
    sue, sam = ward.steward("sue"), ward.steward("sam")
    with ward.decisions() as decisions:
        study = propose(ward, decisions)
        decisions.accept(study, stewards=[sue])
        decisions.revoke(study, steward=sue, reason="A mistake.")
        with pytest.raises(WardnetError) as caught:
            decisions.accept(study, stewards=[sam])
        assert caught.value.reason is Reason.APPROVAL_MISSING
        assert decisions.accept(study, stewards=[sue, sam]).state is State.AGREED
        agreement = agreed(decisions, study)
        assert reasons(ward, decisions, decisions.study(study).study, agreement.digest) == set()


def test_an_older_agreement_no_longer_holds(ward: Ward) -> None:
    """A question that names it is told that there is a newer one."""
    with ward.decisions() as decisions:
        study = propose(ward, decisions)
        decisions.accept(study, stewards=[ward.steward()])
        old = agreed(decisions, study).digest
        less = narrow(decisions.draft(study), Narrowing(quota=5))
        decisions.accept(study, stewards=[ward.steward()], narrowed=less)
        found = reasons(ward, decisions, decisions.study(study).study, old)
        assert found == {Reason.AGREEMENT_SUPERSEDED}


def test_an_ended_study_cannot_be_decided_on(ward: Ward) -> None:
    """It shows as ended."""
    with ward.decisions() as decisions:
        study = propose(ward, decisions, not_after="2020-01-01T00:00:00.000Z")
        assert decisions.study(study).state is State.ENDED
        with pytest.raises(WardnetError, match="has ended"):
            decisions.accept(study, stewards=[ward.steward()])


def test_studies_are_found_by_the_beginning_of_their_id(ward: Ward) -> None:
    """Too short a beginning, or an unknown one, finds nothing."""
    with ward.decisions() as decisions:
        study = propose(ward, decisions)
        for prefix in ("", study[:5], "0" * 64, study + "0"):
            with pytest.raises(WardnetError) as caught:
                decisions.study(prefix)
            assert caught.value.reason is Reason.STUDY_UNKNOWN
        assert [state.study.digest for state in decisions.studies()] == [study]


def test_different_questions_are_counted_once(ward: Ward) -> None:
    """Asking again costs nothing; the question that is decided on does not count."""
    with ward.decisions() as decisions:
        study = propose(ward, decisions)
        with ward.catalog() as catalog, catalog.transaction() as connection:
            studies.remember_use(connection, study, question="1" * 64, query="a")
            studies.remember_use(connection, study, question="1" * 64, query="b")
            studies.remember_use(connection, study, question="2" * 64, query="c")
        assert decisions.view().used == {study: 2}
        assert decisions.view(question="2" * 64).used == {study: 1}
        assert decisions.study(study).used == 2


def test_a_study_is_described_in_plain_language(ward: Ward) -> None:
    """Who, why, which columns and methods, which limits, what could leak."""
    with ward.decisions() as decisions:
        study = propose(ward, decisions, output__methods=(Method("count", 1),))
        sections = {section.title: section.lines for section in decisions.describe(study)}
    assert any("the key was checked" in line for line in sections["Who asks?"])
    assert f"Table {DICTIONARY.name}, of each patient:" in sections["Which data do they look at?"]
    assert any("at least 12 patients" in line for line in sections["Which limits hold?"])
    assert any("take the difference" in line for line in sections["What could leak?"])


def test_a_countersignature_that_comes_later_is_kept(ward: Ward) -> None:
    """A study that a steward of the researcher's organisation signs afterwards is the same one."""
    study = proposal(ward.network)
    ada, uma = ward.network.researcher("ada"), ward.network.credentials(Role.STEWARD, "uma")
    with ward.decisions() as decisions:
        decisions.receive(signed_by(study, ada))
        decisions.accept(study.digest, stewards=[ward.steward()])
        decisions.receive(signed_by(study, ada, uma))
        decisions.receive(signed_by(study, ada))
        (held,) = decisions.view().agreements
        assert held.vouched_by == {fingerprint(ada), fingerprint(uma)}
        assert len(decisions.studies()) == 1


def test_refusals_are_typed(ward: Ward) -> None:
    """A decision about nothing is refused and logged like every other."""
    with ward.decisions() as decisions, pytest.raises(WardnetError) as caught:
        decisions.accept("ffffffff", stewards=[ward.steward()])
    assert refused(caught.value) is Reason.STUDY_UNKNOWN
    assert ward.refusals() == [(EventType.AGREEMENT_SIGNED, Reason.STUDY_UNKNOWN)]

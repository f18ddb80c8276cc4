"""Attacker: a researcher with a real certificate and a real study, who wants more than was agreed.

Every attempt is signed with the key that the hospitals have checked. It is refused with all its
reasons, none of which holds a number derived from data, and stands in the log under the
researcher's name.
"""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Final

import pytest

from support.hospital import MEN, WOMEN, Hospital
from support.pki import TestNetwork
from support.questions import PURPOSE, agreement, count_query, key, signed, steward, study
from wardnet import canonical, clock
from wardnet.agreement import study as studies
from wardnet.agreement.agreement import Agreement
from wardnet.agreement.purpose import Permission
from wardnet.agreement.study import Method, Researcher
from wardnet.audit.entry import Entry, Outcome
from wardnet.errors import Reason, WardnetError
from wardnet.identity.envelope import sign
from wardnet.question import cohort
from wardnet.question import query as queries
from wardnet.question.query import Query
from wardnet.transport.work import Work, WorkId
from wardnet_node.desk.accept import Refused

Ask = Callable[[TestNetwork], Query]


def narrow_agreement(network: TestNetwork) -> Agreement:
    """Return what hospital a has agreed to."""
    return replace(
        agreement(network),
        revision=2,
        columns=("sex",),
        cohort_columns=(),
        methods=(Method("count", 1),),
        minimum_patients=15,
        minimum_hospitals=2,
        quota=1,
    )


def narrowed(network: TestNetwork, **changes: object) -> Query:
    """Return a query under hospital a's agreement, which allows counting of sex, at two or more."""
    agreements = {
        "a": narrow_agreement(network).digest,
        "b": agreement(network, "b").digest,
    }
    fields = {"agreements": agreements, "minimum_patients": 15, **changes}
    return count_query(network, **fields)  # type: ignore[arg-type]


OLD: Final = cohort.Compare("age", ">=", "100")

GREEDY: Final[dict[str, tuple[Ask, Reason]]] = {
    "another column": (
        lambda network: narrowed(
            network, method="summary", parameters={"columns": ["age"], "by": []}
        ),
        Reason.COLUMN_UNAVAILABLE,
    ),
    "a cohort by another column": (
        lambda network: narrowed(network, cohort=OLD),
        Reason.COLUMN_UNAVAILABLE,
    ),
    "another method": (
        lambda network: narrowed(
            network, method="crosstab", parameters={"rows": "sex", "columns": "sex"}
        ),
        Reason.OUTSIDE_AGREEMENT,
    ),
    "smaller groups": (
        lambda network: narrowed(network, minimum_patients=10),
        Reason.OUTSIDE_AGREEMENT,
    ),
    "one hospital alone": (
        lambda network: narrowed(network, minimum_hospitals=1),
        Reason.OUTSIDE_AGREEMENT,
    ),
    "another purpose": (
        lambda network: narrowed(
            network,
            purpose={**PURPOSE, "permission": Permission.GRU.value},
        ),
        Reason.OUTSIDE_AGREEMENT,
    ),
    "a lifetime of a year": (
        lambda network: narrowed(
            network, not_after=clock.to_moment(clock.now() + timedelta(days=365))
        ),
        Reason.QUERY_EXPIRED,
    ),
    "the wider agreement of before": (
        count_query,
        Reason.AGREEMENT_SUPERSEDED,
    ),
    "another study's name": (
        lambda network: narrowed(network, study="f" * 64),
        Reason.AGREEMENT_MISSING,
    ),
}


@pytest.fixture
def network() -> TestNetwork:
    """Return a network."""
    return TestNetwork()


@pytest.fixture
def hospital(network: TestNetwork, tmp_path: Path) -> Hospital:
    """Return hospital a, which has narrowed its agreement."""
    hospital = Hospital(network, tmp_path / "a")
    with hospital.decisions() as decisions:
        decisions.accept(
            study(network).digest,
            stewards=[steward(network, "a")],
            narrowed=narrow_agreement(network),
        )
    return hospital


def work(network: TestNetwork, query: Query) -> Work:
    """Return the guard round of a query's first attempt."""
    envelope = signed(network, query)
    return Work(WorkId(canonical.digest(envelope.payload), 1, 0), envelope, ("a", "b"), ())


def refused(hospital: Hospital, asked: Work) -> Refused:
    """Return what the hospital says to a query that it must refuse, as the daemon does it."""
    with hospital.desk() as desk:
        desk.start()
        with pytest.raises(Refused) as caught:
            desk.open(asked)
        desk.refuse(asked, caught.value.reasons)
    return caught.value


def last_refusal(hospital: Hospital) -> Entry:
    """Return the newest refusal in the log."""
    return [entry for entry in hospital.entries() if entry.outcome is Outcome.REFUSED][-1]


@pytest.mark.parametrize(("ask", "reason"), GREEDY.values(), ids=GREEDY)
def test_more_than_was_agreed_is_refused(
    network: TestNetwork, hospital: Hospital, ask: Ask, reason: Reason
) -> None:
    """The reason is named, no sentence tells of patients, and the log names the researcher."""
    said = refused(hospital, work(network, ask(network)))
    assert reason in {error.reason for error in said.reasons}
    numbers = {int(number) for error in said.reasons for number in re.findall(r"\d+", str(error))}
    assert numbers.isdisjoint({WOMEN, MEN, WOMEN + MEN})
    assert last_refusal(hospital).actor.subject == "wardnet://heartnet/researcher/ada"


def test_what_was_agreed_is_answered(network: TestNetwork, hospital: Hospital) -> None:
    """The attempts above fail for what they ask, and for nothing else."""
    with hospital.desk() as desk:
        desk.start()
        asked = narrowed(network)
        assert desk.open(work(network, asked)).query == asked


def test_a_second_question_beyond_the_quota_is_refused(
    network: TestNetwork, hospital: Hospital
) -> None:
    """Also after a restart, and under whatever nonce."""
    with hospital.desk() as desk:
        desk.start()
        desk.open(work(network, narrowed(network)))
    other = narrowed(network, nonce="1" * 32, parameters={"by": []})
    said = refused(hospital, work(network, other))
    assert [error.reason for error in said.reasons] == [Reason.QUOTA_USED_UP]


def test_a_used_nonce_is_refused_after_a_restart(network: TestNetwork, hospital: Hospital) -> None:
    """A nonce belongs to the bytes that used it first, for good."""
    with hospital.desk() as desk:
        desk.start()
        desk.open(work(network, narrowed(network)))
    said = refused(hospital, work(network, narrowed(network, parameters={"by": []})))
    assert Reason.QUERY_REPLAYED in {error.reason for error in said.reasons}


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: data.replace(b'"version":1}', b'"version":1,"version":1}'),
        lambda data: data.replace(b'"minimum_patients":15', b'"minimum_patients":NaN'),
        lambda data: data.replace(b'"version":1}', b'"version":1,"zeal":1}'),
        lambda data: data.replace(b'"by":["sex"]', b'"by":' + b"[" * 100_000 + b"]" * 100_000),
        lambda data: data.replace(b'"minimum_patients":15', b'"minimum_patients":2'),
    ],
    ids=["a key twice", "NaN", "an unknown field", "nested deeply", "two patients"],
)
def test_signed_nonsense_is_refused_and_the_node_goes_on(
    network: TestNetwork, hospital: Hospital, spoil: Callable[[bytes], bytes]
) -> None:
    """What two readers could read differently is not read at all."""
    good = queries.to_bytes(narrowed(network))
    assert spoil(good) != good
    envelope = sign(queries.PAYLOAD_TYPE, spoil(good), network.researcher().signer)
    work_id = WorkId(canonical.digest(envelope.payload), 1, 0)
    said = refused(hospital, Work(work_id, envelope, ("a", "b"), ()))
    assert [error.reason for error in said.reasons] == [Reason.MALFORMED]
    assert last_refusal(hospital).reason is Reason.MALFORMED
    with hospital.desk() as desk:
        desk.start()
        desk.open(work(network, narrowed(network)))


def test_a_researcher_who_is_steward_too_cannot_agree_to_her_own_study(
    network: TestNetwork, hospital: Hospital
) -> None:
    """Whoever asks never approves, by whatever key."""
    own = steward(network, "a")
    people = (Researcher("steward-a", organisation="university", key=key(own)),)
    proposal = study(network, people=people)
    with hospital.decisions() as decisions:
        decisions.receive(sign(studies.PAYLOAD_TYPE, studies.to_bytes(proposal), own.signer))
        with pytest.raises(WardnetError) as caught:
            decisions.accept(proposal.digest, stewards=[own])
    assert caught.value.reason is Reason.APPROVAL_MISSING
    assert last_refusal(hospital).reason is Reason.APPROVAL_MISSING

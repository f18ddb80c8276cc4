"""A hospital accepts a query only after every check, and names every check that failed."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import cache

import pytest

from support.pki import TestNetwork
from support.questions import DICTIONARY, agreement, count_query, held, signed, study, view
from wardnet import canonical, clock
from wardnet.agreement.view import View
from wardnet.errors import Reason, WardnetError
from wardnet.identity.envelope import Envelope, merge, sign
from wardnet.identity.member import Role
from wardnet.question import answer
from wardnet.question.cohort import Missing
from wardnet.question.query import PAYLOAD_TYPE, Query, to_bytes
from wardnet_node.desk.accept import (
    Permitted,
    Refused,
    Sources,
    accept,
    check_attempt,
)
from wardnet_node.vault.snapshot import Snapshot

SNAPSHOT = Snapshot(DICTIONARY.name, 1, "1:aa", DICTIONARY, (), rows=50, patients=50)
OTHER = replace(DICTIONARY, version=2)


@cache
def network() -> TestNetwork:
    """Return one network for all tests of this module."""
    return TestNetwork()


def here(name: str) -> Snapshot:
    """Return hospital a's present snapshot of the one dataset that it holds."""
    if name != DICTIONARY.name:
        raise WardnetError(Reason.DATASET_UNAVAILABLE, dataset=name)
    return SNAPSHOT


def decide(
    envelope: Envelope,
    *,
    knows: Callable[[str], View] | None = None,
    used_by: str | None = None,
    unlocked: str = "",
    snapshot: Callable[[str], Snapshot] = here,
) -> Permitted:
    """Let hospital a decide."""
    sources = Sources(
        view=knows or (lambda _: view(network())),
        snapshot=snapshot,
        nonce_used_by=lambda _: used_by,
        known_since=lambda: unlocked,
    )
    return accept(envelope, trust=network().trust, at=network().at, sources=sources)


def query(**changes: object) -> Query:
    """Return a query of this network, asked at the network's own moment."""
    return count_query(network(), at=network().at, **changes)


def moment(*, minutes: int) -> str:
    """Return a moment some minutes after the network's own."""
    return clock.to_moment(network().at + timedelta(minutes=minutes))


def refusals(envelope: Envelope, **known: object) -> tuple[WardnetError, ...]:
    """Return why hospital a refuses."""
    with pytest.raises(Refused) as caught:
        decide(envelope, **known)  # type: ignore[arg-type]
    return caught.value.reasons


def reasons(envelope: Envelope, **known: object) -> list[Reason]:
    """Return the names of the reasons why hospital a refuses."""
    return [error.reason for error in refusals(envelope, **known)]


def test_a_query_that_passes_every_check_is_accepted_as_it_was_signed() -> None:
    """What is accepted is what the researcher signed, field by field, on the present rows."""
    permitted = decide(signed(network(), query()))
    assert permitted.request.query == query()
    assert (permitted.snapshot, permitted.session.round) == (SNAPSHOT, 0)


def test_a_changed_query_is_refused_before_it_is_parsed() -> None:
    """Bytes that cannot be parsed raise no parser error: the signature is checked first."""
    envelope = replace(signed(network(), query()), payload=b"{not json")
    assert reasons(envelope) == [Reason.SIGNATURE_INVALID]


@pytest.mark.parametrize("place", [1, 300, -2])
def test_one_flipped_byte_breaks_the_signature(place: int) -> None:
    """Wherever it lies."""
    envelope = signed(network(), query())
    payload = bytearray(envelope.payload)
    payload[place] ^= 1
    assert reasons(replace(envelope, payload=bytes(payload))) == [Reason.SIGNATURE_INVALID]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: data.replace(b'"version":1}', b'"version":1,"version":1}'),
        lambda data: data.replace(b'"minimum_patients":10', b'"minimum_patients":NaN'),
        lambda data: data.replace(b'"version":1}', b'"version":1,"zeal":1}'),
        lambda data: data.replace(b'"minimum_patients":10', b'"minimum_patients":9'),
        lambda data: data.replace(b'"by":["sex"]', b'"by":' + b"[" * 100_000 + b"]" * 100_000),
        lambda data: data.replace(b'"parameters":', b' "parameters":'),
        lambda data: data.replace(b'"DUO:0000006"', b'"DUO:0000043"'),
    ],
    ids=[
        "a key twice",
        "NaN",
        "an unknown field",
        "too few patients",
        "nested deeply",
        "a space",
        "an unknown purpose",
    ],
)
def test_signed_nonsense_is_refused(spoil: Callable[[bytes], bytes]) -> None:
    """A signature makes nothing true that two readers could read differently."""
    payload = spoil(to_bytes(query()))
    assert payload != to_bytes(query())
    envelope = sign(PAYLOAD_TYPE, payload, network().researcher().signer)
    assert reasons(envelope) == [Reason.MALFORMED]


def test_a_recipient_that_nothing_can_be_sealed_to_is_refused_at_once() -> None:
    """Not after the work is done; such a key would make the answer everybody's."""
    assert reasons(signed(network(), query(recipient="0" * 64))) == [Reason.MALFORMED]


def test_a_researcher_of_another_network_is_refused() -> None:
    """Another root's certificate is none of ours, even under our network's name."""
    stranger = TestNetwork(at=network().at)
    assert reasons(signed(stranger, query())) == [Reason.SIGNATURE_INVALID]


@pytest.mark.parametrize("role", [Role.STEWARD, Role.AUDITOR, Role.NODE, Role.COORDINATOR])
def test_only_researchers_ask(role: Role) -> None:
    """The coordinator and other members cannot put questions of their own."""
    signer = network().credentials(role, "ada").signer
    envelope = sign(PAYLOAD_TYPE, to_bytes(query()), signer)
    assert reasons(envelope) == [Reason.ROLE_REFUSED]


def test_a_query_has_one_signer() -> None:
    """A second signature could hide whose question it is."""
    both = merge([signed(network(), query()), signed(network(), query(), researcher="eve")])
    assert reasons(both) == [Reason.SIGNATURE_INVALID]


def test_a_signed_statement_of_another_kind_is_no_query() -> None:
    """A signature made for something else cannot be used for a question."""
    signer = network().researcher().signer
    envelope = sign(answer.PAYLOAD_TYPE, to_bytes(query()), signer)
    assert reasons(envelope) == [Reason.SIGNATURE_INVALID]


def test_nobody_asks_in_the_name_of_another() -> None:
    """The name in the query is the name in the certificate."""
    envelope = signed(network(), query(), researcher="eve")
    assert reasons(envelope) == [Reason.IDENTITY_MISMATCH]


def test_a_researcher_whom_the_coordinator_invents_is_refused() -> None:
    """A certificate of the network is no agreement: the study does not name her."""
    envelope = signed(network(), query(researcher="eve"), researcher="eve")
    assert reasons(envelope) == [Reason.RESEARCHER_NOT_NAMED]


def test_a_second_certificate_in_ada_s_name_is_refused() -> None:
    """The study names her key, not only her name; the network's authority cannot speak for her."""
    double = TestNetwork.credentials.__wrapped__(network(), Role.RESEARCHER, "ada")
    envelope = sign(PAYLOAD_TYPE, to_bytes(query()), double.signer)
    assert reasons(envelope) == [Reason.RESEARCHER_NOT_NAMED]


@pytest.mark.parametrize("changes", [{"hospitals": ("b", "c")}, {"network": "elsewhere"}])
def test_a_query_for_others_is_refused(changes: dict[str, object]) -> None:
    """A query that does not name us is not answered, even about data that we hold."""
    envelope = signed(network(), query(**changes))
    assert reasons(envelope)[-1] is Reason.QUERY_NOT_FOR_US


@pytest.mark.parametrize(
    ("begin", "end"),
    [(1, 10), (-10, -1), (-1, 15), (-1, 60 * 24 * 365)],
    ids=["too early", "too late", "valid for more than 15 minutes", "valid for a year"],
)
def test_a_query_starts_in_its_own_short_time(begin: int, end: int) -> None:
    """A query cannot be kept for later."""
    late = query(not_before=moment(minutes=begin), not_after=moment(minutes=end))
    assert reasons(signed(network(), late)) == [Reason.QUERY_EXPIRED]


def test_a_nonce_is_good_for_one_query() -> None:
    """The same nonce under other bytes is a replay."""
    assert reasons(signed(network(), query()), used_by="f" * 64) == [Reason.QUERY_REPLAYED]


@pytest.mark.parametrize("minutes", [-1, 0])
def test_a_query_signed_before_an_unlocking_is_refused(minutes: int) -> None:
    """It may have been answered before, and its nonce was forgotten."""
    asked = signed(network(), query(not_before=moment(minutes=-1)))
    assert reasons(asked, unlocked=moment(minutes=minutes)) == [Reason.QUERY_BEFORE_UNLOCK]


def test_a_query_signed_after_an_unlocking_is_accepted() -> None:
    """Its nonce cannot have been used before."""
    asked = query(not_before=moment(minutes=-1))
    assert decide(signed(network(), asked), unlocked=moment(minutes=-2)).request.query == asked


def test_the_same_bytes_may_come_again() -> None:
    """A nonce that these very bytes used is no replay."""
    envelope = signed(network(), query())
    permitted = decide(envelope, used_by=canonical.digest(envelope.payload))
    assert permitted.request.query == query()


def test_a_dataset_that_is_not_here_is_refused_by_name_only() -> None:
    """Unknown and forbidden are one sentence, which holds nothing but the name."""
    (error,) = refusals(signed(network(), query(dataset="oncology")))
    assert (error.reason, dict(error.details)) == (
        Reason.DATASET_UNAVAILABLE,
        {"dataset": "oncology"},
    )


def test_a_dataset_that_was_dropped_is_refused() -> None:
    """An agreement does not bring the rows back."""

    def gone(name: str) -> Snapshot:
        raise WardnetError(Reason.DATASET_UNAVAILABLE, dataset=name)

    assert reasons(signed(network(), query()), snapshot=gone) == [Reason.DATASET_UNAVAILABLE]


def test_a_question_against_another_dictionary_is_refused() -> None:
    """Columns may mean something else in another version."""
    envelope = signed(network(), query(dictionary=OTHER.digest))
    assert reasons(envelope) == [Reason.DICTIONARY_OUTDATED]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"method": "mode"}, Reason.METHOD_UNKNOWN),
        ({"parameters": {"by": ["age"]}}, Reason.PARAMETER_INVALID),
        ({"parameters": {"by": ["height"]}}, Reason.COLUMN_UNAVAILABLE),
        ({"cohort": Missing(column="height")}, Reason.COLUMN_UNAVAILABLE),
    ],
)
def test_a_question_that_does_not_fit_is_refused(
    changes: dict[str, object], reason: Reason
) -> None:
    """Each misfit is named once."""
    assert reasons(signed(network(), query(**changes))).count(reason) == 1


def test_a_stranger_learns_nothing_of_our_datasets() -> None:
    """Without an agreement the answer is the same whether we hold the dataset or not."""
    envelopes = [
        signed(network(), query(study="f" * 64, dataset=name))
        for name in ("cardiology", "oncology")
    ]
    assert [reasons(envelope) for envelope in envelopes] == [[Reason.AGREEMENT_MISSING]] * 2


def test_every_reason_is_given_at_once() -> None:
    """A researcher learns all that must change, not one thing after the other."""
    envelope = signed(
        network(),
        query(
            hospitals=("a", "z"),
            method="mode",
            dataset="oncology",
            not_after=moment(minutes=60 * 24 * 365),
            purpose={
                "vocabulary": "2021-02-23",
                "permission": "DUO:0000004",
                "diseases": [],
                "modifiers": [],
            },
        ),
    )
    assert reasons(envelope, used_by="f" * 64) == [
        Reason.QUERY_EXPIRED,
        Reason.DATASET_UNAVAILABLE,
        Reason.OUTSIDE_AGREEMENT,  # purpose
        Reason.OUTSIDE_AGREEMENT,  # method
        Reason.OUTSIDE_AGREEMENT,  # hospitals
        Reason.QUERY_REPLAYED,
    ]


def test_a_narrow_agreement_names_all_that_lies_outside() -> None:
    """Columns, patients and hospitals, each with a sentence of its own."""
    narrow = held(
        network(), columns=("age",), minimum_patients=20, minimum_hospitals=3, cohort_columns=()
    )
    known = view(network(), agreements=(narrow,))
    asked = query(
        agreements={"a": narrow.agreement.digest, "b": agreement(network(), "b").digest},
        cohort=Missing(column="age"),
    )
    found = refusals(signed(network(), asked), knows=lambda _: known)
    assert [
        (error.reason, error.details.get("column", error.details.get("field"))) for error in found
    ] == [
        (Reason.COLUMN_UNAVAILABLE, "age"),
        (Reason.COLUMN_UNAVAILABLE, "sex"),
        (Reason.OUTSIDE_AGREEMENT, "minimum_hospitals"),
        (Reason.OUTSIDE_AGREEMENT, "minimum_patients"),
    ]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"revoked": "agreement"}, Reason.AGREEMENT_REVOKED),
        ({"revoked": "researcher"}, Reason.KEY_REVOKED),
        ({"used": 100}, Reason.QUOTA_USED_UP),
    ],
)
def test_what_the_hospital_knows_now_decides(changes: dict[str, object], reason: Reason) -> None:
    """A revocation, or a quota that is used up, holds at once."""
    revoked = {
        "agreement": agreement(network()).digest,
        "researcher": study(network()).people[0].key,
    }.get(str(changes.get("revoked")))
    known = view(
        network(),
        revoked=frozenset({revoked} - {None}),
        used={study(network()).digest: changes.get("used", 0)},
    )
    assert reasons(signed(network(), query()), knows=lambda _: known) == [reason]


def test_the_same_question_is_the_same_whoever_receives_the_answer_and_whenever() -> None:
    """Nonce, times and recipient are no part of what is asked."""
    again = query(nonce="1" * 32, recipient="9" + "0" * 63, not_after=moment(minutes=5))
    first, second = (decide(signed(network(), item)) for item in (query(), again))
    assert first.question == second.question


@pytest.mark.parametrize(
    "changes", [{"parameters": {}}, {"cohort": Missing(column="age")}, {"minimum_patients": 11}]
)
def test_another_question_is_another(changes: dict[str, object]) -> None:
    """It counts of its own."""
    first, second = (decide(signed(network(), item)) for item in (query(), query(**changes)))
    assert first.question != second.question


def test_the_same_question_of_other_rows_is_another() -> None:
    """Its answer may differ, and so it costs."""
    later = replace(SNAPSHOT, number=2, id="2:bb")
    envelope = signed(network(), query())
    first, second = decide(envelope), decide(envelope, snapshot=lambda _: later)
    assert first.question != second.question


@pytest.mark.parametrize(
    ("hospitals", "minimum"),
    [(("b",), 1), (("a", "b", "c"), 1), (("a",), 2), (("b", "a"), 1), (("a", "a"), 1)],
    ids=["without us", "with a stranger", "too few", "unsorted", "twice"],
)
def test_an_attempt_keeps_to_the_query(hospitals: tuple[str, ...], minimum: int) -> None:
    """The coordinator can leave hospitals out only as far as the researcher allowed."""
    with pytest.raises(WardnetError) as caught:
        check_attempt(query(minimum_hospitals=minimum), hospital="a", hospitals=hospitals)
    assert caught.value.reason is Reason.ROUNDS_DIVERGED


def test_an_attempt_may_be_smaller_where_the_query_allows_it() -> None:
    """A lost hospital does not end a query that allows fewer."""
    check_attempt(query(minimum_hospitals=1), hospital="a", hospitals=("a",))

"""A hospital accepts a query only after every check."""

from dataclasses import replace
from datetime import timedelta
from functools import cache

import pytest

from support.pki import TestNetwork
from support.questions import DICTIONARY, count_query, signed
from wardnet import canonical, clock
from wardnet.errors import Reason, WardnetError
from wardnet.identity.envelope import Envelope, merge, sign
from wardnet.identity.member import Role
from wardnet.question import answer
from wardnet.question.query import PAYLOAD_TYPE, Query, to_bytes
from wardnet_node.desk.accept import accept, check_attempt


@cache
def network() -> TestNetwork:
    """Return one network for all tests of this module."""
    return TestNetwork()


def decide(
    envelope: Envelope, *, used_by: str | None = None, adopted: str | None = DICTIONARY.digest
) -> Query:
    """Let hospital a decide."""
    return accept(
        envelope,
        trust=network().trust,
        hospital="a",
        at=network().at,
        nonce_used_by=lambda _: used_by,
        adopted=lambda _: adopted,
    )


def query(**changes: object) -> Query:
    """Return a query of this network, asked at the network's own moment."""
    return count_query(network(), at=network().at, **changes)


def moment(*, minutes: int) -> str:
    """Return a moment some minutes after the network's own."""
    return clock.to_moment(network().at + timedelta(minutes=minutes))


def refusal(envelope: Envelope, **known: str | None) -> WardnetError:
    """Return why hospital a refuses."""
    with pytest.raises(WardnetError) as caught:
        decide(envelope, **known)
    return caught.value


def test_a_query_that_passes_every_check_is_accepted_as_it_was_signed() -> None:
    """What is accepted is what the researcher signed, field by field."""
    assert decide(signed(network(), query())) == query()


def test_a_changed_query_is_refused_before_it_is_parsed() -> None:
    """Bytes that cannot be parsed raise no parser error: the signature is checked first."""
    envelope = replace(signed(network(), query()), payload=b"{not json")
    assert refusal(envelope).reason is Reason.SIGNATURE_INVALID


def test_a_researcher_of_another_network_is_refused() -> None:
    """Another root's certificate is none of ours, even under our network's name."""
    stranger = TestNetwork(at=network().at)
    assert refusal(signed(stranger, query())).reason is Reason.SIGNATURE_INVALID


@pytest.mark.parametrize("role", [Role.STEWARD, Role.AUDITOR, Role.NODE, Role.COORDINATOR])
def test_only_researchers_ask(role: Role) -> None:
    """The coordinator and other members cannot put questions of their own."""
    signer = network().credentials(role, "ada").signer
    envelope = sign(PAYLOAD_TYPE, to_bytes(query()), signer)
    assert refusal(envelope).reason is Reason.ROLE_REFUSED


def test_a_query_has_one_signer() -> None:
    """A second signature could hide whose question it is."""
    both = merge([signed(network(), query()), signed(network(), query(), researcher="eve")])
    assert refusal(both).reason is Reason.SIGNATURE_INVALID


def test_a_signed_statement_of_another_kind_is_no_query() -> None:
    """A signature made for something else cannot be used for a question."""
    signer = network().researcher().signer
    envelope = sign(answer.PAYLOAD_TYPE, to_bytes(query()), signer)
    assert refusal(envelope).reason is Reason.SIGNATURE_INVALID


def test_nobody_asks_in_the_name_of_another() -> None:
    """The name in the query is the name in the certificate."""
    envelope = signed(network(), query(), researcher="eve")
    assert refusal(envelope).reason is Reason.IDENTITY_MISMATCH


@pytest.mark.parametrize("changes", [{"hospitals": ("b", "c")}, {"network": "elsewhere"}])
def test_a_query_for_others_is_refused(changes: dict[str, object]) -> None:
    """A query that does not name us is not answered, even about data that we hold."""
    assert refusal(signed(network(), query(**changes))).reason is Reason.QUERY_NOT_FOR_US


@pytest.mark.parametrize(
    ("begin", "end"),
    [(1, 10), (-10, -1), (-1, 15)],
    ids=["too early", "too late", "valid for more than 15 minutes"],
)
def test_a_query_starts_in_its_own_short_time(begin: int, end: int) -> None:
    """A query cannot be kept for later."""
    late = query(not_before=moment(minutes=begin), not_after=moment(minutes=end))
    assert refusal(signed(network(), late)).reason is Reason.QUERY_EXPIRED


def test_a_nonce_is_good_for_one_query() -> None:
    """The same nonce under other bytes is a replay."""
    assert refusal(signed(network(), query()), used_by="f" * 64).reason is Reason.QUERY_REPLAYED


def test_the_same_bytes_may_come_again() -> None:
    """A nonce that these very bytes used is no replay."""
    envelope = signed(network(), query())
    assert decide(envelope, used_by=canonical.digest(envelope.payload)) == query()


def test_a_dataset_that_is_not_here_is_refused_by_name_only() -> None:
    """Unknown and forbidden are one sentence, which holds nothing but the name."""
    error = refusal(signed(network(), query()), adopted=None)
    assert (error.reason, dict(error.details)) == (
        Reason.DATASET_UNAVAILABLE,
        {"dataset": "cardiology"},
    )


def test_a_question_against_another_dictionary_is_refused() -> None:
    """Columns may mean something else in another version."""
    error = refusal(signed(network(), query()), adopted="f" * 64)
    assert error.reason is Reason.DICTIONARY_OUTDATED


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

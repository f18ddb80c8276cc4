"""A hospital does what its agreement allows, and names everything that it does not allow."""

from dataclasses import replace
from datetime import timedelta

import pytest

from support.permission import refusals
from support.studies import (
    AGREEMENT,
    AT,
    BOOK,
    REQUEST,
    STUDY,
    VIEW,
    changed,
    held,
    key,
    later,
    purpose,
    resting_on,
    revocations,
)
from wardnet.agreement.permission import judge
from wardnet.agreement.purpose import Modifier, Permission
from wardnet.errors import Reason
from wardnet.question.cohort import Missing


def test_a_request_inside_the_agreement_is_allowed() -> None:
    """No reason against it is the permission."""
    assert refusals() == []


@pytest.mark.parametrize(
    ("field", "new", "reason", "named"),
    [
        ("query.study", "0" * 64, Reason.AGREEMENT_MISSING, ""),
        ("query.agreements", dict.fromkeys("abc", "0" * 64), Reason.AGREEMENT_MISSING, ""),
        ("key", key("coordinator"), Reason.RESEARCHER_NOT_NAMED, ""),
        ("key", key("ben"), Reason.RESEARCHER_NOT_NAMED, ""),
        ("query.researcher", "eve", Reason.RESEARCHER_NOT_NAMED, ""),
        (
            "purpose",
            purpose(Permission.GRU, Modifier.IRB, Modifier.NCU),
            Reason.OUTSIDE_AGREEMENT,
            "purpose",
        ),
        ("purpose", purpose(Permission.HMB, Modifier.IRB), Reason.OUTSIDE_AGREEMENT, "purpose"),
        ("query.minimum_patients", 11, Reason.OUTSIDE_AGREEMENT, "minimum_patients"),
        ("columns", frozenset({"sex", "name"}), Reason.COLUMN_UNAVAILABLE, "name"),
        ("query.cohort", Missing(column="name"), Reason.COLUMN_UNAVAILABLE, "name"),
        ("query.dataset", "oncology", Reason.DATASET_UNAVAILABLE, ""),
        ("query.dictionary", "0" * 64, Reason.DICTIONARY_OUTDATED, ""),
        ("query.method", "quantiles", Reason.OUTSIDE_AGREEMENT, "methods"),
        ("query.method_version", 2, Reason.OUTSIDE_AGREEMENT, "methods"),
        ("query.method_version", 0, Reason.OUTSIDE_AGREEMENT, "methods"),
        ("query.hospitals", ("a", "b", "c", "d"), Reason.OUTSIDE_AGREEMENT, "hospitals"),
        ("query.minimum_hospitals", 1, Reason.OUTSIDE_AGREEMENT, "minimum_hospitals"),
        ("query.network", "elsewhere", Reason.QUERY_NOT_FOR_US, ""),
        ("query.not_before", later(minutes=1), Reason.QUERY_EXPIRED, ""),
        ("query.not_after", later(minutes=-0.5), Reason.QUERY_EXPIRED, ""),
        ("query.not_after", later(minutes=14, seconds=1), Reason.QUERY_EXPIRED, ""),
        ("query.not_after", later(days=365), Reason.QUERY_EXPIRED, ""),
    ],
)
def test_a_request_beyond_the_agreement_is_refused_for_this_one_reason(
    field: str, new: object, reason: Reason, named: str
) -> None:
    """Each limit is checked by itself, and named."""
    assert refusals(changed(REQUEST, field, new)) == [(reason, named)]


def test_a_query_addressed_to_others_is_refused() -> None:
    """A hospital that the query does not list takes no part, and has agreed to nothing in it."""
    request = changed(changed(REQUEST, "query.minimum_hospitals", 2), "query.hospitals", ("b", "c"))
    assert refusals(request) == [(Reason.AGREEMENT_MISSING, ""), (Reason.QUERY_NOT_FOR_US, "")]


@pytest.mark.parametrize(
    ("field", "new", "reason"),
    [
        ("used", {STUDY.digest: 50}, Reason.QUOTA_USED_UP),
        ("revoked", frozenset({AGREEMENT.digest}), Reason.AGREEMENT_REVOKED),
        ("revoked", frozenset({key("ada")}), Reason.KEY_REVOKED),
        ("revoked", frozenset({key("sam")}), Reason.APPROVAL_MISSING),
        ("revoked", frozenset({key("uma")}), Reason.RESEARCHER_NOT_VOUCHED),
        ("agreements", (), Reason.AGREEMENT_MISSING),
        ("agreements", (held(approved_by=frozenset()),), Reason.APPROVAL_MISSING),
        ("agreements", (held(approved_by=frozenset({key("bea")})),), Reason.APPROVAL_MISSING),
        ("agreements", (held(approved_by=frozenset({key("node a")})),), Reason.APPROVAL_MISSING),
        ("agreements", (held(vouched_by=frozenset({key("ada")})),), Reason.RESEARCHER_NOT_VOUCHED),
        ("agreements", (held(vouched_by=frozenset({key("bea")})),), Reason.RESEARCHER_NOT_VOUCHED),
        ("book.organisations", BOOK.organisations[:2], Reason.RESEARCHER_NOT_VOUCHED),
        ("book.organisations", BOOK.organisations[1:], Reason.APPROVAL_MISSING),
        ("lists", {"university": revocations("university")}, Reason.REVOCATIONS_STALE),
        ("lists", {"b": revocations("b")}, Reason.REVOCATIONS_STALE),
    ],
)
def test_what_the_hospital_knows_can_refuse_a_request_that_was_allowed(
    field: str, new: object, reason: Reason
) -> None:
    """Nothing about the request changes, and the hospital alone decides otherwise."""
    assert refusals(view=changed(VIEW, field, new)) == [(reason, "")]


def test_every_reason_is_given_at_once() -> None:
    """A researcher learns all that must change, not one thing after the other."""
    request = replace(
        REQUEST,
        query=replace(
            REQUEST.query,
            network="elsewhere",
            dataset="oncology",
            dictionary="0" * 64,
            method="quantiles",
            cohort=Missing(column="name"),
            hospitals=("a", "x"),
            agreements=dict.fromkeys(("a", "x"), AGREEMENT.digest),
            minimum_hospitals=1,
            minimum_patients=10,
            not_after=later(days=365),
        ),
        purpose=purpose(Permission.NRES),
        columns=frozenset({"address"}),
    )
    view = replace(
        VIEW,
        agreements=(
            held(approved_by=frozenset(), vouched_by=frozenset()),
            held(replace(AGREEMENT, revision=2)),
        ),
        used={STUDY.digest: 51},
        revoked=frozenset({AGREEMENT.digest, key("ada")}),
        lists={},
    )
    assert refusals(request, view, at=AT + timedelta(days=366)) == [
        (Reason.QUERY_NOT_FOR_US, ""),
        (Reason.QUERY_EXPIRED, ""),
        (Reason.AGREEMENT_SUPERSEDED, ""),
        (Reason.AGREEMENT_ENDED, ""),
        (Reason.AGREEMENT_REVOKED, ""),
        (Reason.APPROVAL_MISSING, ""),
        (Reason.KEY_REVOKED, ""),
        (Reason.RESEARCHER_NOT_VOUCHED, ""),
        (Reason.REVOCATIONS_STALE, ""),
        (Reason.DATASET_UNAVAILABLE, ""),
        (Reason.DICTIONARY_OUTDATED, ""),
        (Reason.COLUMN_UNAVAILABLE, "address"),
        (Reason.COLUMN_UNAVAILABLE, "name"),
        (Reason.OUTSIDE_AGREEMENT, "purpose"),
        (Reason.OUTSIDE_AGREEMENT, "purpose"),
        (Reason.OUTSIDE_AGREEMENT, "purpose"),
        (Reason.OUTSIDE_AGREEMENT, "methods"),
        (Reason.OUTSIDE_AGREEMENT, "hospitals"),
        (Reason.OUTSIDE_AGREEMENT, "minimum_hospitals"),
        (Reason.OUTSIDE_AGREEMENT, "minimum_patients"),
        (Reason.QUOTA_USED_UP, ""),
    ]


def test_without_an_agreement_nothing_is_said_about_the_data() -> None:
    """Somebody without an agreement learns whether the query itself is in order, and no more."""
    request = changed(resting_on(replace(AGREEMENT, revision=9)), "query.dataset", "oncology")
    assert refusals(request, at=AT + timedelta(hours=1)) == [
        (Reason.AGREEMENT_MISSING, ""),
        (Reason.QUERY_EXPIRED, ""),
    ]


def test_the_sentences_name_the_hospital_and_what_to_do() -> None:
    """A refusal can be read by a person."""
    request = changed(REQUEST, "query.minimum_hospitals", 1)
    (error,) = judge(request, view=VIEW, at=AT)
    assert str(error) == (
        "a's agreement does not cover the query at minimum_hospitals: at least 2 must take part. "
        "Ask for less."
    )


def test_a_query_that_has_begun_may_end_after_its_own_time() -> None:
    """Only the start lies in the query's short time; its answer may take longer."""
    hour = AT + timedelta(hours=1)
    assert refusals(at=hour) == [(Reason.QUERY_EXPIRED, "")]
    assert refusals(at=hour, started=AT) == []


@pytest.mark.parametrize("minutes", [0, 15])
def test_a_query_may_start_from_its_first_to_its_last_moment(minutes: int) -> None:
    """A lifetime of 15 minutes is allowed, both ends included."""
    query = replace(REQUEST.query, not_before=later(), not_after=later(minutes=15))
    assert refusals(replace(REQUEST, query=query), at=AT + timedelta(minutes=minutes)) == []


def test_the_quota_counts_all_other_queries_of_the_study() -> None:
    """The last query of the quota is allowed, and one of another study does not count."""
    assert refusals(view=replace(VIEW, used={STUDY.digest: 49, "0" * 64: 1000})) == []

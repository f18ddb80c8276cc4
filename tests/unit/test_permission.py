"""A hospital does what its agreement allows, and names everything that it does not allow."""

from dataclasses import replace
from datetime import timedelta

import pytest

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
from wardnet.agreement.agreement import Agreement
from wardnet.agreement.permission import Request, judge
from wardnet.agreement.purpose import Modifier, Permission
from wardnet.agreement.revocation import Revoked
from wardnet.agreement.study import Method
from wardnet.agreement.view import View
from wardnet.errors import Reason
from wardnet.question.cohort import And, Cohort, Compare, Fold, Missing, Not, Or

ADULTS = Compare(column="age", operator=">=", value="18")
WOMEN = Compare(column="sex", operator="==", value="female")


def refusals(
    request: Request = REQUEST, view: View = VIEW, **times: object
) -> list[tuple[Reason, str]]:
    """Return the reasons against a request, each with the field, column or rule that it names."""
    found = judge(request, view=view, **{"at": AT, **times})  # type: ignore[arg-type]
    named = ("field", "column")
    return [
        (error.reason, next((error.details[name] for name in named if name in error.details), ""))
        for error in found
    ]


def under(agreement: Agreement, **parts: object) -> tuple[Request, View]:
    """Return the usual request and view, resting on another agreement."""
    return resting_on(agreement), replace(VIEW, agreements=(held(agreement, **parts),))


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


def test_an_agreement_ends_at_its_moment() -> None:
    """A query under way is not released from that moment on."""
    ends = AT + timedelta(hours=1)
    request, view = under(replace(AGREEMENT, until=later(hours=1)))
    assert refusals(request, view, at=ends - timedelta(milliseconds=1), started=AT) == []
    assert refusals(request, view, at=ends, started=AT) == [(Reason.AGREEMENT_ENDED, "")]


def test_only_the_highest_revision_holds() -> None:
    """An older agreement does not come back, not even when the newer one is revoked."""
    newer = replace(AGREEMENT, revision=2)
    both = replace(VIEW, agreements=(held(newer), held()))
    assert refusals(view=both) == [(Reason.AGREEMENT_SUPERSEDED, "")]
    assert refusals(resting_on(newer), both) == []
    revoked = replace(both, revoked=frozenset({newer.digest}))
    assert refusals(view=revoked) == [(Reason.AGREEMENT_SUPERSEDED, "")]


def test_the_revision_of_another_study_supersedes_nothing() -> None:
    """Revisions are counted for each study."""
    other = changed(STUDY, "project.title", "Another study")
    newer = replace(AGREEMENT, study=other.digest, revision=7)
    assert refusals(view=replace(VIEW, agreements=(held(), held(newer, study=other)))) == []


@pytest.mark.parametrize("field", ["hospital", "network"])
def test_the_agreement_of_another_hospital_is_none(field: str) -> None:
    """A signed agreement of hospital b, brought here, allows nothing here."""
    foreign: Agreement = changed(AGREEMENT, field, "b")
    assert refusals(*under(foreign)) == [(Reason.AGREEMENT_MISSING, "")]


def test_an_agreement_edited_in_the_database_is_not_found() -> None:
    """Its digest is computed from what it says."""
    edited = replace(VIEW, agreements=(held(replace(AGREEMENT, quota=49)),))
    assert refusals(view=edited) == [(Reason.AGREEMENT_MISSING, "")]


def test_an_agreement_wider_than_its_study_does_not_hold() -> None:
    """What a steward signed by mistake allows nothing either."""
    assert refusals(*under(replace(AGREEMENT, quota=51, columns=("age", "name", "sex")))) == [
        (Reason.AGREEMENT_TOO_WIDE, "columns"),
        (Reason.AGREEMENT_TOO_WIDE, "quota"),
    ]


def test_an_agreement_kept_with_another_study_does_not_hold() -> None:
    """The agreement names the one study that it answers."""
    swapped = replace(VIEW, agreements=(held(study=changed(STUDY, "output.quota", 60)),))
    assert refusals(view=swapped) == [(Reason.AGREEMENT_TOO_WIDE, "study")]


def test_nobody_approves_what_they_asked_for() -> None:
    """A steward who is one of the researchers neither agrees to the study nor vouches for it."""
    people = (
        replace(STUDY.people[0], id="sam"),
        replace(STUDY.people[0], id="uma"),
    )
    study = changed(STUDY, "people", people)
    agreement = replace(AGREEMENT, study=study.digest)
    request, view = under(agreement, study=study)
    request = changed(request, "query.researcher", "sam")
    assert refusals(request, view) == [
        (Reason.APPROVAL_MISSING, ""),
        (Reason.RESEARCHER_NOT_VOUCHED, ""),
    ]
    another = replace(view, agreements=(held(agreement, study=study, approved_by={key("sue")}),))
    assert refusals(request, another) == [(Reason.RESEARCHER_NOT_VOUCHED, "")]


def test_a_key_that_was_checked_needs_no_one_to_vouch() -> None:
    """The hospital has compared ben's fingerprint itself."""
    request = replace(changed(REQUEST, "query.researcher", "ben"), key=key("ben"))
    nobody = replace(VIEW, agreements=(held(vouched_by=frozenset()),))
    assert refusals(request, nobody) == []


def test_an_organisation_that_cannot_sign_need_not_send_lists() -> None:
    """Its researchers were checked one by one, and the hospital itself takes their keys back."""
    alone = replace(BOOK.organisations[2], stewards=(), researchers=(key("ada"),))
    view = replace(VIEW, book=replace(BOOK, organisations=(*BOOK.organisations[:2], alone)))
    assert refusals(view=replace(view, lists={"b": revocations("b")})) == []
    revoked = replace(view, revoked=frozenset({key("ada")}))
    assert refusals(view=revoked) == [(Reason.KEY_REVOKED, "")]


def test_an_organisation_whose_node_can_sign_must_send_lists() -> None:
    """Without a steward its node still says what was taken back."""
    node = replace(
        BOOK.organisations[2], stewards=(), nodes=(key("node u"),), researchers=(key("ada"),)
    )
    view = replace(VIEW, book=replace(BOOK, organisations=(*BOOK.organisations[:2], node)))
    assert refusals(view=view) == []
    hidden = replace(view, lists={"b": revocations("b")})
    assert refusals(view=hidden) == [(Reason.REVOCATIONS_STALE, "")]


def test_a_hospital_whose_node_lost_its_key_takes_no_part() -> None:
    """Who speaks for it then is not known; a hospital that the book does not hold is not asked."""
    taken = Revoked(key("node b"), later(days=30))
    listed = {**VIEW.lists, "b": revocations("b", revoked=(taken,))}
    assert refusals(view=replace(VIEW, lists=listed)) == [(Reason.KEY_REVOKED, "")]
    ours = replace(VIEW, revoked=frozenset({key("node a")}))
    assert refusals(view=ours) == [(Reason.KEY_REVOKED, "")]


def test_a_hospital_needs_no_list_of_its_own() -> None:
    """What it has taken back it knows itself, and at once."""
    ours = replace(STUDY.people[0], organisation="a")
    study = changed(STUDY, "people", (ours,))
    agreement = replace(AGREEMENT, study=study.digest)
    request, view = under(agreement, study=study, vouched_by=frozenset({key("sue")}))
    assert refusals(request, replace(view, lists={"b": revocations("b")})) == []


def test_every_organisation_of_a_researcher_answers_for_them() -> None:
    """One that has taken the key back is not passed over for another."""
    twice = (replace(STUDY.people[0], organisation="b"), STUDY.people[0])
    study = changed(STUDY, "people", twice)
    agreement = replace(AGREEMENT, study=study.digest)
    signers = frozenset({key("bea"), key("uma")})
    request, view = under(agreement, study=study, vouched_by=signers)
    assert refusals(request, view) == []
    for organisation in ("b", "university"):
        taken = revocations(organisation, revoked=(Revoked(key("ada"), later(days=30)),))
        lists = {**view.lists, organisation: taken}
        assert refusals(request, replace(view, lists=lists)) == [(Reason.KEY_REVOKED, "")]


def test_what_an_organisation_takes_back_stops_its_researchers() -> None:
    """The organisation's list is enough, whoever forgets to tell the hospital's steward."""
    taken = tuple(sorted(Revoked(key(name), later(days=30)) for name in ("ada", "uma")))
    listed = revocations("university", revoked=taken)
    assert refusals(view=replace(VIEW, lists={**VIEW.lists, "university": listed})) == [
        (Reason.KEY_REVOKED, ""),
        (Reason.RESEARCHER_NOT_VOUCHED, ""),
    ]


def test_an_organisation_takes_nothing_of_others_back() -> None:
    """A list speaks for the people of its own organisation."""
    taken = tuple(sorted(Revoked(key(name), later(days=30)) for name in ("ada", "sam")))
    foreign = {**VIEW.lists, "b": revocations("b", revoked=taken)}
    assert refusals(view=replace(VIEW, lists=foreign)) == []


@pytest.mark.parametrize("hours", [-24.1, 24.1])
def test_a_list_that_is_too_old_or_from_the_future_is_hidden(hours: float) -> None:
    """A coordinator that holds lists back only stops the queries."""
    strange = {**VIEW.lists, "university": revocations("university", issued=later(hours=hours))}
    assert refusals(view=replace(VIEW, lists=strange)) == [(Reason.REVOCATIONS_STALE, "")]


def test_a_list_of_the_last_day_is_believed() -> None:
    """Up to 24 hours."""
    listed = {**VIEW.lists, "university": revocations("university", issued=later(hours=-24))}
    assert refusals(view=replace(VIEW, lists=listed)) == []


def test_the_quota_counts_all_other_queries_of_the_study() -> None:
    """The last query of the quota is allowed, and one of another study does not count."""
    assert refusals(view=replace(VIEW, used={STUDY.digest: 49, "0" * 64: 1000})) == []


def test_a_narrower_agreement_allows_less() -> None:
    """What the study asks for and the hospital leaves out is refused."""
    narrow = replace(
        AGREEMENT,
        purpose=purpose(
            Permission.DS, Modifier.IRB, Modifier.NCU, Modifier.PUB, diseases=("MONDO:0005267",)
        ),
        columns=(),
        cohort_columns=(),
        methods=(Method("summary", 1),),
        minimum_patients=20,
        minimum_hospitals=4,
        quota=1,
    )
    request, view = under(narrow)
    view = replace(view, used={STUDY.digest: 1})
    assert refusals(changed(request, "query.cohort", ADULTS), view) == [
        (Reason.COLUMN_UNAVAILABLE, "age"),
        (Reason.COLUMN_UNAVAILABLE, "sex"),
        (Reason.OUTSIDE_AGREEMENT, "purpose"),
        (Reason.OUTSIDE_AGREEMENT, "purpose"),
        (Reason.OUTSIDE_AGREEMENT, "methods"),
        (Reason.OUTSIDE_AGREEMENT, "minimum_hospitals"),
        (Reason.OUTSIDE_AGREEMENT, "minimum_patients"),
        (Reason.QUOTA_USED_UP, ""),
    ]


def test_a_column_may_be_for_methods_and_not_for_cohorts() -> None:
    """Each use of a column is allowed by itself."""
    request, view = under(replace(AGREEMENT, columns=("sex",), cohort_columns=("age",)))
    assert refusals(changed(request, "query.cohort", ADULTS), view) == []
    assert refusals(changed(request, "query.cohort", WOMEN), view) == [
        (Reason.COLUMN_UNAVAILABLE, "sex")
    ]
    assert refusals(replace(request, columns=frozenset({"age"})), view) == [
        (Reason.COLUMN_UNAVAILABLE, "age")
    ]


@pytest.mark.parametrize(
    ("cohort", "expected"),
    [
        (ADULTS, []),
        (And(of=(WOMEN, ADULTS)), []),
        (And(of=(WOMEN, And(of=(ADULTS, Not(of=Missing(column="sex")))))), []),
        (WOMEN, [(Reason.OUTSIDE_AGREEMENT, "cohort")]),
        (Or(of=(ADULTS, WOMEN)), [(Reason.OUTSIDE_AGREEMENT, "cohort")]),
        (Not(of=ADULTS), [(Reason.OUTSIDE_AGREEMENT, "cohort")]),
        (REQUEST.query.cohort, [(Reason.OUTSIDE_AGREEMENT, "cohort")]),
    ],
    ids=repr,
)
def test_every_cohort_holds_the_agreements_condition(
    cohort: Cohort, expected: list[tuple[Reason, str]]
) -> None:
    """A query that could select a patient outside the agreed cohort is refused."""
    request, view = under(replace(AGREEMENT, cohort=ADULTS))
    assert refusals(changed(request, "query.cohort", cohort), view) == expected


def test_the_agreed_condition_frees_its_column_for_nothing_else() -> None:
    """The condition itself may be asked for; another one on the same column may not."""
    request, view = under(replace(AGREEMENT, cohort=ADULTS, cohort_columns=()))
    assert refusals(changed(request, "query.cohort", ADULTS), view) == []
    eighteen = And(of=(ADULTS, Compare(column="age", operator="==", value="18")))
    assert refusals(changed(request, "query.cohort", eighteen), view) == [
        (Reason.COLUMN_UNAVAILABLE, "age")
    ]


def test_a_fold_needs_the_columns_that_it_draws_by_and_no_others() -> None:
    """One that draws whole patients looks at no column, and may stand beside the agreed ones."""
    request, view = under(replace(AGREEMENT, cohort=ADULTS, cohort_columns=()))
    patients, rows = Fold(part=1, of=5), Fold(part=1, of=5, by=("age", "sex"))
    for part in (patients, Not(of=patients)):
        within = And(of=(ADULTS, part))
        assert refusals(changed(request, "query.cohort", within), view) == []
    assert refusals(changed(request, "query.cohort", patients), view) == [
        (Reason.OUTSIDE_AGREEMENT, "cohort")
    ]
    assert refusals(changed(request, "query.cohort", And(of=(ADULTS, rows))), view) == [
        (Reason.COLUMN_UNAVAILABLE, "age"),
        (Reason.COLUMN_UNAVAILABLE, "sex"),
    ]


def test_a_fold_may_be_all_that_is_agreed_on() -> None:
    """A hospital may allow questions about one half of its patients only."""
    half = Fold(part=1, of=2, seed=9)
    request, view = under(replace(AGREEMENT, cohort=half))
    assert refusals(changed(request, "query.cohort", And(of=(half, ADULTS))), view) == []
    for other in (Fold(part=2, of=2, seed=9), Fold(part=1, of=2), Not(of=half)):
        assert refusals(changed(request, "query.cohort", other), view) == [
            (Reason.OUTSIDE_AGREEMENT, "cohort")
        ]

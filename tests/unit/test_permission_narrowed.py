"""A narrower agreement allows less: columns for one use only, and every cohort inside its own."""

from dataclasses import replace

import pytest

from support.permission import refusals, under
from support.studies import (
    AGREEMENT,
    REQUEST,
    STUDY,
    changed,
    purpose,
)
from wardnet.agreement.purpose import Modifier, Permission
from wardnet.agreement.study import Method
from wardnet.errors import Reason
from wardnet.question.cohort import And, Cohort, Compare, Fold, Missing, Not, Or

ADULTS = Compare(column="age", operator=">=", value="18")
WOMEN = Compare(column="sex", operator="==", value="female")


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

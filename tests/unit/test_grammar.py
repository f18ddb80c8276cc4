"""The cohort's grammar: what it reads, and where it points when it cannot."""

import pytest

from wardnet import canonical
from wardnet.errors import Reason, WardnetError
from wardnet.question import cohort as cohorts
from wardnet.question import query as queries
from wardnet.question.cohort import And, Between, Compare, Everyone, Fold, In, Missing, Not, Or
from wardnet.question.grammar import MAXIMUM_LENGTH, MAXIMUM_NESTING, parse, write
from wardnet.question.query import Query


def compare(column: str, operator: cohorts.Operator, value: str) -> Compare:
    """Make a comparison."""
    return Compare(column=column, operator=operator, value=value)


@pytest.mark.parametrize(
    ("text", "cohort"),
    [
        ("everyone", Everyone()),
        ("age >= 40", compare("age", ">=", "40")),
        ("age>=40", compare("age", ">=", "40")),
        ("  age\t!=\n-4.50e1 ", compare("age", "!=", "-4.50e1")),
        ("sex = 'f'", compare("sex", "==", "f")),
        ('sex == "f"', compare("sex", "==", "f")),
        ('"age" = 1'.replace('"', "`"), compare("age", "==", "1")),
        ('word = "say ""aah"""', compare("word", "==", 'say "aah"')),
        ("word = 'it''s'", compare("word", "==", "it's")),
        ("word = ''", compare("word", "==", "")),
        ("smoker = TRUE", compare("smoker", "==", "true")),
        ('smoker = "TRUE"', compare("smoker", "==", "TRUE")),
        ("seen < 2026-01-31", compare("seen", "<", "2026-01-31")),
        ("seen < 2026-01-31T08:15:00Z", compare("seen", "<", "2026-01-31T08:15:00Z")),
        ("sex in ('f')", In(column="sex", values=("f",))),
        ("stage IN (1, 2)", In(column="stage", values=("1", "2"))),
        ("stage not in (1)", Not(of=In(column="stage", values=("1",)))),
        ("age between 18.5 and 30", Between(column="age", low="18.5", high="30")),
        ("age not between 1 and 2", Not(of=Between(column="age", low="1", high="2"))),
        ("missing(chol)", Missing(column="chol")),
        ("fold(2, of=5, seed=7)", Fold(part=2, of=5, seed=7)),
        ("FOLD (1, by=(age, `in`), of=3)", Fold(part=1, of=3, seed=0, by=("age", "in"))),
        ("`missing` = 1", compare("missing", "==", "1")),
        ("trueish = true", compare("trueish", "==", "true")),
        ("((a = 1))", compare("a", "==", "1")),
    ],
)
def test_a_condition_is_read(text: str, cohort: cohorts.Cohort) -> None:
    """Every kind of condition has its spelling."""
    assert parse(text) == cohort


def test_and_binds_closer_than_or_and_not_closer_than_both() -> None:
    """Precedence is that of Python and SQL."""
    a, b, c = (compare(name, "==", "1") for name in "abc")
    assert parse("a = 1 or b = 1 and not c = 1") == Or(of=(a, And(of=(b, Not(of=c)))))
    assert parse("(a = 1 or b = 1) and c = 1") == And(of=(Or(of=(a, b)), c))


def test_between_takes_the_first_and_for_itself() -> None:
    """The `and` of a range is not the `and` of two conditions."""
    assert parse("a between 1 and 2 and b = 1") == And(
        of=(Between(column="a", low="1", high="2"), compare("b", "==", "1"))
    )


@pytest.mark.parametrize(
    ("text", "position", "words"),
    [
        ("", 1, "a condition"),
        ("fold(1)", 5, "2 to 100 parts"),
        ("fold(1, of=5, of=6)", 15, "seed= or by="),
        ("fold(1.5, of=5)", 6, "a whole number"),
        ("fold(1, of=5, by=age)", 18, "an opening parenthesis"),
        ("   ", 4, "a condition"),
        ("age", 4, ">="),
        ("age >", 6, "a value"),
        ("age > old", 7, "text in quotes"),
        ("age >= 40 x", 11, "and, or, or the end"),
        ("18 <= age", 1, "between 18 and 30"),
        ("(age > 3", 9, "closing parenthesis"),
        ("age > 3)", 8, "the end"),
        ('sex = "f', 7, "never closed"),
        ("a = 1 & b = 2", 7, "and, or and not"),
        ("a = 1 ; b = 2", 7, "no meaning"),
        ("a not > 3", 7, "in or between"),
        ("a in 3", 6, "opening parenthesis"),
        ("a in ()", 7, "a value"),
        ("a in (1 2)", 9, "a comma"),
        ("a between 1, 2", 12, "expected and"),
        ("missing chol", 9, "opening parenthesis"),
        ("missing(chol", 13, "closing parenthesis"),
        ("and = 3", 1, "a column"),
        ("`a b` = 3", 1, "backquotes"),
        ("a" * 64 + " = 3", 1, "63 characters"),
        ("a = 1 or", 9, "a column"),
        ("a = 40years", 7, "the end"),
        ("a = ٣", 5, "no meaning"),
        ("a = 1" + " " * MAXIMUM_LENGTH, MAXIMUM_LENGTH + 1, "at most"),
    ],
)
def test_an_error_points_at_the_character(text: str, position: int, words: str) -> None:
    """The position counts from 1 and the sentence says what was expected."""
    with pytest.raises(WardnetError) as caught:
        parse(text)
    assert caught.value.reason is Reason.COHORT_SYNTAX
    assert caught.value.details["position"] == str(position)
    assert words in caught.value.details["rule"]


@pytest.mark.parametrize("opening", ["(", "not "])
def test_nesting_is_bounded(opening: str) -> None:
    """A hostile line cannot exhaust the stack."""
    deep = opening * (MAXIMUM_NESTING + 1)
    with pytest.raises(WardnetError) as caught:
        parse(deep + "a = 1" + ")" * (MAXIMUM_NESTING + 1))
    assert caught.value.details["position"] == str(len(opening) * MAXIMUM_NESTING + 1)


def test_the_deepest_cohort_still_fits_a_signed_query() -> None:
    """Canonical JSON bounds its own nesting; the grammar stays below it."""
    text = "a in (1)"
    for _ in range(MAXIMUM_NESTING):
        text = f"a = 1 or b = 1 and ({text})"
    query = Query(
        version=1,
        network="n",
        researcher="r",
        dataset="d",
        dictionary="0" * 64,
        method="count",
        method_version=1,
        parameters={},
        cohort=parse(f"a = 1 or b = 1 and {text}"),
        hospitals=("a",),
        minimum_hospitals=1,
        mode="clear",
        study="0" * 64,
        agreements=dict.fromkeys(("a",), "0" * 64),
        purpose={},
        minimum_patients=10,
        recipient="0" * 64,
        nonce="0" * 32,
        not_before="2026-01-01T00:00:00.000Z",
        not_after="2026-01-01T00:15:00.000Z",
    )
    data = queries.to_bytes(query)
    assert queries.from_bytes(data) == query
    assert canonical.digest(data) == canonical.digest(queries.to_bytes(queries.from_bytes(data)))


def test_a_cohort_is_written_as_a_person_would() -> None:
    """Parentheses stand only where they are needed."""
    text = 'age >= 40 and (sex in ("f", "m") or not missing(chol)) and bmi between 18.5 and 30'
    assert write(parse(text)) == text

"""The grammar and its inverse, over arbitrary cohorts and arbitrary text."""

from hypothesis import given
from hypothesis import strategies as st

from wardnet.errors import WardnetError
from wardnet.question.cohort import (
    EVERYONE,
    And,
    Between,
    Cohort,
    Compare,
    Fold,
    In,
    Missing,
    Not,
    Operator,
    Or,
)
from wardnet.question.grammar import WORDS, parse, write

OPERATORS: tuple[Operator, ...] = ("==", "!=", "<", "<=", ">", ">=")
names = st.one_of(
    st.from_regex(r"[A-Za-z][A-Za-z0-9_]{0,62}", fullmatch=True),
    st.sampled_from(sorted(WORDS)),
    st.sampled_from(sorted(WORDS)).map(str.upper),
)
values = st.one_of(
    st.text(max_size=8),
    st.decimals(allow_nan=False, allow_infinity=False).map(str),
    st.dates().map(str),
    st.datetimes().map(lambda moment: moment.isoformat() + "Z"),
    st.sampled_from(["true", "True", "false", "FALSE", '"', "'", "and", " 1", "1 ", ""]),
)
leaves: st.SearchStrategy[Cohort] = st.one_of(
    st.just(EVERYONE),
    st.builds(Compare, column=names, operator=st.sampled_from(OPERATORS), value=values),
    st.builds(In, column=names, values=st.lists(values, min_size=1, max_size=3).map(tuple)),
    st.builds(Between, column=names, low=values, high=values),
    st.builds(Missing, column=names),
    st.integers(2, 100).flatmap(
        lambda of: st.builds(
            Fold,
            part=st.integers(1, of),
            of=st.just(of),
            seed=st.integers(0, (1 << 32) - 1),
            by=st.lists(names, max_size=2).map(tuple),
        )
    ),
)


def _around(inner: st.SearchStrategy[Cohort]) -> st.SearchStrategy[Cohort]:
    several = st.lists(inner, min_size=2, max_size=3).map(tuple)
    return st.one_of(
        st.builds(Not, of=inner), st.builds(And, of=several), st.builds(Or, of=several)
    )


cohorts = _around(_around(leaves) | leaves) | leaves


@given(cohorts)
def test_what_is_written_is_read_back(cohort: Cohort) -> None:
    """`parse` inverts `write` exactly, nesting and literals included."""
    assert parse(write(cohort)) == cohort


fragments = st.sampled_from(
    [
        "age",
        "40",
        "and",
        "or",
        "not",
        "in",
        "between",
        "missing",
        "fold",
        "of",
        "=",
        ">=",
        '"x"',
        *"(),'`",
    ]
)


@given(st.text(max_size=40) | st.lists(fragments, max_size=12).map(" ".join))
def test_any_text_is_a_cohort_or_an_error_with_a_place_in_it(text: str) -> None:
    """No text crashes the parser, and the place lies in the text or just behind it."""
    try:
        cohort: Cohort | None = parse(text)
        place = None
    except WardnetError as error:
        cohort, place = None, int(error.details["position"])
    assert place is None or 1 <= place <= len(text) + 1
    assert cohort is None or parse(write(cohort)) == cohort

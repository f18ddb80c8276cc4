"""From what a person asks to the query that is signed."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import JsonValue

from wardnet import clock
from wardnet.agreement.purpose import VOCABULARY, Modifier, Permission, Purpose
from wardnet.client.queries.ask import (
    LIFETIME,
    Ask,
    Asker,
    describe,
    names,
    numbers,
    to_bins,
    to_cohort,
    to_query,
)
from wardnet.client.studies.grant import Grant, Permit, strictest
from wardnet.errors import Reason, WardnetError
from wardnet.question import query as queries
from wardnet.question.cohort import EVERYONE, Cohort, Missing, Term, col
from wardnet.question.dictionary import Column, ColumnType, Dictionary
from wardnet.question.query import Query

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
ASKER = Asker(network="heartnet", researcher="ada", at=NOON, nonce="0" * 32, recipient="1" * 64)
DICTIONARY = Dictionary(
    "heart",
    3,
    (
        Column("age", ColumnType.INTEGER, minimum="0", maximum="120"),
        Column("sex", ColumnType.CATEGORY, levels=("f", "m")),
        Column("record", ColumnType.IDENTIFIER),
    ),
)
PURPOSE = Purpose(VOCABULARY, Permission.HMB, (), ())
ASK = Ask("count", "heart", {"by": ["sex"]})


def asked(ask: Ask = ASK, holders: tuple[str, ...] = ("c", "a", "b")) -> Query:
    """Make the query."""
    permits = {
        name: Permit(str(number) * 64, PURPOSE, 10 * number)
        for number, name in enumerate(holders, start=3)
    }
    grant = Grant("2" * 64, permits)
    return to_query(ask, asker=ASKER, dictionary=DICTIONARY, grant=grant)


def test_by_default_everybody_is_asked_and_needed() -> None:
    """All hospitals that hold the dataset, sorted, and no fewer."""
    query = asked()
    assert query.hospitals == ("a", "b", "c")
    assert query.minimum_hospitals == 3
    assert query.cohort == EVERYONE
    assert query.dictionary == DICTIONARY.digest


def test_a_query_rests_on_the_agreements_of_those_it_asks() -> None:
    """Study, purpose and recipient are signed too; of all thresholds the strictest counts."""
    query = asked(replace(ASK, hospitals=["a", "c"]))
    assert query.study == "2" * 64
    assert query.agreements == {"a": "4" * 64, "c": "3" * 64}
    assert query.purpose["permission"] == "DUO:0000006"
    assert query.minimum_patients == 40
    assert query.recipient == ASKER.recipient


def test_a_query_is_for_the_strictest_purpose_of_all() -> None:
    """It lies within every hospital's; where that cannot be, the hospitals say so."""
    research = Purpose(VOCABULARY, Permission.GRU, (), (Modifier.PUB,))
    disease = Purpose(VOCABULARY, Permission.DS, ("MONDO:1", "MONDO:2"), (Modifier.NCU,))
    both = Purpose(VOCABULARY, Permission.DS, ("MONDO:1", "MONDO:2"), (Modifier.PUB, Modifier.NCU))
    assert strictest([research, disease]) == both
    assert strictest([disease, research]) == both
    other = replace(disease, diseases=("MONDO:3",))
    assert strictest([disease, other]) == disease
    ancestry = Purpose(VOCABULARY, Permission.POA, (), ())
    assert strictest([PURPOSE, ancestry]) == PURPOSE


@pytest.mark.parametrize(
    ("question", "parameter"),
    [
        (lambda: to_bins(bins=[20, 40], edges=None), "bins"),  # type: ignore[arg-type]
        (lambda: to_bins(bins=2.7, edges=None), "bins"),  # type: ignore[arg-type]
        (lambda: to_bins(bins="3", edges=None), "bins"),  # type: ignore[arg-type]
        (lambda: to_bins(bins=None, edges=[0, float("inf")]), "edges"),
        (lambda: to_bins(bins=None, edges=[10]), "edges"),
        (lambda: numbers([float("nan")], method="quantiles", parameter="p"), "p"),
        (lambda: numbers([10**400], method="quantiles", parameter="p"), "p"),
        (lambda: to_cohort(42), "where"),  # type: ignore[arg-type]
        (lambda: asked(replace(ASK, parameters={"by": 10**30})), "by"),
    ],
)
def test_what_cannot_be_asked_is_refused_in_a_sentence(
    question: Callable[[], object], parameter: str
) -> None:
    """Whatever a person passes, the parameter is named."""
    with pytest.raises(WardnetError) as refusal:
        question()
    assert refusal.value.reason is Reason.PARAMETER_INVALID
    assert refusal.value.details["parameter"] == parameter


def test_one_stands_for_several_and_none_for_no_one() -> None:
    """A single name or number needs no list around it."""
    assert (names("sex"), names(None), names(("a", "b"))) == (["sex"], [], ["a", "b"])
    assert numbers(0.5, method="quantiles", parameter="probabilities") == [0.5]
    assert numbers((1, 2.5), method="histogram", parameter="edges") == [1.0, 2.5]


def test_a_query_lives_a_quarter_of_an_hour_and_allows_for_other_clocks() -> None:
    """Hospitals whose clocks are a minute behind can start it, too."""
    begins, ends = clock.from_moment(asked().not_before), clock.from_moment(asked().not_after)
    assert ends - begins == LIFETIME == timedelta(minutes=15)
    assert begins <= NOON - timedelta(minutes=1)


@pytest.mark.parametrize(
    ("where", "cohort"),
    [
        (None, EVERYONE),
        ("missing(age)", Missing(column="age")),
        (col("age").missing(), Missing(column="age")),
    ],
    ids=str,
)
def test_a_condition_is_a_term_a_line_or_nothing(where: object, cohort: Cohort) -> None:
    """All three mean the same typed filter."""
    assert asked(replace(ASK, where=where)).cohort == cohort  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("ask", "sentence"),
    [
        (
            replace(ASK, hospitals=["a", "z"]),
            "hospitals names z, which does not hold heart",
        ),
        (replace(ASK, hospitals=[]), "hospitals names none"),
        (replace(ASK, min_hospitals=0), "min_hospitals must lie between 1 and 3"),
        (replace(ASK, hospitals="a", min_hospitals=2), "must lie between 1 and 1"),
        (replace(ASK, method="guess"), "guess version"),
        (replace(ASK, parameters={"by": ["age"]}), "age has none"),
        (replace(ASK, parameters={"bye": ["sex"]}), "bye"),
        (replace(ASK, parameters={"by": ["record"]}), "record is not available"),
        (replace(ASK, where="record == 1"), "record is not available"),
        (replace(ASK, where="sex == 'x'"), "sex is a category column"),
        (replace(ASK, where="sex =="), "character 7"),
    ],
)
def test_what_cannot_be_asked_is_refused_here_already(ask: Ask, sentence: str) -> None:
    """The same checks as at every hospital, before anything is signed."""
    with pytest.raises(WardnetError) as caught:
        asked(ask)
    assert sentence in str(caught.value)


def nested(depth: int) -> Term:
    """Build a condition as deep as asked for."""
    term = col("age") > 0
    for number in range(depth):
        term = (col("age") > number) & term if number % 2 else (col("age") > number) | term
    return term


def test_a_condition_too_deep_for_a_signed_query_is_refused() -> None:
    """What passes here passes the canonical bytes, and what does not is told in words."""
    deepest = asked(replace(ASK, where=nested(14)))
    assert queries.from_bytes(queries.to_bytes(deepest)) == deepest
    with pytest.raises(WardnetError) as caught:
        asked(replace(ASK, where=nested(15)))
    assert "nested too deeply" in str(caught.value)


def test_a_hospital_whose_id_is_none_is_refused() -> None:
    """The coordinator's list is not believed either."""
    with pytest.raises(WardnetError) as caught:
        asked(holders=("a", "B!"))
    assert caught.value.reason is Reason.MALFORMED


def test_a_dataset_that_nobody_holds_is_not_available() -> None:
    """It may be published and loaded nowhere."""
    with pytest.raises(WardnetError) as caught:
        asked(holders=())
    assert caught.value.reason is Reason.DATASET_UNAVAILABLE


def test_a_query_reads_as_one_line() -> None:
    """Lists and titles show it."""
    assert describe(asked()) == "count of heart by sex"
    assert describe(asked(Ask("count", "heart", {}, where="age > 3"))) == (
        "count of heart, where age > 3"
    )


@pytest.mark.parametrize(
    ("method", "parameters", "line"),
    [
        ("summary", {"columns": ["age"], "by": ["sex"]}, "summary of heart: age by sex"),
        ("histogram", {"column": "age", "bins": 3}, "histogram of heart: age"),
        ("crosstab", {"rows": "sex", "columns": "smoker"}, "crosstab of heart: sex by smoker"),
        (
            "linear",
            {"outcome": "chol", "terms": [["age"], ["age", "sex"]]},
            "linear of heart: chol by age, age:sex",
        ),
        (
            "summary",
            {"columns": list("abcdefgh")},
            "summary of heart: a, b, c, d, e, f and 2 more",
        ),
    ],
)
def test_the_line_names_the_columns(
    method: str, parameters: dict[str, JsonValue], line: str
) -> None:
    """What is described, and by what."""
    assert describe(replace(asked(), method=method, parameters=parameters)) == line

"""A query's way from the guard round to its answer, and what stops it."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial, reduce

import numpy as np
import pytest

from support.examples import ask
from support.people import AGE, DIGEST, LAB, PERSON, SEX, STAGE
from wardnet.errors import Reason, WardnetError
from wardnet.privacy.rules import OFF, STANDARD, DisclosureRules, Output
from wardnet.question import answer as answers
from wardnet.question.answer import Answer, Participant
from wardnet.question.cohort import EVERYONE, Cohort, Term, col
from wardnet.question.dictionary import Column, Dictionary
from wardnet.question.query import Query
from wardnet.question.rows import Rows
from wardnet.statistics.moments import MOMENTS
from wardnet.statistics.session import Session, run
from wardnet.statistics.tally import COHORT, DATASET
from wardnet.sums import arrays
from wardnet.sums.arrays import Sums

PEOPLE = Dictionary(name="people", version=1, columns=(SEX, AGE, PERSON))
VISITS = replace(PEOPLE, patient="person")
HERE = Participant("a", "1:abc")
THERE = Participant("b", "4:def")


def rows(sex: Sequence[int], *, age: Sequence[int] = (), who: Sequence[int] = ()) -> Rows:
    """Return rows; everybody is 60 where no codes of ages are given."""
    ages = age or [65] * len(sex)
    patient = np.array(who, np.uint32) if who else None
    return Rows(len(sex), {"sex": np.array(sex, np.int8), "age": np.array(ages, np.int16)}, patient)


def asked(query: Query, *held: Rows, rules: DisclosureRules = STANDARD) -> Answer:
    """Ask hospitals that hold one batch each."""
    dictionary = PEOPLE if query.dictionary == PEOPLE.digest else VISITS
    hospitals = {name: partial(iter, [part]) for name, part in zip("abcd", held, strict=False)}
    return run(query, digest=DIGEST, dictionary=dictionary, hospitals=hospitals, rules=rules)


def count(cohort: Cohort = EVERYONE, *, dictionary: Dictionary = PEOPLE) -> Query:
    """Ask how many there are of each sex."""
    return ask("count", {"by": ["sex"]}, dictionary=dictionary, cohort=cohort)


def session(query: Query | None = None) -> Session:
    """Open a question."""
    return Session(query or count(), digest=DIGEST, dictionary=PEOPLE)


def guard_total(found: Session, *held: Rows) -> Sums:
    """Return the total of the present round."""
    return reduce(arrays.add, (found.tally.sums(found.tally.part([part])) for part in held))


def test_hospitals_are_added_and_small_cells_withheld_by_name() -> None:
    """Twelve women and nine men: the men and those of another sex are withheld."""
    answer = asked(count(), rows([0] * 7 + [1] * 9), rows([0] * 5 + [-1] * 3))
    assert answer.table is not None
    assert answer.table.rows == (("female", 12, 12), ("male", None, None), ("other", None, None))
    assert [(held.cell, held.rule) for held in answer.table.withheld] == [
        ({"sex": "male"}, "fewer than 10 patients"),
        ({"sex": "other"}, "fewer than 10 patients"),
    ]
    assert answer.rounds == 1
    assert answer.rules == STANDARD.describe(Output.COUNTS)
    assert answers.from_bytes(answers.to_bytes(answer)) == answer


def test_patients_are_counted_not_rows() -> None:
    """Twenty visits by two women are two patients, and too few."""
    few = asked(count(dictionary=VISITS), rows([0] * 40, who=[1, 2] * 20))
    assert few.outcome == "refused"
    many = asked(count(dictionary=VISITS), rows([0] * 40, who=[*range(20)] * 2))
    assert many.table is not None
    assert many.table.rows[0] == ("female", 40, 20)
    assert many.rounds == 2


@pytest.mark.parametrize(
    ("cohort", "reason"),
    [
        (col("age") > 90, Reason.COHORT_TOO_SMALL),
        (col("age") < 90, Reason.COMPLEMENT_TOO_SMALL),
        (col("age") > 0, Reason.COMPLEMENT_TOO_SMALL),
    ],
)
def test_a_refusal_is_an_answer_without_numbers(cohort: Term, reason: Reason) -> None:
    """Nine of thirty are over ninety: neither they nor the others alone may be asked about."""
    held = rows([0] * 30, age=[100] * 9 + [50] * 21)
    answer = asked(count(cohort.cohort), held)
    assert (answer.outcome, answer.reason, answer.table) == ("refused", reason.value, None)
    assert answer.rounds == 1
    assert asked(count(cohort.cohort), held, rules=OFF).outcome == "released"


def test_who_is_left_out_is_whoever_has_a_row_left_out() -> None:
    """A filter on visits may keep a visit of everybody; the visits that it leaves out are many."""
    visits = [*range(20)] * 2
    for later, reason in ((20, ""), (9, Reason.COMPLEMENT_TOO_SMALL.value)):
        ages = [50] * 20 + [60] * later + [50] * (20 - later)
        query = count((col("age") < 55).cohort, dictionary=VISITS)
        answer = asked(query, rows([0] * 40, age=[age + 5 for age in ages], who=visits))
        assert answer.reason == reason


@pytest.mark.parametrize(
    ("query", "held"),
    [
        (count(), [rows([0] * 12 + [1] * men) for men in (3, 4)]),
        (
            count((col("age") > 90).cohort),
            [rows([0] * 30, age=[100] * old + [50] * (30 - old)) for old in (3, 4)],
        ),
    ],
    ids=["withheld cells", "refused cohort"],
)
def test_an_answer_confirms_no_guess_of_what_is_withheld(query: Query, held: list[Rows]) -> None:
    """Hidden counts leave no trace, not even in a digest: they are few enough to be tried."""
    assert len({answers.to_bytes(asked(query, each)) for each in held}) == 1


def test_missing_values_of_one_to_nine_patients_are_withheld() -> None:
    """None missing is shown, and so are ten; a cell that is small hides its missing ones too."""
    sexes = [0] * 30 + [1] * 30 + [2] * 30
    ages = [65] * 30 + [-1] * 9 + [65] * 21 + [-1] * 21 + [65] * 9
    query = ask("summary", {"columns": ["age"], "by": ["sex"]}, dictionary=PEOPLE)
    table = asked(query, rows(sexes, age=ages)).table
    assert table is not None
    assert [row[2:4] for row in table.rows] == [(30, 0), (21, None), (None, None)]
    assert [(held.cell["sex"], len(held.columns)) for held in table.withheld] == [
        ("male", 1),
        ("other", 9),
    ]


@pytest.mark.parametrize("stage", [STAGE, replace(STAGE, maximum="1000000")])
def test_moments_of_a_column_with_levels_hide_its_small_levels(stage: Column) -> None:
    """From n and four moments one could solve for who has which level, counted or summed."""
    dictionary = Dictionary(name="stages", version=1, columns=(SEX, stage))
    sexes = np.repeat(np.array([0, 1, 2], np.int8), [60, 60, 30])
    stages = np.repeat([1, 3, 7, 1, 3, 7, 1], [20, 31, 9, 20, 30, 10, 30])
    held = Rows(150, {"sex": sexes, "stage": stages.astype(np.int32)})
    query = ask("summary", {"columns": ["stage"], "by": ["sex"]}, dictionary=dictionary)
    session = Session(query, digest=DIGEST, dictionary=dictionary)
    while session.answer is None:
        sums = session.tally.sums(session.tally.part([held]))
        if session.round:
            assert [bool(group.any()) for group in sums["sums:stage"]] == [False, True, False]
        session.advance(sums, [HERE])
    table = session.answer.table
    assert table is not None
    assert [row[2:5] for row in table.rows] == [(60, 0, None), (60, 0, 3.0), (30, 0, None)]
    assert [(held.cell["sex"], held.columns, held.rule) for held in table.withheld] == [
        ("female", MOMENTS, "a level with fewer than 10 patients"),
        ("other", MOMENTS, "a level with fewer than 10 patients"),
    ]


@pytest.mark.parametrize("length", [10, 60])
def test_a_question_is_refused_before_an_answer_that_could_not_be_sent(length: int) -> None:
    """An answer that is withheld from the first cell to the last fits a message, or nobody asks."""
    columns = [
        replace(LAB, name=f"x{number}".ljust(length, "x"), label="") for number in range(1600)
    ]
    table = Dictionary(name="wide", version=1, columns=(SEX, *columns))
    query = ask("summary", {"columns": [column.name for column in columns]}, dictionary=table)
    if length > 10:
        with pytest.raises(WardnetError, match="more than an answer can hold"):
            Session(query, digest=DIGEST, dictionary=table)
        return
    nobody = Rows(20, {column.name: np.full(20, np.nan) for column in columns})
    answer = run(query, digest=DIGEST, dictionary=table, hospitals={"a": lambda: [nobody]})
    assert answer.table is not None
    assert len(answer.table.withheld) == len(columns)
    assert answers.from_bytes(answers.to_bytes(answer)) == answer


def test_quantiles_near_the_ends_are_withheld_by_name() -> None:
    """Among 101 patients the 5th centile has five on one side, the median fifty."""
    query = ask(
        "quantiles", {"columns": ["age"], "probabilities": [0.05, 0.5, 0.95]}, dictionary=PEOPLE
    )
    table = asked(query, rows([0] * 101, age=[*range(101)])).table
    assert table is not None
    assert table.rows == (("age", 101, None, 45.0, None),)
    assert [(held.columns, held.rule) for held in table.withheld] == [
        (("0.05", "0.95"), "fewer than 10 other patients on one side")
    ]


def test_a_value_that_many_share_is_nobodys_record() -> None:
    """The lowest value may be a quantile when more than ten patients have it."""
    query = ask("quantiles", {"columns": ["age"], "probabilities": [0.05]}, dictionary=PEOPLE)
    table = asked(query, rows([0] * 100, age=[0] * 20 + [*range(20, 100)])).table
    assert table is not None
    assert table.rows[0][2] == -5.0


def test_the_sides_of_a_quantile_are_counted_in_patients() -> None:
    """One patient with half of all visits does not stand for ten."""
    query = ask("quantiles", {"columns": ["age"], "probabilities": [0.5]}, dictionary=VISITS)
    ages = [10] * 50 + [*range(20, 70)]
    without = [-1] * 50, [*range(100, 150)]  # who has no value is on no side
    found = [
        asked(query, rows([0] * 150, age=ages + without[0], who=who + without[1])).table
        for who in ([0] * 50 + [*range(1, 51)], [*range(100)])
    ]
    assert [table.rows if table else None for table in found] == [
        (("age", 100, None),),
        (("age", 100, 10.0),),
    ]


def test_the_transcript_tells_histories_apart() -> None:
    """It starts from the query and changes with every total and every participant."""
    held = rows([0] * 20)
    found: set[str] = set()
    for digest, part, who in [
        (DIGEST, held, HERE),
        ("b" * 64, held, HERE),
        (DIGEST, rows([1] * 20), HERE),
        (DIGEST, held, replace(HERE, snapshot="2:abc")),
        (DIGEST, held, THERE),
    ]:
        one = Session(count(), digest=digest, dictionary=PEOPLE)
        assert one.transcript == digest
        one.advance(guard_total(one, part), [who])
        assert one.answer is not None
        found.add(one.transcript)
    assert len(found) == 5


def test_hospitals_may_not_change_between_rounds() -> None:
    """Totals never mix sets of hospitals, nor snapshots of one."""
    found = session(ask("summary", {"columns": ["age"]}, dictionary=PEOPLE))
    held = rows([0] * 20)
    found.advance(guard_total(found, held, held), [HERE, THERE])
    total = guard_total(found, held, held)
    for others in ([HERE], [HERE, replace(THERE, snapshot="5:fed")]):
        with pytest.raises(WardnetError) as refusal:
            found.advance(total, others)
        assert refusal.value.reason is Reason.ROUNDS_DIVERGED
    assert found.round == 1
    found.advance(total, [HERE, THERE])
    assert found.answer is not None


def test_nothing_follows_the_answer() -> None:
    """A total after the last round is no part of the query."""
    found = session()
    total = guard_total(found, rows([0] * 20))
    found.advance(total, [HERE])
    with pytest.raises(WardnetError) as refusal:
        found.advance(total, [HERE])
    assert refusal.value.reason is Reason.ROUNDS_DIVERGED


@pytest.mark.parametrize(
    "change",
    [
        {COHORT: np.array([21])},
        {DATASET: np.array([19])},
        {"cells": np.array([21, 0, 0])},
        {"cells": np.array([5, -1, 0])},
        {"cells": np.array([1 << 41, 0, 0])},
        {"cells": np.array([20, 0])},
        {"cells": np.array([20, 0, 0], np.object_)},
        {"other": np.array([1])},
    ],
    ids=str,
)
def test_an_impossible_guard_total_ends_the_query(change: Sums) -> None:
    """Cells are at most the cohort, the cohort at most the dataset, and nothing is below 0."""
    found = session()
    total = guard_total(found, rows([0] * 20))
    with pytest.raises(WardnetError) as refusal:
        found.advance({**total, **change}, [HERE])
    assert refusal.value.reason is Reason.IMPLAUSIBLE_TOTAL
    assert found.round == 0


@pytest.mark.parametrize(
    ("array", "entry"),
    [("n:age", 19), ("sums:age", -1), ("sums:age", 20 * 125**4 + 1)],
    ids=["rows", "squares", "size"],
)
def test_an_impossible_summary_ends_the_query(array: str, entry: int) -> None:
    """A cell has as many rows as patients; squares add up to enough, and not to too much."""
    found = session(ask("summary", {"columns": ["age"]}, dictionary=PEOPLE))
    held = rows([0] * 20, age=[*range(20)])
    found.advance(guard_total(found, held), [HERE])
    total = dict(guard_total(found, held))
    total[array] = np.full_like(total[array], entry)
    with pytest.raises(WardnetError) as refusal:
        found.advance(total, [HERE])
    assert refusal.value.reason is Reason.IMPLAUSIBLE_TOTAL


@pytest.mark.parametrize("entry", [(20 << 200) + 1, -(20 << 200) - 1])
def test_impossible_centred_powers_end_the_query(entry: int) -> None:
    """Twenty distances of at most 1 have powers that add up to at most 20."""
    dictionary = replace(PEOPLE, columns=(LAB,))
    query = ask("summary", {"columns": ["lab"]}, dictionary=dictionary)
    found = Session(query, digest=DIGEST, dictionary=dictionary)
    held = Rows(20, {"lab": np.linspace(0, 1, 20)})
    found.advance(guard_total(found, held), [HERE])
    found.advance(guard_total(found, held), [HERE])
    with pytest.raises(WardnetError) as refusal:
        found.advance({"sums:lab": np.full((1, 3), entry, np.object_)}, [HERE])
    assert refusal.value.reason is Reason.IMPLAUSIBLE_TOTAL


def test_a_cell_with_fewer_rows_than_patients_ends_the_query() -> None:
    """Every patient of a cell has at least one row in it."""
    query = count(dictionary=VISITS)
    found = Session(query, digest=DIGEST, dictionary=VISITS)
    found.advance(guard_total(found, rows([0] * 20, who=[*range(20)])), [HERE])
    with pytest.raises(WardnetError) as refusal:
        found.advance({"rows": np.array([19, 0, 0])}, [HERE])
    assert refusal.value.reason is Reason.IMPLAUSIBLE_TOTAL


def test_an_impossible_part_of_a_quantile_ends_the_query() -> None:
    """An interval holds as many rows as it held as a part of the interval before."""
    found = session(ask("quantiles", {"columns": ["age"]}, dictionary=PEOPLE))
    held = rows([0] * 40, age=[*range(40)])
    found.advance(guard_total(found, held), [HERE])
    found.advance(guard_total(found, held), [HERE])
    total = {name: array + 1 for name, array in guard_total(found, held).items()}
    with pytest.raises(WardnetError) as refusal:
        found.advance(total, [HERE])
    assert refusal.value.reason is Reason.IMPLAUSIBLE_TOTAL


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"method": "mode"}, Reason.METHOD_UNKNOWN),
        ({"method_version": 2}, Reason.METHOD_UNKNOWN),
        ({"dictionary": "f" * 64}, Reason.DICTIONARY_OUTDATED),
        ({"dataset": "animals"}, Reason.DICTIONARY_OUTDATED),
        ({"cohort": (col("height") > 2).cohort}, Reason.COLUMN_UNAVAILABLE),
        ({"cohort": (col("age") > "old").cohort}, Reason.PARAMETER_INVALID),
    ],
)
def test_a_question_that_does_not_fit_is_refused(change: dict[str, object], reason: Reason) -> None:
    """Before any data is touched."""
    with pytest.raises(WardnetError) as refusal:
        session(replace(count(), **change))  # type: ignore[arg-type]
    assert refusal.value.reason is reason


def test_the_rules_are_those_that_the_query_was_signed_with() -> None:
    """Thirty patients are too few for a query that promises not to describe fewer than forty."""
    query = replace(count(), minimum_patients=40)
    found = Session(query, digest=DIGEST, dictionary=PEOPLE)
    found.advance(guard_total(found, rows([0] * 30)), [HERE])
    assert found.answer is not None
    assert found.answer.reason == Reason.COHORT_TOO_SMALL
    cohort = "a cohort, and the rows that a filter leaves out, are those of at least 40 patients"
    assert cohort in found.answer.rules

"""A query's way from the guard round to its answer."""

from collections.abc import Callable, Sequence

import numpy as np
from pydantic import JsonValue

from wardnet.question import answer as answers
from wardnet.question.cohort import EVERYONE, Cohort
from wardnet.question.dictionary import Column, ColumnType, Dictionary
from wardnet.question.query import Query
from wardnet.question.rows import Rows
from wardnet.statistics.session import run

SEX = Column(name="sex", type=ColumnType.CATEGORY, levels=("female", "male"))
AGE = Column(name="age", type=ColumnType.INTEGER, minimum="0", maximum="120")
PEOPLE = Dictionary(name="people", version=1, columns=(SEX, AGE))
DIGEST = "a" * 64


def query(cohort: Cohort = EVERYONE, **parameters: JsonValue) -> Query:
    """Ask `count` of two hospitals."""
    return Query(
        version=1,
        network="test",
        researcher="ada",
        dataset="people",
        dictionary=PEOPLE.digest,
        method="count",
        method_version=1,
        parameters=parameters,
        cohort=cohort,
        hospitals=("a", "b"),
        minimum_hospitals=2,
        mode="clear",
        nonce="0" * 32,
        not_before="2026-01-01T00:00:00.000Z",
        not_after="2026-01-01T00:15:00.000Z",
    )


def people(sex: Sequence[int], age: Sequence[int] = ()) -> Callable[[], list[Rows]]:
    """Return one batch of people."""
    ages = age or [50] * len(sex)
    rows = Rows(len(sex), {"sex": np.array(sex, np.int8), "age": np.array(ages, np.int16)})
    return lambda: [rows]


def test_count_adds_hospitals_and_withholds_small_cells_by_name() -> None:
    """Twelve women and nine men: the men are withheld."""
    hospitals = {"a": people([0] * 7 + [1] * 9), "b": people([0] * 5 + [-1] * 3)}
    answer = run(query(by=["sex"]), digest=DIGEST, dictionary=PEOPLE, hospitals=hospitals)
    assert answer.table is not None
    assert answer.table.rows == (("female", 12, 12), ("male", None, None))
    assert [(w.cell, w.rule) for w in answer.table.withheld] == [
        ({"sex": "male"}, "fewer than 10 patients")
    ]
    assert answer.rounds == 1
    assert answers.from_bytes(answers.to_bytes(answer)) == answer

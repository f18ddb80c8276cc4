"""The parts of a cohort, drawn by a seed: disjoint, together everybody, whole patients."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.people import ROWS_ARE_PATIENTS, SEVERAL_ROWS
from wardnet.errors import Reason, WardnetError
from wardnet.question.cohort import Term, check, columns_of, fold, select
from wardnet.question.dictionary import Dictionary
from wardnet.question.grammar import parse
from wardnet.question.rows import Rows, concatenate

ages = st.lists(st.integers(-1, 125), min_size=1, max_size=60)
seeds = st.integers(0, (1 << 32) - 1)


def rows_of(values: list[int], patients: list[int] | None = None) -> Rows:
    """Return rows of an age on the grid and a weight off it, whose missing value is NaN."""
    age = np.array(values, np.int16)
    lab = np.where(age % 7 == 0, np.nan, age / 3)
    who = None if patients is None else np.array(patients, np.uint32)
    return Rows(age.size, {"age": age, "lab": lab}, who)


def where(term: Term, rows: Rows) -> list[bool]:
    """Return which rows a condition selects."""
    dictionary = ROWS_ARE_PATIENTS if rows.patient is None else SEVERAL_ROWS
    return [bool(each) for each in select(term.cohort, dictionary, rows)]


@given(ages, st.integers(2, 9), seeds)
def test_every_row_is_in_exactly_one_part(values: list[int], of: int, seed: int) -> None:
    """The parts are disjoint and together everybody, also with missing values."""
    rows = rows_of(values)
    parts = [where(fold(part, of=of, seed=seed, by=["age"]), rows) for part in range(1, of + 1)]
    assert np.sum(parts, axis=0).tolist() == [1] * rows.size
    others = where(~fold(1, of=of, seed=seed, by=["age"]), rows)
    assert others == [not inside for inside in parts[0]]


@given(ages, st.integers(0, 60), seeds)
def test_a_row_is_drawn_alike_in_whichever_hospital_it_lies(
    values: list[int], cut: int, seed: int
) -> None:
    """What is drawn depends on what the row holds, not on its place or on the order of columns."""
    rows = rows_of(values)
    here, there = (
        rows.take(np.arange(rows.size) < cut),
        rows.take(np.arange(rows.size) >= cut),
    )
    term, same = (fold(2, of=3, seed=seed, by=by) for by in (["age", "lab"], ["lab", "age"]))
    assert where(term, here) + where(term, there) == where(same, concatenate([here, there]))


@given(st.lists(st.integers(0, 9), min_size=1, max_size=60), seeds)
def test_a_patient_is_drawn_with_all_rows(patients: list[int], seed: int) -> None:
    """Nobody is both among those who are learnt from and among those who are asked."""
    rows = rows_of([40] * len(patients), patients)
    chosen = where(fold(1, of=3, seed=seed), rows)
    assert len({(who, inside) for who, inside in zip(patients, chosen, strict=True)}) == len(
        set(patients)
    )


def test_parts_are_of_about_the_same_size_and_differ_with_the_seed() -> None:
    """Six standard deviations of a fair draw around a fifth, and a fifth of a fifth in common."""
    rows = rows_of([0] * 50_000, list(range(50_000)))
    first, second = (np.array(where(fold(1, of=5, seed=seed), rows)) for seed in (1, 2))
    assert abs(first.sum() - 10_000) < 6 * 90
    assert abs((first & second).sum() - 2_000) < 6 * 45


@pytest.mark.parametrize(
    ("term", "table", "words"),
    [
        (fold(1, of=5), ROWS_ARE_PATIENTS, "needs columns to draw rows by"),
        (fold(1, of=5, by=["age"]), SEVERAL_ROWS, "whole patients"),
        (fold(6, of=5), SEVERAL_ROWS, "has the parts 1 to 5"),
        (fold(1, of=5, by=["age", "age"]), ROWS_ARE_PATIENTS, "a column twice"),
    ],
)
def test_a_part_that_cannot_be_drawn_is_refused(term: Term, table: Dictionary, words: str) -> None:
    """Before any data, with what to write instead."""
    with pytest.raises(WardnetError, match=words) as caught:
        check(term.cohort, table)
    assert caught.value.reason is Reason.PARAMETER_INVALID


@pytest.mark.parametrize(("part", "of", "seed"), [(0, 5, 0), (1, 1, 0), (1, 101, 0), (1, 5, -1)])
def test_a_part_out_of_range_cannot_be_written(part: int, of: int, seed: int) -> None:
    """In Python as in a line of text."""
    with pytest.raises(WardnetError, match="needs whole numbers") as caught:
        fold(part, of=of, seed=seed)
    assert caught.value.reason is Reason.PARAMETER_INVALID
    with pytest.raises(WardnetError, match="whole number") as caught:
        parse(f"fold({part}, of={of}, seed={seed})")
    assert caught.value.reason is Reason.COHORT_SYNTAX


def test_a_part_names_the_columns_it_looks_at() -> None:
    """So that an agreement's columns for cohorts hold for it."""
    assert columns_of(fold(1, of=2, by=["age", "lab"]).cohort) == {"age", "lab"}
    assert columns_of(fold(1, of=2).cohort) == frozenset()

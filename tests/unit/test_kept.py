"""What is made of rows is kept for as long as the rows are, and never mistaken for another's."""

import gc
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from support.examples import ask
from support.people import DIGEST, ROWS_ARE_PATIENTS, made_up, without_patients
from wardnet.question import cohort
from wardnet.question.answer import Participant
from wardnet.question.conditions import Cohort
from wardnet.question.dictionary import Dictionary
from wardnet.question.grammar import parse
from wardnet.question.rows import Rows
from wardnet.statistics import kept as module
from wardnet.statistics import tally
from wardnet.statistics.kept import kept
from wardnet.statistics.session import Session


def rows(first: int) -> Rows:
    """Return three rows."""
    return Rows(3, {"age": np.arange(first, first + 3)})


def test_the_same_arrays_give_what_was_made_of_them() -> None:
    """Also in another `Rows`; other arrays and other names do not."""
    batch, made = rows(1), list[int]()

    def make() -> int:
        made.append(len(made))
        return made[-1]

    assert kept("x", [batch], make) == 0
    assert kept("x", [Rows(3, dict(batch.columns))], make) == 0
    assert kept("y", [batch], make) == 1
    assert kept("x", [rows(1)], make) == 2
    assert kept("x", [Rows(0, {})], make) == 3
    assert kept("x", [Rows(0, {})], make) == 4


def test_nothing_outlives_its_rows() -> None:
    """Memory is free again as soon as a batch is."""
    gc.collect()
    before = len(module._KEPT)
    batch = rows(1)
    kept("x", [batch], lambda: 1)
    assert len(module._KEPT) == before + 1
    del batch
    gc.collect()
    assert len(module._KEPT) == before


def test_a_filter_is_applied_once_and_not_in_every_round(monkeypatch: pytest.MonkeyPatch) -> None:
    """After the guard round the rows of a cohort, and their bins, stay beside their batch."""
    batch = without_patients(made_up(5, rows=400))
    calls = list[int]()

    def select(condition: Cohort, dictionary: Dictionary, asked: Rows) -> NDArray[np.bool_]:
        if asked.size:
            calls.append(session.round)
        return cohort.select(condition, dictionary, asked)

    monkeypatch.setattr(tally, "select", select)
    question = ask("boosting", {"outcome": "smoker", "features": ["age", "lab"], "trees": 2})
    query = replace(question, cohort=parse("age >= 20"))
    session = Session(query, digest=DIGEST, dictionary=ROWS_ARE_PATIENTS)
    while session.answer is None:
        total = session.tally.sums(session.tally.part([batch]))
        session.advance(total, [Participant("a", "1")])
    assert session.round > 5
    assert calls == [0, 1]

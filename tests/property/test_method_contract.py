"""The contract of a method: every method passes every test here."""

import json
import pickle
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.examples import EXAMPLES, Parameters, ask
from support.people import (
    DIGEST,
    HOSPITALS,
    ROWS_ARE_PATIENTS,
    SEVERAL_ROWS,
    Deal,
    deals,
    made_up,
    tables,
    without_patients,
)
from support.refused import REFUSED
from wardnet.errors import Reason, WardnetError
from wardnet.privacy.rules import OFF, STANDARD, DisclosureRules
from wardnet.question import answer as answers
from wardnet.question.answer import Participant
from wardnet.question.cohort import EVERYONE, Cohort, col
from wardnet.question.dictionary import Dictionary
from wardnet.question.rows import Rows
from wardnet.statistics.methods import METHODS
from wardnet.statistics.session import Session, Tally, run
from wardnet.sums import arrays
from wardnet.sums.arrays import Sums

PAGES = Path(__file__).parents[2] / "docs" / "statistics"
COHORTS: Sequence[Cohort] = (EVERYONE, (~(col("age") < 40)).cohort)
PARTICIPANTS = tuple(Participant(hospital, "1") for hospital in HOSPITALS)


@dataclass(frozen=True)
class Case:
    """Hold one question on one kind of table."""

    method: str
    parameters: Parameters
    dictionary: Dictionary

    def __str__(self) -> str:
        """Name the case in the list of tests."""
        kind = "rows" if self.dictionary.patient is None else "patients"
        return f"{self.method}-{EXAMPLES[self.method].index(self.parameters)}-{kind}"

    def table(self, rows: Rows) -> Rows:
        """Return rows as the dictionary has them."""
        return rows if self.dictionary.patient else without_patients(rows)

    def dealt(self, *, hospitals: int, rows: int) -> list[Sequence[Rows]]:
        """Return the batches of some hospitals."""
        table = self.table(made_up(7, rows=rows))
        return list(Deal(hospitals=hospitals, batch=50, seed=2).parts(table).values())

    def session(self, rules: DisclosureRules = STANDARD, cohort: Cohort = EVERYONE) -> Session:
        """Open the question."""
        query = ask(self.method, self.parameters, dictionary=self.dictionary, cohort=cohort)
        return Session(query, digest=DIGEST, dictionary=self.dictionary, rules=rules)


CASES = [
    Case(method, parameters, dictionary)
    for method, examples in EXAMPLES.items()
    for parameters in examples
    for dictionary in (ROWS_ARE_PATIENTS, SEVERAL_ROWS)
]
every_case = pytest.mark.parametrize("case", CASES, ids=str)


def rounds(session: Session, parts: Sequence[Sequence[Rows]]) -> Iterator[tuple[Tally, list[Sums]]]:
    """Lead a session to its answer, yielding each round and what every hospital sent."""
    while session.answer is None:
        tally = session.tally
        sums = [tally.sums(tally.part(batches)) for batches in parts]
        yield tally, sums
        session.advance(reduce(arrays.add, sums), PARTICIPANTS)


def test_every_method_has_examples() -> None:
    """A method without examples would pass this suite unseen."""
    assert EXAMPLES.keys() == METHODS.keys() == REFUSED.keys()


@pytest.mark.parametrize("name", METHODS)
def test_every_method_has_a_page_that_names_what_it_takes(name: str) -> None:
    """Parameters and the questions that a hospital asks first are described."""
    page = (PAGES / f"{name}.md").read_text()
    for parameter in {parameter for example in EXAMPLES[name] for parameter in example}:
        assert f"`{parameter}`" in page, parameter
    for heading in ("What leaves the hospital", "disclosure", "Validation", "Definitions"):
        assert heading.lower() in page.lower(), heading


@every_case
@settings(max_examples=20, deadline=None)
@given(table=tables(), deal=deals(), rules=st.sampled_from([OFF, STANDARD]), data=st.data())
def test_any_deal_of_the_rows_gives_the_same_bytes(
    case: Case, table: Rows, deal: Deal, rules: DisclosureRules, data: st.DataObject
) -> None:
    """Hospitals, batches and order of rows change nothing, not even the transcript."""
    cohort = data.draw(st.sampled_from(COHORTS))
    rows = case.table(table)
    query = ask(case.method, case.parameters, dictionary=case.dictionary, cohort=cohort)

    def answer(how: Deal) -> bytes:
        hospitals = {name: (lambda held=held: held) for name, held in how.parts(rows).items()}
        found = run(
            query, digest=DIGEST, dictionary=case.dictionary, hospitals=hospitals, rules=rules
        )
        return answers.to_bytes(found)

    if METHODS[case.method].whole:
        deal = replace(deal, hospitals=1)  # what hospitals train for themselves depends on the deal
    assert answer(deal) == answer(Deal(hospitals=1, batch=max(1, rows.size), seed=0))


@every_case
@settings(max_examples=10, deadline=None)
@given(table=tables(), order=st.permutations(range(7)))
def test_parts_merge_in_any_order(case: Case, table: Rows, order: list[int]) -> None:
    """Workers of one hospital may end in any order, and be merged in pairs or all at once."""
    if METHODS[case.method].whole:
        return  # all rows of a hospital are one worker's
    dealt = list(Deal(hospitals=7, batch=9, seed=1).parts(case.table(table)).values())
    session = case.session(OFF)
    for tally, _ in rounds(session, dealt):
        parts = [tally.part(batches) for batches in dealt]
        shuffled = [parts[place] for place in order]
        pairs = tally.merge([tally.merge(shuffled[:3]), tally.merge(shuffled[3:])])
        assert arrays.digest(tally.sums(pairs)) == arrays.digest(tally.sums(tally.merge(parts)))


@every_case
@settings(max_examples=10, deadline=None)
@given(table=tables(), rules=st.sampled_from([OFF, STANDARD]))
def test_what_is_told_in_the_interim_stands_in_the_answer(
    case: Case, table: Rows, rules: DisclosureRules
) -> None:
    """Whatever the rounds to come bring: a number that is told early is told again at the end."""
    dealt = list(Deal(hospitals=7, batch=50, seed=2).parts(case.table(table)).values())
    session, told = case.session(rules), dict[str, float]()
    for _ in rounds(session, dealt):
        for name, number in session.interim.items():
            assert told.setdefault(name, number) == number
    released = session.answer.table if session.answer else None
    cells = {cell for row in (released.rows if released else ()) for cell in row}
    assert cells.issuperset(told.values())


@pytest.mark.parametrize("method", ["boosting", "fedavg"])
def test_a_method_with_a_curve_tells_it_point_by_point(method: str) -> None:
    """No point is left out but the last, with which the answer comes."""
    case = next(case for case in CASES if case.method == method)
    session = case.session(OFF)
    told = [session.interim for _ in rounds(session, case.dealt(hospitals=3, rows=400))]
    losses = {name: number for each in told for name, number in each.items()}
    assert session.answer is not None
    assert session.answer.table is not None
    table = session.answer.table
    place = len(table.keys) + table.values.index("loss")
    curve = [row[place] for row in table.rows if row[0] == "after trees" or len(table.keys) == 1]
    assert [number for name, number in losses.items() if name.startswith("loss")] == curve[:-1]
    assert len(curve) > 1


@every_case
def test_a_hospital_without_rows_sends_zeros(case: Case) -> None:
    """It takes part like the others, so its emptiness is not seen."""
    rows = case.table(made_up(3, rows=90))
    for tally, _ in rounds(case.session(OFF), [[rows]]):
        for batches in ([], [rows.take(np.zeros(rows.size, np.bool_))]):
            sums = tally.sums(tally.part(batches))
            assert all(not np.any(array) for array in sums.values())


@every_case
def test_withheld_cells_are_zero_in_every_part(case: Case) -> None:
    """What the rules withhold from the answer does not leave a hospital either."""
    dealt = list(
        Deal(hospitals=4, batch=50, seed=2).parts(case.table(made_up(7, rows=60))).values()
    )
    session = case.session(STANDARD)
    for tally, sums in rounds(session, dealt):
        for spec in tally.specs:
            hidden = tally.hidden(spec)
            assert all(not np.any(each[spec.name][hidden]) for each in sums)
    assert session.answer is not None
    assert session.answer.table is not None
    if "by" in case.parameters or case.method == "crosstab":
        assert session.answer.table.withheld


@every_case
def test_a_total_that_fills_a_withheld_cell_is_refused(case: Case) -> None:
    """A hospital that ignores the rules ends the query instead of leaking."""
    dealt = list(
        Deal(hospitals=4, batch=50, seed=2).parts(case.table(made_up(7, rows=60))).values()
    )
    session = case.session(STANDARD)
    for tally, sums in rounds(session, dealt):
        total: Sums = reduce(arrays.add, sums)
        for spec in (spec for spec in tally.specs if tally.hidden(spec).any()):
            filled = {**total, spec.name: total[spec.name].copy()}
            filled[spec.name][tally.hidden(spec)] = 1
            with pytest.raises(WardnetError) as refusal:
                session.advance(filled, PARTICIPANTS)
            assert refusal.value.reason is Reason.IMPLAUSIBLE_TOTAL


@every_case
def test_sums_are_as_declared_and_rounds_are_few(case: Case) -> None:
    """Names, shapes, widths and limits are known before any data; so is the longest way."""
    dealt = list(
        Deal(hospitals=3, batch=50, seed=4).parts(case.table(made_up(9, rows=200))).values()
    )
    session = case.session(OFF)
    for tally, sums in rounds(session, dealt):
        guards = {"dataset", "cohort", *tally.method.guards(tally.question)}
        assert {spec.guard for spec in tally.specs} <= guards
        for each in sums:
            arrays.check(each, tally.specs)
        arrays.check(reduce(arrays.add, sums), tally.specs, hospitals=len(sums))
    assert session.round <= 1 + METHODS[case.method].maximum_rounds


@every_case
def test_equal_totals_lead_to_equal_states(case: Case) -> None:
    """Every hospital steps for itself and reaches the same transcript, rounds and answer."""
    dealt = list(
        Deal(hospitals=3, batch=50, seed=5).parts(case.table(made_up(11, rows=200))).values()
    )
    ours, theirs = case.session(), case.session()
    for tally, sums in rounds(ours, dealt):
        assert theirs.tally.specs == tally.specs
        assert theirs.transcript == ours.transcript
        sent = pickle.loads(pickle.dumps(theirs.tally))  # as a worker process gets it
        total = reduce(arrays.add, (sent.sums(sent.part(batches)) for batches in dealt))
        assert arrays.digest(total) == arrays.digest(reduce(arrays.add, sums))
        theirs.advance(total, PARTICIPANTS)
    assert theirs.answer == ours.answer
    assert theirs.transcript == ours.transcript


@every_case
def test_only_declared_columns_are_read(case: Case) -> None:
    """A node opens no other column than the tally names."""
    rows = case.table(made_up(13, rows=50))
    session = case.session(OFF, COHORTS[1])
    names = session.tally.columns
    narrow = Rows(rows.size, {name: rows.columns[name] for name in names}, rows.patient)
    for tally, _ in rounds(session, [[narrow]]):
        assert tally.columns == names


@pytest.mark.parametrize(
    ("method", "parameter", "parameters"),
    [(name, *refused) for name, examples in REFUSED.items() for refused in examples],
)
def test_what_a_method_does_not_take_is_refused_by_name(
    method: str, parameter: str, parameters: Parameters
) -> None:
    """The refusal names the method and the parameter, before any data is touched."""
    with pytest.raises(WardnetError) as refusal:
        Session(ask(method, parameters), digest=DIGEST, dictionary=ROWS_ARE_PATIENTS)
    assert refusal.value.reason is Reason.PARAMETER_INVALID
    assert (refusal.value.details["method"], refusal.value.details["parameter"]) == (
        method,
        parameter,
    )


@pytest.mark.parametrize("name", ["nowhere", "person"])
@pytest.mark.parametrize(
    ("method", "parameters"),
    [
        ("count", {"by": ["X"]}),
        ("summary", {"columns": ["X"]}),
        ("summary", {"columns": ["age"], "by": ["X"]}),
        ("quantiles", {"columns": ["X"]}),
        ("histogram", {"column": "X", "bins": 3}),
        ("crosstab", {"rows": "X", "columns": "sex"}),
        ("linear", {"outcome": "X", "terms": [["age"]]}),
        ("linear", {"outcome": "age", "terms": [["sex"], ["X"], ["sex", "X"]]}),
        ("glm", {"outcome": "X", "terms": [["age"]], "family": "poisson"}),
        ("fedavg", {"outcome": "X", "features": ["age"]}),
        ("fedavg", {"outcome": "smoker", "features": ["age", "X"]}),
        ("pca", {"columns": ["age", "X"]}),
        ("kmeans", {"columns": ["X"], "clusters": 2}),
        ("mixture", {"columns": ["X"], "components": 2}),
    ],
)
def test_unknown_and_forbidden_columns_read_the_same(
    method: str, parameters: Parameters, name: str
) -> None:
    """One sentence for both, so that nobody learns which columns exist."""
    asked = {
        key: json.loads(json.dumps(value).replace('"X"', f'"{name}"'))
        for key, value in parameters.items()
    }
    with pytest.raises(WardnetError) as refusal:
        Session(ask(method, asked), digest=DIGEST, dictionary=ROWS_ARE_PATIENTS)
    assert refusal.value.reason is Reason.COLUMN_UNAVAILABLE

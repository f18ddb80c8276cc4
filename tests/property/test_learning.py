"""Learning by turns: the order of hospitals and rows changes no bit, nor does a killed node."""

import pickle
import warnings
from collections.abc import Mapping, Sequence
from functools import partial, reduce

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from support.examples import EXAMPLES, Parameters, ask
from support.people import DIGEST, ROWS_ARE_PATIENTS, made_up, take
from support.people import without_patients as rows_as_patients
from wardnet.errors import Reason, WardnetError
from wardnet.privacy.rules import OFF, STANDARD
from wardnet.question import answer as answers
from wardnet.question.answer import Participant
from wardnet.question.dictionary import Column, ColumnType, Dictionary
from wardnet.question.rows import Rows
from wardnet.statistics.methods import METHODS
from wardnet.statistics.session import Session, run
from wardnet.sums import arrays
from wardnet.sums.arrays import Sums

every_question = pytest.mark.parametrize("parameters", EXAMPLES["fedavg"])
PARTICIPANTS = tuple(Participant(hospital, "1") for hospital in "abc")


def tables() -> Mapping[str, Rows]:
    """Make up three hospitals' rows."""
    rows = {"a": 90, "b": 45, "c": 70}
    return {
        hospital: rows_as_patients(made_up(seed, rows=size, missing=0.05))
        for seed, (hospital, size) in enumerate(rows.items())
    }


def session(parameters: Parameters) -> Session:
    """Open a question."""
    query = ask("fedavg", parameters)
    return Session(query, digest=DIGEST, dictionary=ROWS_ARE_PATIENTS, rules=OFF)


def answer(parameters: Parameters, hospitals: Mapping[str, Sequence[Rows]]) -> bytes:
    """Return the answer's bytes."""
    found = run(
        ask("fedavg", parameters),
        digest=DIGEST,
        dictionary=ROWS_ARE_PATIENTS,
        hospitals={name: partial(iter, batches) for name, batches in hospitals.items()},
        rules=OFF,
    )
    return answers.to_bytes(found)


@every_question
@settings(max_examples=5, deadline=None)
@given(order=st.permutations("abc"), seed=st.integers(0, 1000), batch=st.integers(1, 50))
def test_order_of_hospitals_rows_and_batches_changes_no_bit(
    parameters: Parameters, order: Sequence[str], seed: int, batch: int
) -> None:
    """Integers add up in any order, and rows are taken in an order that follows from themselves."""
    held = tables()
    random = np.random.default_rng(seed)
    dealt = {}
    for hospital in order:
        places = random.permutation(held[hospital].size)
        cuts = range(0, places.size, batch)
        dealt[hospital] = [take(held[hospital], places[at : at + batch]) for at in cuts]
    whole = {hospital: [rows] for hospital, rows in held.items()}
    assert answer(parameters, dealt) == answer(parameters, whole)


@every_question
def test_killing_and_replaying_gives_the_same_bits(parameters: Parameters) -> None:
    """In every round one node starts anew, from the totals alone, and sends what it had sent."""
    held, ours, totals = tables(), session(parameters), list[Sums]()
    while ours.answer is None:
        sent = [ours.tally.sums(ours.tally.part([rows])) for rows in held.values()]
        begun_anew = session(parameters)
        for total in totals:
            begun_anew.advance(total, PARTICIPANTS)
        tally = pickle.loads(pickle.dumps(begun_anew.tally))
        again = tally.sums(tally.part([held["b"]]))
        assert arrays.digest(again) == arrays.digest(sent[1])
        totals.append(reduce(arrays.add, sent))
        ours.advance(totals[-1], PARTICIPANTS)


@every_question
def test_a_model_read_back_predicts_the_same_bits_for_any_rows_beside(
    parameters: Parameters,
) -> None:
    """Elementwise arithmetic: a row's prediction does not depend on its neighbours."""
    method = METHODS["fedavg"]
    found = answers.from_bytes(answer(parameters, {k: [v] for k, v in tables().items()}))
    assert found.table is not None
    model = method.model(method.bind(parameters, ROWS_ARE_PATIENTS), found.table)
    rows = tables()["a"]
    whole = model.predict(rows)
    assert whole.shape == (rows.size, max(1, len(model.classes)))
    one = [model.predict(take(rows, np.array([place]))) for place in range(rows.size)]
    assert np.array_equal(np.concatenate(one), whole, equal_nan=True)
    if model.classes:
        assert np.nansum(whole, axis=1)[~np.isnan(whole[:, 0])] == pytest.approx(1.0)
    assert sum(model.importance().values()) == pytest.approx(1.0)
    assert model.predict(take(rows, np.zeros(0, np.intp))).shape == (0, whole.shape[1])


@pytest.mark.parametrize(
    ("array", "place", "value"),
    [
        ("update", (0, 0), 3 << 48),
        ("training", (0, 1), 10_000),
        ("training", (0, 0), -1),
        ("classes", (0,), 10_000),
        ("split", (0,), 1),
    ],
)
def test_a_total_that_no_hospitals_can_have_is_refused(
    array: str, place: tuple[int, ...], value: int
) -> None:
    """A mean longer than its parts, more hits than rows, a negative loss, rows that disagree."""
    held, ours = tables(), session(EXAMPLES["fedavg"][0])
    while array not in {spec.name for spec in ours.tally.specs} or ours.round == 0:
        sent = [ours.tally.sums(ours.tally.part([rows])) for rows in held.values()]
        ours.advance(reduce(arrays.add, sent), PARTICIPANTS)
    sent = [ours.tally.sums(ours.tally.part([rows])) for rows in held.values()]
    total = {name: each.copy() for name, each in reduce(arrays.add, sent).items()}
    total[array][place] = value
    with pytest.raises(WardnetError) as refusal:
        ours.advance(total, PARTICIPANTS)
    assert refusal.value.reason is Reason.IMPLAUSIBLE_TOTAL


@pytest.mark.parametrize("algorithm", ["fedavg", "scaffold", "fedadam"])
def test_a_network_is_about_as_good_as_one_on_pooled_rows(algorithm: str) -> None:
    """On rows not trained on, against scikit-learn's network of the same size."""
    random = np.random.default_rng(8)
    x = random.normal(size=(4000, 4)).clip(-9, 9)
    ill = x[:, 0] * x[:, 1] + np.sin(2 * x[:, 2]) + random.normal(size=4000) / 4 > 0
    names = tuple(f"x{place}" for place in range(4))
    numbers = (Column(name, ColumnType.REAL, minimum="-10", maximum="10") for name in names)
    plane = Dictionary("people", 1, columns=(*numbers, Column("ill", ColumnType.BOOLEAN)))

    def rows(part: slice) -> Rows:
        columns = dict(zip((*names, "ill"), (*x[part].T, ill[part].astype(np.int8)), strict=True))
        return Rows(len(x[part]), columns)

    parameters: Parameters = {
        "outcome": "ill",
        "features": list(names),
        "estimator": "MLPClassifier",
        "hidden_layer_sizes": [32],
        "algorithm": algorithm,
        "rounds": 40,
        "epochs": 4,
        "server_learning_rate": 0.05 if algorithm == "fedadam" else 1.0,
    }
    found = run(
        ask("fedavg", parameters, dictionary=plane),
        digest=DIGEST,
        dictionary=plane,
        hospitals={
            hospital: partial(iter, [rows(slice(700 * place, 700 * (place + 1)))])
            for place, hospital in enumerate("abc")
        },
        rules=STANDARD,
    )
    assert found.table is not None
    method = METHODS["fedavg"]
    model = method.model(method.bind(parameters, plane), found.table)
    ours = (model.predict(rows(slice(2100, 4000)))[:, 1] > 0.5) == ill[2100:]
    theirs = MLPClassifier([32], max_iter=160, learning_rate_init=0.01, random_state=1)
    with warnings.catch_warnings(action="ignore", category=ConvergenceWarning):
        theirs.fit(x[:2100], ill[:2100])
    assert ours.mean() > theirs.score(x[2100:], ill[2100:]) - 0.02

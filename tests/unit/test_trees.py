"""What trees are made of: bins, draws, splits; and what no tree may do."""

import heapq
import sys
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from support.examples import Parameters, ask
from support.people import (
    AGE,
    DIGEST,
    HOSPITALS,
    LAB,
    ROWS_ARE_PATIENTS,
    SEVERAL_ROWS,
    WEIGHT,
    made_up,
    without_patients,
)
from wardnet import compiled
from wardnet.errors import Reason, WardnetError
from wardnet.privacy.rules import OFF, STANDARD, DisclosureRules
from wardnet.question import answer as answers
from wardnet.question.answer import Participant, Table
from wardnet.question.dictionary import Column, Dictionary
from wardnet.question.drawing import row_keys
from wardnet.question.rows import Rows
from wardnet.statistics import kept
from wardnet.statistics.features import Feature
from wardnet.statistics.methods import METHODS
from wardnet.statistics.sampling import draw_bag, draw_features, draw_share
from wardnet.statistics.session import Session, run
from wardnet.statistics.trees.binned import Binned, histograms, to_terms
from wardnet.statistics.trees.binning import cells
from wardnet.statistics.trees.growing import Growing
from wardnet.statistics.trees.predict import Trees
from wardnet.statistics.trees.splitting import Limits, Scale, _gains
from wardnet.statistics.trees.tree import Branches

PARTICIPANTS = tuple(Participant(hospital, "1") for hospital in HOSPITALS)


def grow(
    parameters: Parameters,
    rows: Rows,
    *,
    dictionary: Dictionary = ROWS_ARE_PATIENTS,
    rules: DisclosureRules = STANDARD,
) -> Table:
    """Return the model of one hospital's rows."""
    answer = run(
        ask("boosting", parameters, dictionary=dictionary),
        digest=DIGEST,
        dictionary=dictionary,
        hospitals={"a": lambda: [rows]},
        rules=rules,
    )
    assert answer.table is not None
    return answer.table


def bin_rows(column: Column, rows: Rows, *, bins: int, least: int) -> NDArray[np.int64]:
    """Return how many rows each bin holds."""
    feature = Feature(column)
    codes, found = feature.encode(rows), cells(feature)
    while found.counts is None:
        found = found.refined(found.count(codes), bins=bins)
    edges = found.edges(bins=bins, least=least)
    return np.bincount(np.searchsorted(edges, codes[codes >= 0], side="right"))


@pytest.mark.parametrize("column", [AGE, WEIGHT, LAB], ids=lambda column: column.name)
def test_bins_are_about_equally_full_and_never_hold_few(column: Column) -> None:
    """Also where most values lie in a small part of the bounds."""
    rows = made_up(1, rows=5000)
    counts = bin_rows(column, rows, bins=20, least=10)
    assert 15 <= counts.size <= 20
    assert counts.min() * 20 / counts.sum() > 0.5
    assert counts.max() * 20 / counts.sum() < 2.5
    assert bin_rows(column, rows, bins=255, least=60).min() >= 60


def test_a_column_without_values_or_with_one_has_a_single_bin() -> None:
    """There is nothing to ask of it."""
    constant = Rows(50, {"lab": np.full(50, 3.25)})
    assert bin_rows(LAB, constant, bins=255, least=10).tolist() == [50]
    nothing = Rows(50, {"lab": np.full(50, np.nan)})
    assert bin_rows(LAB, nothing, bins=255, least=10).size == 0


@pytest.mark.parametrize("column", [AGE, WEIGHT, LAB], ids=lambda column: column.name)
def test_a_cut_in_numbers_divides_rows_like_the_code(column: Column) -> None:
    """Whoever predicts from the table sends every value where it went in training."""
    rows = made_up(2, rows=2000, missing=0.0)
    feature = Feature(column)
    codes = feature.encode(rows)
    values = np.array([feature.cut(int(code)) for code in codes])
    if column.cells is None:
        values = rows.columns[column.name].astype(np.float64)
    for code in codes[:50].tolist():
        assert np.array_equal(values < feature.cut(code), codes < code)


def test_draws_depend_on_what_a_row_holds_and_on_nothing_else() -> None:
    """Their order changes nothing; seeds and trees do; sizes are as asked."""
    rows = made_up(3, rows=20_000, missing=0.1)
    names = ("age", "dose", "lab")
    keys = row_keys(rows, names)
    order = np.random.default_rng(4).permutation(rows.size)
    shuffled = Rows(rows.size, {name: rows.columns[name][order] for name in names})
    assert np.array_equal(row_keys(shuffled, names), keys[order])
    share = draw_share(keys, 0.7, seed=1, tree=2)
    assert abs(share.mean() - 0.7) < 0.02
    assert np.any(share != draw_share(keys, 0.7, seed=2, tree=2))
    assert np.any(share != draw_share(keys, 0.7, seed=1, tree=3))
    bag = draw_bag(keys, seed=1, tree=2)
    expected = [np.exp(-1), np.exp(-1), np.exp(-1) / 2, np.exp(-1) / 6]
    np.testing.assert_allclose(np.bincount(bag)[:4] / bag.size, expected, atol=0.02)
    drawn = np.array([draw_features(9, 4, seed=1, tree=1, node=node) for node in range(900)])
    assert set(drawn.sum(axis=1).tolist()) == {4}
    np.testing.assert_allclose(drawn.mean(axis=0), 4 / 9, atol=0.08)


def split_gains(parameters: Parameters, rows: Rows) -> dict[int, float]:
    """Return the gain of every split of the first tree; below node k are 2 k + 1 and 2 k + 2."""
    query = ask("boosting", parameters)
    session = Session(query, digest=DIGEST, dictionary=ROWS_ARE_PATIENTS)
    grown = None
    while session.answer is None:
        total, state = session.tally.sums(session.tally.part([rows])), session.tally.state
        if isinstance(state, Growing) and state.group:
            small = [False] * len(state.growth.checked)
            grown = state.growth.step(state._found(total), small, state._allowed)
        session.advance(total, PARTICIPANTS)
    assert grown is not None
    gains, heap = dict[int, float](), {0: 0}
    for number, node in enumerate(grown.trees[0]):
        if node.split is not None and number in heap:
            gains[heap[number]] = node.split.gain
            heap[node.left], heap[node.left + 1] = 2 * heap[number] + 1, 2 * heap[number] + 2
    return gains


@pytest.mark.parametrize("leaves", [2, 3, 5, 8, 13])
def test_keeping_the_best_splits_is_splitting_the_best_leaf_each_time(leaves: int) -> None:
    """A level a round gives the tree that a round for every split would give."""
    rows = without_patients(made_up(5, rows=3000))
    asked: Parameters = {
        "outcome": "smoker",
        "features": ["age", "lab", "dose", "weight"],
        "trees": 1,
        "depth": 5,
    }
    whole = split_gains(asked, rows)
    waiting, taken = [(-whole[0], 0)], set[int]()
    while waiting and len(taken) < leaves - 1:
        _, node = heapq.heappop(waiting)
        taken.add(node)
        below = (child for child in (2 * node + 1, 2 * node + 2) if child in whole)
        for child in below:
            heapq.heappush(waiting, (-whole[child], child))
    assert split_gains({**asked, "leaves": leaves}, rows).keys() == taken


def leaf_patients(parameters: Parameters, table: Table, rows: Rows) -> list[int]:
    """Return how many patients each leaf of the first trees holds."""
    assert rows.patient is not None
    plan = METHODS["boosting"].bind(parameters, SEVERAL_ROWS)
    model = METHODS["boosting"].model(plan, table)
    assert isinstance(model, Trees)
    known = rows.take(plan.known(rows))
    assert known.patient is not None
    bins, found = model.bins.place(known), []
    for tree in model.trees[1:]:
        start = np.zeros(known.size, np.intp)
        ends = tree.branches.walk(bins, start, missing=model.bins.missing, levels=12)
        found += [np.unique(known.patient[ends == leaf]).size for leaf in np.unique(ends)]
    return found


def test_every_leaf_holds_ten_patients_who_may_have_several_rows() -> None:
    """Ten rows of three patients are too few, and the split that leaves them is taken back."""
    rows = made_up(6, rows=900)
    assert rows.patient is not None
    rows = Rows(rows.size, rows.columns, rows.patient // np.uint32(4))  # some twelve rows each
    asked: Parameters = {
        "outcome": "smoker",
        "features": ["age", "lab"],
        "trees": 4,
        "minimum_rows": 1,
        "depth": 7,
    }
    table = grow(asked, rows, dictionary=SEVERAL_ROWS)
    assert min(leaf_patients(asked, table, rows)) >= 10
    free = grow(asked, rows, dictionary=SEVERAL_ROWS, rules=OFF)
    assert min(leaf_patients(asked, free, rows)) < 10


@pytest.mark.parametrize("outcome", ["smoker", "stage"])
def test_a_class_with_too_few_patients_gives_no_model(outcome: str) -> None:
    """The answer says why instead."""
    rows = without_patients(made_up(7, rows=300))
    level = 1 if outcome == "smoker" else 3
    few = np.flatnonzero(rows.columns[outcome] == level)[9:]
    columns: dict[str, NDArray[Any]] = {**rows.columns, outcome: rows.columns[outcome].copy()}
    columns[outcome][few] = -1
    asked: Parameters = {"outcome": outcome, "features": ["age"], "trees": 1}
    table = grow(asked, Rows(rows.size, columns))
    assert not table.rows
    assert table.withheld[0].rule == "a class with fewer than 10 patients"
    columns[outcome][columns[outcome] == level] = -1
    table = grow(asked, Rows(rows.size, columns), rules=OFF)
    assert table.withheld[0].rule == "an outcome, or a class of it, that no row has"


def test_features_that_tell_nothing_give_trees_without_a_split() -> None:
    """A constant one and an empty one are ordinary."""
    rows = without_patients(made_up(8, rows=200))
    columns = {**rows.columns, "lab": np.full(200, np.nan), "age": np.full(200, 3, np.int16)}
    table = grow({"outcome": "smoker", "features": ["age", "lab"], "trees": 2}, Rows(200, columns))
    assert table.rows[0][:4] == ("model", "", None, 0)
    assert table.tensors[1].array().tolist() == [1, 1, 1]


def test_rows_that_were_not_kept_give_the_same_bytes() -> None:
    """A node that starts anew in mid-training goes on with the same model."""
    rows = without_patients(made_up(9, rows=500))
    query = ask("boosting", {"outcome": "stage", "features": ["age", "lab"], "trees": 3})

    def answer(*, forget: bool) -> bytes:
        session = Session(query, digest=DIGEST, dictionary=ROWS_ARE_PATIENTS)
        while session.answer is None:
            if forget:
                kept.forget()
            total = session.tally.sums(session.tally.part([rows]))
            session.advance(total, PARTICIPANTS)
        return answers.to_bytes(session.answer)

    assert answer(forget=True) == answer(forget=False)


def test_totals_that_no_rows_give_are_refused() -> None:
    """A bin with fewer rows than none ends the training."""
    rows = without_patients(made_up(10, rows=500))
    query = ask("boosting", {"outcome": "smoker", "features": ["age", "lab"], "trees": 1})
    session = Session(query, digest=DIGEST, dictionary=ROWS_ARE_PATIENTS)
    while "gradients" not in {spec.name for spec in session.tally.specs}:
        session.advance(session.tally.sums(session.tally.part([rows])), PARTICIPANTS)
    total = dict(session.tally.sums(session.tally.part([rows])))
    total["rows"] = total["rows"].copy()
    total["rows"][0, 0, 0] = -1
    with pytest.raises(WardnetError) as refusal:
        session.advance(total, PARTICIPANTS)
    assert refusal.value.reason is Reason.IMPLAUSIBLE_TOTAL


@pytest.mark.parametrize("missing", [0, 9])
def test_splits_have_the_same_bits_however_they_are_searched(
    missing: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hospital that compiles finds what the others find."""
    random = np.random.default_rng(missing)
    sums = np.zeros((3, 7, 40), np.int64)
    sums[0, :, :-1] = random.integers(0, 30, (7, 39))
    sums[0, :, -1] = missing
    sums[1] = random.integers(-(1 << 40), 1 << 40, (7, 40)) * (sums[0] > 0)
    sums[2] = random.integers(1, 1 << 30, (7, 40)) * sums[0]
    sums[:, 1:] = sums[:, :1, random.permutation(40)].reshape(3, 1, 40)
    sums[:, 1:, -1] = sums[:, :1, -1]
    scale, limits = Scale(41, 33, 0.7), Limits(10, 1 << 20)
    found = []
    for least in (0, sys.maxsize):
        monkeypatch.setattr(compiled, "LEAST", least)
        found.append(_gains((sums[0], sums[1], sums[2]), scale, limits))
    assert found[0].shape == (7, 2 if missing else 1, 39)
    assert np.isfinite(found[0]).any()
    assert np.isneginf(found[0]).any()
    np.testing.assert_array_equal(found[0], found[1])


def test_rows_walk_the_same_way_compiled_or_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """From any node, so many levels down, and no further than a leaf."""
    random = np.random.default_rng(4)
    left = np.array([1, 3, -1, -1, 5, -1, -1], np.int32)
    feature = np.where(left < 0, -1, random.integers(0, 3, 7)).astype(np.int32)
    cut = np.where(left < 0, 0, random.integers(0, 9, 7)).astype(np.int32)
    tree = Branches(feature, cut, np.array([True, False, True, False, True, True, False]), left)
    bins = random.integers(0, 10, (3, 500)).astype(np.uint8)
    begin = random.integers(0, 7, 500)
    found = []
    for least in (0, sys.maxsize):
        monkeypatch.setattr(compiled, "LEAST", least)
        found.append([tree.walk(bins, begin, missing=9, levels=levels) for levels in (0, 1, 4)])
    np.testing.assert_array_equal(found[0], found[1])
    assert set(found[0][2].tolist()) == {2, 3, 5, 6}


@pytest.mark.parametrize("largest", [1, 1 << 26, 1 << 46])
@pytest.mark.parametrize("least", [0, sys.maxsize], ids=["compiled", "vectors"])
def test_sums_are_the_same_however_full_the_bins_are(
    largest: int, least: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where they are added in several blocks, as so many would overflow."""
    monkeypatch.setattr(compiled, "LEAST", least)
    random = np.random.default_rng(largest)
    bins = np.stack([np.arange(600) % 32, np.zeros(600, np.int64), random.integers(0, 32, 600)])
    at = random.integers(-1, 5, 600)
    places = np.array([2, -1, 0, -1, 1, -1])
    gradients = random.integers(-largest, largest, 600, endpoint=True)
    hessians = random.integers(0, largest, 600, endpoint=True)
    expected = np.zeros((3, 3, 3, 32), np.int64)
    for row in np.flatnonzero(places[at] >= 0):
        for feature, each in enumerate(bins[:, row]):
            expected[places[at[row]], :, feature, each] += [1, gradients[row], hessians[row]]
    held = Binned(bins.astype(np.uint8), 31, np.zeros(600), np.zeros(600, np.uint64), None)
    once = np.ones(600, np.int64)
    terms = to_terms(once, gradients.astype(np.float64), hessians.astype(np.float64))
    found = histograms(held, at, places=places, size=32, terms=terms)
    np.testing.assert_array_equal(found, expected.swapaxes(0, 1))
    terms = to_terms(once, gradients.astype(np.float64))
    found = histograms(held, at, places=places, size=32, terms=terms)
    np.testing.assert_array_equal(found, expected[:, :2].swapaxes(0, 1))

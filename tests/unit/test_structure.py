"""Components and clusters where there is little to tell, and what their models predict."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture

from wardnet import simulate
from wardnet.client.queries.result import Result
from wardnet.errors import Reason, WardnetError
from wardnet.question.answer import Withheld
from wardnet.simulation import SimulatedNetwork
from wardnet.statistics.methods import METHODS

SIZE = 400
RANDOM = np.random.default_rng(5)
NEAR = RANDOM.normal(size=(2, SIZE)) + np.where(np.arange(SIZE) % 3 == 0, 6, 0)
TABLE = pd.DataFrame({"a": NEAR[0].round(4), "b": (NEAR[0] + 2 * NEAR[1]).round(4)})


def network(table: pd.DataFrame = TABLE, *, rules: bool = False) -> SimulatedNetwork:
    """Deal a table to three hospitals, one of them with a single row."""
    return simulate([table[:1], table[1:9], table[9:]], rules=rules)


def by_label(answer: Result) -> Mapping[tuple[str, str], Mapping[str, Any]]:
    """Return the rows of an answer by part and term."""
    told: Any = answer.to_dict()
    return {(row["part"], row["term"]): row for row in told["rows"]}


def why(answer: Result) -> str:
    """Return the one rule by which an answer tells no number at all."""
    told: Any = answer.to_dict()
    assert all(row[name] is None for row in told["rows"] for name in ("all", "1"))
    (rule,) = {held["rule"] for held in told["withheld"]}
    return str(rule)


CONSTANT = pd.DataFrame({"a": NEAR[0], "five": 5, "half": 0.1 + 0.2})
FEW = pd.DataFrame({"a": np.arange(SIZE) % 2, "b": np.arange(SIZE) % 2})
APART = pd.DataFrame({"a": [np.nan, 1.0] * 30, "b": [1.0, np.nan] * 30})


@pytest.mark.parametrize("method", ["pca", "kmeans", "mixture"])
@pytest.mark.parametrize(
    ("table", "columns", "rule"),
    [
        (CONSTANT, ["a", "five"], "five is the same in all rows: leave it out"),
        (CONSTANT, ["a", "half"], "half is the same in all rows: leave it out"),
        (TABLE[:1], ["a", "b"], "fewer than two rows have a value in every column"),
        (APART, ["a", "b"], "fewer than two rows have a value in every column"),
    ],
)
def test_tables_that_tell_nothing_are_named(
    method: str, table: pd.DataFrame, columns: Sequence[str], rule: str
) -> None:
    """A column that does not move, one row, no complete row."""
    hospitals = simulate([table[: len(table) // 2], table[len(table) // 2 :]], rules=False)
    parts = {} if method == "pca" else {"clusters" if method == "kmeans" else "components": 2}
    assert why(getattr(hospitals, method)("data", columns, **parts)) == rule


def test_columns_that_do_not_move_have_no_directions() -> None:
    """Not standardised, they are told only where some other column moves."""
    hospitals = network(CONSTANT)
    answer = hospitals.pca("data", ["five", "half"], standardise=False)
    assert why(answer) == "every column is the same in all rows"
    rows = by_label(hospitals.pca("data", ["a", "five"], standardise=False))
    assert rows["component", "a"]["1"] == 1
    assert rows["variance", "eigenvalue"]["2"] == 0


def test_more_clusters_than_different_rows_are_named() -> None:
    """Two kinds of rows make no three clusters, and no mixture with spreads."""
    hospitals = network(FEW)
    few = "more clusters than there are different rows: ask for fewer"
    assert why(hospitals.kmeans("data", ["a", "b"], 3)) == few
    assert why(hospitals.mixture("data", ["a", "b"], 3)) == few
    singular = why(hospitals.mixture("data", ["a", "b"], 2))
    assert singular.startswith("singular: ")
    rows = by_label(hospitals.mixture("data", ["a", "b"], 2, ridge=0.01))
    assert rows["size", "weight"]["1"] == pytest.approx(0.5)


def test_a_cluster_without_rows_is_named() -> None:
    """A first centre far away from all rows."""
    answer = network().kmeans("data", ["a", "b"], 2, start=[[0, 0], [1e6, 1e6]])
    assert why(answer).startswith("a cluster without rows")
    vanished = network().mixture("data", ["a", "b"], 2, start=[[0, 0], [1e6, 1e6]])
    assert why(vanished).startswith("a component without rows")


def test_what_has_not_converged_says_so() -> None:
    """Clusters are told with that fact; a mixture is not told."""
    rows = by_label(network().kmeans("data", ["a", "b"], 2, rounds=1))
    assert (rows["fit", "converged"]["all"], rows["fit", "iterations"]["all"]) == (0, 1)
    hasty = network().mixture("data", ["a", "b"], 2, rounds=1, tolerance=0.0)
    assert why(hasty).startswith("not converged")


def test_rules_ask_for_patients_in_every_cluster() -> None:
    """Too many clusters for so many patients, a small cluster, a rare level, a rare pair."""
    table = TABLE.assign(
        sex=np.where(np.arange(SIZE) < 5, "x", "y"),
        half=np.where(np.arange(SIZE) < 200, "x", "y"),
        other=np.where(np.arange(SIZE) < 207, "x", "y"),
    )
    table.loc[:4, ["a", "b"]] = 9000
    hospitals = network(table, rules=True)
    many = "more {} than the rule allows: fewer than 100 patients for each"
    assert why(hospitals.kmeans("data", ["a", "b"], 5)) == many.format("clusters")
    assert why(hospitals.mixture("data", ["a", "b"], 5)) == many.format("components")
    small = "more {} than the rule allows: one with fewer than 10 patients"
    assert why(hospitals.kmeans("data", ["a", "b"], 2)) == small.format("clusters")
    mixture = hospitals.mixture("data", ["a", "b"], 2, ridge=0.01)
    assert why(mixture) == small.format("components")
    rare = "a level of sex with fewer than 10 patients"
    assert why(hospitals.kmeans("data", ["a", "sex"], 2)) == rare
    assert why(hospitals.pca("data", ["a", "sex"])) == rare
    pair = "a level of half and other with fewer than 10 patients"
    assert why(hospitals.pca("data", ["a", "half", "other"])) == pair
    assert why(hospitals.mixture("data", ["a", "half", "other"], 2)) == pair
    few = network(table[30:58], rules=True)
    assert why(few.pca("data", ["a", "b"])) == "fewer than 10 patients for each parameter"


def test_directions_that_hardly_differ_keep_their_digits() -> None:
    """Two columns of nine digits before what moves between them."""
    a = 1_000_000.0 + np.arange(SIZE)
    gap = np.where(np.arange(SIZE) % 2 == 0, 1e-4, -1e-4)
    table = pd.DataFrame({"a": a, "b": a + gap})
    rows = by_label(network(table).pca("data", ["a", "b"], standardise=False))
    # The gap is all that moves across: half of its variance, and what little follows a.
    apart = table["b"] - table["a"]
    assert rows["variance", "eigenvalue"]["2"] == pytest.approx(apart.var() / 2, rel=1e-6)
    assert rows["component", "a"]["1"] > 0


def test_scores_are_those_of_scikit_learn() -> None:
    """Components of the columns as they are; nothing where a value is missing."""
    gaps = pd.concat([TABLE, pd.DataFrame({"a": [np.nan], "b": [1.0]})], ignore_index=True)
    answer = network(gaps).pca("data", ["a", "b"], standardise=False)
    theirs = PCA().fit(TABLE)
    signs = np.sign(theirs.components_[[0, 1], np.abs(theirs.components_).argmax(axis=1)])
    found = answer.model.predict(gaps)
    assert found[:-1] == pytest.approx(theirs.transform(TABLE) * signs, abs=1e-9)
    assert np.isnan(found[-1]).all()


def test_clusters_are_those_of_scikit_learn() -> None:
    """The same rows in the same clusters, from the same first centres."""
    start = TABLE.iloc[[0, 1]].to_numpy().tolist()
    answer = network().kmeans("data", ["a", "b"], 2, start=start, standardise=False)
    theirs = KMeans(2, init=np.array(start), n_init=1, tol=0).fit(TABLE)
    found = answer.model.predict(TABLE)
    assert [int(each) for each in found] == [label + 1 for label in theirs.labels_]
    rows = by_label(answer)
    assert rows["fit", "inertia"]["all"] == pytest.approx(theirs.inertia_, rel=1e-10)


def test_chances_are_those_of_scikit_learn() -> None:
    """The probabilities of the components of every row, found without any start."""
    answer = network().mixture("data", ["a", "b"], 2, tolerance=1e-12)
    theirs = GaussianMixture(2, reg_covar=0, tol=1e-12, random_state=0, max_iter=500).fit(TABLE)
    found = answer.model.predict_proba(TABLE)
    expected = theirs.predict_proba(TABLE)
    swapped = abs(found[0, 0] - expected[0, 0]) > 0.5
    assert found == pytest.approx(expected[:, ::-1] if swapped else expected, abs=1e-5)
    rows = by_label(answer)
    assert rows["fit", "bic"]["all"] == pytest.approx(theirs.bic(TABLE), rel=1e-9)


METHODS_AND_PARTS = [("pca", {}), ("kmeans", {"clusters": 2}), ("mixture", {"components": 2})]


@pytest.mark.parametrize(("method", "parts"), METHODS_AND_PARTS)
def test_a_table_that_states_no_model_is_refused(method: str, parts: Mapping[str, int]) -> None:
    """One that is withheld, of another method, or with empty entries."""
    answer = getattr(network(), method)("data", ["a", "b"], **parts)
    held, table = METHODS[method], answer.answer.table
    asked = held.bind(answer.question.parameters, answer.model.dictionary)
    gaps = tuple((*row[:2], None, None, None) for row in table.rows)
    odd = {
        Reason.NO_MODEL: replace(
            table, withheld=(Withheld(cell={}, columns=("all",), rule="few"),)
        ),
        Reason.MALFORMED: replace(table, rows=gaps),
    }
    for reason, told in [*odd.items(), (Reason.MALFORMED, replace(table, keys=("part", "x")))]:
        with pytest.raises(WardnetError) as refusal:
            held.model(asked, told)
        assert refusal.value.reason is reason


@pytest.mark.parametrize(("method", "parts"), METHODS_AND_PARTS)
def test_importances_are_shares(method: str, parts: Mapping[str, int]) -> None:
    """Of the columns, together 1."""
    answer = getattr(network(), method)("data", ["a", "b"], **parts)
    shares = answer.model.model.importance()
    assert set(shares) == {"a", "b"}
    assert sum(shares.values()) == pytest.approx(1)
    assert min(shares.values()) > 0


def test_more_searches_never_find_worse_clusters() -> None:
    """The best is told; the same seed gives the same, and a search that fails does not count."""

    def found(searches: int, clusters: int = 8) -> Mapping[tuple[str, str], Mapping[str, Any]]:
        return by_label(network().kmeans("data", ["a", "b"], clusters, searches=searches))

    once, more = found(1), found(6)
    assert more["fit", "inertia"]["all"] < once["fit", "inertia"]["all"]
    assert more == found(6)
    few = network(FEW).kmeans("data", ["a", "b"], 3, searches=3)
    assert why(few) == "more clusters than there are different rows: ask for fewer"

"""Tables as they are printed."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from pydantic import JsonValue

from wardnet.client.printing.tables import facts, printed
from wardnet.question.answer import Table, Withheld, tensor

SMALL = "fewer than 10 patients"


def test_a_cross_table_goes_across_the_page() -> None:
    """One line per level of the first column; what is withheld stays named."""
    table = Table(
        keys=("sex", "smoker"),
        values=("rows", "patients"),
        rows=(
            ("f", "no", 30, 20),
            ("f", "yes", None, None),
            ("m", "no", 40, 30),
            ("m", "yes", 50, 40),
        ),
        withheld=(
            Withheld(cell={"sex": "f", "smoker": "yes"}, columns=("rows", "patients"), rule=SMALL),
        ),
    )
    assert printed(table, method="crosstab") == Table(
        keys=("sex",),
        values=("no", "yes"),
        rows=(("f", 20, None), ("m", 30, 40)),
        withheld=(Withheld(cell={"sex": "f"}, columns=("yes",), rule=SMALL),),
    )


def bins(*edges: float) -> Table:
    """Make a histogram whose first bin is withheld."""
    names = [f"[{low!r}, {high!r})" for low, high in pairwise(edges)]
    rows = [
        (name, low, high, 10 * number or None, 10 * number or None)
        for number, (name, low, high) in enumerate(zip(names, edges[:-1], edges[1:], strict=True))
    ]
    return Table(
        keys=("bin",),
        values=("low", "high", "rows", "patients"),
        rows=tuple(rows),
        withheld=(Withheld(cell={"bin": names[0]}, columns=("rows", "patients"), rule=SMALL),),
    )


def test_bins_are_named_by_edges_of_six_digits() -> None:
    """Nobody reads seventeen."""
    assert printed(bins(-3.0, -1.5714285714285714, 0.25), method="histogram") == Table(
        keys=("bin",),
        values=("rows", "patients"),
        rows=(("[-3, -1.57143)", None, None), ("[-1.57143, 0.25)", 10, 10)),
        withheld=(
            Withheld(cell={"bin": "[-3, -1.57143)"}, columns=("rows", "patients"), rule=SMALL),
        ),
    )


def test_bins_that_six_digits_do_not_tell_apart_keep_their_names() -> None:
    """A short name must not join two bins."""
    table = bins(1.0, 1.00000001, 1.00000002)
    assert printed(table, method="histogram") == table


def test_other_tables_are_printed_as_they_are() -> None:
    """Only what reads better is rearranged."""
    assert printed(bins(1.0, 2.0), method="summary") == bins(1.0, 2.0)


def test_facts_of_all_rows_leave_no_dashes_under_the_clusters() -> None:
    """A dash would say that a number is missing; withheld tables keep theirs."""
    table = Table(
        keys=("part", "term"),
        values=("all", "1"),
        rows=(("mean", "age", 50.0, 40.0), ("fit", "n", 100, None)),
    )
    assert printed(table, method="kmeans").rows == (
        ("mean", "age", 50.0, 40.0),
        ("fit", "n", 100, ""),
    )
    held = Withheld(cell={"part": "fit", "term": "n"}, columns=("all", "1"), rule=SMALL)
    hidden = Table(table.keys, table.values, (("fit", "n", None, None),), (held,))
    assert printed(hidden, method="kmeans") == hidden


def test_a_regression_prints_its_coefficients_and_its_fit_in_one_line() -> None:
    """Statistics that a penalty leaves undefined have no column."""
    table = Table(
        keys=("part", "term"),
        values=("estimate", "p_value"),
        rows=(("coefficient", "age", 0.5, None), ("fit", "n", 40, None), ("fit", "r2", 0.25, None)),
    )
    shown = printed(table, method="linear")
    assert (shown.keys, shown.values, shown.rows) == (("term",), ("estimate",), (("age", 0.5),))
    assert facts(table, method="linear", asked={}) == "n 40, r2 0.25"
    assert facts(table, method="summary", asked={}) == ""


def test_a_withheld_regression_keeps_all_its_columns() -> None:
    """Each with its mark."""
    table = Table(
        keys=("part", "term"),
        values=("estimate", "p_value"),
        rows=(("coefficient", "age", None, None), ("fit", "n", None, None)),
        withheld=tuple(
            Withheld(cell={"part": part, "term": term}, columns=("estimate", "p_value"), rule="few")
            for part, term in (("coefficient", "age"), ("fit", "n"))
        ),
    )
    shown = printed(table, method="glm")
    assert shown.values == ("estimate", "p_value")
    assert [held.cell for held in shown.withheld] == [{"term": "age"}]
    assert facts(table, method="glm", asked={}) == ""


INSTEAD = "take a smaller learning rate, `scaffold`, or `steps`, as many at every hospital"


@pytest.mark.parametrize(
    ("losses", "asked", "told"),
    [
        ([(0.7, None), (0.4, None)], {}, "weights of round 1"),
        ([(0.7, 0.7), (0.5, 0.4), (0.3, 0.6)], {"patience": 1}, "weights of round 1"),
        ([(0.7, 0.7), (0.5, 0.4), (0.3, 0.6)], {}, "weights of round 2"),
        (
            [(0.7, None), (9.0, None)],
            {"patience": None},
            f"weights of round 1, no better than those of round 0: {INSTEAD}",
        ),
    ],
)
def test_a_training_prints_which_weights_it_ended_with(
    losses: list[tuple[float, float | None]], asked: dict[str, JsonValue], told: str
) -> None:
    """The best ones where it may end early, else the last; and whether it was worth it."""
    rows = tuple((str(number), *each, 0.5) for number, each in enumerate(losses))
    values = ("loss", "validation_loss", "accuracy")
    table = Table(("round",), values, rows, (), (tensor("weights", np.zeros(2)),))
    assert facts(table, method="fedavg", asked=asked) == told
    assert facts(replace(table, tensors=()), method="fedavg", asked=asked) == ""


def test_a_long_curve_prints_some_of_its_points_and_the_last() -> None:
    """The frame has all."""
    rows = tuple((str(number), 1.0 / (1 + number)) for number in range(101))
    shown = printed(Table(keys=("round",), values=("loss",), rows=rows), method="fedavg")
    assert len(shown.rows) <= 21
    assert (shown.rows[0], shown.rows[-1]) == (rows[0], rows[-1])


def test_withheld_bins_of_an_evaluation_take_no_lines() -> None:
    """Their rule stands below the table."""
    held = Withheld(cell={"measure": "bin_rows", "of": "[0, 0.1)"}, columns=("value",), rule="few")
    table = Table(
        keys=("measure", "of"),
        values=("value", "low"),
        rows=(("auc", "", 0.8, 0.7), ("f1", "", None, None), ("bin_rows", "[0, 0.1)", None, None)),
        withheld=(held,),
    )
    shown = printed(table, method="evaluate")
    assert shown.rows == (("auc", "", 0.8, 0.7), ("f1", "", None, ""))
    assert shown.withheld == (held,)

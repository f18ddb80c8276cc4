"""Pictures of results: what they show, how it is called, and that no row is in them."""

from collections.abc import Sequence
from dataclasses import replace
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from wardnet import simulate
from wardnet.client.plots.evaluation import Bin, calibration_line, roc_points
from wardnet.client.plots.paper import Caption
from wardnet.client.plots.validation import validation
from wardnet.errors import Reason, WardnetError
from wardnet.question.dictionary import Column, ColumnType, Dictionary
from wardnet.simulation import SimulatedNetwork

if TYPE_CHECKING:
    from matplotlib.figure import Figure

pytest.importorskip("matplotlib", reason="pictures need the extra wardnet[models]")

SIZE = 400
RANDOM = np.random.default_rng(3)
AGE = RANDOM.integers(40, 80, SIZE)
TABLE = pd.DataFrame(
    {
        "age": AGE,
        "chol": RANDOM.integers(120, 320, SIZE),
        "pulse": 220 - AGE + RANDOM.integers(-20, 20, SIZE),
        "ill": np.where(AGE + RANDOM.normal(0, 8, SIZE) > 60, "yes", "no"),
    }
)
DICTIONARY = Dictionary(
    "heart",
    1,
    (
        Column("age", ColumnType.INTEGER, unit="a", minimum="0", maximum="120"),
        Column("chol", ColumnType.INTEGER, "Cholesterol", "mg/dL", minimum="0", maximum="600"),
        Column("pulse", ColumnType.INTEGER, unit="/min", minimum="0", maximum="300"),
        Column("ill", ColumnType.CATEGORY, levels=("no", "yes")),
    ),
)
COLUMNS = ["age", "chol", "pulse"]


def network() -> SimulatedNetwork:
    """Deal the table to two hospitals."""
    return simulate({"north": TABLE[:150], "south": TABLE[150:]}, dictionary=DICTIONARY)


def texts(figure: "Figure") -> list[str]:
    """Return all that is written in a picture and is no number."""
    from matplotlib.text import Text

    figure.savefig(BytesIO())
    return [text.get_text() for text in figure.findobj(Text) if isinstance(text, Text)]


def test_coefficients_are_drawn_as_odds_ratios_with_units_and_intervals() -> None:
    """Around 1, on a scale of ratios; the intercept is not among them."""
    figure = network().learn.logistic("ill ~ age + chol", "heart").plot()
    (panel,) = figure.axes
    assert panel.get_xscale() == "log"
    assert [label.get_text() for label in panel.get_yticklabels()] == [
        "age (a)",
        "Cholesterol (mg/dL)",
    ]
    assert panel.get_xlabel() == "odds ratio per unit, 95 % interval; of ill = yes"
    assert "Logistic model of ill" in texts(figure)
    assert "heart of north, south" in texts(figure)


def test_a_label_is_drawn_as_it_is_written() -> None:
    """Dollars begin no formula."""
    columns = (replace(DICTIONARY.columns[0], label=r"$\frac$"), *DICTIONARY.columns[1:])
    odd = simulate([TABLE], dictionary=replace(DICTIONARY, columns=columns))
    assert r"$\frac$ (a)" in texts(odd.learn.logistic("ill ~ age", "heart").plot())


def test_a_penalised_model_is_drawn_without_intervals() -> None:
    """It has none; and no label claims one."""
    figure = network().learn.linear("pulse ~ age", "heart", penalty=1.0).plot()
    assert figure.axes[0].get_xlabel() == "coefficient per unit; of pulse (/min)"


def test_importance_is_drawn_largest_first() -> None:
    """What is usual for trees, and can be had of every model."""
    learn = network().learn
    for answer in (
        learn.forest("ill ~ age + chol", "heart", trees=5),
        learn.logistic("ill ~ age + chol", "heart"),
    ):
        (panel,) = answer.plot(importances=True).axes
        widths = [bar.get_width() for bar in panel.patches if hasattr(bar, "get_width")]
        assert widths == sorted(widths, reverse=True)
        assert sum(widths) == pytest.approx(100)
        assert panel.get_yticklabels()[0].get_text() == "age"
        assert panel.get_xlabel() == "importance (% of all)"


def test_boosted_trees_show_the_loss_beside_what_matters() -> None:
    """One point for each tree, and one before the first."""
    answer = network().learn.boosting("ill ~ age + chol", "heart", trees=5)
    _, curve = answer.plot().axes
    assert np.asarray(curve.lines[0].get_xdata()).tolist() == [0, 1, 2, 3, 4, 5]
    assert curve.get_xlabel() == "trees"


def test_a_learning_curve_shows_both_losses_and_the_accuracy() -> None:
    """One point for each round."""
    answer = network().learn.fedavg("ill ~ age", "heart", rounds=3, validation_share=0.3)
    losses, accuracy = answer.plot().axes
    assert [line.get_label() for line in losses.lines] == ["trained on", "set aside"]
    assert len(np.asarray(accuracy.lines[0].get_xdata())) == len(answer.table.rows)
    assert (losses.get_xlabel(), losses.get_ylabel()) == ("round", "loss")
    assert accuracy.get_ylabel() == "accuracy on rows set aside"


def test_an_evaluation_shows_discrimination_and_calibration() -> None:
    """The area stands above its curve; a withheld bin has no point."""
    net = network()
    evaluated = net.evaluate(net.learn.logistic("ill ~ age + chol", "heart"))
    told = {tuple(row[:2]): row[2] for row in evaluated.table.rows}
    roc, calibration = evaluated.plot().axes
    assert roc.get_title(loc="left").startswith(f"ROC, area {told['auc', '']:.3f} (")
    assert (roc.get_xlabel(), roc.get_ylabel()) == ("1 - specificity", "sensitivity")
    shown = [rows for (measure, _), rows in told.items() if measure == "bin_rows" and rows]
    assert 0 < len(shown) < 10
    assert roc.lines[1].get_linestyle() == ":"
    assert [text.get_text() for text in roc.texts] == ["dotted: bins between are withheld"]
    assert len(np.asarray(calibration.collections[0].get_offsets())) == len(shown)
    assert calibration.get_ylabel() == "observed share of ill = yes"


def test_components_show_shares_and_loadings() -> None:
    """As many bars as components, an arrow for each column."""
    answer = network().pca("heart", COLUMNS)
    shares, loadings = answer.plot().axes
    assert len(shares.patches) == len(COLUMNS)
    assert set(COLUMNS) <= {text.get_text() for text in loadings.texts}
    assert "component 1" in loadings.get_xlabel()


def test_clusters_are_centres_in_the_plane_of_components_and_never_rows() -> None:
    """One mark for each, with its number of patients."""
    net = network()
    space = net.pca("heart", COLUMNS)
    for answer in (net.kmeans("heart", COLUMNS, 2), net.mixture("heart", COLUMNS, 2, ridge=0.01)):
        for panel in (answer.plot(space=space).axes[0], answer.plot().axes[0]):
            marks = [len(np.asarray(each.get_offsets())) for each in panel.collections]
            assert marks == [1, 1]
            assert all(text.get_text().endswith(" patients") for text in panel.texts)
    assert "component 2" in net.kmeans("heart", COLUMNS, 2).plot(space=space).axes[0].get_ylabel()


def test_clusters_are_not_put_into_the_plane_of_other_columns() -> None:
    """Their centres have no place there."""
    net = network()
    with pytest.raises(WardnetError) as error:
        net.kmeans("heart", COLUMNS, 2).plot(space=net.pca("heart", ["age", "chol"]))
    assert error.value.reason is Reason.PARAMETER_INVALID


def test_an_answer_without_a_picture_says_so() -> None:
    """And what else can be done with it."""
    with pytest.raises(WardnetError, match="to_frame") as error:
        network().count("heart").plot()
    assert error.value.reason is Reason.PARAMETER_INVALID


def test_what_the_rules_withhold_is_not_drawn() -> None:
    """No empty picture: the reason why there is no model."""
    with pytest.raises(WardnetError) as error:
        network().learn.logistic("ill ~ .", "heart", where="age >= 78").plot()
    assert error.value.reason is Reason.NO_MODEL


def test_without_matplotlib_a_sentence_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is an extra."""
    monkeypatch.setitem(__import__("sys").modules, "matplotlib.pyplot", None)
    with pytest.raises(WardnetError, match="matplotlib") as error:
        network().pca("heart", COLUMNS).plot()
    assert error.value.reason is Reason.EXTRA_MISSING


FEW, SOME, MANY = Bin(40, 0.1, 0.1), Bin(20, 0.5, 0.5), Bin(40, 0.9, 0.75)


def test_a_roc_curve_goes_through_the_edges_of_the_bins() -> None:
    """60 rows of the first class and 44 of the second, from the highest probability down."""
    points = roc_points([FEW, SOME, MANY], None, 0.5)
    assert points == [
        (0.0, 0.0),
        (10 / 56, 30 / 44),
        (20 / 56, 40 / 44),
        (1.0, 1.0),
    ]


def test_a_withheld_bin_is_passed_over_from_both_ends() -> None:
    """With the confusion table the other edges are known, and its own; without it none is."""
    table = [[46.0, 10.0], [14.0, 30.0]]
    whole = roc_points([FEW, SOME, MANY], None, 0.5)
    assert roc_points([FEW, None, MANY], table, 0.5) == whole
    assert roc_points([None, None, None], table, 0.5) == [whole[0], (10 / 56, 30 / 44), whole[-1]]
    assert roc_points([FEW, None, MANY], None, 0.5) == [whole[0], whole[-1]]


@pytest.mark.parametrize("withheld", [(0, 3), (0, 4), (3, 4), (0, 3, 4)])
def test_bins_beside_the_threshold_are_reached_from_it(withheld: Sequence[int]) -> None:
    """Where both ends are withheld, the curve still goes through the edges between them."""
    bins = [FEW, SOME, MANY, MANY, Bin(10, 0.95, 1.0)]
    table = [[46.0, 20.0], [14.0, 70.0]]
    told = [None if place in withheld else each for place, each in enumerate(bins)]
    points = roc_points(told, table, 0.4)
    assert set(points) <= set(roc_points(bins, table, 0.4))
    assert {(20 / 66, 70 / 84), (10 / 66, 40 / 84), (30 / 66, 80 / 84)} <= set(points)


def test_what_is_calibrated_lies_on_the_diagonal() -> None:
    """With intercept 0 and slope 1; there is no line where these are withheld."""
    assert all(p == pytest.approx(q) for p, q in calibration_line(0.0, 1.0))
    assert calibration_line(None, 1.0) == []


def test_a_validation_shows_a_measure_of_every_part_with_its_interval() -> None:
    """By hospital; what is told nowhere cannot be drawn."""
    found = network().learn.cross_validate("logistic", "ill ~ age", "heart", leave_out="hospital")
    (panel,) = found.plot().axes
    assert [label.get_text() for label in panel.get_yticklabels()] == ["north", "south"]
    assert (panel.get_xlabel(), panel.get_ylabel()) == ("auc, 95 % interval", "hospital")
    assert found.plot("log_loss").axes[0].get_xlabel() == "log_loss"
    assert "not told" not in panel.get_title(loc="left")
    with pytest.raises(WardnetError, match="is told of no part"):
        found.plot("rmse")


def test_a_validation_names_the_parts_of_which_a_measure_is_not_told() -> None:
    """A hospital with too few patients is not left out of the picture without a word."""
    lines = [("north", 0.7, 0.6, 0.8), ("south", 0.8, 0.7, 0.9)]
    caption = Caption("Validation", "heart")
    figure = validation(lines, part="hospital", measure="auc", untold=["west"], caption=caption)
    assert figure.axes[0].get_title(loc="left") == "line: mean of the parts, 0.75; not told of west"

"""The area under the curve, and what an evaluation withholds."""

from functools import reduce

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from support.regressions import regression
from wardnet import simulate
from wardnet.client.queries.ask import Ask
from wardnet.client.queries.result import Result
from wardnet.errors import Reason, WardnetError
from wardnet.question.dictionary import Column, ColumnType, Dictionary
from wardnet.statistics.evaluation import curve
from wardnet.statistics.evaluation.asked import Judged
from wardnet.statistics.evaluation.bins import MOST_BINS, codes
from wardnet.statistics.evaluation.curve import Curve
from wardnet.statistics.method import settle
from wardnet.sums import arrays

chances = st.floats(0, 1) | st.sampled_from([0.0, 0.5, 0.5 + 2**-53, 1.0, 5e-324])
TABLE = Dictionary(
    "t",
    1,
    (
        Column("odds", ColumnType.REAL, minimum="-16", maximum="16"),
        Column("sick", ColumnType.BOOLEAN),
    ),
)


def led(first: Curve, scores: NDArray[np.float64], truth: NDArray[np.int64]) -> Curve:
    """Lead a curve through its rounds, the rows at two hospitals."""
    known = first
    while known.arrays():
        parts = []
        for place in (slice(0, None, 2), slice(1, None, 2)):
            judged = Judged(truth[place], np.stack([1 - scores, scores])[:, place], None)
            parts.append(known.finish(settle(known.local(judged))))
        known = known.step(reduce(arrays.add, parts))
    return known


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(chances, st.booleans()), min_size=4, max_size=60))
def test_the_area_is_that_over_all_pairs(rows: list[tuple[float, bool]]) -> None:
    """With DeLong's variance, ties half, however near two scores lie."""
    scores = np.array([score for score, _ in rows])
    truth = np.array([own for _, own in rows], np.int64)
    known = led(curve.curve(1, of="", budget=MOST_BINS, cuts=0), scores, truth)
    found = curve.area(*known.scores.counts)
    own, others = scores[truth == 1][:, np.newaxis], scores[truth == 0]
    if not own.size or not others.size:
        assert found == (None,)
        return
    wins = (own > others) + 0.5 * (own == others)
    assert found[0] == pytest.approx(wins.mean(), abs=1e-12)
    if min(own.size, others.size) > 1:
        variance = wins.mean(axis=1).var(ddof=1) / own.size
        variance += wins.mean(axis=0).var(ddof=1) / others.size
        assert found[1] == pytest.approx(np.sqrt(variance), abs=1e-9)


@settings(max_examples=40, deadline=None)
@given(st.lists(chances, min_size=20, max_size=80))
def test_tenths_are_cut_where_sorting_cuts_them(scores: list[float]) -> None:
    """A tenth ends after the rows that it would have in a sorted table, ties below the cut."""
    values = np.array(scores)
    truth = np.arange(values.size, dtype=np.int64) % 2
    known = led(curve.curve(1, of="", budget=MOST_BINS, cuts=10), values, truth)
    ends = np.cumsum([len(part) for part in np.array_split(values, 10)])[:-1]
    wanted = [int((values <= np.sort(values)[end - 1]).sum()) for end in ends]
    found = [int((codes(values) < cut).sum()) for cut in known.thresholds()]
    assert found == wanted


def test_a_bin_that_is_left_holds_few_pairs() -> None:
    """Of many rows, bins are cut until those of two scores hold next to none of all pairs."""
    generator = np.random.default_rng(3)
    truth = generator.integers(0, 2, 30_000)
    scores = 1 / (1 + np.exp(-generator.normal(truth, 1.0)))
    known = led(curve.curve(1, of="", budget=1 << 12, cuts=0), scores, truth)
    pairs = float(np.prod(known.scores.counts, axis=0).sum())
    assert pairs <= curve.TIES * truth.sum() * (1 - truth).sum()
    assert known.round < curve.MOST_ROUNDS


def ask(odds: list[float], sick: list[bool], threshold: float = 0.5) -> Result:
    """Evaluate a model that takes a column for the log odds."""
    frame = pd.DataFrame({"odds": odds, "sick": sick})
    model = regression(
        "glm", {"outcome": "sick", "terms": [["odds"]]}, {"intercept": 0.0, "odds": 1.0}
    )
    network = simulate([frame[::2], frame[1::2]], dictionary=TABLE)
    return network.ask(Ask("evaluate", "t", {"model": model, "threshold": threshold}))


def told(result: Result) -> set[str]:
    """Return the measures of which something is told."""
    frame = result.to_frame()
    return set(frame.measure[frame.value.notna()])


def test_nothing_is_told_where_a_class_has_few_patients() -> None:
    """A model that predicts one number for all would tell how many there are."""
    odds, sick = list(np.linspace(-2, 2, 60)), [True] * 9 + [False] * 51
    assert told(ask(odds, sick)) == set()
    assert "auc" in told(ask(odds, [True, *sick[:-1]]))


def test_a_confusion_table_is_told_as_a_whole_or_not_at_all() -> None:
    """The one small cell would follow from the three others and the number of rows."""
    odds = [1.0] * 40 + [-1.0] * 40
    sick = [True] * 30 + [False] * 10 + [True] * 9 + [False] * 31
    withheld = {"confusion", "sensitivity", "specificity", "precision", "f1", "mcc"}
    few = told(ask(odds, sick))
    assert not few & withheld
    assert "accuracy" in few
    sick[49] = True
    assert withheld <= told(ask(odds, sick))


def test_bins_that_are_withheld_hold_many_patients_together() -> None:
    """Else the one small bin would follow from the nine others and the number of rows."""
    odds = [-1.0] * 40 + [0.1] * 30 + [1.0] * 5
    sick = [True, False] * 20 + [True, False] * 15 + [True, True, True, False, False]
    frame = ask(odds, sick, threshold=0.1).to_frame()
    rows = frame[(frame.measure == "bin_rows") & frame.value.notna()]
    assert rows.value.tolist() == [40]


@pytest.mark.parametrize("threshold", [0.5, 0.45])
def test_withheld_bins_do_not_follow_from_the_confusion_table(threshold: float) -> None:
    """A small bin on either side of the threshold takes another one of its side with it."""
    held = {-3.0: (3, 30), -1.0: (20, 20), -0.1: (25, 25), 1.0: (30, 30), 3.0: (30, 5)}
    odds = [at for at, counts in held.items() for _ in range(sum(counts))]
    sick = [each for ill, well in held.values() for each in [True] * ill + [False] * well]
    frame = ask(odds, sick, threshold=threshold).to_frame()
    value = frame.set_index(["measure", "of"]).value
    assert value["confusion", "true predicted as false"] > 0
    shown = frame[(frame.measure == "bin_rows") & frame.value.notna()].of
    edges = [tuple(float(edge) for edge in of[1:-1].split(",")) for of in shown]
    sides = {
        "false": [high <= threshold for _, high in edges],
        "true": [low >= threshold for low, _ in edges],
    }
    for side, inside in sides.items():
        rows, share = (value[name][shown[inside]] for name in ("bin_rows", "bin_observed"))
        assert value["confusion", f"true predicted as {side}"] - (rows * share).sum() >= 10
        assert value["confusion", f"false predicted as {side}"] - (rows * (1 - share)).sum() >= 10


def test_more_classes_than_two_are_compared_one_against_the_others() -> None:
    """A forest's probabilities of three levels, and its most likely one."""
    generator = np.random.default_rng(5)
    x = generator.integers(0, 30, 600)
    kind = np.array(["low", "middle", "high"])[
        np.clip((x + generator.integers(-6, 7, 600)) // 10, 0, 2)
    ]
    frame = pd.DataFrame({"x": x, "kind": kind})
    network = simulate([frame[:250], frame[250:]])
    fitted = network.learn.forest("kind ~ x", "data", trees=3, depth=3)
    found = network.evaluate(fitted, "data").to_frame().set_index(["measure", "of"]).value
    chance = fitted.model.predict_proba(frame)
    likely = fitted.model.classes_[chance.argmax(axis=1)]
    assert found[("accuracy", "")] == pytest.approx((likely == kind).mean(), abs=1e-12)
    own = chance[:, list(fitted.model.classes_).index("low")]
    wins = own[kind == "low"][:, np.newaxis] - own[kind != "low"]
    area = (wins > 0).mean() + 0.5 * (wins == 0).mean()
    assert found[("auc", "low")] == pytest.approx(area, abs=1e-12)
    hits = {c: ((kind == c) & (likely == c)).sum() for c in fitted.model.classes_}
    f1 = [2 * hits[c] / ((kind == c).sum() + (likely == c).sum()) for c in hits]
    assert found[("macro_f1", "")] == pytest.approx(np.mean(f1), abs=1e-12)


def test_predicted_numbers_are_held_against_the_true_ones() -> None:
    """As computed directly."""
    generator = np.random.default_rng(8)
    x = generator.integers(0, 50, 200)
    y = 3 * x + generator.integers(-20, 21, 200)
    frame = pd.DataFrame({"x": x, "y": y})
    network = simulate([frame[:50], frame[50:]])
    fitted = network.learn.linear("y ~ x", "data", where="x >= 10")
    found = network.evaluate(fitted, "data").to_frame().set_index("measure").value
    said = fitted.model.predict(frame)
    assert found["rmse"] == pytest.approx(np.sqrt(((y - said) ** 2).mean()), rel=1e-12)
    assert found["mae"] == pytest.approx(np.abs(y - said).mean(), rel=1e-12)
    assert found["mean_error"] == pytest.approx((said - y).mean(), abs=1e-10)
    r2 = 1 - ((y - said) ** 2).sum() / ((y - y.mean()) ** 2).sum()
    assert found["r2"] == pytest.approx(r2, abs=1e-12)
    slope, intercept = np.polyfit(said, y, 1)
    assert found["calibration_slope"] == pytest.approx(slope, abs=1e-10)
    assert found["calibration_intercept"] == pytest.approx(intercept, abs=1e-8)
    assert found["correlation"] == pytest.approx(np.corrcoef(said, y)[0, 1], abs=1e-12)


@pytest.mark.parametrize("change", [-1, 1])
def test_parts_of_a_bin_that_do_not_make_it_up_are_refused(change: int) -> None:
    """A hospital that lies about the rows of a bin is found out when the bin is divided."""
    scores = np.linspace(0.2, 0.2001, 40)
    truth = np.arange(40) % 2
    judged = Judged(truth, np.stack([1 - scores, scores]), None)
    first = curve.curve(1, of="", budget=MOST_BINS, cuts=0)
    known = first.step(first.finish(settle(first.local(judged))))
    (name,) = (spec.name for spec in known.arrays())
    sums = {name: known.finish(settle(known.local(judged)))[name].copy()}
    filled = np.flatnonzero(sums[name][0])[0]
    sums[name][0, filled] += change
    with pytest.raises(WardnetError) as caught:
        known.step(sums)
    assert caught.value.reason is Reason.IMPLAUSIBLE_TOTAL


def test_fewer_rows_than_none_are_refused() -> None:
    """No hospitals add up to a negative count."""
    first = curve.curve(1, of="", budget=MOST_BINS, cuts=0)
    (spec,) = first.arrays()
    with pytest.raises(WardnetError) as caught:
        first.step({spec.name: np.full(spec.shape, -1)})
    assert caught.value.reason is Reason.IMPLAUSIBLE_TOTAL

"""Pictures of evaluations: how well probabilities tell two classes apart, and how true they are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp, isclose, log
from typing import TYPE_CHECKING, Any, Final

from wardnet.client.plots.paper import INK, SECOND, SHADE, Caption, draw
from wardnet.question.answer import Table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CONFUSION: Final = "confusion"
AREA: Final = "auc"


@dataclass(frozen=True)
class Bin:
    """Hold the rows whose predicted probability lies between two edges.

    Parameters
    ----------
    rows : float
        How many.
    predicted, observed : float
        Mean probability; share of the second class.
    """

    rows: float
    predicted: float
    observed: float


def evaluation(
    table: Table, *, outcome: str, classes: Sequence[str], threshold: float, caption: Caption
) -> "Figure":
    """Draw the ROC curve and the calibration of predictions of two classes."""
    second = f"{outcome} = {classes[1]}"
    told = {(str(row[0]), str(row[1])): row for row in table.rows}
    bins = _bins(told)
    cells = _cells(told, classes)

    def roc(panel: "Axes") -> None:
        panel.plot([0, 1], [0, 1], color=SHADE, linewidth=1, linestyle="--")
        points = roc_points(bins, cells, threshold)
        if len(points) > len(_ENDS):
            held = None in bins  # between points it is only known that the curve rises
            style: Mapping[str, Any] = {"linestyle": ":" if held else "-", "linewidth": 2}
            panel.plot(*zip(*points, strict=True), color=INK, marker="o", markersize=4, **style)
            if held:
                panel.text(0.98, 0.02, "dotted: bins between are withheld", ha="right")
        else:
            panel.text(0.5, 0.5, "its points are withheld", ha="center", backgroundcolor="white")
        panel.set_xlabel("1 - specificity")
        panel.set_ylabel("sensitivity")
        panel.set_title(_area(told[AREA, ""]))
        _square(panel)

    def calibration(panel: "Axes") -> None:
        panel.plot([0, 1], [0, 1], color=SHADE, linewidth=1, linestyle="--")
        line = calibration_line(*(told[measure, ""][2] for measure in _LINE))
        if line:
            panel.plot(*zip(*line, strict=True), color=INK, linewidth=2)
        known = [each for each in bins if each is not None and each.rows]
        most = max((each.rows for each in known), default=1.0)
        panel.scatter(
            [x.predicted for x in known],
            [x.observed for x in known],
            s=[20 + 180 * x.rows / most for x in known],
            color=SECOND,
            zorder=3,
        )
        panel.set_xlabel(f"predicted probability of {second}")
        panel.set_ylabel(f"observed share of {second}")
        panel.set_title("Calibration" + (", a point for each bin" if known else ""))
        _square(panel)

    return draw(caption, [roc, calibration], height=5.2, width=4.8)


_LINE: Final = ("calibration_intercept", "calibration_slope")
_GRID: Final = tuple(each / 100 for each in range(1, 100))


def calibration_line(intercept: object, slope: object) -> list[tuple[float, float]]:
    """Return probabilities and what is observed of them by the logistic model of calibration."""
    if intercept is None or slope is None:
        return []
    a, b = float(str(intercept)), float(str(slope))
    return [(p, 1 / (1 + exp(-(a + b * log(p / (1 - p)))))) for p in _GRID]


_ENDS: Final = ((0.0, 0.0), (1.0, 1.0))
"""Of every ROC curve."""


def roc_points(
    bins: Sequence[Bin | None], cells: Sequence[Sequence[float]] | None, threshold: float
) -> list[tuple[float, float]]:
    """Return points of the ROC curve at the bins' edges, from (0, 0) to (1, 1).

    Parameters
    ----------
    bins : sequence of Bin or None
        By ascending probability; None where withheld.
    cells : sequence of sequences of float, or None
        The confusion table, by true and predicted class, whose threshold gives one more point; None
        where withheld.
    threshold : float
        From which probability on the second class is predicted.

    Notes
    -----
    Edges next to a withheld bin are reached from both ends, and from the threshold where it is an
    edge; the curve is straight between points.
    """
    found: set[tuple[float, float]] = set()
    if cells is not None:
        (tn, fp), (fn, tp) = cells
        others, own = tn + fp, fn + tp
        found.add((fp, tp))
        edge = round(threshold * len(bins))
        if isclose(edge, threshold * len(bins)):
            found.update((fp - x, tp - y) for x, y in _reached(bins[edge:]))
            found.update((fp + x, tp + y) for x, y in _reached(bins[:edge][::-1]))
    elif None in bins:
        return list(_ENDS)
    else:
        others, own = _reached(bins)[-1]
    found.update(_reached(bins[::-1]))
    found.update((others - x, own - y) for x, y in _reached(bins))
    points = sorted({_ENDS[0], *found, (others, own)})
    return [(x / (others or 1), y / (own or 1)) for x, y in points]


def _reached(bins: Sequence[Bin | None]) -> list[tuple[float, float]]:
    """Return the rows of both classes up to each edge, as far as no bin is withheld."""
    found: list[tuple[float, float]] = []
    others = own = 0.0
    for each in bins:
        if each is None:
            break
        others += round(each.rows * (1 - each.observed))
        own += round(each.rows * each.observed)
        found.append((others, own))
    return found


def _bins(told: Mapping[tuple[str, str], Sequence[object]]) -> list[Bin | None]:
    edges = [of for measure, of in told if measure == "bin_rows"]
    return [_bin(*(told[name, of][2] for name in _BIN)) for of in edges]


_BIN: Final = ("bin_rows", "bin_predicted", "bin_observed")


def _bin(rows: object, predicted: object, observed: object) -> Bin | None:
    """Return a bin; None where it is withheld, and an empty one where it has no rows."""
    if rows == 0:
        return Bin(0.0, 0.0, 0.0)
    if rows is None or predicted is None or observed is None:
        return None
    return Bin(float(str(rows)), float(str(predicted)), float(str(observed)))


def _cells(
    told: Mapping[tuple[str, str], Sequence[object]], classes: Sequence[str]
) -> list[list[float]] | None:
    """Return the confusion table, by true and predicted class; None where withheld."""
    found = [
        [told[CONFUSION, f"{true} predicted as {predicted}"][2] for predicted in classes]
        for true in classes
    ]
    if any(cell is None for row in found for cell in row):
        return None
    return [[float(str(cell)) for cell in row] for row in found]


def _area(row: Sequence[object]) -> str:
    value, low, high = (row[at] for at in (2, 4, 5))
    interval = "" if low is None or high is None else f" ({low:.3f} to {high:.3f})"
    return f"ROC, area {value:.3f}{interval}"


def _square(panel: "Axes") -> None:
    panel.set_xlim(-0.02, 1.02)
    panel.set_ylim(-0.02, 1.02)
    panel.set_aspect("equal")

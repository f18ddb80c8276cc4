"""Pictures of evaluations: how well probabilities tell two classes apart, and how true they are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

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


def evaluation(table: Table, *, outcome: str, classes: Sequence[str], caption: Caption) -> "Figure":
    """Draw the ROC curve and the calibration of predictions of two classes."""
    second = f"{outcome} = {classes[1]}"
    told = {(str(row[0]), str(row[1])): row for row in table.rows}
    bins = _bins(told)
    totals = _totals(told, classes)
    area = told.get((AREA, ""))

    def roc(panel: "Axes") -> None:
        points = roc_points(bins, totals)
        panel.plot([0, 1], [0, 1], color=SHADE, linewidth=1, linestyle="--")
        panel.plot(*zip(*points, strict=True), color=INK, linewidth=2, marker="o", markersize=4)
        panel.set_xlabel("1 - specificity")
        panel.set_ylabel("sensitivity")
        panel.set_title(_area(area))
        _square(panel)

    def calibration(panel: "Axes") -> None:
        known = [each for each in bins if each is not None and each.rows]
        most = max((each.rows for each in known), default=1.0)
        panel.plot([0, 1], [0, 1], color=SHADE, linewidth=1, linestyle="--")
        panel.scatter(
            [x.predicted for x in known],
            [x.observed for x in known],
            s=[20 + 180 * x.rows / most for x in known],
            color=SECOND,
            zorder=3,
        )
        panel.set_xlabel(f"mean predicted probability of {second}")
        panel.set_ylabel(f"observed share of {second}")
        panel.set_title("Calibration, a point for each bin")
        _square(panel)

    return draw(caption, [roc, calibration], height=5.2, width=4.8)


def roc_points(
    bins: Sequence[Bin | None], totals: tuple[float, float] | None
) -> list[tuple[float, float]]:
    """Return points of the ROC curve at the bins' edges, from (0, 0) to (1, 1).

    Parameters
    ----------
    bins : sequence of Bin or None
        By ascending probability; None where withheld.
    totals : tuple of float or None
        Rows of the first and of the second class; None where unknown.

    Notes
    -----
    Edges next to a withheld bin are reached from both ends; the curve is straight between them.
    """
    if totals is None:
        if any(each is None for each in bins):
            return [(0.0, 0.0), (1.0, 1.0)]
        totals = _sums([each for each in bins if each is not None])
    others, own = totals
    down = _reached(list(reversed(bins)))
    up = [(others - x, own - y) for x, y in _reached(list(bins))]
    points = sorted({(0.0, 0.0), *down, *up, (others, own)})
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


def _sums(bins: Sequence[Bin]) -> tuple[float, float]:
    own = sum(round(each.rows * each.observed) for each in bins)
    return sum(each.rows for each in bins) - own, own


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


def _totals(
    told: Mapping[tuple[str, str], Sequence[object]], classes: Sequence[str]
) -> tuple[float, float] | None:
    """Return the rows of either class, as the confusion table has them; None where withheld."""
    found: list[float] = []
    for true in classes:
        cells = [told[CONFUSION, f"{true} predicted as {other}"][2] for other in classes]
        if any(cell is None for cell in cells):
            return None
        found.append(sum(float(str(cell)) for cell in cells))
    return found[0], found[1]


def _area(row: Sequence[object] | None) -> str:
    if row is None or row[2] is None:
        return "ROC"
    value, low, high = (row[at] for at in (2, 4, 5))
    interval = "" if low is None or high is None else f" ({low:.3f} to {high:.3f})"
    return f"ROC, area {value:.3f}{interval}"


def _square(panel: "Axes") -> None:
    panel.set_xlim(-0.02, 1.02)
    panel.set_ylim(-0.02, 1.02)
    panel.set_aspect("equal")

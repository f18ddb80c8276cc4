"""Pictures of models: coefficients, importance, learning curve."""

from collections.abc import Callable, Mapping, Sequence
from math import exp
from typing import TYPE_CHECKING, Final

from wardnet.client.plots.paper import INK, SECOND, SHADE, Caption, draw, named
from wardnet.question.answer import Cell, Table
from wardnet.question.dictionary import Dictionary
from wardnet.statistics.regression.estimates import COEFFICIENT
from wardnet.statistics.trees.table import AFTER

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_RATIOS: Final = {"logistic": "odds ratio", "poisson": "rate ratio"}
_INTERCEPT: Final = "intercept"
_LINE: Final = 0.32
_FRAME: Final = 1.4
"""Inches of a line of the picture, and of what is around all lines."""

Line = tuple[str, float, float, float]
"""A term's name, estimate, and interval."""


def coefficients(
    table: Table, dictionary: Dictionary, *, outcome: str, family: str, caption: Caption
) -> "Figure":
    """Draw coefficients with their 95 % intervals; as ratios where the model is of one.

    Parameters
    ----------
    outcome : str
        The column that is explained.
    family : str
        `logistic` or `poisson`; empty for least squares.
    """
    ratio = _RATIOS.get(family, "")
    lines = [_line(row, dictionary, ratio=bool(ratio)) for row in table.rows if _is_told(row)]

    def paint(panel: "Axes") -> None:
        places = range(len(lines))
        estimates = [line[1] for line in lines]
        reach = [[m - low for _, m, low, _ in lines], [high - m for _, m, _, high in lines]]
        panel.errorbar(
            estimates, places, xerr=reach, fmt="o", color=INK, ecolor=SHADE, elinewidth=2
        )
        panel.axvline(1 if ratio else 0, color=SECOND, linewidth=1)
        panel.set_yticks(places, [line[0] for line in lines])
        panel.set_ylim(len(lines) - 0.5, -0.5)
        panel.grid(visible=False, axis="y")
        if ratio:
            _as_ratios(panel)
        interval = ", 95 % interval" if any(low < high for _, _, low, high in lines) else ""
        told = f"{ratio} per unit" if ratio else "coefficient per unit"
        panel.set_xlabel(f"{told}{interval}; {_what(dictionary, outcome, ratio)}")

    return draw(caption, [paint], height=_FRAME + _LINE * len(lines))


def _is_told(row: tuple[Cell, ...]) -> bool:
    return row[0] == COEFFICIENT and row[1] != _INTERCEPT and row[2] is not None


def _line(row: tuple[Cell, ...], dictionary: Dictionary, *, ratio: bool) -> Line:
    estimate = _number(row[2])
    low, high = (estimate if row[at] is None else _number(row[at]) for at in (6, 7))
    name = named(dictionary, str(row[1]))
    return (name, exp(estimate), exp(low), exp(high)) if ratio else (name, estimate, low, high)


def _number(cell: Cell) -> float:
    return float(cell or 0)


def _what(dictionary: Dictionary, outcome: str, ratio: str) -> str:
    classes = dictionary.column(outcome).labels
    if ratio and len(classes) == 2:
        return f"of {outcome} = {classes[1]}"
    return f"of {named(dictionary, outcome)}"


def _as_ratios(panel: "Axes") -> None:
    """Space ratios by their logarithm and write them as numbers."""
    from matplotlib.ticker import LogLocator, NullFormatter  # noqa: PLC0415 - an extra

    panel.set_xscale("log")
    panel.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    panel.xaxis.set_major_formatter("{x:g}")
    panel.xaxis.set_minor_formatter(NullFormatter())


def importance(
    shares: Mapping[str, float], dictionary: Dictionary, *, table: Table, caption: Caption
) -> "Figure":
    """Draw the share of each column, the largest first; beside it the loss after each tree.

    Parameters
    ----------
    shares : Mapping of str to float
        By column, together 1.
    table : Table
        Of the answer; only that of boosted trees tells a loss after each.
    """
    order = sorted(shares, key=lambda name: -shares[name])
    after = [(int(str(row[1])), row[4]) for row in table.rows if row[0] == AFTER]

    def bars(panel: "Axes") -> None:
        places = range(len(order))
        drawn = panel.barh(places, [100 * shares[name] for name in order], color=INK, height=0.7)
        panel.bar_label(drawn, fmt="%.0f", padding=3, color="#404850")
        panel.set_yticks(places, [named(dictionary, name, unit=False) for name in order])
        panel.invert_yaxis()
        panel.grid(visible=False, axis="y")
        panel.set_xlabel("importance (% of all)")

    def curve(panel: "Axes") -> None:
        panel.plot([n for n, _ in after], [_number(loss) for _, loss in after], color=INK)
        _counted(panel, "trees", "loss on the rows trained on")

    height = max(_FRAME + _LINE * len(order), 3.2 if after else 0)
    return draw(caption, [bars, curve] if after else [bars], height=height, width=5.4)


def learning_curve(table: Table, *, caption: Caption) -> "Figure":
    """Draw what each round is measured by: losses, and beside them accuracy or error."""
    rounds = [int(str(row[0])) for row in table.rows]

    def curve(panel: "Axes", name: str, colour: str, label: str) -> None:
        told = [
            (number, float(value))
            for number, value in zip(rounds, _column(table, name), strict=True)
            if value is not None
        ]
        if told:
            panel.plot(*zip(*told, strict=True), color=colour, label=label, linewidth=2)

    def losses(panel: "Axes") -> None:
        curve(panel, "loss", INK, "trained on")
        curve(panel, "validation_loss", SECOND, "set aside")
        _counted(panel, "round", "loss")
        panel.legend()

    def measure(name: str) -> "Callable[[Axes], None]":
        def paint(panel: "Axes") -> None:
            curve(panel, name, INK, name)
            told = name.replace("rmse", "root mean squared error")
            _counted(panel, "round", f"{told} on rows set aside" if aside else told)

        return paint

    aside = any(value is not None for value in _column(table, "validation_loss"))
    others = [name for name in table.values if name not in {"loss", "validation_loss"}]
    return draw(caption, [losses, *map(measure, others)], height=3.6, width=4.8)


def _column(table: Table, name: str) -> Sequence[Cell]:
    at = len(table.keys) + table.values.index(name)
    return [row[at] for row in table.rows]


def _counted(panel: "Axes", across: str, up: str) -> None:
    """Name the axes of a curve that goes on in whole numbers."""
    from matplotlib.ticker import MaxNLocator  # noqa: PLC0415 - an extra

    panel.xaxis.set_major_locator(MaxNLocator(integer=True))
    panel.set_xlabel(across)
    panel.set_ylabel(up)

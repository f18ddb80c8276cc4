"""The paper that every picture is drawn on: one style, and names with their units."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from wardnet.errors import Reason, WardnetError
from wardnet.question.dictionary import Dictionary

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK: Final = "#1f4e79"
SECOND: Final = "#c8552b"
SHADE: Final = "#9aa5b1"
COLOURS: Final = (INK, SECOND, "#3b8a5a", "#7a5195", "#b8860b", "#2a9fb0", "#a13d63", "#5c6670")

_STYLE: Final[dict[str, Any]] = {
    "figure.constrained_layout.h_pad": 0.1,
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": SHADE,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e6e9ed",
    "legend.frameon": False,
    "text.parse_math": False,  # a label is what it says, with its dollars
    "xtick.color": "#404850",
    "ytick.color": "#404850",
}


@dataclass(frozen=True, slots=True)
class Caption:
    """Say what a picture shows.

    Parameters
    ----------
    title : str
        One line above it.
    source : str
        One line below it: on whose data it rests.
    """

    title: str
    source: str


def draw(
    caption: Caption,
    painters: "list[Callable[[Axes], None]]",
    *,
    height: float,
    width: float = 6.4,
) -> "Figure":
    """Return a picture with one panel for each painter, side by side.

    Parameters
    ----------
    painters : list of callable
        Each draws into its panel.
    height, width : float
        In inches; the width is each panel's.

    Raises
    ------
    WardnetError
        `EXTRA_MISSING` without matplotlib.
    """
    try:
        import matplotlib.pyplot as plt  # noqa: PLC0415 - an extra, and slow to load
    except ImportError as error:
        raise WardnetError(Reason.EXTRA_MISSING, rule="matplotlib") from error
    with plt.style.context(_STYLE):
        figure, panels = plt.subplots(
            1,
            len(painters),
            figsize=(width * len(painters), height),
            layout="constrained",
            squeeze=False,
        )
        for paint, panel in zip(painters, panels[0], strict=True):
            paint(panel)
        figure.suptitle(caption.title, x=0.01, ha="left", fontsize=12, fontweight="bold")
        figure.supxlabel(caption.source, x=0.01, ha="left", fontsize=8, color=SHADE)
        plt.close(figure)  # else a notebook would show it twice
    return figure


def named(dictionary: Dictionary, name: str, *, unit: bool = True) -> str:
    """Return a column's label, or its name, with its unit; other text as it is."""
    for column in dictionary.columns:
        if column.name == name:
            told = f" ({column.unit})" if column.unit and unit else ""
            return f"{column.label or name}{told}"
    return name

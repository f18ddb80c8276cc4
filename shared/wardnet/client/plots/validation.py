"""Pictures of validations: one measure of each part, with its interval where it has one."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from wardnet.client.plots.paper import INK, SECOND, SHADE, Caption, draw

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Line = tuple[str, float, float, float]
"""A part, what was measured, and its interval."""


def validation(
    lines: Sequence[Line], *, part: str, measure: str, untold: Sequence[str], caption: Caption
) -> "Figure":
    """Draw a measure of every part in which it is told, and the mean over these.

    Parameters
    ----------
    part : str
        What a part is.
    untold : sequence of str
        The parts in which it is withheld or not defined.
    """
    others = f"; not told of {', '.join(untold)}" if untold else ""
    values = [value for _, value, _, _ in lines]
    mean = sum(values) / len(values)
    intervals = any(low < high for _, _, low, high in lines)

    def paint(panel: "Axes") -> None:
        places = range(len(lines))
        reach = [[m - low for _, m, low, _ in lines], [high - m for _, m, _, high in lines]]
        panel.axvline(mean, color=SECOND, linewidth=1)
        panel.set_title(f"line: mean of the parts, {mean:.3g}{others}")
        panel.errorbar(values, places, xerr=reach, fmt="o", color=INK, ecolor=SHADE, elinewidth=2)
        panel.set_yticks(places, [name for name, _, _, _ in lines])
        panel.set_ylim(len(lines) - 0.5, -0.5)
        panel.set_ylabel(part)
        panel.grid(visible=False, axis="y")
        panel.set_xlabel(f"{measure}, 95 % interval" if intervals else measure)

    return draw(caption, [paint], height=1.6 + 0.34 * len(lines))

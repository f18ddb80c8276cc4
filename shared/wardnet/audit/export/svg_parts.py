"""The pieces that figures are drawn with: boxes, texts, a legend, a grid."""

from collections.abc import Sequence
from typing import Final, NamedTuple
from xml.etree.ElementTree import Element, SubElement

from wardnet.audit.report.figure import Series, Tone

INK: Final = "#1c2a31"
SOFT: Final = "#4d5f68"
RULE: Final = "#dde4e7"
PLAIN: Final = "#1d4f63"
EMPTY: Final = "#eef2f4"
TONES: Final = {
    Tone.PLAIN: PLAIN,
    Tone.GOOD: "#3f8f63",
    Tone.BAD: "url(#refused)",
    Tone.WAIT: "#d39a3b",
}
LETTER: Final = 7.7
"""Width of a letter at the size of labels, in a wide typeface."""

MOST_RULES: Final = 4
_ROUND: Final[Sequence[int]] = [
    digit * int(10**power) for power in range(18) for digit in (1, 2, 5)
]


class Box(NamedTuple):
    """Name a place: its left upper corner and its size."""

    x: float
    y: float
    width: float
    height: float

    @property
    def right(self) -> float:
        """Return where it ends."""
        return self.x + self.width

    @property
    def bottom(self) -> float:
        """Return where it ends."""
        return self.y + self.height


def rectangle(group: Element, box: Box, fill: str) -> Element:
    """Draw a box."""
    place = {name: f"{value:.1f}" for name, value in box._asdict().items()}
    return SubElement(group, "rect", {**place, "fill": fill})


def piece(group: Element, box: Box, series: Series, told: str) -> None:
    """Draw a part of a bar or column; `told` is what a pointer on it shows."""
    drawn = rectangle(group, box, TONES[series.tone])
    drawn.set("rx", "1.5")
    SubElement(drawn, "title").text = told


def write(group: Element, x: float, y: float, text: str, **how: str) -> None:
    """Write a text; `how` are attributes of SVG, with `_` for `-`."""
    named = {name.replace("_", "-"): value for name, value in how.items()}
    place = {"x": f"{x:.1f}", "y": f"{y:.1f}"}
    SubElement(group, "text", {**place, "fill": SOFT, **named}).text = text


def cut(text: str, most: int) -> str:
    """Return at most so many letters."""
    return text if len(text) <= most else text[: most - 1] + "…"


def legend(group: Element, series: Sequence[Series], y: float) -> float:
    """Say what the colours mean, where there is more than one; return where the rest begins."""
    if len(series) == 1:
        return y
    x = 0.0
    for each in series:
        rectangle(group, Box(x, y - 10, 12, 12), TONES[each.tone])
        write(group, x + 17, y, each.name)
        x += 34 + len(each.name) * LETTER
    return y + 16


def grid(group: Element, most: int, box: Box) -> tuple[Box, float]:
    """Draw rules at round numbers from 0 to `most` or a little more, their numbers on the left.

    Returns
    -------
    tuple of Box and float
        What is left of the box for the drawing, and the height of one.
    """
    step = next(size for size in _ROUND if most <= MOST_RULES * size)
    highest = step * max(1, -(-most // step))
    numbers = {value: f"{value:,}".replace(",", "\u202f") for value in range(0, highest + 1, step)}
    left = box.x + 12 + LETTER * max(map(len, numbers.values()))
    for value, number in numbers.items():
        y = box.bottom - box.height * value / highest
        ends = {"x1": f"{left:.1f}", "x2": f"{box.right:.1f}", "y1": f"{y:.1f}", "y2": f"{y:.1f}"}
        SubElement(group, "line", {**ends, "stroke": RULE if value else SOFT})
        write(group, left - 8, y + 4, number, text_anchor="end")
    return Box(left, box.y, box.right - left, box.height), box.height / highest


def hatching(svg: Element) -> None:
    """Define how refusals are filled: they can be told from the rest without colours."""
    size = {"id": "refused", "width": "6", "height": "6", "patternUnits": "userSpaceOnUse"}
    turned = {**size, "patternTransform": "rotate(45)"}
    pattern = SubElement(SubElement(svg, "defs"), "pattern", turned)
    rectangle(pattern, Box(0, 0, 6, 6), "#b23a2c")
    rectangle(pattern, Box(0, 0, 2, 6), "#e9b9b2")

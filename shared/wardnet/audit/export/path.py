"""The picture of an inclusion proof: the path of hashes from an entry to the signed root."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from xml.etree.ElementTree import Element, SubElement, tostring

from wardnet.audit.checkpoint import Checkpoint
from wardnet.audit.export.svg_parts import INK, PLAIN, SOFT, Box, cut, rectangle, write
from wardnet.audit.tree import leaf_hash, node_hash
from wardnet.errors import Reason, WardnetError

WIDTH: Final = 440

_LEFT: Final = 8.0
_BOX: Final = 200.0
_HIGH: Final = 46.0
_STEP: Final = 78.0
_GOOD: Final = "#1f6338"
_BAD: Final = "#9a2b1f"
_MONO: Final = "ui-monospace, 'DejaVu Sans Mono', Consolas, monospace"


@dataclass(frozen=True, slots=True)
class Node:
    """Hold one hash of the tree.

    Parameters
    ----------
    hash : bytes
        32 bytes.
    first, last : int
        Numbers of the entries that it stands for.
    """

    hash: bytes
    first: int
    last: int

    @property
    def entries(self) -> str:
        """Return which entries it stands for, in words."""
        if self.first == self.last:
            return f"entry {self.first}"
        return f"entries {self.first} to {self.last}"


@dataclass(frozen=True, slots=True)
class Step:
    """Hold one step of the path: two neighbours, of which one is computed and one given.

    Parameters
    ----------
    computed, given : Node
        Where the path comes from, and what the proof adds.
    given_left : bool
        Whether the given one stands on the left.
    """

    computed: Node
    given: Node
    given_left: bool


@dataclass(frozen=True, slots=True)
class Path:
    """Hold all steps from an entry's hash, and where they lead.

    Parameters
    ----------
    steps : tuple of Step
        From the entry upwards.
    root : Node
        As computed.
    """

    steps: tuple[Step, ...]
    root: Node


def path(data: bytes, seq: int, *, size: int, proof: Sequence[bytes]) -> Path:
    """Compute the path of an entry (RFC 9162, 2.1.3.2).

    Parameters
    ----------
    data : bytes
        Of the entry.
    seq : int
        Its number, from 1 to `size`.
    size : int
        Of the checkpoint.
    proof : sequence of bytes
        The given hashes, from the entry upwards.

    Raises
    ------
    WardnetError
        `PROOF_REFUSED` when the proof is longer or shorter than the way up.
    """
    # 1. The way down, by the sizes alone: which range stands beside ours.
    start, end = 0, size
    beside: list[tuple[int, int, bool]] = []
    while end - start > 1:
        middle = start + (1 << (end - start - 1).bit_length() - 1)
        left = seq - 1 >= middle
        beside.append((start, middle, left) if left else (middle, end, left))
        start, end = (middle, end) if left else (start, middle)
    if not 1 <= seq <= size or len(beside) != len(proof):
        raise WardnetError(Reason.PROOF_REFUSED, line=seq, rule="it has another form")
    # 2. The way up, by the hashes.
    steps = []
    at = Node(leaf_hash(data), seq, seq)
    for given, (first, last, left) in zip(proof, reversed(beside), strict=True):
        other = Node(given, first + 1, last)
        steps.append(Step(at, other, left))
        pair = (other, at) if left else (at, other)
        made = node_hash(pair[0].hash, pair[1].hash)
        at = Node(made, pair[0].first, pair[1].last)
    return Path(tuple(steps), at)


def draw_path(drawn: Path, checkpoint: Checkpoint, *, seen_by: Sequence[str]) -> str:
    """Return the picture as one `<svg>` element: the checkpoint above, the entry below.

    Parameters
    ----------
    seen_by : sequence of str
        A line for each cosignature.
    """
    group = Element("g")
    fits = drawn.root.hash == checkpoint.root
    y = _head(group, checkpoint, seen_by)
    y = _top(group, drawn.root, fits=fits, y=y)
    above = WIDTH / 2
    for step in reversed(drawn.steps):
        y = _pair(group, step, above, y)
        above = _middle(step)
    seq = (drawn.steps[0].computed if drawn.steps else drawn.root).first
    height = _foot(group, f"The bytes of entry {seq}", above, y)
    verdict = "leads to" if fits else "does not lead to"
    svg = Element(
        "svg",
        {
            "xmlns": "http://www.w3.org/2000/svg",
            "viewBox": f"0 0 {WIDTH} {height:g}",
            "width": "100%",
            "role": "img",
            "aria-label": f"Path from entry {seq} over {len(drawn.steps)} given hashes; it "
            f"{verdict} the signed root.",
            "font-family": "system-ui, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif",
            "font-size": "13",
        },
    )
    svg.append(group)
    return tostring(svg, encoding="unicode")


def _head(group: Element, checkpoint: Checkpoint, seen_by: Sequence[str]) -> float:
    """Draw the checkpoint; return where it ends."""
    lines = [f"Signed by {checkpoint.origin}", *seen_by]
    box = Box(_LEFT, 1, WIDTH - 2 * _LEFT, 54.0 + 18 * len(lines))
    rectangle(group, box, "#fff").attrib.update({"stroke": _GOOD, "stroke-width": "2", "rx": "6"})
    write(group, box.x + 14, 23, f"Checkpoint of {checkpoint.size} entries", **_strong(INK))
    told = f"root {_short(checkpoint.root)}"
    write(group, box.x + 14, 43, told, font_family=_MONO, fill=INK)
    for number, line in enumerate(lines):
        write(group, box.x + 14, 65 + 18 * number, cut(line, 62), font_size="12")
    return box.bottom


def _top(group: Element, root: Node, *, fits: bool, y: float) -> float:
    """Say whether the computed root is the signed one, and draw it."""
    colour = _GOOD if fits else _BAD
    told = "the same hash" if fits else "NOT the same hash: something was changed"
    _line(group, (WIDTH / 2, y), (WIDTH / 2, y + 34), colour)
    write(group, WIDTH / 2 + 12, y + 22, told, **_strong(colour))
    _node(group, root, WIDTH / 2 - _BOX / 2, y + 34, given=False)
    return y + 34 + _HIGH


def _pair(group: Element, step: Step, above: float, y: float) -> float:
    """Draw two neighbours below their common hash, which ends at `above`, `y`."""
    top, right = y + _STEP - _HIGH, WIDTH - _LEFT - _BOX
    places = (right, _LEFT) if step.given_left else (_LEFT, right)
    for node, x, given in zip((step.computed, step.given), places, (False, True), strict=True):
        _line(group, (x + _BOX / 2, top), (above, y), SOFT if given else PLAIN, dashed=given)
        _node(group, node, x, top, given=given)
    return top + _HIGH


def _middle(step: Step) -> float:
    """Return where the computed one of two neighbours stands."""
    return WIDTH - _LEFT - _BOX / 2 if step.given_left else _LEFT + _BOX / 2


def _foot(group: Element, told: str, middle: float, y: float) -> float:
    """Draw what was hashed first; return the height of the picture."""
    _line(group, (middle, y + 30), (middle, y), PLAIN)
    box = Box(middle - _BOX / 2, y + 30, _BOX, 32)
    rectangle(group, box, "#fdf0d9").attrib.update({"stroke": "#b57614", "rx": "4"})
    write(group, middle, y + 51, told, text_anchor="middle", **_strong(INK))
    return box.bottom + 2


def _node(group: Element, node: Node, x: float, y: float, *, given: bool) -> None:
    drawn = rectangle(group, Box(x, y, _BOX, _HIGH), "#fff" if given else PLAIN)
    drawn.attrib.update({"stroke": SOFT if given else PLAIN, "rx": "4"})
    if given:
        drawn.set("stroke-dasharray", "5 3")
    SubElement(drawn, "title").text = f"{'given' if given else 'computed'}: {node.hash.hex()}"
    told = f"given: {node.entries}" if given else node.entries
    write(group, x + 12, y + 19, told, fill=INK if given else "#fff", font_size="12.5")
    ink = SOFT if given else "#d5e3e9"
    write(group, x + 12, y + 37, _short(node.hash), fill=ink, font_family=_MONO, font_size="12.5")


def _line(
    group: Element,
    start: tuple[float, float],
    end: tuple[float, float],
    colour: str,
    *,
    dashed: bool = False,
) -> None:
    """Draw a way upwards: straight up, over, and up again."""
    (x, y), (to_x, to_y) = start, end
    middle = (y + to_y) / 2
    way = f"M{x:.1f} {y:.1f}V{middle:.1f}H{to_x:.1f}V{to_y:.1f}"
    attributes = {"d": way, "fill": "none", "stroke": colour, "stroke-width": "2"}
    if dashed:
        attributes["stroke-dasharray"] = "5 3"
    SubElement(group, "path", attributes)


def _short(data: bytes) -> str:
    return f"{data.hex()[:20]}…"


def _strong(colour: str) -> dict[str, str]:
    return {"fill": colour, "font_weight": "600"}

"""Pictures of components and clusters: axes, centres and spreads, and never a row."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from wardnet.client.plots.paper import COLOURS, INK, SHADE, Caption, draw
from wardnet.errors import Reason, WardnetError
from wardnet.question.answer import Table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Vector = NDArray[np.float64]

TWO: Final = 2


def _parts(table: Table) -> dict[str, dict[str, Sequence[Any]]]:
    """Return the numbers of a table by part and term: of all rows first, then of each."""
    found: dict[str, dict[str, Sequence[Any]]] = {}
    for part, term, *values in table.rows:
        found.setdefault(str(part), {})[str(term)] = values
    return found


def components(table: Table, *, caption: Caption) -> "Figure":
    """Draw the share of the variance of each component, and the loadings on the first two."""
    parts = _parts(table)
    ratios = parts["variance"]["ratio"][1:]
    loadings = {name: values[1:3] for name, values in parts["component"].items()}

    def scree(panel: "Axes") -> None:
        numbers = range(1, len(ratios) + 1)
        bars = panel.bar(numbers, [100 * ratio for ratio in ratios], color=INK, width=0.7)
        panel.bar_label(bars, fmt="%.0f", padding=2, color="#404850")
        panel.set_xticks(list(numbers))
        panel.grid(visible=False, axis="x")
        panel.set_xlabel("component")
        panel.set_ylabel("share of the variance (%)")

    def circle(panel: "Axes") -> None:
        for name, (x, y) in loadings.items():
            panel.annotate("", (x, y), (0, 0), arrowprops={"arrowstyle": "->", "color": INK})
            panel.annotate(
                name,
                (x, y),
                xytext=(4 if x >= 0 else -4, 3 if y >= 0 else -3),
                textcoords="offset points",
                ha="left" if x >= 0 else "right",
                va="bottom" if y >= 0 else "top",
            )
        reach = 1.35 * max(max(abs(x), abs(y)) for x, y in loadings.values())
        panel.set_xlim(-reach, reach)
        panel.set_ylim(-reach, reach)
        panel.set_aspect("equal")
        panel.axhline(0, color=SHADE, linewidth=1)
        panel.axvline(0, color=SHADE, linewidth=1)
        panel.set_xlabel(f"loading on component 1 ({100 * ratios[0]:.0f} % of the variance)")
        panel.set_ylabel(f"loading on component 2 ({100 * ratios[1]:.0f} %)")

    return draw(caption, [scree, circle] if len(ratios) > 1 else [scree], height=4.8, width=5.0)


@dataclass(frozen=True)
class Plane:
    """Hold the two axes that centres are drawn on.

    Parameters
    ----------
    means, scales : ndarray of float64, shape (columns,)
        What is subtracted, and then divided by, in units.
    axes : ndarray of float64, shape (2, columns)
        Directions of length 1.
    labels : tuple of str
        What the axes are.
    spread : tuple of float or None
        Standard deviations of all rows along the axes, where known.
    """

    means: Vector
    scales: Vector
    axes: Vector
    labels: tuple[str, str]
    spread: tuple[float, float] | None = None

    def place(self, centres: Vector) -> Vector:
        """Return where centres, shape (clusters, columns), lie: shape (clusters, 2)."""
        return np.asarray(((centres - self.means) / self.scales) @ self.axes.T)

    def shape(self, covariance: Vector) -> Vector:
        """Return a covariance of the columns along the axes, shape (2, 2)."""
        scaled = covariance / np.outer(self.scales, self.scales)
        return np.asarray(self.axes @ scaled @ self.axes.T)


def clusters(table: Table, *, space: Table | None, caption: Caption) -> "Figure":
    """Draw the centres of clusters, as large as they are, and the spread of a mixture's parts.

    Parameters
    ----------
    space : Table or None
        Of principal components of the same columns: the plane is that of the first two; else that
        in which the centres lie farthest apart.
    """
    parts = _parts(table)
    names = list(parts["mean"])
    centres = np.array([parts["mean"][name][1:] for name in names]).T
    sizes = np.array(parts["size"]["patients"][1:], np.float64)
    plane = _of_components(space, names) if space else _of_centres(parts, names, centres, sizes)
    shapes = _shapes(parts.get("covariance", {}), names, len(centres))

    def paint(panel: "Axes") -> None:
        if plane.spread is not None:
            _ellipse(panel, np.zeros(2), np.diag(np.square(plane.spread)), SHADE, "all rows, 1 sd")
        for at, (x, y) in enumerate(plane.place(centres)):
            colour = COLOURS[at % len(COLOURS)]
            if shapes is not None:
                _ellipse(panel, np.array([x, y]), plane.shape(shapes[at]), colour, "")
            share = sizes[at] / sizes.sum()
            panel.scatter([x], [y], s=60 + 900 * share, color=colour, alpha=0.85, zorder=3)
            panel.annotate(
                f"{at + 1}: {sizes[at]:.0f} patients",
                (x, y),
                xytext=(0, 8 + 14 * share**0.5),
                textcoords="offset points",
                ha="center",
            )
        panel.margins(0.25)
        panel.set_aspect("equal", adjustable="datalim")
        panel.set_xlabel(plane.labels[0])
        panel.set_ylabel(plane.labels[1])
        if plane.spread is not None:
            panel.legend(loc="best")

    return draw(caption, [paint], height=5.2, width=6.4)


def _of_components(space: Table, names: Sequence[str]) -> Plane:
    parts = _parts(space)
    loadings, variance = parts.get("component", {}), parts.get("variance", {})
    if set(loadings) != set(names) or len(variance["ratio"]) <= TWO:
        raise WardnetError(
            Reason.PARAMETER_INVALID,
            method="plot",
            parameter="space",
            rule="must be the answer of pca with two components or more of the same columns",
        )
    ratios = variance["ratio"][1:]
    first, second = (
        f"component {at + 1} ({100 * ratios[at]:.0f} % of the variance)" for at in (0, 1)
    )
    deviations = np.sqrt(np.array(variance["eigenvalue"][1:3], np.float64))
    return Plane(
        means=np.array([parts["mean"][name][0] for name in names]),
        scales=np.array([parts["scale"][name][0] for name in names]),
        axes=np.array([loadings[name][1:3] for name in names]).T,
        labels=(first, second),
        spread=(float(deviations[0]), float(deviations[1])),
    )


def _of_centres(
    parts: Mapping[str, Mapping[str, Sequence[Any]]],
    names: Sequence[str],
    centres: Vector,
    sizes: Vector,
) -> Plane:
    means = np.array([parts["mean"][name][0] for name in names])
    if "scale" in parts:
        scales = np.array([parts["scale"][name][0] for name in names])
    else:
        scales = np.sqrt([parts["covariance"][name][0] for name in names])
    weighted = (centres - means) / scales * np.sqrt(sizes / sizes.sum())[:, np.newaxis]
    _, _, axes = np.linalg.svd(np.vstack([weighted, np.zeros_like(weighted)]))
    return Plane(
        means=means,
        scales=scales,
        axes=np.vstack([axes, np.zeros_like(axes)])[:TWO],
        labels=("farthest apart (standard deviations)", "next farthest"),
    )


def _shapes(
    told: Mapping[str, Sequence[Any]], names: Sequence[str], size: int
) -> list[Vector] | None:
    """Return the covariance of each part of a mixture; None of clusters, which have none."""
    if not told:
        return None
    found = np.zeros((size, len(names), len(names)))
    for term, (_, *values) in told.items():
        one, _, other = term.partition(":")
        at, to = names.index(one), names.index(other or one)
        found[:, at, to] = found[:, to, at] = values
    return list(found)


def _ellipse(panel: "Axes", centre: Vector, covariance: Vector, colour: str, label: str) -> None:
    """Draw where one standard deviation reaches."""
    from matplotlib.patches import Ellipse  # noqa: PLC0415 - an extra

    values, vectors = np.linalg.eigh(covariance)
    width, height = 2 * np.sqrt(np.maximum(values, 0))
    angle = float(np.degrees(np.arctan2(vectors[1, 0], vectors[0, 0])))
    panel.add_patch(
        Ellipse(
            (float(centre[0]), float(centre[1])),
            float(width),
            float(height),
            angle=angle,
            facecolor="none",
            edgecolor=colour,
            linewidth=1.5,
            label=label or None,
        )
    )

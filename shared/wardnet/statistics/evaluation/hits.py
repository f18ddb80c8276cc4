"""How often the predicted class is the true one: the confusion table and what follows from it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from wardnet.statistics.evaluation.asked import Asked, Judged
from wardnet.statistics.evaluation.inquiry import Inquiry, count_spec, line, rows_in
from wardnet.statistics.method import Part, Settled
from wardnet.statistics.rounding import nearest, root
from wardnet.statistics.tables import Line
from wardnet.sums.arrays import ArraySpec, Sums
from wardnet.sums.members import count

_CONFUSION: Final = "confusion"

OF_TWO: Final = (
    "sensitivity",
    "specificity",
    "precision",
    "balanced_accuracy",
    "f1",
    "mcc",
    "net_benefit",
)
OF_MORE: Final = ("balanced_accuracy", "macro_f1")


@dataclass(frozen=True)
class Hits(Inquiry):
    """Hold the confusion table, once it is known.

    Parameters
    ----------
    asked : Asked
        What is evaluated.
    hidden : Mapping of str to str
        By measure: the rule that withholds it.
    table : ndarray of int64, shape (classes, classes), or None
        Rows by true class (down) and predicted class.
    """

    asked: Asked
    hidden: Mapping[str, str]
    table: NDArray[Any] | None = None

    def arrays(self) -> Sequence[ArraySpec]:
        """Declare the rows in each cell."""
        return [count_spec(_CONFUSION, len(self.asked.classes) ** 2)] if self.table is None else ()

    def local(self, judged: Judged) -> Part:
        """Count a batch's rows."""
        if self.table is not None:
            return {}
        size = len(self.asked.classes)
        index = judged.truth * size + self.asked.predicted(judged)
        return {_CONFUSION: count(index, cells=size * size)}

    def finish(self, part: Settled) -> Sums:
        """Return the counts as declared."""
        return {name: counts[np.newaxis] for name, counts in part.items()}

    def step(self, total: Sums) -> "Hits":
        """Read the table."""
        if self.table is not None:
            return self
        size = len(self.asked.classes)
        return replace(self, table=rows_in(total, _CONFUSION).reshape(size, size))

    def lines(self) -> Iterable[Line]:
        """Return the shares of rows that are predicted rightly."""
        if self.table is None:
            return
        measures = {"accuracy": _share(int(np.trace(self.table)), int(self.table.sum()))}
        if self.asked.two:
            measures |= of_two(self.table.tolist(), threshold=self.asked.threshold)
        else:
            measures |= _of_more(self.table)
        for measure, value in measures.items():
            yield line(measure, value, hidden=self.hidden)

    def details(self) -> Iterable[Line]:
        """Return the cells of the table."""
        if self.table is None:
            return
        for true, rows in zip(self.asked.classes, self.table.tolist(), strict=True):
            for predicted, n in zip(self.asked.classes, rows, strict=True):
                of = f"{true} predicted as {predicted}"
                yield line(_CONFUSION, n, of=of, hidden=self.hidden)


def of_two(cells: Sequence[Sequence[int]], *, threshold: float) -> dict[str, float | None]:
    """Return what follows from the confusion table of two classes, None where undefined.

    Notes
    -----
    With true and false positives and negatives `tp`, `fp`, `tn` and `fn` of n rows: `f1 = 2 tp /
    (2 tp + fp + fn)`; `mcc = (tp tn - fp fn) / sqrt((tp + fp) (tp + fn) (tn + fp) (tn + fn))`;
    `net_benefit = tp / n - fp / n * t / (1 - t)` at the threshold t.

    References
    ----------
    Vickers, Elkin (2006), Decision curve analysis. Matthews (1975) for `mcc`.

    Examples
    --------
    >>> found = of_two([[97, 26], [26, 105]], threshold=0.5)
    >>> round(found["mcc"], 6), round(found["f1"], 6)
    (0.590145, 0.801527)
    """
    (tn, fp), (fn, tp) = cells
    n = tn + fp + fn + tp
    sides = (tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)
    odds = Fraction(threshold) / (1 - Fraction(threshold))
    sensitivity, specificity = _share(tp, tp + fn), _share(tn, tn + fp)
    both = (tp + fn) * (tn + fp)
    return {
        "sensitivity": sensitivity,
        "specificity": specificity,
        "precision": _share(tp, tp + fp),
        "balanced_accuracy": _share(tp * (tn + fp) + tn * (tp + fn), 2 * both),
        "f1": _share(2 * tp, 2 * tp + fp + fn),
        "mcc": (tp * tn - fp * fn) / root(Fraction(sides)) if sides else None,
        "net_benefit": nearest((tp - fp * odds) / n) if n else None,
    }


def _of_more(table: NDArray[np.int64]) -> dict[str, float | None]:
    """Return the means over classes of recall and F1; a class that is nowhere has an F1 of 0."""
    hits, true, predicted = np.diagonal(table), table.sum(axis=1), table.sum(axis=0)
    recalls = [Fraction(int(a), int(b)) for a, b in zip(hits, true, strict=True) if b]
    f1 = [Fraction(2 * int(a), int(b) or 1) for a, b in zip(hits, true + predicted, strict=True)]
    return {
        "balanced_accuracy": nearest(sum(recalls, Fraction(0)) / len(recalls)) if recalls else None,
        "macro_f1": nearest(sum(f1, Fraction(0)) / len(f1)),
    }


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None

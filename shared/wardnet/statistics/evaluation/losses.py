"""How far predictions are from the truth: log-loss, Brier score, and bins of probabilities."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from wardnet.privacy.rules import GuardTotals
from wardnet.statistics.evaluation.asked import BINS, TWO, Asked, Judged, bins_of
from wardnet.statistics.evaluation.calibration import LEAST
from wardnet.statistics.evaluation.inquiry import (
    COMPLETE,
    Inquiry,
    add_up,
    count_spec,
    fractions,
    line,
    real_spec,
    rows_in,
    settled,
)
from wardnet.statistics.method import Part, Settled
from wardnet.statistics.rounding import nearest
from wardnet.statistics.tables import Line
from wardnet.sums.arrays import ArraySpec, Sums
from wardnet.sums.elementary import log
from wardnet.sums.members import count

_LOSSES: Final = "losses"
_BINS: Final = "probabilities in bins"
_ROWS: Final = "rows in bins"
_SCALE: Final = 64.0

TOLD: Final = ("rows", "predicted", "observed")
EDGES: Final = tuple(
    f"[{low / BINS:g}, {(low + 1) / BINS:g}{']' if low == BINS - 1 else ')'}" for low in range(BINS)
)


@dataclass(frozen=True)
class Losses(Inquiry):
    """Hold sums over rows of classes, once they are known.

    Parameters
    ----------
    asked : Asked
        What is evaluated.
    guards : GuardTotals
        The patients.
    shown : tuple of int
        The bins that may be told.
    rule : str
        Why others may not.
    """

    asked: Asked
    guards: GuardTotals
    shown: tuple[int, ...]
    rule: str
    losses: tuple[Fraction, ...] = ()
    probabilities: tuple[Fraction, ...] = ()
    rows: NDArray[Any] | None = None

    def arrays(self) -> Sequence[ArraySpec]:
        """Declare losses, and per bin the rows of either class and the probabilities."""
        if self.rows is not None:
            return ()
        return [
            real_spec(_LOSSES, 1, TWO),
            count_spec(_ROWS, TWO * BINS),
            real_spec(_BINS, BINS, 1),
        ]

    def local(self, judged: Judged) -> Part:
        """Add up a batch's terms."""
        if self.rows is not None:
            return {}
        hit = judged.scores[judged.truth, np.arange(judged.truth.size)]
        loss = -log(np.clip(hit, LEAST, 1.0 - LEAST)) / _SCALE
        last = judged.scores[-1]
        at = bins_of(last)
        own = (judged.truth == len(judged.scores) - 1).astype(np.int64)
        everywhere = np.zeros(at.size, np.int8)
        return {
            _LOSSES: add_up(everywhere, [loss, self._brier(judged)], groups=1),
            _ROWS: count(at + BINS * own, cells=TWO * BINS),
            _BINS: add_up(at, [last], groups=BINS),
        }

    def _brier(self, judged: Judged) -> NDArray[np.float64]:
        """Return each row's squared distances, at most 1: half of them for more than two."""
        if self.asked.two:
            distance = judged.truth - judged.positive
            return np.asarray(distance * distance)
        squares = np.zeros(judged.truth.size)
        for place, scores in enumerate(judged.scores):
            distance = (judged.truth == place) - scores
            squares += distance * distance
        return np.minimum(squares / TWO, 1.0)

    def finish(self, part: Settled) -> Sums:
        """Return the hospital's sums as declared."""
        if self.rows is not None:
            return {}
        return {
            _LOSSES: settled(part[_LOSSES]),
            _ROWS: part[_ROWS][np.newaxis],
            _BINS: settled(part[_BINS]),
        }

    def step(self, total: Sums) -> "Losses":
        """Read the sums."""
        if self.rows is not None:
            return self
        rows = rows_in(total, _ROWS).reshape(TWO, BINS)
        self.guards.check_rows(COMPLETE, rows.sum(keepdims=True).ravel())
        (losses,) = fractions(total, _LOSSES)
        probabilities = tuple(each for (each,) in fractions(total, _BINS))
        return replace(self, rows=rows, losses=tuple(losses), probabilities=probabilities)

    def lines(self) -> Iterable[Line]:
        """Return the number of rows, the mean losses, and for two classes the bins."""
        if self.rows is None:
            return
        n = int(self.rows.sum())
        loss, brier = self.losses
        yield line("n", n)
        yield line("log_loss", _mean(loss * Fraction(_SCALE), n))
        yield line("brier", _mean(brier * (1 if self.asked.two else TWO), n))
        if self.asked.two:
            gaps = (
                abs(int(own) - mean)
                for own, mean in zip(self.rows[1], self.probabilities, strict=True)
            )
            yield line("ece", _mean(sum(gaps, Fraction(0)), n))

    def details(self) -> Iterable[Line]:
        """Return rows, mean probability and share of the second class in each bin."""
        if self.rows is None or not self.asked.two:
            return
        for at, edges in enumerate(EDGES):
            n = int(self.rows[:, at].sum())
            predicted, observed = self.probabilities[at], Fraction(int(self.rows[1, at]))
            entries = (n, _mean(predicted, n), _mean(observed, n))
            names = [f"bin_{what}" for what in TOLD]
            hidden = {} if at in self.shown else dict.fromkeys(names, self.rule)
            for measure, entry in zip(names, entries, strict=True):
                yield line(measure, entry, of=edges, hidden=hidden)


def _mean(total: Fraction, n: int) -> float | None:
    return nearest(total / n) if n else None

"""What of an evaluation the guard totals let through."""

from collections.abc import Iterator, Mapping, Sequence
from math import ceil, floor
from typing import Final

import numpy as np
from numpy.typing import NDArray

from wardnet.privacy.rules import DisclosureRules, Guard, GuardTotals
from wardnet.statistics.evaluation import hits, losses
from wardnet.statistics.evaluation.asked import BINS, TWO, Asked, Judged, bins_of
from wardnet.statistics.evaluation.concordance import MEASURE
from wardnet.statistics.evaluation.distances import MEASURES
from wardnet.statistics.evaluation.inquiry import COMPLETE
from wardnet.statistics.evaluation.order import of_event
from wardnet.sums.members import Index

CLASSES: Final = "classes"
"""Guard: the patients of each class."""

RIGHT: Final = "right"
"""Guard: the patients whose class is predicted wrongly, and rightly."""

CONFUSION: Final = "confusion"
"""Guard: the patients in each cell of the confusion table."""

IN_BINS: Final = "bins"
"""Guard: the patients in each bin of probabilities, of the first class and of the second."""


EVENTS: Final = "events"
"""Guard of one cell: the patients with a time at which they had the event."""

CENSORED: Final = "censored"
"""Guard of one cell: the patients with a time until which they did not have it."""


def guards_of(asked: Asked) -> Mapping[str, Guard]:
    """Declare the cells that are counted first."""
    times = {EVENTS: Guard(1), CENSORED: Guard(1, empty_allowed=True)} if asked.time else {}
    size = len(asked.classes)
    if not size:
        return {COMPLETE: Guard(1), **times}
    bins = {IN_BINS: Guard(TWO * BINS)} if asked.two else {}
    cells = {CLASSES: Guard(size), RIGHT: Guard(2), CONFUSION: Guard(size * size)}
    return {COMPLETE: Guard(1), **cells, **bins, **times}


def cells_of(asked: Asked, judged: Judged) -> Iterator[tuple[str, Index]]:
    """Yield each guard's cell of the judged rows."""
    yield COMPLETE, np.zeros(judged.truth.size, np.int64)
    if asked.time is not None:
        keys = judged.keys[asked.time.column.name]
        for name, wanted in ((EVENTS, True), (CENSORED, False)):
            yield name, np.where((keys >= 0) & (of_event(keys) == wanted), 0, -1)
    if not asked.classes:
        return
    predicted = asked.predicted(judged)
    yield CLASSES, judged.truth
    yield RIGHT, (predicted == judged.truth).astype(np.int64)
    yield CONFUSION, judged.truth * len(asked.classes) + predicted
    if asked.two:
        yield IN_BINS, bins_of(judged.positive) + BINS * judged.truth


def refusal(asked: Asked, guards: GuardTotals, rules: DisclosureRules) -> str:
    """Return why nothing may be told; empty if something may."""
    if guards.withheld[COMPLETE].any():
        return rules.cell_rule
    if asked.classes and guards.withheld[CLASSES].any():
        return f"a class with {rules.cell_rule}"
    return rules.too_many_parameters(TWO, patients=int(guards.patients[COMPLETE][0]))


def hidden_times(guards: GuardTotals, rules: DisclosureRules) -> str:
    """Return the rule that withholds the order of times; empty for none."""
    small = guards.withheld[EVENTS].any() or guards.withheld[CENSORED].any()
    return f"{rules.cell_rule} with an event, or without one" if small else ""


def hidden_hits(asked: Asked, guards: GuardTotals, rules: DisclosureRules) -> Mapping[str, str]:
    """Return which measures of hits are withheld, and why.

    A cell of the confusion table follows from the others and their number: all are told, or none.
    """
    hidden: dict[str, str] = {}
    if guards.withheld[RIGHT].any():
        rule = f"right or wrong for {rules.cell_rule}"
        hidden |= dict.fromkeys(("accuracy", *hits.OF_MORE), rule)
    if guards.withheld[CONFUSION].any():
        told = (*hits.OF_TWO, "confusion") if asked.two else ("confusion",)
        hidden |= dict.fromkeys(told, f"a cell of the confusion table with {rules.cell_rule}")
    return hidden


def shown_bins(asked: Asked, guards: GuardTotals, rules: DisclosureRules) -> tuple[int, ...]:
    """Return the bins that may be told: nothing that follows of the others is a small cell either.

    All rows of a class are told; where the confusion table is told, those on either side of the
    threshold are, too.
    """
    if not asked.two:
        return ()
    withheld = guards.withheld[IN_BINS].reshape(TWO, BINS).any(axis=0)
    patients = guards.patients[IN_BINS].reshape(TWO, BINS)
    shown = sorted(np.flatnonzero(~withheld).tolist(), key=lambda at: -int(patients[:, at].sum()))

    def smallest(inside: Sequence[int], whole: NDArray[np.int64], size: float) -> int | None:
        """Return the bin to withhold so that the rest of those inside is no small cell."""
        told = [at for at in shown if at in inside]
        rest = whole - patients[:, told].sum(axis=1)
        return told[-1] if 0 < len(told) < size and rules.too_small(rest).any() else None

    parts = _told_of_bins(asked, guards)
    while found := [at for part in parts if (at := smallest(*part)) is not None]:
        shown.remove(found[0])
    return tuple(shown)


def _told_of_bins(
    asked: Asked, guards: GuardTotals
) -> list[tuple[Sequence[int], NDArray[np.int64], float]]:
    """Return bins of which a total is told, its patients by class, and its width in bins."""
    parts: list[tuple[Sequence[int], NDArray[np.int64], float]] = [
        (range(BINS), guards.patients[CLASSES], BINS)
    ]
    if not guards.withheld[CONFUSION].any():
        edge = asked.threshold * BINS
        below, above = guards.patients[CONFUSION].reshape(TWO, TWO).T
        parts.append((range(floor(edge)), below, edge))
        parts.append((range(ceil(edge), BINS), above, BINS - edge))
    return parts


def measures_of(asked: Asked) -> list[tuple[str, str]]:
    """Return what an evaluation tells, whatever the data: measures, and what they are of."""
    orders = [(MEASURE, of) for of in asked.orders]
    if not asked.classes:
        return [*((name, "") for name in MEASURES), *orders]
    pairs = [f"{a} predicted as {b}" for a in asked.classes for b in asked.classes]
    confusion = [("confusion", pair) for pair in pairs]
    names: tuple[str, ...] = ("n", "log_loss", "brier")
    if not asked.two:
        curves = [("auc", name) for name in asked.classes]
        names = (*names, "accuracy", *hits.OF_MORE)
        return [*((name, "") for name in names), *curves, *confusion]
    names = (*names, "ece", "auc", "hosmer_lemeshow", "hosmer_lemeshow_p_value")
    fits = ("calibration_intercept", "calibration_slope", "calibration_in_the_large")
    bins = [(f"bin_{what}", at) for at in losses.EDGES for what in losses.TOLD]
    names = (*names, *fits, "accuracy", *hits.OF_TWO)
    return [*((name, "") for name in names), *orders, *confusion, *bins]

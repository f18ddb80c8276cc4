"""The rounds of a learning: what each adds up, and what follows from its total."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import frexp
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from wardnet.errors import Reason, WardnetError
from wardnet.learning.curve import LOSSES, TRAINING, VALIDATION, Point, Size, measured
from wardnet.learning.guards import USABLE
from wardnet.learning.learned import learned, without_model
from wardnet.learning.optimiser import Shared, take
from wardnet.learning.plan import Plan
from wardnet.learning.scaling import Scaling
from wardnet.learning.seen import seen
from wardnet.learning.training import Trainee
from wardnet.privacy.rules import DisclosureRules
from wardnet.question.answer import Table
from wardnet.question.rows import Rows
from wardnet.statistics.kept import kept
from wardnet.statistics.method import Part
from wardnet.sums.arrays import ArraySpec, Sums

UPDATE: Final = "update"
CONTROL: Final = "control"

_VECTOR_BITS: Final = 48
"""No entry of a hospital's weighted update is above `2**48`: a total is then below `2**59`."""

DIVERGED: Final = "learning diverged: take a smaller learning rate"

Vector: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class Learning:
    """Ask how good the shared weights are, and for the updates that training from them gives.

    Parameters
    ----------
    plan, rules, size, scaling : Plan, DisclosureRules, Size, Scaling
        What is learned from what.
    target : tuple of float
        What is subtracted from an outcome of numbers, and what that is divided by.
    basis : str
        Digest of the total that the scaling follows from.
    shared : Shared
        What all hospitals know.
    curve : tuple of tuples
        Of the rounds before.
    best : tuple of int and ndarray, or None
        The round with the smallest loss on the rows aside, and its weights, where training may end
        early.
    """

    plan: Plan
    rules: DisclosureRules
    size: Size
    scaling: Scaling
    target: tuple[float, float]
    basis: str
    shared: Shared
    curve: tuple[Point, ...] = ()
    best: tuple[int, Vector] | None = None

    @property
    def _last(self) -> bool:
        """Say whether this round only measures."""
        return len(self.curve) == self.plan.given.rounds

    @property
    def _unit(self) -> int:
        return _VECTOR_BITS - frexp(self.plan.given.clip)[1]

    def arrays(self) -> Sequence[ArraySpec]:
        """Declare losses, hits and who diverged; the weighted update, and scaffold's control."""
        specs = [ArraySpec(TRAINING, (1, 3), LOSSES, USABLE)]
        if self.size.validated:
            specs.append(ArraySpec(VALIDATION, (1, 2), LOSSES, USABLE))
        if self._last:
            return specs
        names = (UPDATE, CONTROL) if self.plan.given.algorithm == "scaffold" else (UPDATE,)
        shape = (1, self.plan.network.weights)
        return specs + [ArraySpec(n, shape, 1 << _VECTOR_BITS, USABLE, self._unit) for n in names]

    def local(self, rows: Rows) -> Part:
        """Measure the shared weights on a hospital's rows, and train from them."""
        ours, others = (
            Trainee(self.plan, x, targets)
            for x, targets in kept(
                self._what, [rows], lambda: seen(self.plan, self.scaling, self.target, rows)
            )
        )
        with np.errstate(all="ignore"):  # what overflows is told by name
            own = ours.refitted(self.shared.weights, number=len(self.curve))
            vectors = {} if self._last else self._vectors(ours, own)
            diverged = not all(np.isfinite(vector).all() for vector in (own, *vectors.values()))
            part: dict[str, NDArray[Any]] = {
                TRAINING: np.array([[*ours.measured(own), int(diverged)]], np.object_)
            }
            if self.size.validated:
                part[VALIDATION] = np.array([others.measured(own)], np.object_)
        weight = 0.0 if diverged else self._weight(len(ours.x)) * 2.0**self._unit
        for name, vector in vectors.items():
            weighted = np.zeros(vector.size) if diverged else vector * weight
            part[name] = np.rint(weighted).astype(np.int64)[np.newaxis]
        return part

    def step(self, total: Sums) -> "Learning | Table":
        """Take the mean update; end after the last round, or when nothing gets better."""
        unit = None if self.plan.outcome.classes else self.target[1]
        point = measured(total, self.size, number=len(self.curve), unit=unit, rules=self.rules)
        curve = (*self.curve, point)
        if total[TRAINING][0, 2] or not np.isfinite(self.shared.weights).all():
            return without_model(self.plan, DIVERGED, self.curve)
        state = replace(self, curve=curve, best=self._better(point))
        patience = self.plan.given.patience
        if self._last or (state.best and patience and len(self.curve) - state.best[0] >= patience):
            return state._answer()  # noqa: SLF001 - its own
        update = self._mean(total[UPDATE])
        control = self._mean(total[CONTROL]) if CONTROL in total else np.zeros(0)
        shared = take(self.plan, self.shared, update=update, control=control)
        return replace(state, shared=shared)

    @property
    def _what(self) -> tuple[object, ...]:
        """Return what tells what the model sees of the same rows: nothing of how it is trained."""
        given = self.plan.given
        return (
            "seen",
            self.basis,
            (given.outcome, given.features, given.missing, given.standardise),
            (given.validation_share, given.seed),
        )

    def _vectors(self, ours: Trainee, own: Vector) -> dict[str, Vector]:
        """Return the update, and scaffold's control."""
        vectors = {UPDATE: ours.update(own, self.shared, number=len(self.curve))}
        if self.plan.given.algorithm == "scaffold":
            vectors[CONTROL] = ours.control(self.shared.weights)
        return vectors

    def _weight(self, rows: int) -> float:
        """Return a hospital's share in the mean update."""
        if self.plan.given.weights == "equal":
            return 1.0 / self.size.hospitals if rows else 0.0
        return rows / self.size.trained

    def _better(self, point: Point) -> tuple[int, Vector] | None:
        """Return the best round so far, where training may end early."""
        if not self.plan.given.patience:
            return None
        if self.best and (point[2] or 0.0) >= (self.curve[self.best[0]][2] or 0.0):
            return self.best
        return len(self.curve), self.shared.weights

    def _mean(self, total: NDArray[Any]) -> Vector:
        """Return the mean of the hospitals' vectors, no longer than each may be."""
        mean = total[0] * 2.0**-self._unit
        if float(np.sqrt(mean @ mean)) > self.plan.given.clip * (1.0 + 1e-6):
            raise WardnetError(Reason.IMPLAUSIBLE_TOTAL, rule="a mean is longer than its parts")
        return np.asarray(mean)

    def _answer(self) -> Table:
        weights = self.best[1] if self.best else self.shared.weights
        return learned(
            self.plan,
            self.curve,
            rule=self.rules.cell_rule,
            weights=weights,
            scaling=self.scaling,
            target=self.target,
        )

"""The answer of a learning: its curve, and the weights and the scaling that predict."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from wardnet.errors import Reason, WardnetError
from wardnet.learning.network import by_columns
from wardnet.learning.plan import Plan
from wardnet.learning.scaling import Scaling
from wardnet.learning.seen import seen
from wardnet.learning.training import Trainee
from wardnet.question.answer import Table, Withheld, no_model, tensor
from wardnet.question.rows import Rows
from wardnet.statistics.model import Model

KEYS: Final = ("round",)

WEIGHTS: Final = "weights"
INPUTS: Final = "inputs"
OUTCOME: Final = "outcome"
"""Tensors: all weights; centre, scale, fill and standard deviation of each input; mean and
standard deviation of an outcome of numbers, 0 and 1 where it is not standardised, or of classes."""

CONSTANT: Final = "constant: all rows have the same value, so it tells nothing"

Vector: TypeAlias = NDArray[np.float64]

_BLOCK: Final = 1 << 10
_VALIDATION_LOSS: Final = 2
"""Its place in a row of the table."""


def values(plan: Plan) -> tuple[str, ...]:
    """Return the names of what a round is measured by."""
    return ("loss", "validation_loss", "accuracy" if plan.outcome.classes else "rmse")


def without_model(plan: Plan, rule: str, rows: Sequence[tuple[Any, ...]] = ()) -> Table:
    """Return the answer where there is no model, with the rounds so far."""
    held = Withheld(cell={"round": "every"}, columns=values(plan), rule=rule)
    return Table(KEYS, values(plan), tuple(rows), (held,))


def learned(
    plan: Plan,
    rows: Sequence[tuple[Any, ...]],
    *,
    rule: str,
    weights: Vector,
    scaling: Scaling,
    target: tuple[float, float],
) -> Table:
    """Return the answer that states a model.

    Parameters
    ----------
    rows : sequence of tuples
        Each round's number and measures.
    rule : str
        What withholds the last measure of a round that has none.
    weights : ndarray of float64, shape (weights,)
        That it ended with.
    scaling, target
        As `Learning` holds them.
    """
    *_, metric = values(plan)
    held = [
        *(Withheld({"round": row[0]}, (metric,), rule) for row in rows if row[-1] is None),
        *(
            Withheld(cell={"input": each.name}, columns=(), rule=CONSTANT)
            for each, scale in zip(plan.inputs, scaling.scale, strict=True)
            if not scale
        ),
    ]
    tensors = (
        tensor(WEIGHTS, weights),
        tensor(INPUTS, np.stack([scaling.centre, scaling.scale, scaling.fill, scaling.spread])),
        tensor(OUTCOME, np.array(target)),
    )
    return Table(KEYS, values(plan), tuple(rows), tuple(held), tensors)


@dataclass(frozen=True)
class Learned(Model):
    """Predict by a linear model or a network.

    Parameters
    ----------
    plan, scaling, target, weights
        As `learned` takes them.
    round : int
        That the weights began.
    """

    plan: Plan
    scaling: Scaling
    target: tuple[float, float]
    weights: Vector
    round: int

    @property
    def columns(self) -> Sequence[str]:
        """Return the features."""
        return sorted({each.column.name for each in self.plan.inputs})

    @property
    def outcome(self) -> str:
        """Return what is predicted."""
        return self.plan.outcome.column.name

    @property
    def classes(self) -> Sequence[str]:
        """Return the outcome's levels; none where it is a number."""
        return self.plan.outcome.classes

    def predict(self, rows: Rows) -> NDArray[np.float64]:
        """Return the number, or the probability of each class, shape (rows.size, outputs)."""
        x = self.scaling.apply(self.plan.inputs, rows)
        missing = np.isnan(x).any(axis=1)
        x[missing] = 0.0
        size = min(_BLOCK, self.plan.network.rows_at_once)
        pieces = (x[first : first + size] for first in range(0, max(1, len(x)), size))
        found = np.concatenate([self._outputs(piece) for piece in pieces])
        found[missing] = np.nan
        return found

    def fitted(self, rows: Rows) -> Vector:
        """Return the weights that a hospital fits for itself, as it had them in the last round."""
        mine = self.plan.personal
        (x, targets), _ = seen(self.plan, self.scaling, self.target, rows)
        if not (mine.any() and len(x)):
            return np.zeros(0)
        with np.errstate(all="ignore"):  # what overflows is not kept
            own = Trainee(self.plan, x, targets).refitted(self.weights, number=self.round)[mine]
        return own if np.isfinite(own).all() else np.zeros(0)

    def personal(self, own: Vector) -> "Learned":
        """Return the model with a hospital's own weights in the place of the shared start."""
        mine = self.plan.personal
        if own.shape != (np.count_nonzero(mine),) or not np.isfinite(own).all():
            raise WardnetError(Reason.MALFORMED, field="weights", rule="not those of the model")
        weights = self.weights.copy()
        weights[mine] = own
        return replace(self, weights=weights)

    def _outputs(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        network = self.plan.network
        outputs = network.outputs(self.weights, x, by_columns)
        if self.classes:
            return network.chances(outputs)
        origin, unit = self.target
        return outputs * unit + origin

    def importance(self) -> Mapping[str, float]:
        """Return each feature's share of the first layer's weights.

        The weights of an input are multiplied by its standard deviation; their Euclidean norms are
        added up over the levels of a column.
        """
        matrix, _ = next(self.plan.network.layers(self.weights))
        spread = self.scaling.spread / np.where(self.scaling.scale > 0, self.scaling.scale, 1.0)
        squares = np.zeros(len(matrix))
        for column in matrix.T:
            squares += column * column
        found = dict.fromkeys(self.columns, 0.0)
        for each, norm in zip(self.plan.inputs, np.sqrt(squares) * spread, strict=True):
            found[each.column.name] += float(norm)
        whole = sum(found.values())
        return {name: share / whole if whole else 0.0 for name, share in found.items()}


def read(method: str, plan: Plan, table: Table) -> Learned:
    """Read a model back from the answer that states it.

    Raises
    ------
    WardnetError
        `NO_MODEL` where the answer says why there is none; `MALFORMED`.
    """
    tensors = {each.name: each for each in table.tensors}
    if not tensors:
        raise no_model(method, table)
    inputs = len(plan.inputs)
    shapes = {WEIGHTS: (plan.network.weights,), INPUTS: (4, inputs), OUTCOME: (2,)}
    if {name: each.shape for name, each in tensors.items()} != shapes:
        raise WardnetError(Reason.MALFORMED, field="tensors", rule="not those of the model")
    found = {name: each.array().astype(np.float64) for name, each in tensors.items()}
    centre, scale, fill, spread = found[INPUTS]
    origin, unit = (float(number) for number in found[OUTCOME])
    scaling = Scaling(centre, scale, fill, spread, imputes=plan.given.missing == "mean")
    return Learned(plan, scaling, (origin, unit), found[WEIGHTS], _round(plan, table))


def _round(plan: Plan, table: Table) -> int:
    """Return which round the weights of an answer began: the best one, or the last."""
    if not plan.given.patience:
        return len(table.rows) - 1
    losses = [loss for row in table.rows if isinstance(loss := row[_VALIDATION_LOSS], float | int)]
    if not losses or len(losses) < len(table.rows):
        raise WardnetError(Reason.MALFORMED, field="table", rule="a round without its loss")
    return int(np.argmin(losses))

"""What a model sees of a hospital's rows."""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from wardnet.learning.plan import Plan
from wardnet.learning.scaling import Scaling
from wardnet.question.rows import Rows

Matrix: TypeAlias = NDArray[np.float64]


def seen(
    plan: Plan, scaling: Scaling, target: tuple[float, float], rows: Rows
) -> tuple[tuple[Matrix, Matrix], tuple[Matrix, Matrix]]:
    """Return what goes in and should come out of the rows to train on, and of those aside.

    In an order that follows from what they hold.

    Parameters
    ----------
    plan, scaling, target
        As `Learning` holds them.
    rows : Rows
        Of one hospital, all of them.

    Returns
    -------
    tuple of (ndarray, ndarray)
        Twice: inputs, shape (rows, inputs), and targets, shape (rows, outputs).
    """
    usable = rows.take(plan.usable(rows))
    order = np.argsort(plan.keys(usable), kind="stable")
    aside = plan.validates(usable)[order]
    x = scaling.apply(plan.inputs, usable)[order]
    targets = plan.targets(usable)[order]
    if not plan.outcome.classes:
        targets = (targets - target[0]) / target[1]
    return (x[~aside], targets[~aside]), (x[aside], targets[aside])

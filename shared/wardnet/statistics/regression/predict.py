"""What a regression predicts with: the coefficients that an answer states, and their columns."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from wardnet.errors import Reason, WardnetError
from wardnet.question.answer import Cell, Table, no_model
from wardnet.question.rows import Rows, is_missing
from wardnet.statistics.design import Design, predictor
from wardnet.statistics.groups import Groups
from wardnet.statistics.model import Model
from wardnet.statistics.regression.estimates import COEFFICIENT, KEYS, VALUES
from wardnet.statistics.regressors import Factor, Regressor


@dataclass(frozen=True)
class Regression(Model):
    """Predict the mean of an outcome.

    Parameters
    ----------
    design : Design
        The columns of the formula.
    estimates : tuple of float
        One per regressor, in units; 0 for a column that others make up.
    statistics : tuple of float or None
        Each estimate in standard errors; None under a penalty.
    response : Callable
        From the linear predictor, shape (rows,), to the outputs, shape (rows, outputs).
    levels : tuple of str
        The two classes, or none.
    """

    design: Design
    estimates: tuple[float, ...]
    statistics: tuple[float | None, ...]
    response: Callable[[NDArray[np.float64]], NDArray[np.float64]]
    levels: Sequence[str] = ()

    @property
    def columns(self) -> Sequence[str]:
        """Return the columns of the terms."""
        return sorted({f.column.name for each in self.design.regressors for f in each.factors})

    @property
    def outcome(self) -> str:
        """Return what is explained."""
        return self.design.outcome.factors[0].column.name

    @property
    def classes(self) -> Sequence[str]:
        """Return both classes; none where a number is predicted."""
        return self.levels

    @cached_property
    def _scaled(self) -> tuple[float, ...]:
        """Return the coefficients of the scaled columns."""
        return tuple(map(float, self.design.to_scaled(list(map(Fraction, self.estimates)))))

    def predict(self, rows: Rows) -> NDArray[np.float64]:
        """Return the outcome's mean, or both classes' probabilities, shape (rows.size, outputs)."""
        missing = np.zeros(rows.size, np.bool_)
        for factor in {f for each in self.design.regressors for f in each.factors}:
            missing |= _missing(factor, rows)
        entries = np.stack([each.entries(rows) for each in self.design.regressors])
        outputs = self.response(predictor(self._scaled, np.where(missing, 0.0, entries)))
        outputs[missing] = np.nan
        return outputs

    def importance(self) -> Mapping[str, float]:
        """Return each column's share.

        Notes
        -----
        A term weighs `|estimate / standard error|`; under a penalty, where there is no standard
        error, `|estimate|` times the distance between the column's bounds. An interaction counts
        for its columns in equal parts. Where every estimate is 0, so are the shares.
        """
        weights = dict.fromkeys(self.columns, 0.0)
        known = zip(self.design.regressors, self.estimates, self.statistics, strict=True)
        for regressor, estimate, statistic in known:
            size = abs(estimate) * _width(regressor) if statistic is None else abs(statistic)
            for factor in regressor.factors:
                weights[factor.column.name] += size / len(regressor.factors)
        whole = sum(weights.values()) or 1.0
        return {name: weight / whole for name, weight in weights.items()}


def regression(
    method: str,
    design: Design,
    table: Table,
    *,
    response: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    classes: Sequence[str] = (),
) -> Regression:
    """Read a model from the table that states it.

    Raises
    ------
    WardnetError
        `NO_MODEL` if its estimates are withheld; `MALFORMED` if it is not of this formula.
    """
    if (table.keys, table.values) != (KEYS, VALUES):
        raise WardnetError(Reason.MALFORMED, field="table", rule="not of a regression")
    rows = [row for row in table.rows if row[0] == COEFFICIENT]
    if tuple(row[1] for row in rows) != design.names:
        raise WardnetError(Reason.MALFORMED, field="table", rule="other terms than the formula's")
    estimates = [_number(row[2]) for row in rows]
    if estimates[0] is None:
        raise no_model(method, table)
    return Regression(
        design,
        tuple(each or 0.0 for each in estimates),
        tuple(0.0 if row[2] is None else _number(row[4]) for row in rows),
        response,
        classes,
    )


def _number(cell: Cell) -> float | None:
    if isinstance(cell, str):
        raise WardnetError(Reason.MALFORMED, field="table", rule="text for a number")
    return None if cell is None else float(cell)


def _missing(factor: Factor, rows: Rows) -> NDArray[np.bool_]:
    """Return which rows have no value, or not one of the levels."""
    if factor.level is not None:
        return np.less(Groups((factor.column,)).index(rows), 0)
    return is_missing(factor.column, rows.columns[factor.column.name])


def _width(regressor: Regressor) -> float:
    """Return the product of the distances between the bounds of a term's columns."""
    width = 1.0
    for factor in regressor.factors:
        if factor.level is None:
            width *= float(factor.column.top - factor.column.origin)
    return width

"""What a model computes, told without Wardnet's own words: features in, layers, numbers out.

A feature is a number in its column's unit, or 1 where a row has a level and 0 where it has not;
a missing value is NaN. So a model can be written for programs that know nothing of dictionaries.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from wardnet.errors import Reason, WardnetError
from wardnet.learning.inputs import Input
from wardnet.learning.learned import Learned
from wardnet.question.rows import Rows, is_missing
from wardnet.statistics.features import Feature
from wardnet.statistics.groups import Groups
from wardnet.statistics.model import Model
from wardnet.statistics.regression.predict import Regression
from wardnet.statistics.regressors import Factor, Regressor
from wardnet.statistics.trees.predict import Trees
from wardnet.statistics.unsupervised.kmeans import Nearest
from wardnet.statistics.unsupervised.pca import Components

Numbers: TypeAlias = NDArray[np.float64]

Head: TypeAlias = Literal["numbers", "rate", "odds", "scores"]
"""What is done with what comes out: nothing; exp; the chances of two classes, or of each."""

_HEADS: Final[Mapping[int, Head]] = MappingProxyType({1: "odds"})


@dataclass(frozen=True, slots=True)
class Entry:
    """Hold one feature.

    Parameters
    ----------
    name : str
        Of the column; with its level, `sex=female` or `sex[female]`, where it is 0 or 1.
    columns : tuple of str
        The columns that it is made of; of several their product.
    values : callable
        Return its value in every row, shape (rows.size,); NaN where missing.
    """

    name: str
    columns: tuple[str, ...]
    values: Callable[[Rows], Numbers]


@dataclass(frozen=True, slots=True)
class Layered:
    """Compute layer by layer.

    Parameters
    ----------
    entries : tuple of Entry
        The features.
    fill : ndarray of float64, shape (features,), or None
        What a missing feature counts as; None where such a row has no prediction.
    layers : tuple of (ndarray, ndarray)
        Matrix, shape (in, out), and intercepts, shape (out,).
    activation : str
        Between the layers: `relu`, `tanh`, `logistic` or `identity`.
    head : str
        What is done with what comes out.
    """

    entries: tuple[Entry, ...]
    fill: Numbers | None
    layers: tuple[tuple[Numbers, Numbers], ...]
    activation: str
    head: Head


@dataclass(frozen=True, slots=True)
class Grown:
    """Compute by trees.

    Parameters
    ----------
    entries : tuple of Entry
        The features.
    trees : Trees
        As they were learned.
    """

    entries: tuple[Entry, ...]
    trees: Trees


@dataclass(frozen=True, slots=True)
class Centred:
    """Find the nearest of some centres.

    Parameters
    ----------
    entries : tuple of Entry
        The features.
    scales : ndarray of float64, shape (features,)
        What they are divided by first.
    centres : ndarray of float64, shape (clusters, features)
        In the features' units.
    """

    entries: tuple[Entry, ...]
    scales: Numbers
    centres: Numbers


Shape: TypeAlias = Layered | Grown | Centred


def shape(model: Model, method: str, *, form: str) -> Shape:
    """Return what a model computes.

    Parameters
    ----------
    method : str
        That it was learned by.
    form : str
        What it is to be written as, for the refusal.

    Raises
    ------
    WardnetError
        `MODEL_EXPORT`.
    """
    match model:
        case Regression():
            return _regression(model, method)
        case Learned():
            return _learned(model)
        case Components():
            return _components(model)
        case Trees():
            return Grown(tuple(map(_feature, model.plan.features)), model)
        case Nearest():
            entries = tuple(map(_factor, model.features.factors))
            return Centred(entries, model.scales, model.centres)
        case _:
            rule = "there is no counterpart of what it computes"
            raise WardnetError(Reason.MODEL_EXPORT, method=method, field=form, rule=rule)


def matrix(entries: Sequence[Entry], rows: Rows) -> Numbers:
    """Return the features of rows, shape (rows.size, features)."""
    found = [entry.values(rows) for entry in entries]
    return np.column_stack(found) if found else np.zeros((rows.size, 0))


def _regression(model: Regression, method: str) -> Layered:
    intercept, *terms = model.estimates
    head: Head = "odds" if model.classes else "numbers" if method == "linear" else "rate"
    weights = np.array(terms, np.float64).reshape(-1, 1)
    entries = tuple(map(_regressor, model.design.regressors[1:]))
    return Layered(entries, None, ((weights, np.array([intercept])),), "identity", head)


def _learned(model: Learned) -> Layered:
    """Fold the scaling of inputs and outcome into the first and the last layer."""
    scaling, network = model.scaling, model.plan.network
    (first, intercepts), *others = network.layers(model.weights)
    divisors = np.where(scaling.scale > 0, scaling.scale, np.inf)
    layers = [
        (first / divisors[:, np.newaxis], intercepts - (scaling.centre / divisors) @ first),
        *others,
    ]
    head: Head = "numbers"
    if model.classes:
        head = _HEADS.get(network.sizes[-1], "scores")
    else:
        origin, unit = model.target
        last, added = layers[-1]
        layers[-1] = (last * unit, added * unit + origin)
    fill = scaling.fill if scaling.imputes else None
    return Layered(
        tuple(map(_input, model.plan.inputs)), fill, tuple(layers), network.activation, head
    )


def _components(model: Components) -> Layered:
    weights = (model.loadings / model.scales).T
    layer = (weights, -model.means @ weights)
    return Layered(
        tuple(map(_factor, model.features.factors)), None, (layer,), "identity", "numbers"
    )


def _regressor(regressor: Regressor) -> Entry:
    def values(rows: Rows) -> Numbers:
        product = np.ones(rows.size)
        for factor in regressor.factors:
            product *= _units(factor, rows)
        return product

    names = tuple(factor.column.name for factor in regressor.factors)
    return Entry(regressor.name, names, values)


def _factor(factor: Factor) -> Entry:
    return Entry(factor.name, (factor.column.name,), lambda rows: _units(factor, rows))


def _units(factor: Factor, rows: Rows) -> Numbers:
    if factor.level is None:
        missing = is_missing(factor.column, rows.columns[factor.column.name])
    else:
        missing = np.less(Groups((factor.column,)).index(rows), 0)
    values = factor.entries(rows) * float(factor.scale) + float(factor.origin)
    return np.where(missing, np.nan, values)


def _input(each: Input) -> Entry:
    return Entry(each.name, (each.column.name,), each.values)


def _feature(feature: Feature) -> Entry:
    def values(rows: Rows) -> Numbers:
        if feature.column.cells is None:
            return rows.columns[feature.column.name].astype(np.float64)
        codes, places = np.unique(feature.encode(rows), return_inverse=True)
        known = [np.nan if code < 0 else feature.cut(code) for code in codes.tolist()]
        return np.array(known, np.float64)[places]

    return Entry(feature.name, (feature.column.name,), values)

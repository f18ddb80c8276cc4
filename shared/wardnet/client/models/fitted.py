"""A fitted model in the hands of somebody who knows scikit-learn: it predicts from pandas tables.

>>> import pandas as pd
>>> from wardnet import simulate
>>> table = pd.DataFrame({"age": range(40, 80), "ill": ["no", "yes", "yes", "no"] * 10})
>>> model = simulate([table[:15], table[15:]]).learn.logistic("ill ~ age", "data").model
>>> model.classes_.tolist(), model.predict_proba(table).shape
(['no', 'yes'], (40, 2))
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NoReturn

import numpy as np
from numpy.typing import NDArray

from wardnet.errors import Reason, WardnetError
from wardnet.model.shape import matrix, shape
from wardnet.model.sklearn_export import estimator_of
from wardnet.question.answer import Table
from wardnet.question.dictionary import Column, ColumnType, Dictionary
from wardnet.question.rows import Rows
from wardnet.statistics.model import Model
from wardnet.statistics.regression.estimates import COEFFICIENT

if TYPE_CHECKING:
    import pandas as pd
    from sklearn.base import BaseEstimator

INTERCEPT: Final = "intercept"

_MOST_NAMED: Final = 12
"""Levels of a column that a sentence lists."""


@dataclass(frozen=True, slots=True, repr=False)
class Fitted:
    """Predict from tables; the attributes that end in `_` are scikit-learn's.

    Parameters
    ----------
    model : Model
        What predicts from rows.
    dictionary : Dictionary
        What the columns mean.
    table : Table
        The answer's.
    method : str
        What fitted it.

    Notes
    -----
    A table's columns are told by their names, in any order; those that the model does not look at
    may be missing. `PARAMETER_INVALID` refuses a column that the dictionary does not know, one that
    is missing, and a value that the dictionary does not allow, by column and row.
    """

    model: Model
    dictionary: Dictionary
    table: Table
    method: str

    def predict(self, frame: "pd.DataFrame") -> NDArray[Any]:
        """Return each row's number, or its most likely class.

        Parameters
        ----------
        frame : DataFrame
            With the columns of `feature_names_in_`.

        Returns
        -------
        ndarray, shape (rows,), or (rows, components) of principal components
            NaN, or None among classes, where a value is missing that the model needs.
        """
        found = self._outputs(frame)
        if not self.model.classes:
            return found[:, 0] if found.shape[1] == 1 else found
        known = np.asarray(~np.isnan(found).any(axis=1))
        likely: NDArray[Any] = self.classes_[
            np.where(known[:, np.newaxis], found, 0.0).argmax(axis=1)
        ]
        if known.all():
            return likely
        told: NDArray[Any] = likely.astype(object)
        told[~known] = None
        return told

    def predict_proba(self, frame: "pd.DataFrame") -> NDArray[np.float64]:
        """Return the probability of each class, shape (rows, classes), in the order of `classes_`.

        Raises
        ------
        WardnetError
            `PARAMETER_INVALID` where the model predicts numbers.
        """
        if not self.model.classes:
            _refuse("the model", "predicts numbers and no classes; use predict")
        return self._outputs(frame)

    def transform(self, frame: "pd.DataFrame") -> NDArray[np.float64]:
        """Return the scores of each principal component, shape (rows, components).

        Raises
        ------
        WardnetError
            `PARAMETER_INVALID` where the model has none.
        """
        if self.model.outcome or self.model.classes:
            _refuse("the model", "has no components; use predict")
        return self._outputs(frame)

    def to_sklearn(self) -> "BaseEstimator":
        """Return a fitted object of scikit-learn that predicts the same from `features(table)`.

        Raises
        ------
        WardnetError
            As `wardnet.model.sklearn_export.estimator_of`.
        """
        return estimator_of(self.model, self.method, classes=self.classes_)

    def features(self, frame: "pd.DataFrame") -> "pd.DataFrame":
        """Return what goes into an exported model: a column for each number and for each level.

        Parameters
        ----------
        frame : DataFrame
            As `predict` takes it.

        Returns
        -------
        DataFrame of float64
            NaN where a value is missing.
        """
        import pandas as pd  # noqa: PLC0415 - slow to load, and most commands do without

        entries = shape(self.model, self.method, form="a table of features").entries
        rows = rows_of(frame, self.dictionary, self.model.columns)
        names = pd.Index([entry.name for entry in entries])
        return pd.DataFrame(matrix(entries, rows), columns=names)

    @property
    def classes_(self) -> NDArray[Any]:
        """Return the classes in the outcome's own type, or the numbers of clusters; else none."""
        match self._outcome_type:
            case None:
                return np.arange(1, 1 + len(self.model.classes))
            case ColumnType.INTEGER:
                return np.array([int(name) for name in self.model.classes])
            case ColumnType.BOOLEAN:
                return np.array([name == "true" for name in self.model.classes])
            case _:
                return np.array(self.model.classes)

    @property
    def feature_names_in_(self) -> NDArray[Any]:
        """Return the columns that the model looks at, in the order of its formula."""
        terms = [str(row[1]) for row in self.table.rows if row[0] == COEFFICIENT]
        parts = [part for term in terms for part in term.split(":")] or self.model.importance()
        named = dict.fromkeys(re.split(r"[=[]", part)[0] for part in parts)  # without its level
        first = [name for name in named if name in self.model.columns]
        return np.array([*first, *(name for name in self.model.columns if name not in named)])

    @property
    def n_features_in_(self) -> int:
        """Return how many columns the model looks at."""
        return len(self.model.columns)

    @property
    def feature_importances_(self) -> "pd.Series[float]":
        """Return what share each column has in the predictions, together 1.

        A column that is taken by its levels has the sum of their shares.
        """
        import pandas as pd  # noqa: PLC0415 - slow to load, and most commands do without

        shares = dict.fromkeys(self.feature_names_in_.tolist(), 0.0)
        for feature, share in self.model.importance().items():
            shares[feature.partition("=")[0]] += share
        return pd.Series(shares, name="importance", dtype=float)

    @property
    def coef_(self) -> "pd.Series[float]":
        """Return the coefficient of each term without the intercept, in the columns' units.

        Raises
        ------
        AttributeError
            If the model has no coefficients.
        """
        return self._coefficients.drop(INTERCEPT)

    @property
    def intercept_(self) -> float:
        """Return the intercept.

        Raises
        ------
        AttributeError
            If the model has no coefficients.
        """
        return float(self._coefficients[INTERCEPT])

    def __repr__(self) -> str:
        """Return what the model predicts, from what."""
        predicts = f"{self.model.outcome} by " if self.model.outcome else ""
        return f"<{self.method} of {predicts}{', '.join(self.model.columns)}>"

    @property
    def _coefficients(self) -> "pd.Series[float]":
        import pandas as pd  # noqa: PLC0415 - slow to load, and most commands do without

        found = {row[1]: row[2] for row in self.table.rows if row[0] == COEFFICIENT}
        if INTERCEPT not in found:
            message = f"a model of {self.method} has no coefficients"
            raise AttributeError(message)
        return pd.Series(found, name="coefficient", dtype=float)

    @property
    def _outcome_type(self) -> ColumnType | None:
        outcome = self.model.outcome
        return self.dictionary.column(outcome).type if outcome else None

    def _outputs(self, frame: "pd.DataFrame") -> NDArray[np.float64]:
        found = self.model.predict(rows_of(frame, self.dictionary, self.model.columns))
        return np.asarray(found, np.float64)


def rows_of(frame: "pd.DataFrame", dictionary: Dictionary, columns: Sequence[str]) -> Rows:
    """Return some columns of a table as models see them.

    Parameters
    ----------
    columns : sequence of str
        Which columns of the dictionary.

    Raises
    ------
    WardnetError
        `PARAMETER_INVALID` for what the dictionary does not allow.
    """
    import pandas as pd  # noqa: PLC0415 - slow to load, and most commands do without

    from wardnet.question.draft import clean_names  # noqa: PLC0415 - loads pandas
    from wardnet.question.values import encode  # noqa: PLC0415 - loads pandas

    if not isinstance(frame, pd.DataFrame):
        _refuse("the table", "must be a pandas DataFrame; one row of it is table.iloc[[0]]")
    frame = frame.set_axis([str(name) for name in frame.columns], axis=1)
    if (twice := frame.columns[frame.columns.duplicated()]).size:
        _refuse("the table", f"has two columns {twice[0]}; drop one")
    sources = {name: source for source, name in clean_names(frame.columns).items()}
    foreign = sorted(sources.keys() - {column.name for column in dictionary.columns})
    for name in columns:
        if name not in sources:
            beside = f"; its {sources[foreign[0]]} is none of {dictionary.name}" if foreign else ""
            _refuse("the table", f"has no column {name}, which the model needs{beside}")
    for name in foreign:
        _refuse(
            "the table",
            f"has a column {sources[name]} that {dictionary.name} does not have; drop it",
        )
    found: dict[str, NDArray[np.generic]] = {}
    for name in columns:
        column = dictionary.column(name)
        encoded = encode(column, frame[sources[name]])
        for problem in encoded.problems:
            place = int(np.flatnonzero(problem.mask)[0])
            # Never the value itself, which may be a patient's.
            rule = f"{problem.rule} ({_allowed(column)}); correct it, or leave it out"
            _refuse(f"the value of {name} in table.iloc[{place}]", rule)
        found[name] = encoded.values
    return Rows(len(frame), found)


def _allowed(column: Column) -> str:
    """Return in words which values a column has."""
    if column.labels and len(column.labels) <= _MOST_NAMED:
        return ", ".join(column.labels)
    if column.minimum or column.maximum:
        return f"{column.minimum} to {column.maximum}"
    return column.type.value


def _refuse(parameter: str, rule: str) -> NoReturn:
    raise WardnetError(Reason.PARAMETER_INVALID, method="predict", parameter=parameter, rule=rule)

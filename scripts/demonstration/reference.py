"""The same questions asked of pandas on the pooled rows, and the difference."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import pandas as pd

TOLERANCE: Final = 1e-12
"""Largest relative difference; counts must be equal."""

SMALLEST_CELL: Final = 10
EQUATIONS: Final = 5
"""Moments of a column with so many levels or fewer are withheld where one of them is small."""
STANDARDISED: Final = frozenset({"skewness", "kurtosis", "skewness_adjusted", "kurtosis_adjusted"})
"""Pure numbers around 0: their differences are taken relative to 1 when they are smaller."""

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Line:
    """Compare one number of an answer.

    Parameters
    ----------
    keys : tuple of str
        What it is about.
    statistic : str
        Its name.
    answered, expected : float, int or None
        By the network, and by pandas; None where withheld or undefined.
    withheld : bool
        Whether the network withheld it.
    small : bool or None
        Whether it had to: too few patients stand behind it. None where it is not looked at.
    """

    keys: tuple[str, ...]
    statistic: str
    answered: float | None
    expected: float | None
    withheld: bool
    small: bool | None

    @property
    def difference(self) -> float:
        """Return the relative difference; infinite where only one side has a number."""
        if self.withheld:
            return 0.0
        if self.answered is None or self.expected is None:
            return 0.0 if self.answered is self.expected else math.inf
        scale = abs(self.expected)
        if self.statistic in STANDARDISED:
            scale = max(scale, 1.0)
        gap = abs(self.answered - self.expected)
        return gap / scale if scale else (math.inf if gap else 0.0)

    @property
    def agrees(self) -> bool:
        """Say whether the rules were kept, and the two are equal: counts exactly."""
        if self.small is not None and self.withheld is not self.small:
            return False
        counts = isinstance(self.answered, int) and isinstance(self.expected, int)
        return self.difference <= (0.0 if counts else TOLERANCE)


class Pooled:
    """Hold all rows as pandas reads them, under the names of the network's dictionary.

    Parameters
    ----------
    frame : DataFrame
        The pooled rows as text.
    columns : list of dict
        The dictionary, as `wardnet dictionary NAME --json` prints it.
    local : dict
        The local part that was drafted from the same rows: their names, their codes of a missing
        value, their decimal mark.
    """

    def __init__(self, frame: pd.DataFrame, columns: Sequence[Row], local: Row) -> None:
        self.columns = {column["name"]: column for column in columns}
        parts: Mapping[str, Row] = local["columns"]
        text = {name: _text(frame, name, parts.get(name, {})) for name in self.columns}
        for name, column in self.columns.items():
            if column["type"] in {"integer", "real"} and local["decimal"] == ",":
                text[name] = text[name].str.replace(",", ".", regex=False)
        self.labels = pd.DataFrame(
            {name: _labels(text[name], column) for name, column in self.columns.items()}
        )
        self.numbers = pd.DataFrame(
            {
                name: pd.to_numeric(text[name])
                for name, column in self.columns.items()
                if column["type"] in {"integer", "real"}
            }
        )

    @property
    def grouping(self) -> list[str]:
        """Return the columns with levels."""
        return [name for name, column in self.columns.items() if column["levels"]]

    @property
    def measured(self) -> list[str]:
        """Return the columns of numbers that have no levels."""
        return [str(name) for name in self.numbers if not self.columns[name]["levels"]]

    def compare(self, answer: Row, cohort: "pd.Series[bool]") -> Iterator[Line]:
        """Yield every number of an answer beside what pandas makes of the pooled rows.

        Parameters
        ----------
        answer : dict
            As `wardnet query METHOD --json` prints it.
        cohort : Series of bool
            The rows that the question was about.
        """
        grouping = [key for key in answer["keys"] if key in self.columns]
        for row in answer["rows"]:
            rows = cohort.copy()
            for key in grouping:
                rows &= self.labels[key] == row[key]
            expected = self._expect(answer, row, rows)
            withheld = _withheld(answer, row)
            for statistic, value in expected.items():
                yield Line(
                    keys=tuple(str(row[key]) for key in answer["keys"]),
                    statistic=statistic,
                    answered=row[statistic],
                    expected=_number(value),
                    withheld=statistic in withheld,
                    small=self._few(answer, row, rows, statistic) or _small(statistic, expected),
                )

    def _few(self, answer: Row, row: Row, rows: "pd.Series[bool]", statistic: str) -> bool:
        """Say whether a moment is withheld for one of the few levels of its column."""
        if answer["method"] != "summary" or statistic in {"n", "missing"}:
            return False
        levels = self.columns[row["variable"]]["levels"]
        found = self.labels.loc[rows, row["variable"]].value_counts()
        small = any(found.get(level, 0) < SMALLEST_CELL for level in levels)
        return small and len(levels) <= EQUATIONS

    def _expect(self, answer: Row, row: Row, rows: "pd.Series[bool]") -> dict[str, Any]:
        parameters = answer["parameters"]
        match answer["method"]:
            case "count" | "crosstab":
                return {"rows": int(rows.sum()), "patients": int(rows.sum())}
            case "summary":
                return _summary(self.numbers.loc[rows, row["variable"]])
            case "quantiles":
                values = self.numbers.loc[rows, row["variable"]]
                levels = {str(level): float(level) for level in parameters["probabilities"]}
                found = {name: values.quantile(level) for name, level in levels.items()}
                return {"n": int(values.count()), **found}
            case "histogram":
                values = self.numbers.loc[rows, parameters["column"]].dropna()
                inside = values.between(row["low"], row["high"], inclusive=_inclusive(row))
                return {"rows": int(inside.sum()), "patients": int(inside.sum())}
        message = f"no reference for {answer['method']}"
        raise ValueError(message)


def _text(frame: pd.DataFrame, name: str, part: Row) -> "pd.Series[str]":
    """Return a column's cells without white space around them; None where missing."""
    cells: pd.Series[str] = frame[part.get("source", name)].str.strip()
    return cells.where(~cells.isin(["", *part.get("missing", ())]), None)


def _summary(values: "pd.Series[float]") -> dict[str, Any]:
    n = int(values.count())
    adjusted, excess = (float(value) for value in values.agg(["skew", "kurt"]))
    return {
        "n": n,
        "missing": int(values.isna().sum()),
        "mean": values.mean(),
        "variance": values.var(),
        "sd": values.std(),
        # pandas gives the adjusted ones; these are g1 and g2 of Joanes and Gill (1998)
        "skewness": adjusted * (n - 2) / math.sqrt(n * (n - 1)) if n > 2 else np.nan,
        "kurtosis": (excess * (n - 2) * (n - 3) / (n - 1) - 6) / (n + 1) if n > 3 else np.nan,
        "skewness_adjusted": adjusted,
        "kurtosis_adjusted": excess,
    }


def _inclusive(row: Row) -> Literal["both", "left"]:
    """Only the last bin holds its upper edge; its name ends with a bracket."""
    return "both" if row["bin"].endswith("]") else "left"


def _small(statistic: str, expected: Mapping[str, Any]) -> bool | None:
    """Say whether so few patients stand behind a number that it must be withheld."""
    if statistic[0].isdigit():  # a quantile: the patients on both its sides count
        return None
    few = bool(expected.get("patients", expected.get("n")) < SMALLEST_CELL)
    if statistic == "missing":  # that nobody is without a value is no secret
        return few or 0 < expected["missing"] < SMALLEST_CELL
    return few


def _labels(text: "pd.Series[str]", column: Row) -> "pd.Series[str]":
    """Write values as the dictionary's levels: `1.0` of an integer column is the level `1`."""
    if column["type"] == "integer":
        return pd.to_numeric(text).map(lambda value: None if pd.isna(value) else str(int(value)))
    if column["type"] == "boolean":
        return text.str.lower()
    return text


def _withheld(answer: Row, row: Row) -> set[str]:
    names: set[str] = set()
    for held in answer["withheld"]:
        if all(row[key] == value for key, value in held["cell"].items()):
            names |= set(held["columns"])
    return names


def _number(value: Any) -> float | int | None:  # noqa: ANN401 - whatever pandas returns
    if isinstance(value, int):
        return value
    return None if pd.isna(value) else float(value)

"""How well fitted models predict: one question, or one for each part of the rows, side by side."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING, Final

from pydantic import JsonValue, TypeAdapter

from wardnet.canonical import Json
from wardnet.client.printing.sheet import Sheet, numerals
from wardnet.client.queries.result import Result
from wardnet.errors import Reason, WardnetError
from wardnet.model.file import Answered
from wardnet.model.proof import prove
from wardnet.question.answer import Cell, Table

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

_TABLE: Final = TypeAdapter(Table)

MEAN: Final = "mean"
SD: Final = "sd"

_USUAL: Final = ("auc", "rmse", "log_loss")


def parameters_of(
    fitted: Result, *, threshold: float, time: str | None = None, event: str | None = None
) -> dict[str, JsonValue]:
    """Return what a question of `evaluate` holds: a fitted model, and what proves that it is.

    Raises
    ------
    WardnetError
        `PARAMETER_INVALID` for what is no answer.
    """
    if not isinstance(fitted, Result):
        rule = "must be the answer that a method of net.learn has returned, not its model"
        raise WardnetError(
            Reason.PARAMETER_INVALID, method="evaluate", parameter="what is evaluated", rule=rule
        )
    table: JsonValue = _TABLE.dump_python(fitted.table, mode="json")
    model: JsonValue = {
        "method": fitted.answer.method,
        "version": fitted.answer.method_version,
        "parameters": dict(fitted.question.parameters),
        "table": table,
    }
    parameters: dict[str, JsonValue] = {"model": model, "threshold": threshold}
    parameters |= {name: of for name, of in (("time", time), ("event", event)) if of is not None}
    if fitted.asked is not None and fitted.envelope is not None:  # a simulation signs nothing
        parameters["proof"] = prove(Answered(fitted.asked, fitted.envelope))
    return parameters


def measures_of(evaluation: Result) -> Mapping[str, Cell]:
    """Return the single numbers of an evaluation by measure; None where withheld or undefined."""
    return {str(row[0]): row[2] for row in evaluation.table.rows if not row[1]}


@dataclass(frozen=True, slots=True)
class Trial:
    """Hold the evaluation of one part of the rows.

    Parameters
    ----------
    name : str
        The part: the number of a fold, or a hospital.
    evaluation : Result
        How well the model predicts it.
    fitted : Result or None
        The model, where it was fitted to the other parts.
    """

    name: str
    evaluation: Result
    fitted: Result | None = None


def _lines(trial: Trial, measure: str) -> Iterator[tuple[str, float, float, float]]:
    """Return a measure of a part with its interval, or with itself; nothing where it is untold."""
    for name, of, value, _, low, high in trial.evaluation.table.rows:
        if (name, of) == (measure, "") and isinstance(value, int | float):
            yield trial.name, value, _end(low, value), _end(high, value)


def _end(cell: Cell, value: float) -> float:
    return cell if isinstance(cell, int | float) else value


@dataclass(frozen=True, slots=True, repr=False)
class Validation:
    """Hold evaluations of several parts; prints as a table.

    Parameters
    ----------
    title : str
        One line above it.
    part : str
        What a part is: `fold` or `hospital`.
    trials : tuple of Trial
        One per part.
    """

    title: str
    part: str
    trials: tuple[Trial, ...]

    @property
    def measures(self) -> Sequence[str]:
        """Return the names of what was measured."""
        return list(
            dict.fromkeys(name for each in self.trials for name in measures_of(each.evaluation))
        )

    def values(self, measure: str) -> list[float]:
        """Return a measure of every part in which it is told."""
        found = (measures_of(trial.evaluation).get(measure) for trial in self.trials)
        return [float(value) for value in found if isinstance(value, int | float)]

    def mean(self, measure: str) -> float | None:
        """Return the mean of a measure over the parts in which it is told; None if in none."""
        values = self.values(measure)
        return sum(values) / len(values) if values else None

    def sd(self, measure: str) -> float | None:
        """Return the standard deviation (ddof 1) of a measure over parts; None for fewer than 2."""
        values = self.values(measure)
        if len(values) <= 1:
            return None
        mean = sum(values) / len(values)
        return sqrt(sum((value - mean) ** 2 for value in values) / (len(values) - 1))

    def plot(self, measure: str | None = None) -> "Figure":
        """Return a picture of one measure of every part in which it is told.

        Parameters
        ----------
        measure : str or None
            One of `measures`; the area under the ROC curve, or the error, when None.

        Raises
        ------
        WardnetError
            `PARAMETER_INVALID` for what is told of no part; `EXTRA_MISSING` without matplotlib.
        """
        from wardnet.client.plots.paper import Caption  # noqa: PLC0415 - only to draw
        from wardnet.client.plots.validation import validation  # noqa: PLC0415 - only to draw

        asked = measure or next((name for name in _USUAL if self.values(name)), "auc")
        lines = [line for trial in self.trials for line in _lines(trial, asked)]
        if not lines:
            raise WardnetError(
                Reason.PARAMETER_INVALID,
                method="plot",
                parameter=asked,
                rule="is told of no part; measures names what was measured",
            )
        told = {name for name, *_ in lines}
        return validation(
            lines,
            part=self.part,
            measure=asked,
            untold=[trial.name for trial in self.trials if trial.name not in told],
            caption=Caption(self.title, self.trials[0].evaluation.question.dataset),
        )

    def to_dict(self) -> list[dict[str, Json]]:
        """Return a record per part, then the mean and the standard deviation over parts."""
        return [dict(zip((self.part, *self.measures), row, strict=True)) for row in self._rows()]

    def to_frame(self) -> "pd.DataFrame":
        """Return a row per part, then the mean and the standard deviation over parts."""
        import pandas as pd  # noqa: PLC0415 - slow to load, and most commands do without

        names = [self.part, *self.measures]
        frame = pd.DataFrame(list(self._rows()), columns=pd.Index(names), dtype="object")
        return frame.astype(dict.fromkeys(self.measures, "Float64"))

    def _rows(self) -> Iterator[tuple[Cell, ...]]:
        for trial in self.trials:
            told = measures_of(trial.evaluation)
            yield (trial.name, *(told.get(name) for name in self.measures))
        if len(self.trials) > 1:
            yield (MEAN, *map(self.mean, self.measures))
            yield (SD, *map(self.sd, self.measures))

    def __repr__(self) -> str:
        """Return the table as text, as wide as the terminal."""
        return self.sheet().text()

    def _repr_html_(self) -> str:
        return self.sheet().html()

    def sheet(self) -> Sheet:
        """Return the table as a person sees it: a line per measure, a column per part."""
        parts = [numerals(column[1:], withheld=[""] * (len(column) - 1)) for column in self._rows()]
        names = [str(row[0]) for row in self._rows()]
        lines = zip(self.measures, *parts, strict=True)
        note = ("-", "withheld or not defined in this part; `evaluation` of `trials` says which")
        undefined = any(None in row for row in self._rows())
        return Sheet(self.title, (self.part, *names), tuple(lines), 1, (note,) * undefined)

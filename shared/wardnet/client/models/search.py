"""The best parameters of a model, by cross-validation of several choices."""

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import product
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal

from pydantic import JsonValue

from wardnet.canonical import Json
from wardnet.client.models.estimators import in_words
from wardnet.client.models.evaluation import Validation
from wardnet.client.models.validation import cross_validate, refuse
from wardnet.client.printing.sheet import Sheet, numerals
from wardnet.client.queries.ask import Ask, Names, plain

if TYPE_CHECKING:
    import pandas as pd

    from wardnet.client.network import Network

LOWER_IS_BETTER: Final = ("log_loss", "brier", "ece", "rmse", "mae")
HIGHER_IS_BETTER: Final = (
    "auc",
    "accuracy",
    "balanced_accuracy",
    "sensitivity",
    "specificity",
    "precision",
    "f1",
    "macro_f1",
    "mcc",
    "net_benefit",
    "r2",
    "correlation",
)
_USUAL: Final = ("log_loss", "rmse")


@dataclass(frozen=True, slots=True)
class Candidate:
    """Hold the validation of one choice of parameters."""

    parameters: Mapping[str, JsonValue]
    validation: Validation


@dataclass(frozen=True, slots=True, repr=False)
class Search:
    """Hold the validations of several choices of parameters; prints as a table, best first.

    Parameters
    ----------
    measure : str
        What is compared.
    candidates : tuple of Candidate
        Best first. One of which the measure is told in fewer parts than of another comes behind it:
        a mean over the parts that are left would not be compared with the same.
    """

    measure: str
    candidates: tuple[Candidate, ...]

    @property
    def best(self) -> Mapping[str, JsonValue]:
        """Return the best parameters."""
        return self.candidates[0].parameters

    def to_dict(self) -> list[dict[str, Json]]:
        """Return a record per choice: its parameters, the measure's mean and deviation."""
        return [
            {
                **{name: _plain(value) for name, value in each.parameters.items()},
                f"mean_{self.measure}": each.validation.mean(self.measure),
                f"sd_{self.measure}": each.validation.sd(self.measure),
                "parts": len(each.validation.values(self.measure)),
            }
            for each in self.candidates
        ]

    def to_frame(self) -> "pd.DataFrame":
        """Return a row per choice, best first."""
        import pandas as pd  # noqa: PLC0415 - slow to load, and most commands do without

        return pd.DataFrame(self.to_dict())

    def __repr__(self) -> str:
        """Return the table as text, as wide as the terminal."""
        return self.sheet().text()

    def _repr_html_(self) -> str:
        return self.sheet().html()

    def sheet(self) -> Sheet:
        """Return the table as a person sees it."""
        records = self.to_dict()
        headers = tuple(records[0])
        columns = [
            numerals([_cell(record[name]) for record in records], withheld=[""] * len(records))
            for name in headers
        ]
        rows = tuple(zip(*columns, strict=True))
        return Sheet(f"{self.measure} by parameters", headers, rows, keys=len(self.best))


def _plain(value: JsonValue) -> Json:
    """Return a value as JSON; an estimator object of scikit-learn as it prints."""
    known = value is None or isinstance(value, str | int | float | list | dict)
    return value if known else " ".join(repr(value).split())


def _cell(value: Json) -> str | int | float | None:
    return value if isinstance(value, int | float) or value is None else str(value)


def search(
    network: "Network",
    ask: Ask,
    grid: Mapping[str, Iterable[JsonValue]],
    *,
    n: int | None = None,
    measure: str | None = None,
    folds: int | None = None,
    leave_out: Literal["hospital"] | None = None,
    seed: int = 0,
    by: Names | None = None,
) -> Search:
    """Cross-validate a model with several choices of parameters, all on the same parts.

    Parameters
    ----------
    network, ask, folds, leave_out, by
        As `cross_validate` takes them.
    grid : mapping
        By parameter: its values. Every combination is tried. Those of `estimator` may be objects of
        scikit-learn, as `fedavg` takes them.
    n : int or None
        How many combinations are tried, drawn at random; all when None.
    measure : str or None
        What is compared; `log_loss` of classes and `rmse` of numbers when None.
    seed : int
        Of the folds, and of the combinations that are drawn.
    """
    for name, given in grid.items():
        if isinstance(given, str) or not isinstance(given, Iterable):
            refuse("grid", f'needs a list of values: {{"{name}": [{given!r}]}}')
    values = {name: [plain(each) for each in given] for name, given in grid.items()}
    if not values or not all(values.values()):
        refuse("grid", 'needs parameters with values, such as {"depth": [3, 6]}')
    choices = [dict(zip(values, each, strict=True)) for each in product(*values.values())]
    if n is not None:
        if not 1 <= n <= len(choices):
            refuse("n", f"must be a number from 1 to {len(choices)}, the combinations of the grid")
        choices = random.Random(seed).sample(choices, n)  # noqa: S311 - nothing is kept secret
    tried = [
        Candidate(
            MappingProxyType(choice),
            cross_validate(
                network,
                replace(ask, parameters=in_words({**ask.parameters, **choice})),
                folds=folds,
                leave_out=leave_out,
                seed=seed,
                by=by,
            ),
        )
        for choice in choices
    ]
    known = tried[0].validation.measures
    ranked = [name for name in (*LOWER_IS_BETTER, *HIGHER_IS_BETTER) if name in known]
    compared = measure or next(name for name in _USUAL if name in known)
    if compared not in ranked:
        refuse("measure", f"must be one of {', '.join(ranked)}")
    return Search(compared, tuple(sorted(tried, key=lambda each: _rank(each, compared))))


def _rank(candidate: Candidate, measure: str) -> tuple[int, float]:
    told = len(candidate.validation.values(measure))
    mean = candidate.validation.mean(measure) or 0.0
    return -told, mean if measure in LOWER_IS_BETTER else -mean

"""Boost trees by gradients: each corrects the errors of those before it."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, ClassVar, Final

from pydantic import Field, JsonValue, TypeAdapter
from pydantic.dataclasses import dataclass as checked

from wardnet.question.dictionary import STRICT, Dictionary
from wardnet.statistics import parameters as read
from wardnet.statistics.trees.asked import Asked
from wardnet.statistics.trees.ensemble import Ensemble, State
from wardnet.statistics.trees.growing import Growing
from wardnet.statistics.trees.plan import Plan
from wardnet.statistics.trees.table import told_loss


@checked(frozen=True, config=STRICT)
class Parameters(Asked):
    """Hold what `boosting` takes, beside what all trees take.

    Parameters
    ----------
    learning_rate : float
        By what each tree's values are multiplied, above 0, at most 1.
    penalty : float
        Ridge on the leaves' values, at least 0.
    row_share, column_share : float
        Share of rows and of features that each tree sees; above 0.5 and above 0, at most 1.
    """

    learning_rate: Annotated[float, Field(gt=0, le=1)] = 0.1
    penalty: Annotated[float, Field(ge=0, le=1e6)] = 0.0
    row_share: Annotated[float, Field(ge=0.5, le=1)] = 1.0
    column_share: Annotated[float, Field(gt=0, le=1)] = 1.0


_ADAPTER: Final = TypeAdapter(Parameters)


class Boosting(Ensemble):
    """Boost trees that predict a number or a class, with common bins and exact sums.

    Notes
    -----
    The model is the same to the bit however the rows are split over hospitals. Sampled rows are
    drawn by what they hold, so that every hospital draws the same.

    References
    ----------
    Friedman (2001), Greedy function approximation: a gradient boosting machine, Annals of
    Statistics 29(5). Ke et al. (2017), LightGBM.

    Examples
    --------
    Parameters: ``{"outcome": "sick", "features": ["age", "sex"], "trees": 100, "depth": 6}``.
    """

    name: ClassVar[str] = "boosting"
    version: ClassVar[int] = 1

    def bind(self, parameters: Mapping[str, JsonValue], dictionary: Dictionary) -> Plan:
        """Check parameters against the dictionary."""
        given = read.read(self.name, _ADAPTER, parameters)
        plan = given.plan(self.name, dictionary)
        return replace(
            plan,
            penalty=given.penalty,
            rate=given.learning_rate,
            share=given.row_share,
            some=max(1, round(given.column_share * len(plan.features))),
        )

    def interim(self, state: State) -> Mapping[str, float]:
        """Return the last loss of the curve."""
        if not isinstance(state, Growing) or not state.losses:
            return {}
        trees = len(state.losses) - 1
        name = f"loss after {trees} tree{'' if trees == 1 else 's'}"
        return {name: told_loss(state.losses[-1], state.plan.outcome)}

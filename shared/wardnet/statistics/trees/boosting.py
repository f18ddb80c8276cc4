"""Boost trees by gradients: each corrects the errors of those before it."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Final

from pydantic import Field, JsonValue, TypeAdapter
from pydantic.dataclasses import dataclass as checked

from wardnet.question.dictionary import STRICT, Dictionary, Name
from wardnet.statistics import parameters as read
from wardnet.statistics.features import features
from wardnet.statistics.outcomes import outcome
from wardnet.statistics.trees.ensemble import Ensemble, State
from wardnet.statistics.trees.growing import Growing
from wardnet.statistics.trees.plan import MAXIMUM_DEPTH, MAXIMUM_TREES, Plan
from wardnet.statistics.trees.table import check_size, told_loss


@checked(frozen=True, config=STRICT)
class Parameters:
    """Hold what `boosting` takes.

    Parameters
    ----------
    outcome : str
        A column of numbers, or one with levels, of which each is a class.
    features : tuple of str
        Columns of numbers, booleans or categories, at least one.
    trees : int
        Trees for each output, 1 to 1000.
    depth : int
        Most splits on the way to a leaf, 1 to 12.
    leaves : int or None
        Most leaves of a tree, 2 to 4096: then the best splits are kept, wherever they are.
    learning_rate : float
        By what each tree's values are multiplied, above 0, at most 1.
    bins : int
        Most bins of a feature, 2 to 255.
    minimum_rows : int
        Fewest rows of a leaf, at least 1; never fewer than the rules ask for.
    penalty : float
        Ridge on the leaves' values, at least 0.
    row_share, column_share : float
        Share of rows and of features that each tree sees; above 0.5 and above 0, at most 1.
    seed : int
        Of both shares, at least 0.
    """

    outcome: Name
    features: Annotated[tuple[Name, ...], Field(min_length=1)]
    trees: Annotated[int, Field(ge=1, le=MAXIMUM_TREES)] = 100
    depth: Annotated[int, Field(ge=1, le=MAXIMUM_DEPTH)] = 6
    leaves: Annotated[int | None, Field(ge=2, le=4096)] = None
    learning_rate: Annotated[float, Field(gt=0, le=1)] = 0.1
    bins: Annotated[int, Field(ge=2, le=255)] = 255
    minimum_rows: Annotated[int, Field(ge=1, le=1 << 40)] = 20
    penalty: Annotated[float, Field(ge=0, le=1e6)] = 0.0
    row_share: Annotated[float, Field(ge=0.5, le=1)] = 1.0
    column_share: Annotated[float, Field(gt=0, le=1)] = 1.0
    seed: Annotated[int, Field(ge=0, lt=1 << 53)] = 0


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
        asked = features(self.name, given.features, outcome=given.outcome, dictionary=dictionary)
        leaves = min(given.leaves or 1 << given.depth, 1 << given.depth)
        plan = Plan(
            outcome=outcome(self.name, given.outcome, dictionary),
            features=asked,
            trees=given.trees,
            depth=given.depth,
            leaves=leaves,
            bins=given.bins,
            minimum_rows=given.minimum_rows,
            penalty=given.penalty,
            rate=given.learning_rate,
            share=given.row_share,
            some=max(1, round(given.column_share * len(asked))),
            seed=given.seed,
            forest=False,
        )
        check_size(self.name, trees=plan.trees, leaves=leaves, outcome=plan.outcome)
        return plan

    def interim(self, state: State) -> Mapping[str, float]:
        """Return the last loss of the curve."""
        if not isinstance(state, Growing) or not state.losses:
            return {}
        trees = len(state.losses) - 1
        name = f"loss after {trees} tree{'' if trees == 1 else 's'}"
        return {name: told_loss(state.losses[-1], state.plan.outcome)}

"""What boosting and forests both take, and what of that is to be grown."""

from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass as checked

from wardnet.question.dictionary import STRICT, Dictionary, Name
from wardnet.statistics.features import features
from wardnet.statistics.outcomes import outcome
from wardnet.statistics.trees.plan import MAXIMUM_DEPTH, MAXIMUM_TREES, Plan
from wardnet.statistics.trees.table import check_size


@checked(frozen=True, config=STRICT)
class Asked:
    """Hold what every method of trees takes.

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
    bins : int
        Most bins of a feature, 2 to 255.
    minimum_rows : int
        Fewest rows of a leaf, at least 1; never fewer than the rules ask for.
    seed : int
        Of all that is drawn, at least 0.
    """

    outcome: Name
    features: Annotated[tuple[Name, ...], Field(min_length=1)]
    trees: Annotated[int, Field(ge=1, le=MAXIMUM_TREES)] = 100
    depth: Annotated[int, Field(ge=1, le=MAXIMUM_DEPTH)] = 6
    leaves: Annotated[int | None, Field(ge=2, le=4096)] = None
    bins: Annotated[int, Field(ge=2, le=255)] = 255
    minimum_rows: Annotated[int, Field(ge=1, le=1 << 40)] = 20
    seed: Annotated[int, Field(ge=0, lt=1 << 53)] = 0

    def plan(self, method: str, dictionary: Dictionary) -> Plan:
        """Return the plan of whole trees: all rows, all features, nothing shrunk.

        Raises
        ------
        WardnetError
            `COLUMN_UNAVAILABLE` or `PARAMETER_INVALID`.
        """
        asked = features(method, self.features, outcome=self.outcome, dictionary=dictionary)
        plan = Plan(
            outcome=outcome(method, self.outcome, dictionary),
            features=asked,
            trees=self.trees,
            depth=self.depth,
            leaves=min(self.leaves or 1 << self.depth, 1 << self.depth),
            bins=self.bins,
            minimum_rows=self.minimum_rows,
            penalty=0.0,
            rate=1.0,
            share=1.0,
            some=len(asked),
            seed=self.seed,
            forest=False,
        )
        check_size(method, trees=plan.trees, leaves=plan.leaves, outcome=plan.outcome)
        return plan

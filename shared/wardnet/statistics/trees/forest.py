"""Grow a random forest: each tree on a bag of rows, each split on a few features."""

from collections.abc import Mapping
from math import isqrt
from typing import Annotated, ClassVar, Final

from pydantic import Field, JsonValue, TypeAdapter
from pydantic.dataclasses import dataclass as checked

from wardnet.question.dictionary import STRICT, Dictionary, Name
from wardnet.statistics import parameters as read
from wardnet.statistics.features import features
from wardnet.statistics.outcomes import outcome
from wardnet.statistics.trees.ensemble import Ensemble
from wardnet.statistics.trees.plan import MAXIMUM_DEPTH, MAXIMUM_TREES, Plan
from wardnet.statistics.trees.table import check_size


@checked(frozen=True, config=STRICT)
class Parameters:
    """Hold what `forest` takes.

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
    split_features : int or None
        How many features a split chooses from; the root of their number for classes and a third
        for numbers when None.
    seed : int
        Of bags and features, at least 0.
    """

    outcome: Name
    features: Annotated[tuple[Name, ...], Field(min_length=1)]
    trees: Annotated[int, Field(ge=1, le=MAXIMUM_TREES)] = 100
    depth: Annotated[int, Field(ge=1, le=MAXIMUM_DEPTH)] = 6
    leaves: Annotated[int | None, Field(ge=2, le=4096)] = None
    bins: Annotated[int, Field(ge=2, le=255)] = 255
    minimum_rows: Annotated[int, Field(ge=1, le=1 << 40)] = 10
    split_features: Annotated[int | None, Field(ge=1)] = None
    seed: Annotated[int, Field(ge=0, lt=1 << 53)] = 0


_ADAPTER: Final = TypeAdapter(Parameters)


class Forest(Ensemble):
    """Grow a random forest that predicts a number or a class, with common bins and exact sums.

    Notes
    -----
    Predictions are means over trees. A forest of more than two classes has trees of its own for
    each class. Bags are drawn by what rows hold, so that every hospital draws the same.

    References
    ----------
    Breiman (2001), Random forests, Machine Learning 45(1).

    Examples
    --------
    Parameters: ``{"outcome": "sick", "features": ["age", "sex"], "trees": 100}``.
    """

    name: ClassVar[str] = "forest"
    version: ClassVar[int] = 1

    def bind(self, parameters: Mapping[str, JsonValue], dictionary: Dictionary) -> Plan:
        """Check parameters against the dictionary."""
        given = read.read(self.name, _ADAPTER, parameters)
        asked = features(self.name, given.features, outcome=given.outcome, dictionary=dictionary)
        predicted = outcome(self.name, given.outcome, dictionary)
        usual = isqrt(len(asked)) if predicted.classes else len(asked) // 3
        if given.split_features is not None and given.split_features > len(asked):
            read.refuse(self.name, "split_features", "is more than there are features")
        leaves = min(given.leaves or 1 << given.depth, 1 << given.depth)
        check_size(self.name, trees=given.trees, leaves=leaves, outcome=predicted)
        return Plan(
            outcome=predicted,
            features=asked,
            trees=given.trees,
            depth=given.depth,
            leaves=leaves,
            bins=given.bins,
            minimum_rows=given.minimum_rows,
            penalty=0.0,
            rate=1.0,
            share=1.0,
            some=given.split_features or max(1, usual),
            seed=given.seed,
            forest=True,
        )

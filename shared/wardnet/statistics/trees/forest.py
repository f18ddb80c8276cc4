"""Grow a random forest: each tree on a bag of rows, each split on a few features."""

from collections.abc import Mapping
from dataclasses import replace
from math import isqrt
from typing import Annotated, ClassVar, Final

from pydantic import Field, JsonValue, TypeAdapter
from pydantic.dataclasses import dataclass as checked

from wardnet.question.dictionary import STRICT, Dictionary
from wardnet.statistics import parameters as read
from wardnet.statistics.trees.asked import Asked
from wardnet.statistics.trees.ensemble import Ensemble
from wardnet.statistics.trees.plan import Plan


@checked(frozen=True, config=STRICT)
class Parameters(Asked):
    """Hold what `forest` takes, beside what all trees take; leaves of 10 rows are its usual ones.

    Parameters
    ----------
    split_features : int or None
        How many features a split chooses from; the root of their number for classes and a third
        for numbers when None.
    """

    minimum_rows: Annotated[int, Field(ge=1, le=1 << 40)] = 10
    split_features: Annotated[int | None, Field(ge=1)] = None


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
        plan = given.plan(self.name, dictionary)
        most = len(plan.features)
        if given.split_features is not None and given.split_features > most:
            read.refuse(self.name, "split_features", "is more than there are features")
        usual = isqrt(most) if plan.outcome.classes else most // 3
        return replace(plan, some=given.split_features or max(1, usual), forest=True)

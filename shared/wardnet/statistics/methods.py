"""The methods that this version knows."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from wardnet.learning.fedavg import FedAvg
from wardnet.statistics.count import Count
from wardnet.statistics.crosstab import Crosstab
from wardnet.statistics.evaluation.evaluate import Evaluate
from wardnet.statistics.histogram import Histogram
from wardnet.statistics.method import Method
from wardnet.statistics.quantiles import Quantiles
from wardnet.statistics.regression.glm import Glm
from wardnet.statistics.regression.linear import Linear
from wardnet.statistics.summary import Summary
from wardnet.statistics.trees.boosting import Boosting
from wardnet.statistics.trees.forest import Forest
from wardnet.statistics.unsupervised.kmeans import Kmeans
from wardnet.statistics.unsupervised.mixture import Mixture
from wardnet.statistics.unsupervised.pca import Pca

METHODS: Final[Mapping[str, Method[Any, Any]]] = MappingProxyType(
    {
        method.name: method
        for method in (
            Count(),
            Summary(),
            Quantiles(),
            Histogram(),
            Crosstab(),
            Linear(),
            Glm(),
            Evaluate(),
            Boosting(),
            Forest(),
            Pca(),
            Kmeans(),
            Mixture(),
            FedAvg(),
        )
    }
)
"""Every method by its name."""

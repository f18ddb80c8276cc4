"""A model of components or clusters: it looks at features, and predicts no column."""

from collections.abc import Sequence
from dataclasses import dataclass

from wardnet.statistics.model import Model
from wardnet.statistics.unsupervised.features import Features


@dataclass(frozen=True)
class Unlabelled(Model):
    """Look at features.

    Parameters
    ----------
    features : Features
        The columns.
    """

    features: Features

    @property
    def columns(self) -> Sequence[str]:
        """Return the features' columns."""
        return sorted(self.features.columns)

    @property
    def outcome(self) -> str:
        """Return nothing: components and clusters are no columns."""
        return ""

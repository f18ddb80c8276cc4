"""Gaussian densities of rows, elementwise, with the same bits on any processor."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from typing import Final

import numpy as np
from numpy.typing import NDArray

from wardnet.statistics.distributions import TAU
from wardnet.statistics.solve import PRECISE, Matrix
from wardnet.statistics.unsupervised.eigen import identity
from wardnet.sums.elementary import exp, log

_FLAT: Final = Decimal(2) ** -40
"""A variance, beside those of all rows at 1, that is taken for 0."""


@dataclass(frozen=True)
class Gaussians:
    """Hold a mixture's densities.

    Parameters
    ----------
    means : ndarray of float64, shape (components, features)
        In z.
    roots : ndarray of float64, shape (components, features, features)
        Lower triangles R whose `R'R` are the inverses of the covariances.
    constants : ndarray of float64, shape (components, 1)
        The logarithms of each weight and each density's factor.
    """

    means: NDArray[np.float64]
    roots: NDArray[np.float64]
    constants: NDArray[np.float64]

    def logarithms(self, z: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the logarithm of weight times density, shape (components, rows)."""
        squares = np.zeros((len(self.means), z.shape[1]))
        for component, (mean, root) in enumerate(zip(self.means, self.roots, strict=True)):
            apart = z - mean[:, np.newaxis]
            for place, line in enumerate(root):
                turned = np.zeros(z.shape[1])
                for other in np.flatnonzero(line[: place + 1]):
                    turned += line[other] * apart[other]
                squares[component] += turned * turned
        return np.asarray(self.constants - squares * 0.5)


def gaussians(weights: Sequence[Decimal], means: Matrix, covariances: Matrix) -> Gaussians | None:
    """Return the densities of a mixture; None where a covariance is singular.

    Parameters
    ----------
    weights : sequence of Decimal
        Above 0, one per component.
    means : ndarray of Decimal, shape (components, features)
        In z.
    covariances : ndarray of Decimal, shape (components, features, features)
        In z.
    """
    roots: list[NDArray[np.float64]] = []
    constants: list[float] = []
    with localcontext(PRECISE):
        factor = TAU.ln() * means.shape[1] / 2
        for weight, covariance in zip(weights, covariances, strict=True):
            found = _root(covariance)
            if found is None:
                return None
            root, variances = found
            spread = sum((each.ln() for each in variances), start=Decimal(0)) / 2
            roots.append(root.astype(np.float64))
            constants.append(float(weight.ln() - factor - spread))
    middle = means.astype(np.float64)
    return Gaussians(middle, np.stack(roots), np.array(constants)[:, np.newaxis])


def _root(covariance: Matrix) -> tuple[Matrix, list[Decimal]] | None:
    """Return a lower triangle R with `R'R` the inverse, and each column's variance given others.

    Notes
    -----
    `covariance = L D L'` with ones on the diagonal of L; then `R = D**-1/2 L**-1`.
    """
    size = len(covariance)
    work = np.hstack([covariance, identity(size)])
    variances: list[Decimal] = []
    for place in range(size):
        variance = work[place, place]
        if variance <= _FLAT:
            return None
        variances.append(variance)
        for below in range(place + 1, size):
            if work[below, place]:
                work[below] -= work[place] * (work[below, place] / variance)
        work[place] /= variance.sqrt()
    return work[:, size:], variances


def shares(logarithms: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return each component's share of each row, and the logarithm of the row's density.

    Parameters
    ----------
    logarithms : ndarray of float64, shape (components, rows)
        Of weights times densities.
    """
    highest = logarithms.max(axis=0)
    grown = exp(logarithms - highest, often=True)
    whole = grown[0].copy()
    for each in grown[1:]:  # one after the other: numpy's own order of adding depends on the shape
        whole += each
    return grown / whole, highest + log(whole, often=True)

"""Disclosure rules on the total over all hospitals; the unit is the patient.

A hospital never withholds because of its own counts: that would break exactness and leak. The
guard sums come first, every hospital applies the same rules to the same total, and withheld cells
are then sent as 0.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from wardnet.errors import Reason, WardnetError


@dataclass(frozen=True, slots=True)
class DisclosureRules:
    """Hold the thresholds that a network applies.

    Parameters
    ----------
    minimum_patients : int
        Fewest patients in a cohort, in its complement unless nothing is filtered, in a cell, and
        beyond a quantile on either side. 0 counts as small too. 0 switches the rules off, which only
        the simulation may do.
    """

    minimum_patients: int = 10

    def check_cohort(self, *, patients: int, dataset: int, filtered: bool) -> None:
        """Refuse a cohort, or what it leaves out, that is too small.

        Parameters
        ----------
        patients, dataset : int
            Patients in the cohort and in the whole dataset, over all hospitals.
        filtered : bool
            False only for the literally unfiltered cohort.

        Raises
        ------
        WardnetError
            `COHORT_TOO_SMALL` or `COMPLEMENT_TOO_SMALL`, without any number.
        """
        if patients < self.minimum_patients:
            raise WardnetError(Reason.COHORT_TOO_SMALL)
        if filtered and dataset - patients < self.minimum_patients:
            raise WardnetError(Reason.COMPLEMENT_TOO_SMALL)

    def too_small(self, patients: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return which cells hold too few patients, same shape as `patients`."""
        return patients < self.minimum_patients

    @property
    def cell_rule(self) -> str:
        """Return the cell rule in words, as answers quote it."""
        return f"fewer than {self.minimum_patients} patients"

    def describe(self) -> tuple[str, ...]:
        """Return the rules in words, as answers list them."""
        if not self.minimum_patients:
            return ()
        return (
            f"a cohort, and what a filter leaves out, holds at least {self.minimum_patients} patients",
            f"a cell holds at least {self.minimum_patients} patients; 0 counts as small",
        )


STANDARD: Final = DisclosureRules()
OFF: Final = DisclosureRules(minimum_patients=0)


@dataclass(frozen=True, slots=True)
class GuardTotals:
    """Hold the guard counts after the rules: what a method may know about cell sizes.

    Parameters
    ----------
    patients : Mapping of str to ndarray of int64, shape (cells,)
        Patients per cell over all hospitals; 0 where withheld.
    withheld : Mapping of str to ndarray of bool, shape (cells,)
        True where the rules withhold the cell.
    """

    patients: Mapping[str, NDArray[np.int64]]
    withheld: Mapping[str, NDArray[np.bool_]]

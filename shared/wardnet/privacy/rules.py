"""Disclosure rules on the total over all hospitals; the unit is the patient.

A hospital never withholds because of its own counts: that would break exactness and leak. The
guard sums come first, every hospital applies the same rules to the same total, and withheld cells
are then sent as 0.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from wardnet.errors import Reason, WardnetError

LEARNING_FACTOR: Final = 10
"""How many times as many patients as a cell needs updates of a model are added up over."""


class Output(StrEnum):
    """Name the kind of a method's result; it decides which rules apply."""

    COUNTS = "counts"
    MOMENTS = "moments"
    QUANTILES = "quantiles"
    MODEL = "model"
    TREES = "trees"
    EVALUATION = "evaluation"
    COMPONENTS = "components"
    CLUSTERS = "clusters"
    LEARNED = "learned"


@dataclass(frozen=True, slots=True)
class Guard:
    """Declare a set of cells whose patients are counted before anything else.

    Parameters
    ----------
    cells : int
        How many, at least 1.
    empty_allowed : bool
        True only where an empty cell is the ordinary case and describes nobody (no value is
        missing); elsewhere 0 counts as small.
    """

    cells: int
    empty_allowed: bool = False


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

    def check_rows(self, guard: str, rows: NDArray[np.int64]) -> None:
        """Refuse totals of rows, shape (cells,), of which a cell has fewer than patients.

        Raises
        ------
        WardnetError
            `IMPLAUSIBLE_TOTAL`.
        """
        if np.any(rows < self.patients[guard]):
            raise WardnetError(Reason.IMPLAUSIBLE_TOTAL, rule="a cell has fewer rows than patients")


@dataclass(frozen=True, slots=True)
class DisclosureRules:
    """Hold the thresholds that a network applies.

    Parameters
    ----------
    minimum_patients : int
        Fewest patients in a cohort, in its complement unless nothing is filtered, in a cell, and
        beyond a quantile on either side; no patients are too few as well. 0 switches the rules
        off, which only the simulation may do.
    """

    minimum_patients: int = 10

    def check_cohort(self, *, patients: int, left_out: int | None) -> None:
        """Refuse a cohort, or what it leaves out, that is too small.

        Parameters
        ----------
        patients : int
            In the cohort, over all hospitals.
        left_out : int or None
            Of whom the filter leaves out a row; they may have others in the cohort. None only for
            the literally unfiltered cohort.

        Raises
        ------
        WardnetError
            `COHORT_TOO_SMALL` or `COMPLEMENT_TOO_SMALL`, without any number.
        """
        if patients < self.minimum_patients:
            raise WardnetError(Reason.COHORT_TOO_SMALL)
        if left_out is not None and left_out < self.minimum_patients:
            raise WardnetError(Reason.COMPLEMENT_TOO_SMALL)

    def withhold(
        self, guards: Mapping[str, Guard], totals: Mapping[str, NDArray[np.int64]]
    ) -> GuardTotals:
        """Withhold the cells that hold too few patients.

        Parameters
        ----------
        guards : Mapping of str to Guard
            What was counted.
        totals : Mapping of str to ndarray of int64, shape (cells,)
            Patients per cell over all hospitals.
        """
        withheld = {
            name: self.too_small(totals[name], empty_allowed=guard.empty_allowed)
            for name, guard in guards.items()
        }
        patients = {name: np.where(hidden, 0, totals[name]) for name, hidden in withheld.items()}
        return GuardTotals(patients, withheld)

    def too_small(
        self, patients: NDArray[np.int64], *, empty_allowed: bool = False
    ) -> NDArray[np.bool_]:
        """Return which cells hold too few patients, same shape as `patients`."""
        small = patients < self.minimum_patients
        return small & (patients > 0) if empty_allowed else small

    def too_few_beyond(self, patients: int) -> bool:
        """Say whether a quantile has too few patients on a side.

        Parameters
        ----------
        patients : int
            At or beyond the nearest record, on the side that has fewer of them. One of them may be
            that record's patient, who does not count.
        """
        return max(patients - 1, 0) < self.minimum_patients

    def too_many_parameters(self, parameters: int, *, patients: int) -> str:
        """Return why a model of so many parameters is withheld, in words; empty if it is not."""
        if patients < parameters * self.minimum_patients:
            return f"fewer than {self.minimum_patients} patients for each parameter"
        if self.minimum_patients and patients - parameters < self.minimum_patients:
            return f"fewer than {self.minimum_patients} patients more than parameters"
        return ""

    def too_few_to_learn(self, patients: int) -> str:
        """Return why updates of so many patients are withheld, in words; empty if they are not."""
        least = LEARNING_FACTOR * self.minimum_patients
        return f"fewer than {least} patients to learn from" if patients < least else ""

    def too_few_in_a_batch(self, rows: int) -> str:
        """Return why nobody trains by batches of so many rows, in words; empty if it is allowed.

        Weights can be made to forget all but the last batch: an answer then tells its sums.
        """
        least = self.minimum_patients
        return f"batches of fewer than {least} rows" if rows < least else ""

    @property
    def chosen_weights(self) -> str:
        """Return why nobody trains from weights that a question gives; empty in simulations.

        Somebody could choose them so that the update is that of a single patient.
        """
        return "first weights that the question gives" if self.minimum_patients else ""

    def too_many_clusters(self, clusters: int, *, patients: int, word: str) -> str:
        """Return why so many clusters, called by a word, are withheld; empty if they are not."""
        if patients < clusters * self._patients_per_cluster:
            return (
                f"more {word} than the rule allows: "
                f"fewer than {self._patients_per_cluster} patients for each"
            )
        return ""

    @property
    def _patients_per_cluster(self) -> int:
        return 10 * self.minimum_patients

    @property
    def cell_rule(self) -> str:
        """Return the cell rule in words, as answers quote it."""
        return f"fewer than {self.minimum_patients} patients"

    @property
    def level_rule(self) -> str:
        """Return the rule for moments of a column with few levels in words, as answers quote it."""
        return f"a level with {self.cell_rule}"

    @property
    def quantile_rule(self) -> str:
        """Return the quantile rule in words, as answers quote it."""
        return f"fewer than {self.minimum_patients} other patients on one side"

    def describe(self, output: Output) -> tuple[str, ...]:
        """Return the rules for a kind of result in words, as answers list them."""
        if not self.minimum_patients:
            return ()
        least = f"at least {self.minimum_patients}"
        rules = (
            f"a cohort, and the rows that a filter leaves out, are those of {least} patients",
            f"a cell holds {least} patients; 0 counts as small",
        )
        own: tuple[str, ...] = ()
        match output:
            case Output.COUNTS:
                pass
            case Output.MOMENTS:
                own = (
                    f"moments of a column with five levels or fewer need {least} patients at each",
                )
            case Output.QUANTILES:
                own = (f"a quantile has {least} other patients on either side",)
            case Output.MODEL:
                own = (
                    f"a model has {least} patients for each parameter and more than parameters",
                    f"a model has {least} patients at each level of columns with few levels",
                    f"standard errors of hospitals need {least} patients at each and its levels",
                )
            case Output.TREES:
                own = (
                    f"a class has {least} patients, and so has every leaf of a tree",
                    f"a bin holds {least} rows",
                )
            case Output.EVALUATION:
                return (
                    *rules,
                    f"each class has {least} patients, or nothing is told",
                    f"right and wrong are {least} patients each, or no share of them is told",
                    f"a confusion table has {least} patients in each cell, or none is told",
                    (
                        f"a bin of probabilities has {least} patients of either class, and so have "
                        "those that are withheld together"
                    ),
                    f"a concordance of times has {least} patients with an event, or is not told",
                )
            case Output.COMPONENTS:
                own = (
                    f"there are {least} patients for each column and more than columns",
                    f"columns with few levels have {least} patients at each two of them",
                )
            case Output.CLUSTERS:
                own = (
                    f"there are at least {self._patients_per_cluster} patients for each cluster",
                    f"every cluster holds {least} patients",
                    f"columns with few levels have {least} patients at each",
                )
            case Output.LEARNED:
                patients = LEARNING_FACTOR * self.minimum_patients
                own = (
                    f"updates are added up over at least {patients} patients, each one clipped",
                    f"a class, and a level that is learned from, has {least} patients",
                    "training does not begin with weights that a question gives",
                    f"a batch has {least} rows, or all of a hospital",
                    f"an accuracy has {least} rows that are hit, and as many that are not",
                    f"a linear model has {least} patients for each parameter, more than parameters",
                )
        return (*rules, *own)


STANDARD: Final = DisclosureRules()
OFF: Final = DisclosureRules(minimum_patients=0)

"""What would leave, counted over all rows in one pass, before any of it is made."""

from dataclasses import dataclass

import numpy as np

from wardnet_node.sharing.giving.extract import Extract, Mask, chosen
from wardnet_node.sharing.giving.groups import Combinations, GroupCount


@dataclass(frozen=True, slots=True)
class Survey:
    """Hold what one pass over the snapshot found.

    Parameters
    ----------
    rows, patients : int
        That leave.
    leaving : ndarray of bool, shape (population,)
        Whose rows leave.
    patients_rare, rows_rare : int
        Left out because too few patients share their combination; patients with no row left.
    patients_withheld : int
        Left out by the consent list.
    patients_unknown : int
        Ids asked for that the dataset does not have.
    smallest, smallest_left : int
        As `Groups` has them.
    combinations : Combinations
        Numbers of the combinations of quasi-identifiers.
    stays : ndarray of bool
        Which of them leave.
    segments : frozenset of int
        Places of the segments that hold selected rows.
    at_most : int
        Largest group that is counted.
    """

    rows: int
    patients: int
    leaving: Mask
    patients_rare: int
    rows_rare: int
    patients_withheld: int
    patients_unknown: int
    smallest: int
    smallest_left: int
    combinations: Combinations
    stays: Mask
    segments: frozenset[int]
    at_most: int


def survey(extract: Extract) -> Survey:
    """Count, in one pass over the columns of the cohort and the quasi-identifiers alone."""
    rules = extract.selection.deidentification
    names = rules.quasi_identifiers
    combinations = Combinations(extract.deidentifier.result, names)
    count = GroupCount(patients=extract.population, minimum=rules.minimum_group)
    withheld = np.zeros(extract.population, np.bool_)
    met = np.zeros(extract.population, np.bool_)
    bounds = np.cumsum([segment.rows for segment in extract.snapshot.segments])
    segments: set[int] = set()
    rows = 0
    for batch in chosen(extract, names, withheld=withheld):
        segments.add(int(np.searchsorted(bounds, batch.places[0], side="right")))
        columns = extract.deidentifier.columns(batch.rows, batch.patients, names)
        numbers = combinations.numbers(columns, rows=batch.rows.size)
        count.add(numbers, batch.patients, size=combinations.size)
        met[batch.patients] = True
        rows += batch.rows.size
    groups = count.groups()
    patients, leaving = int(met.sum()), int(groups.patients.sum())
    listed = extract.listed
    return Survey(
        rows=groups.rows,
        patients=leaving,
        leaving=groups.patients,
        patients_rare=patients - leaving,
        rows_rare=rows - groups.rows,
        patients_withheld=int(withheld.sum()),
        patients_unknown=0
        if listed is None
        else len(extract.selection.patients) - int(listed.sum()),
        smallest=groups.smallest,
        smallest_left=groups.smallest_left,
        combinations=combinations,
        stays=groups.stays,
        segments=frozenset(segments),
        at_most=count.at_most,
    )

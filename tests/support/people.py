"""Made-up people: their columns and rows, and how they are dealt to hospitals."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from wardnet.question.dictionary import Column, ColumnType, Dictionary
from wardnet.question.rows import Rows

HOSPITALS: Final = ("a", "b", "c", "d", "e", "f", "g")
DIGEST: Final = "a" * 64
SEX: Final = Column(name="sex", type=ColumnType.CATEGORY, levels=("female", "male", "other"))
SMOKER: Final = Column(name="smoker", type=ColumnType.BOOLEAN)
STAGE: Final = Column(
    name="stage", type=ColumnType.INTEGER, minimum="0", maximum="9", levels=("1", "3", "7")
)
AGE: Final = Column(name="age", type=ColumnType.INTEGER, minimum="-5", maximum="120")
WEIGHT: Final = Column(
    name="weight", type=ColumnType.REAL, minimum="0", maximum="300", resolution="0.1"
)
DOSE: Final = Column(
    name="dose", type=ColumnType.REAL, minimum="0", maximum="1000", resolution="0.000001"
)
"""So fine a grid that it is summed instead of counted."""
VISITS: Final = Column(name="visits", type=ColumnType.INTEGER, minimum="0", maximum="40")
LAB: Final = Column(name="lab", type=ColumnType.REAL, minimum="-20", maximum="350")
"""Off the grid."""
PERSON: Final = Column(name="person", type=ColumnType.IDENTIFIER)
ROWS_ARE_PATIENTS: Final = Dictionary(
    name="people", version=1, columns=(SEX, SMOKER, STAGE, AGE, WEIGHT, DOSE, LAB, VISITS, PERSON)
)
SEVERAL_ROWS: Final = replace(ROWS_ARE_PATIENTS, patient="person")


def made_up(seed: int, *, rows: int, missing: float = 0.2) -> Rows:
    """Return made-up rows of `SEVERAL_ROWS`, three per patient on average.

    Parameters
    ----------
    missing : float
        The share of values that is missing, 0 to 1.
    """
    random = np.random.default_rng(seed)
    codes: dict[str, NDArray[np.generic]] = {
        "sex": random.integers(0, 2, rows).astype(np.int8),  # nobody is "other"
        "smoker": random.integers(0, 2, rows).astype(np.int8),
        "stage": random.choice([1, 3, 7], rows).astype(np.int8),
        "age": random.normal(55, 20, rows).clip(0, 125).astype(np.int16),
        "weight": random.normal(700, 150, rows).clip(0, 3000).astype(np.int16),
        "dose": random.integers(0, 1_000_000_001, rows).astype(np.int32),
        "lab": random.lognormal(1, 1.5, rows).clip(-20, 350),
        "visits": random.poisson(3, rows).astype(np.int8),
    }
    for values in codes.values():
        values[random.random(rows) < missing] = np.nan if values.dtype == np.float64 else -1
    return Rows(rows, codes, random.integers(0, rows // 3 + 1, rows).astype(np.uint32))


def without_patients(rows: Rows) -> Rows:
    """Return the same rows, each a patient of its own."""
    return replace(rows, patient=None)


def take(rows: Rows, places: NDArray[np.intp]) -> Rows:
    """Return the rows at some places, in that order."""
    columns = {name: values[places] for name, values in rows.columns.items()}
    return Rows(places.size, columns, None if rows.patient is None else rows.patient[places])


@dataclass(frozen=True)
class Deal:
    """Say how rows are dealt to hospitals and cut into batches.

    Parameters
    ----------
    hospitals : int
        How many get any, 1 to 7; the others hold none.
    batch : int
        Most rows in a batch.
    seed : int
        Of who gets which and in what order.
    """

    hospitals: int
    batch: int
    seed: int

    def parts(self, rows: Rows) -> Mapping[str, Sequence[Rows]]:
        """Return each hospital's batches; all rows of a patient stay at one hospital."""
        random = np.random.default_rng(self.seed)
        whose = np.arange(rows.size) if rows.patient is None else rows.patient
        at = random.integers(0, self.hospitals, rows.size + 1)[whose]
        order = random.permutation(rows.size)
        return {
            hospital: tuple(self._batches(rows, order[at[order] == place]))
            for place, hospital in enumerate(HOSPITALS)
        }

    def _batches(self, rows: Rows, places: NDArray[np.intp]) -> Iterator[Rows]:
        for first in range(0, places.size, self.batch):
            yield take(rows, places[first : first + self.batch])


def deals() -> st.SearchStrategy[Deal]:
    """Draw how rows are dealt."""
    return st.builds(
        Deal,
        hospitals=st.sampled_from([1, 3, 4, 7]),
        batch=st.integers(1, 40),
        seed=st.integers(0, 2**32 - 1),
    )


def tables() -> st.SearchStrategy[Rows]:
    """Draw rows: none, one, or some, with nothing, something or everything missing."""
    return st.builds(
        made_up,
        st.integers(0, 2**32 - 1),
        rows=st.sampled_from([0, 1, 2, 5, 30, 90]),
        missing=st.sampled_from([0.0, 0.2, 1.0]),
    )

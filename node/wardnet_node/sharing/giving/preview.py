"""The preview: exactly what would leave, for the steward who decides, and for nobody else."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from wardnet.question.conditions import columns_of
from wardnet.question.dictionary import NEVER_SHARED, Column, Dictionary
from wardnet.sharing.deidentification import Keep, Patient
from wardnet.sharing.result import in_words
from wardnet_node.sharing.giving.consent import ConsentList
from wardnet_node.sharing.giving.extract import Extract, chosen
from wardnet_node.sharing.giving.survey import Survey, survey
from wardnet_node.sharing.giving.table import LeavingTable

SAMPLE_ROWS = 3
_SAMPLE_BATCH = 1 << 14


@dataclass(frozen=True, slots=True)
class ColumnPreview:
    """Say how one column leaves.

    Parameters
    ----------
    name, type, unit, label : str
        As the recipient gets it.
    values : str
        Levels or bounds, as the recipient gets them.
    change : str
        What is done to it, in words; `as it is` where nothing is.
    """

    name: str
    type: str
    unit: str
    label: str
    values: str
    change: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """Say what would leave, counted over all rows.

    Parameters
    ----------
    dataset, snapshot : str
        Where from: the snapshot's id, which a grant names.
    columns : tuple of ColumnPreview
        In the order in which they leave; the patient's id or pseudonym first.
    identifiers : str
        What becomes of the patients' ids, in words.
    removed : tuple of str
        Columns of the dataset that do not leave.
    rows, patients : int
        That leave.
    rows_rare, patients_rare : int
        Rows left out because too few patients share their combination of quasi-identifiers; and
        patients who have no row left by that.
    patients_withheld : int
        Left out by the consent list.
    patients_unknown : int
        Of the ids asked for, how many the dataset does not have.
    quasi_identifiers : tuple of str
        What groups are formed by.
    smallest_group, smallest_group_left : int
        Patients in the smallest group, before and after rare ones are left out; `at_most` stands
        for so many or more; 0 where there is none.
    at_most : int
        Largest group that is counted.
    told_by_cohort : tuple of str
        Columns that the cohort looks at as they are, and that do not leave so: being in the parcel
        tells the recipient that the condition holds.
    consent : ConsentList or None
        The list that was applied.
    sample : tuple of tuple of str
        At most three rows as they would leave, of different patients, in the order of `columns`;
        empty text where missing. Pseudonyms and shifts of dates will be others.
    """

    dataset: str
    snapshot: str
    columns: tuple[ColumnPreview, ...]
    identifiers: str
    removed: tuple[str, ...]
    rows: int
    patients: int
    rows_rare: int
    patients_rare: int
    patients_withheld: int
    patients_unknown: int
    quasi_identifiers: tuple[str, ...]
    smallest_group: int
    smallest_group_left: int
    at_most: int
    told_by_cohort: tuple[str, ...]
    consent: ConsentList | None
    sample: tuple[tuple[str, ...], ...]


def preview(extract: Extract) -> Preview:
    """Count what would leave, and show three rows of it.

    Raises
    ------
    WardnetError
        `PATIENT_ID_TOO_LONG` when ids are kept that have no way back; `VAULT_DAMAGED`.
    """
    found = survey(extract)
    made, rules = extract.deidentifier.result, extract.selection.deidentification
    source = extract.snapshot.dictionary
    leaving = {column.name for column in made.columns}
    return Preview(
        dataset=extract.snapshot.dataset,
        snapshot=extract.snapshot.id,
        columns=tuple(_column(column, extract) for column in made.columns),
        identifiers=_identifiers(extract),
        removed=tuple(column.name for column in source.columns if column.name not in leaving),
        rows=found.rows,
        patients=found.patients,
        rows_rare=found.rows_rare,
        patients_rare=found.patients_rare,
        patients_withheld=found.patients_withheld,
        patients_unknown=found.patients_unknown,
        quasi_identifiers=rules.quasi_identifiers,
        smallest_group=found.smallest,
        smallest_group_left=found.smallest_left,
        at_most=found.at_most,
        told_by_cohort=_told(extract),
        consent=extract.consent,
        sample=_sample(extract, found),
    )


def _column(column: Column, extract: Extract) -> ColumnPreview:
    if column.type in NEVER_SHARED:
        patient = extract.selection.deidentification.patient
        change = "as it is" if patient is Patient.KEEP else "replaced by a pseudonym of this grant"
    else:
        change = in_words(extract.deidentifier.rules[column.name]) or "as it is"
    values = ", ".join(column.labels) or " to ".join(filter(None, (column.minimum, column.maximum)))
    return ColumnPreview(
        name=column.name,
        type=column.type.value,
        unit=column.unit,
        label=column.label,
        values=values,
        change=change,
    )


def _told(extract: Extract) -> tuple[str, ...]:
    kept = {name for name, rule in extract.deidentifier.rules.items() if isinstance(rule, Keep)}
    return tuple(sorted(columns_of(extract.selection.cohort) - kept))


def _identifiers(extract: Extract) -> str:
    name = extract.snapshot.dictionary.patient
    if name is None:
        return "The dataset has none."
    patient = extract.selection.deidentification.patient
    words = {
        Patient.DROP: f"{name} is left out: rows of one patient are not linked.",
        Patient.PSEUDONYM: f"{name} is replaced by a pseudonym of this grant alone.",
        Patient.KEEP: f"{name} LEAVES as it is: the recipient knows who they are.",
    }[patient]
    if patient is not Patient.KEEP and extract.selection.patients:
        words += " But the recipient has named them: it knows WHOSE records they are."
    return words


def _sample(extract: Extract, found: Survey) -> tuple[tuple[str, ...], ...]:
    """Return the first rows of different patients that leave."""
    if not found.rows:
        return ()
    table = LeavingTable(extract, found)
    sample: dict[int, tuple[str, ...]] = {}
    for part in chosen(extract, table.needed, batch_rows=_SAMPLE_BATCH, segments=found.segments):
        batch, kept = table.batch(part)
        patients, first = np.unique(kept.patients, return_index=True)
        for patient, place in sorted(zip(patients.tolist(), first.tolist(), strict=True)):
            sample.setdefault(patient, _row(batch, place, extract.deidentifier.result))
            if len(sample) == min(SAMPLE_ROWS, found.patients):
                return tuple(sample.values())
    return tuple(sample.values())


def _row(batch: pa.RecordBatch, place: int, dictionary: Dictionary) -> tuple[str, ...]:
    values = (batch.column(column.name)[place].as_py() for column in dictionary.columns)
    return tuple(map(_text, dictionary.columns, values))


def _text(column: Column, value: str | float) -> str:
    if isinstance(value, str):
        return value
    if column.cells is None:
        return "" if np.isnan(value) else f"{value:.15g}"
    return "" if value < 0 else column.text(int(value))

"""Whether one agreement allows more than another: then two stewards must sign it."""

from wardnet.agreement.agreement import Agreement
from wardnet.agreement.purpose import excess
from wardnet.question.cohort import And, Cohort, Everyone


def widens(agreement: Agreement, before: Agreement) -> bool:
    """Say whether an agreement allows anything that the one before it did not.

    Parameters
    ----------
    agreement, before : Agreement
        Of the same hospital, to the same study.
    """
    return (
        any(excess(agreement.purpose, before.purpose))
        or not set(agreement.columns) <= set(before.columns)
        or not set(agreement.cohort_columns) <= set(before.cohort_columns)
        or not set(agreement.methods) <= set(before.methods)
        or not _joined(before.cohort) <= _joined(agreement.cohort)
        or agreement.minimum_patients < before.minimum_patients
        or agreement.minimum_hospitals < before.minimum_hospitals
        or agreement.quota > before.quota
        or agreement.until > before.until
        or not set(before.conditions) <= set(agreement.conditions)
    )


def _joined(cohort: Cohort) -> frozenset[Cohort]:
    """Return the conditions that a cohort joins by `and`."""
    match cohort:
        case Everyone():
            return frozenset()
        case And(of=parts):
            return frozenset[Cohort]().union(*(_joined(part) for part in parts))
        case _:
            return frozenset({cohort})

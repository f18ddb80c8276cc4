"""What a steward fills in: an agreement, narrowed, with a sentence at each field that is wrong."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from starlette.datastructures import FormData, UploadFile

from wardnet import canonical, clock
from wardnet.agreement.agreement import Agreement, Evidence, check_within
from wardnet.agreement.study import Study
from wardnet.errors import WardnetError
from wardnet.question.cohort import EVERYONE
from wardnet.question.dictionary import Dictionary
from wardnet.question.grammar import write
from wardnet_node.desk.narrow import Narrowing, evidence_of, narrow
from wardnet_node.desk.web.fields import Fields
from wardnet_node.desk.web.web import text, texts

MAXIMUM: Final = 1_000_000
"""Largest number that a limit takes."""

LABELS: Final[Mapping[str, str]] = {
    "columns": "Columns in answers",
    "cohort_columns": "Columns to choose patients by",
    "methods": "Methods",
    "minimum_patients": "Fewest patients in an answer",
    "minimum_hospitals": "Fewest hospitals in an answer",
    "quota": "Most questions",
    "until": "Ends on",
    "cohort": "Only these patients",
    "conditions": "Conditions",
    "documents": "Documents",
}
"""What the fields are called on the page."""


@dataclass(slots=True)
class Narrowed(Fields):
    """Hold the form of an agreement.

    Parameters
    ----------
    columns, cohort_columns, methods : frozenset of str
        What is ticked.
    evidence : tuple of Evidence
        Documents that the decision rests on.
    agreement : Agreement or None
        What it says; None when something is wrong.
    """

    columns: frozenset[str]
    cohort_columns: frozenset[str]
    methods: frozenset[str]
    evidence: tuple[Evidence, ...] = ()
    agreement: Agreement | None = None


def from_agreement(agreement: Agreement) -> Narrowed:
    """Fill the form in with an agreement."""
    cohort = "" if agreement.cohort == EVERYONE else write(agreement.cohort)
    return Narrowed(
        values={
            "minimum_patients": str(agreement.minimum_patients),
            "minimum_hospitals": str(agreement.minimum_hospitals),
            "quota": str(agreement.quota),
            "until": agreement.until[:10],
            "cohort": cohort,
            "conditions": "\n".join(agreement.conditions),
        },
        columns=frozenset(agreement.columns),
        cohort_columns=frozenset(agreement.cohort_columns),
        methods=frozenset(method.name for method in agreement.methods),
        evidence=agreement.evidence,
    )


def from_form(
    data: FormData, *, whole: Agreement, study: Study, dictionary: Dictionary | None
) -> Narrowed:
    """Read what was filled in; `agreement` is there when all of it can be signed.

    Parameters
    ----------
    whole : Agreement
        That would allow all that the study proposes.
    dictionary : Dictionary or None
        What the columns mean here.
    """
    fields = ("minimum_patients", "minimum_hospitals", "quota", "until", "cohort", "conditions")
    filled = Narrowed(
        values={name: text(data, name) for name in fields},
        columns=frozenset(texts(data, "columns")),
        cohort_columns=frozenset(texts(data, "cohort_columns")),
        methods=frozenset(texts(data, "methods")),
    )
    filled.evidence = _evidence(filled, data)
    narrowing = _narrowing(filled, whole=whole, dictionary=dictionary)
    if filled.errors:
        return filled
    try:
        agreement = narrow(whole, narrowing)
    except WardnetError as error:
        # Each field was looked at before; what is left is text with characters that hide.
        name = error.details.get("field", "").split(".")[0]
        filled.wrong(name if name in LABELS else "conditions", error.details.get("rule", ""))
        return filled
    for excess in check_within(agreement, study):
        filled.wrong(excess.details["field"], excess.details["rule"])
    if not filled.errors:
        filled.agreement = agreement
    return filled


def _narrowing(filled: Narrowed, *, whole: Agreement, dictionary: Dictionary | None) -> Narrowing:
    if not filled.methods:
        filled.wrong("methods", "at least one is needed; to allow nothing, decline")
    if not filled.columns | filled.cohort_columns:
        filled.wrong("columns", "at least one is needed; to allow nothing, decline")
    until = filled.day("until")
    if until is not None and until.isoformat() <= clock.to_moment(clock.now())[:10]:
        filled.wrong("until", "it must lie in the future")
    return Narrowing(
        columns=sorted(filled.columns),
        cohort_columns=sorted(filled.cohort_columns),
        methods=sorted(filled.methods),
        minimum_patients=filled.whole("minimum_patients", least=10, most=MAXIMUM),
        minimum_hospitals=filled.whole("minimum_hospitals", most=MAXIMUM),
        quota=filled.whole("quota", most=MAXIMUM),
        until=None if until is None or until.isoformat() == whole.until[:10] else until,
        cohort=filled.cohort("cohort", dictionary),
        conditions=filled.lines("conditions"),
        evidence=filled.evidence,
    )


def _evidence(filled: Narrowed, data: FormData) -> tuple[Evidence, ...]:
    """Return the documents that stay attached, and those that came with the form."""
    found = set[Evidence]()
    try:
        for attached in texts(data, "attached"):
            digest, _, name = attached.partition(" ")
            found.add(canonical.validated(lambda: Evidence(name=name, digest=digest)))  # noqa: B023 - called at once
        for document in data.getlist("documents"):
            if isinstance(document, UploadFile) and document.filename:
                found.add(evidence_of(document.filename, document.file))
    except WardnetError as error:
        filled.wrong("documents", f"a name cannot stand here: {error.details['rule']}")
    return tuple(sorted(found))

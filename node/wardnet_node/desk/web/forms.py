"""What a steward fills in: an agreement, narrowed, with a sentence at each field that is wrong."""

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from starlette.datastructures import FormData, UploadFile

from wardnet import canonical, clock
from wardnet.agreement.agreement import Agreement, Evidence, check_within
from wardnet.agreement.study import Study
from wardnet.errors import Reason, WardnetError
from wardnet.question import cohort as cohorts
from wardnet.question.cohort import EVERYONE, Cohort
from wardnet.question.dictionary import Dictionary
from wardnet.question.grammar import parse, write
from wardnet_node.desk.narrow import Narrowing, evidence_of, narrow
from wardnet_node.desk.web.web import text, texts

MAXIMUM: Final = 1_000_000
"""Largest number that a limit takes."""

_NUMBER: Final = re.compile(r"[0-9]{1,7}")

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
class Narrowed:
    """Hold the form as it is shown: filled in, and what is wrong with it.

    Parameters
    ----------
    values : dict of str to str
        Of the fields that take text.
    columns, cohort_columns, methods : frozenset of str
        What is ticked.
    evidence : tuple of Evidence
        Documents that the decision rests on.
    errors : dict of str to str
        By field, what is wrong.
    agreement : Agreement or None
        What it says; None when something is wrong.
    """

    values: dict[str, str]
    columns: frozenset[str]
    cohort_columns: frozenset[str]
    methods: frozenset[str]
    evidence: tuple[Evidence, ...] = ()
    errors: dict[str, str] = field(default_factory=dict)
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
        _wrong(filled, name if name in LABELS else "conditions", error.details.get("rule", ""))
        return filled
    for excess in check_within(agreement, study):
        _wrong(filled, excess.details["field"], excess.details["rule"])
    if not filled.errors:
        filled.agreement = agreement
    return filled


def _narrowing(filled: Narrowed, *, whole: Agreement, dictionary: Dictionary | None) -> Narrowing:
    if not filled.methods:
        _wrong(filled, "methods", "at least one is needed; to allow nothing, decline")
    if not filled.columns | filled.cohort_columns:
        _wrong(filled, "columns", "at least one is needed; to allow nothing, decline")
    until = _date(filled, "until")
    if until is not None and until.isoformat() <= clock.to_moment(clock.now())[:10]:
        _wrong(filled, "until", "it must lie in the future")
    lines = filled.values["conditions"].split("\n")
    return Narrowing(
        columns=sorted(filled.columns),
        cohort_columns=sorted(filled.cohort_columns),
        methods=sorted(filled.methods),
        minimum_patients=_number(filled, "minimum_patients", least=10),
        minimum_hospitals=_number(filled, "minimum_hospitals"),
        quota=_number(filled, "quota"),
        until=None if until is None or until.isoformat() == whole.until[:10] else until,
        cohort=_cohort(filled, dictionary),
        conditions=tuple(line.strip() for line in lines if line.strip()),
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
        _wrong(filled, "documents", f"a name cannot stand here: {error.details['rule']}")
    return tuple(sorted(found))


def _cohort(filled: Narrowed, dictionary: Dictionary | None) -> Cohort:
    written = filled.values["cohort"]
    try:
        cohort = parse(written) if written else EVERYONE
        if dictionary is not None:
            cohorts.check(cohort, dictionary)
    except WardnetError as error:
        _wrong(filled, "cohort", bare(error))
        return EVERYONE
    return cohort


def _number(filled: Narrowed, name: str, *, least: int = 1) -> int | None:
    written = filled.values[name]
    if _NUMBER.fullmatch(written) and least <= int(written) <= MAXIMUM:
        return int(written)
    _wrong(filled, name, f"a whole number from {least} to {MAXIMUM:,} is needed")
    return None


def _date(filled: Narrowed, name: str) -> date | None:
    with suppress(ValueError):
        return date.fromisoformat(filled.values[name])
    _wrong(filled, name, "a date is needed")
    return None


def _wrong(filled: Narrowed, name: str, rule: str) -> None:
    filled.errors.setdefault(name, rule[:1].upper() + rule[1:].removesuffix(".") + ".")


def bare(error: WardnetError) -> str:
    """Return what is wrong with a condition, to stand at its field."""
    if error.reason is Reason.COHORT_SYNTAX:
        place, rule = error.details["position"], error.details["rule"]
        return f"this cannot be understood from its character {place} on: {rule}"
    if error.reason is Reason.PARAMETER_INVALID:
        return f"{error.details['parameter']} {error.details['rule']}"
    return str(error)

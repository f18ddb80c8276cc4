"""Narrow an agreement to what the hospital wants to allow, and say in what it is narrower."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import BinaryIO, Final

from wardnet import canonical, clock
from wardnet.agreement.agreement import Agreement, Evidence
from wardnet.agreement.study import Method, Study
from wardnet.errors import Reason, WardnetError
from wardnet.question.cohort import EVERYONE, Cohort
from wardnet.question.grammar import write

_BLOCK: Final = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Narrowing:
    """Hold what a steward changes about a whole agreement; None leaves a field as it is.

    Parameters
    ----------
    columns : Sequence of str or None
        What methods may look at; cohorts too, unless `cohort_columns` says otherwise.
    cohort_columns : Sequence of str or None
        What cohorts may look at.
    methods : Sequence of str or None
        Names of the methods that are allowed.
    minimum_patients, minimum_hospitals, quota : int or None
        Limits.
    until : date or None
        First day on which nothing is asked any more, UTC.
    cohort : Cohort or None
        The patients at most.
    conditions : Sequence of str
        What the researchers must do besides.
    evidence : Sequence of Evidence
        Documents that the decision rests on.
    """

    columns: Sequence[str] | None = None
    cohort_columns: Sequence[str] | None = None
    methods: Sequence[str] | None = None
    minimum_patients: int | None = None
    minimum_hospitals: int | None = None
    quota: int | None = None
    until: date | None = None
    cohort: Cohort | None = None
    conditions: Sequence[str] = ()
    evidence: Sequence[Evidence] = ()


def narrow(whole: Agreement, narrowing: Narrowing) -> Agreement:
    """Return an agreement with a steward's changes; whether it is narrower is checked at signing.

    Parameters
    ----------
    whole : Agreement
        From `Decisions.draft`.

    Raises
    ------
    WardnetError
        `MALFORMED`, naming a field that cannot stand in an agreement.
    """
    columns = narrowing.columns
    cohort_columns = columns if narrowing.cohort_columns is None else narrowing.cohort_columns
    changes: dict[str, object] = {
        "columns": None if columns is None else _in_order(columns),
        "cohort_columns": None if cohort_columns is None else _in_order(cohort_columns),
        "methods": None
        if narrowing.methods is None
        else tuple(_methods(whole.methods, set(narrowing.methods))),
        "minimum_patients": narrowing.minimum_patients,
        "minimum_hospitals": narrowing.minimum_hospitals,
        "quota": narrowing.quota,
        "until": None if narrowing.until is None else _midnight(narrowing.until),
        "cohort": narrowing.cohort,
        "conditions": tuple(narrowing.conditions) or None,
        "evidence": tuple(sorted(set(narrowing.evidence))) or None,
    }
    given = {name: value for name, value in changes.items() if value is not None}
    return canonical.validated(lambda: replace(whole, **given))  # type: ignore[arg-type]


def evidence(path: Path) -> Evidence:
    """Return a document's name and digest; the document itself stays where it is.

    Raises
    ------
    WardnetError
        `FILE_UNREADABLE`, or `MALFORMED` for its name.
    """
    try:
        with path.open("rb") as file:
            return evidence_of(path.name, file)
    except OSError as error:
        rule = error.strerror or "unknown cause"
        raise WardnetError(Reason.FILE_UNREADABLE, file=str(path), rule=rule) from error


def evidence_of(name: str, file: BinaryIO) -> Evidence:
    """Return the name and digest of an open document.

    Raises
    ------
    WardnetError
        `MALFORMED` for its name.
    """
    digest = hashlib.sha256()
    while block := file.read(_BLOCK):
        digest.update(block)
    return canonical.validated(lambda: Evidence(name=name, digest=digest.hexdigest()))


def narrower(agreement: Agreement, study: Study) -> Iterator[str]:
    """Yield, in words, every way in which an agreement allows less than its study asks for."""
    for name, given, asked in (
        ("columns", agreement.columns, study.data.columns),
        ("columns of cohorts", agreement.cohort_columns, study.data.columns),
        ("methods", _names(agreement.methods), _names(study.output.methods)),
    ):
        if set(given) < set(asked):
            yield f"{name}: {', '.join(given) or 'none'}"
    if agreement.cohort != EVERYONE:
        yield f"patients: only where {write(agreement.cohort)}"
    if agreement.minimum_patients > study.output.minimum_patients:
        yield f"answers describe at least {agreement.minimum_patients} patients"
    if agreement.minimum_hospitals > study.setting.minimum_hospitals:
        yield f"at least {agreement.minimum_hospitals} hospitals take part"
    if agreement.quota < study.output.quota:
        yield f"at most {agreement.quota} questions"
    if agreement.until < study.not_after:
        yield f"until {agreement.until[:10]}"
    if agreement.purpose != study.project.purpose:
        yield "a narrower purpose"
    for condition in agreement.conditions:
        yield f"condition: {condition}"


def _names(methods: Sequence[Method]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(method.name for method in methods))


def _methods(asked: Sequence[Method], names: set[str]) -> list[Method]:
    """Return the methods of these names; an unknown name stays, so that the check can name it."""
    chosen = [method for method in asked if method.name in names]
    unknown = names - {method.name for method in asked}
    return sorted([*chosen, *canonical.validated(lambda: [Method(name, 1) for name in unknown])])


def _in_order(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(sorted(set(names)))


def _midnight(day: date) -> str:
    return clock.to_moment(datetime.combine(day, time(), UTC))

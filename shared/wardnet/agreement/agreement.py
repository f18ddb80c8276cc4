"""The agreement: one hospital's signed answer to a study, equal to it or narrower."""

from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Final

from pydantic import TypeAdapter
from pydantic.dataclasses import dataclass

from wardnet import canonical
from wardnet.agreement.purpose import Purpose, excess
from wardnet.agreement.study import Method, Study
from wardnet.clock import Moment
from wardnet.errors import Reason, WardnetError
from wardnet.question.cohort import EVERYONE, Cohort, columns_of
from wardnet.question.dictionary import STRICT, Name
from wardnet.question.fields import InOrder, Layout, Line, Number, Paragraph, Patients, SomeInOrder
from wardnet.question.query import Digest, Id

PAYLOAD_TYPE: Final = "application/vnd.wardnet.agreement.v1+json"


@dataclass(frozen=True, order=True, config=STRICT)
class Evidence:
    """Point to a document that the decision rests on.

    Parameters
    ----------
    name : str
        What it is, for people.
    digest : str
        SHA-256 of its bytes, hexadecimal.
    """

    name: Line
    digest: Digest


@dataclass(frozen=True, config=STRICT)
class Agreement:
    """Hold what one hospital allows, as its steward signs it.

    Parameters
    ----------
    version : int
        Of this layout; 1.
    network, hospital : str
        Who agrees: ids.
    study : str
        Digest of the study; it pins the researchers' keys, the dataset, its dictionary, the
        hospitals and the mode.
    revision : int
        From 1; rises with every agreement of this hospital to this study. Only the highest holds.
    purpose : Purpose
        What the data may be used for.
    columns : tuple of str
        What methods may look at; sorted.
    methods : tuple of Method
        How answers may be computed; sorted by name and version.
    cohort_columns : tuple of str
        What cohorts may look at; sorted.
    cohort : Cohort
        The patients at most: every query's cohort is this one, or this one and further
        conditions.
    minimum_patients : int
        Fewest patients that an answer describes, at least 10.
    minimum_hospitals : int
        Fewest hospitals that an answer rests on.
    quota : int
        Most queries, those under earlier revisions included.
    until : str
        Moment from which it ends.
    conditions : tuple of str
        What the researchers must do besides, in words.
    evidence : tuple of Evidence
        Documents that the decision rests on; sorted.
    """

    version: Layout
    network: Id
    hospital: Id
    study: Digest
    revision: Number
    purpose: Purpose
    columns: InOrder[Name]
    methods: SomeInOrder[Method]
    cohort_columns: InOrder[Name]
    cohort: Cohort
    minimum_patients: Patients
    minimum_hospitals: Number
    quota: Number
    until: Moment
    conditions: tuple[Paragraph, ...]
    evidence: InOrder[Evidence]

    @cached_property
    def digest(self) -> str:
        """Return the SHA-256 of the canonical bytes, hexadecimal."""
        return canonical.digest(to_bytes(self))


def accept_whole(study: Study, *, hospital: str, revision: int = 1) -> Agreement:
    """Return the agreement that allows all that a study proposes; narrow it with `replace`."""
    return Agreement(
        version=1,
        network=study.network,
        hospital=hospital,
        study=study.digest,
        revision=revision,
        purpose=study.project.purpose,
        columns=study.data.columns,
        methods=study.output.methods,
        cohort_columns=study.data.columns,
        cohort=EVERYONE,
        minimum_patients=study.output.minimum_patients,
        minimum_hospitals=study.setting.minimum_hospitals,
        quota=study.output.quota,
        until=study.not_after,
        conditions=(),
        evidence=(),
    )


def check_within(agreement: Agreement, study: Study) -> tuple[WardnetError, ...]:
    """Return every way in which an agreement is not equal to its study or narrower.

    Returns
    -------
    tuple of WardnetError
        `AGREEMENT_TOO_WIDE`, each naming the field and the rule; empty when it is within.
    """
    return tuple(
        WardnetError(Reason.AGREEMENT_TOO_WIDE, field=field, rule=rule)
        for field, rule in _excess(agreement, study)
    )


def _excess(agreement: Agreement, study: Study) -> Iterator[tuple[str, str]]:
    # 1. It answers this study, and the study asks this hospital.
    if (agreement.network, agreement.study) != (study.network, study.digest):
        yield "study", "it is another study"
    if agreement.hospital not in study.setting.hospitals:
        yield "hospital", "the study does not ask this hospital"
    # 2. It allows nothing that was not asked for.
    for words in excess(agreement.purpose, study.project.purpose):
        yield "purpose", words
    asked = study.data.columns
    yield from _unasked("columns", agreement.columns, asked)
    yield from _unasked("cohort_columns", agreement.cohort_columns, asked)
    yield from _unasked("cohort", columns_of(agreement.cohort), asked)
    allowed, methods = (
        [f"{method.name} version {method.version}" for method in some]
        for some in (agreement.methods, study.output.methods)
    )
    yield from _unasked("methods", allowed, methods)
    # 3. Its limits are the study's or stricter.
    if agreement.minimum_patients < study.output.minimum_patients:
        yield "minimum_patients", "it is lower than the study's"
    if agreement.minimum_hospitals < study.setting.minimum_hospitals:
        yield "minimum_hospitals", "it is lower than the study's"
    if agreement.quota > study.output.quota:
        yield "quota", "it is higher than the study's"
    if agreement.until > study.not_after:
        yield "until", "it is later than the study's end"


def _unasked(field: str, allowed: Iterable[str], asked: Iterable[str]) -> Iterator[tuple[str, str]]:
    for name in sorted(set(allowed) - set(asked)):
        yield field, f"the study does not ask for {name}"


_ADAPTER: Final = TypeAdapter(Agreement)


def to_bytes(agreement: Agreement) -> bytes:
    """Return the canonical bytes that the hospital signs."""
    return canonical.write(_ADAPTER, agreement)


def from_bytes(data: bytes) -> Agreement:
    """Read canonical bytes whose signature was verified before.

    Raises
    ------
    WardnetError
        `MALFORMED`.
    """
    return canonical.read(_ADAPTER, data)

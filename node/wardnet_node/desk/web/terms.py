"""A study and an agreement to it, side by side, as the pages show them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from wardnet.agreement.address_book import AddressBook
from wardnet.agreement.agreement import Agreement
from wardnet.agreement.study import Researcher, Study
from wardnet.question.cohort import EVERYONE
from wardnet.question.dictionary import Dictionary
from wardnet.question.grammar import write
from wardnet_node.desk import words
from wardnet_node.desk.study_state import StudyState


@dataclass(frozen=True, slots=True)
class Person:
    """Show one researcher.

    Parameters
    ----------
    id, organisation, key : str
        As the study names them; the organisation by its name for people.
    known : bool
        Whether somebody whom the hospital knows answers for the key.
    words : str
        Who that is, or that nobody does.
    """

    id: str
    organisation: str
    key: str
    known: bool
    words: str


@dataclass(frozen=True, slots=True)
class Shown:
    """Show one column.

    Parameters
    ----------
    name, label, holds : str
        Its name, what it is, and what values it has here.
    answered, chosen_by : bool
        Whether answers may describe it, and whether patients may be chosen by it.
    """

    name: str
    label: str
    holds: str
    answered: bool
    chosen_by: bool


@dataclass(frozen=True, slots=True)
class Term:
    """Show one limit.

    Parameters
    ----------
    title : str
        What it limits.
    asked, given : str
        In the study, and in the agreement.
    """

    title: str
    asked: str
    given: str

    @property
    def narrower(self) -> bool:
        """Say whether the hospital allows something else than was asked for: only less fits."""
        return self.asked != self.given


def people(state: StudyState, book: AddressBook | None) -> tuple[Person, ...]:
    """Return who asks, and whether the hospital can know that it is them."""
    requesters = state.study.requesters
    return tuple(
        _person(person, book, signers=state.signers, requesters=requesters)
        for person in state.study.people
    )


def _person(
    person: Researcher,
    book: AddressBook | None,
    *,
    signers: frozenset[str],
    requesters: frozenset[str],
) -> Person:
    organisation = book.organisation(person.organisation) if book else None
    if organisation is None:
        known, why = False, "Your address book does not hold this organisation."
    elif person.key in organisation.researchers:
        known, why = True, "This person's key was checked; it stands in your address book."
    elif organisation.approvers(signers, requesters=requesters):
        known, why = True, f"A steward of {organisation.name} has signed for this person."
    else:
        known, why = False, f"Nobody of {organisation.name} whom you know has signed for them."
    name = organisation.name if organisation else person.organisation
    return Person(person.id, name, person.key, known, why)


def columns(study: Study, agreement: Agreement, dictionary: Dictionary | None) -> tuple[Shown, ...]:
    """Return the columns that the study asks for, as they are at this hospital."""
    there = {column.name: column for column in dictionary.columns} if dictionary else {}
    return tuple(
        Shown(
            name=name,
            label=there[name].label if name in there else "",
            holds=words.column(there.get(name)),
            answered=name in agreement.columns,
            chosen_by=name in agreement.cohort_columns,
        )
        for name in study.data.columns
    )


def methods(study: Study, agreement: Agreement) -> tuple[tuple[str, str, bool], ...]:
    """Return the methods that the study asks for: name, sentence, whether they are allowed."""
    allowed = set(agreement.methods)
    return tuple(
        (
            method.name,
            words.METHODS.get(method.name, "Not known to this version."),
            method in allowed,
        )
        for method in study.output.methods
    )


def terms(study: Study, agreement: Agreement) -> tuple[Term, ...]:
    """Return every limit, as it was asked for and as it is allowed."""
    return tuple(_terms(study, agreement))


def _terms(study: Study, agreement: Agreement) -> Iterator[Term]:
    hospitals = len(study.setting.hospitals)
    yield Term("Columns in answers", _list(study.data.columns), _list(agreement.columns))
    yield Term(
        "Columns to choose patients by", _list(study.data.columns), _list(agreement.cohort_columns)
    )
    yield Term(
        "Methods",
        _list([method.name for method in study.output.methods]),
        _list([method.name for method in agreement.methods]),
    )
    everyone = "all patients in the table"
    cohort = everyone if agreement.cohort == EVERYONE else f"only where {write(agreement.cohort)}"
    yield Term("Patients", everyone, cohort)
    yield Term(
        "Fewest patients in an answer",
        f"{study.output.minimum_patients}",
        f"{agreement.minimum_patients}",
    )
    yield Term(
        "Fewest hospitals in an answer",
        f"{study.setting.minimum_hospitals} of {hospitals}",
        f"{agreement.minimum_hospitals} of {hospitals}",
    )
    yield Term("Most questions", f"{study.output.quota}", f"{agreement.quota}")
    yield Term("Ends", words.moment(study.not_after), words.moment(agreement.until))
    yield Term(
        "Purpose",
        " ".join(words.purpose(study.project.purpose)),
        " ".join(words.purpose(agreement.purpose)),
    )


def _list(names: Sequence[str]) -> str:
    return ", ".join(names) or "none"

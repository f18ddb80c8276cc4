"""A study in plain language, for a steward who is a physician and no computer scientist."""

from collections.abc import Iterator
from dataclasses import dataclass

from wardnet.agreement.address_book import AddressBook, Organisation
from wardnet.agreement.agreement import Agreement
from wardnet.agreement.purpose import Purpose
from wardnet.agreement.study import Researcher, Study
from wardnet.question.dictionary import Dictionary
from wardnet_node.desk import words


@dataclass(frozen=True, slots=True)
class Section:
    """Hold one part of the description.

    Parameters
    ----------
    title : str
        A question that a steward asks.
    lines : tuple of str
        The answer.
    """

    title: str
    lines: tuple[str, ...]


def describe(
    study: Study,
    agreement: Agreement,
    *,
    book: AddressBook,
    signers: frozenset[str] = frozenset(),
    dictionary: Dictionary | None = None,
) -> tuple[Section, ...]:
    """Return what a steward must know before a decision.

    Parameters
    ----------
    study : Study
        As its researchers signed it.
    agreement : Agreement
        What is allowed, or would be.
    book : AddressBook
        Tells who is known.
    signers : frozenset of str
        Fingerprints of the keys that have signed the study.
    dictionary : Dictionary or None
        Of the dataset, for labels and units; None when it was not adopted here.
    """
    return (
        Section("What is it about?", (study.project.title, *study.project.summary.split("\n"))),
        Section("What is it for?", tuple(_purpose(study.project.purpose, study.project.ethics))),
        Section(
            "Who asks?",
            tuple(_people(study, book=book, signers=signers)),
        ),
        Section("Which data do they look at?", tuple(_data(study, dictionary))),
        Section("What do they get?", tuple(_output(study))),
        Section("Which limits hold?", tuple(_limits(study, agreement.hospital))),
        Section(
            "What could leak?",
            tuple(
                f"{title}: {sentence}"
                for title, sentence in words.leaks(study, agreement, dictionary=dictionary)
            ),
        ),
    )


def _purpose(purpose: Purpose, ethics: str) -> Iterator[str]:
    yield from words.purpose(purpose)
    yield f"Ethics approval: {ethics or 'none is named'}."
    yield f"Codes: {words.codes(purpose)}."


def _people(study: Study, *, book: AddressBook, signers: frozenset[str]) -> Iterator[str]:
    for person in study.people:
        yield _person(person, book.organisation(person.organisation), signers, study.requesters)


def _person(
    person: Researcher,
    organisation: Organisation | None,
    signers: frozenset[str],
    requesters: frozenset[str],
) -> str:
    if organisation is None:
        known = "the address book does not know this organisation: questions will be refused"
    elif person.key in organisation.researchers:
        known = "the key was checked and stands in the address book"
    elif organisation.approvers(signers, requesters=requesters):
        known = "a steward of the organisation vouches for the key"
    else:
        known = "nobody known vouches for the key: questions will be refused"
    return f"{person.id} of {person.organisation}; {known} (key {person.key})."


def _data(study: Study, dictionary: Dictionary | None) -> Iterator[str]:
    yield f"Table {study.data.dataset}, of each patient:"
    columns = {column.name: column for column in dictionary.columns} if dictionary else {}
    for name in study.data.columns:
        column = columns.get(name)
        label = f" ({column.label})" if column and column.label else ""
        yield f"- {name}{label}: {words.column(column)}"
    if dictionary is None:
        yield "This hospital has not adopted the table: it cannot agree yet."


def _output(study: Study) -> Iterator[str]:
    yield "Numbers about all hospitals together, never rows about single patients:"
    for method in study.output.methods:
        yield f"- {method.name}: {words.METHODS.get(method.name, 'Not known to this version.')}"


def _limits(study: Study, hospital: str) -> Iterator[str]:
    others = ", ".join(name for name in study.setting.hospitals if name != hospital)
    yield f"Hospitals asked: {hospital}{f' and {others}' if others else ' alone'}."
    yield f"At least {study.setting.minimum_hospitals} of them take part in every answer."
    yield f"Every answer describes at least {study.output.minimum_patients} patients."
    yield f"At most {study.output.quota} different questions."
    yield f"Nothing is asked from {study.not_after[:16].replace('T', ' ')} UTC on."

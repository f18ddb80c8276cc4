"""A study in plain language, for a steward who is a physician and no computer scientist."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from wardnet.agreement.address_book import AddressBook
from wardnet.agreement.purpose import LABELS, Purpose
from wardnet.agreement.study import Researcher, Study
from wardnet.question.dictionary import Dictionary

METHODS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "count": "counts patients, in all and by groups",
        "summary": "gives number, mean and spread of a measurement, in all and by groups",
        "quantiles": "gives the median and other centiles of a measurement, never a single value "
        "of a patient at the edge",
        "histogram": "counts patients in ranges of a measurement",
        "crosstab": "counts patients by two characteristics at once",
    }
)
"""What each method gives to the researchers."""


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
    *,
    book: AddressBook,
    hospital: str,
    signers: frozenset[str] = frozenset(),
    dictionary: Dictionary | None = None,
) -> tuple[Section, ...]:
    """Return what a steward must know before a decision.

    Parameters
    ----------
    study : Study
        As its researchers signed it.
    book : AddressBook
        Tells who is known.
    hospital : str
        The reader's.
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
            tuple(_person(person, book=book, signers=signers) for person in study.people),
        ),
        Section("Which data do they look at?", tuple(_data(study, dictionary))),
        Section("What do they get?", tuple(_output(study))),
        Section("Which limits hold?", tuple(_limits(study, hospital))),
        Section("What could leak?", tuple(_leaks(study))),
    )


def _purpose(purpose: Purpose, ethics: str) -> Iterator[str]:
    yield f"Allowed use: {LABELS[purpose.permission]} ({purpose.permission})."
    if purpose.diseases:
        yield f"Diseases: {', '.join(purpose.diseases)}."
    for modifier in purpose.modifiers:
        yield f"They take on: {LABELS[modifier]} ({modifier})."
    yield f"Ethics approval: {ethics or 'none is named'}."


def _person(person: Researcher, *, book: AddressBook, signers: frozenset[str]) -> str:
    organisation = book.organisation(person.organisation)
    if organisation is None:
        words = "the address book does not know this organisation: questions will be refused"
    elif person.key in organisation.researchers:
        words = "the key was checked and stands in the address book"
    elif organisation.approvers(signers):
        words = "a steward of the organisation vouches for the key"
    else:
        words = "nobody known vouches for the key: questions will be refused"
    return f"{person.id} of {person.organisation}; {words} (key {person.key})."


def _data(study: Study, dictionary: Dictionary | None) -> Iterator[str]:
    yield f"Table {study.data.dataset}, of each patient:"
    columns = {column.name: column for column in dictionary.columns} if dictionary else {}
    for name in study.data.columns:
        column = columns.get(name)
        label = f": {column.label}" if column and column.label else ""
        unit = f" in {column.unit}" if column and column.unit else ""
        yield f"- {name}{label}{unit}"
    if dictionary is None:
        yield "This hospital has not adopted the table: it cannot agree yet."


def _output(study: Study) -> Iterator[str]:
    yield "Numbers about all hospitals together, never rows about single patients:"
    for method in study.output.methods:
        words = METHODS.get(method.name, "is not known to this version")
        yield f"- {method.name}: {words}"


def _limits(study: Study, hospital: str) -> Iterator[str]:
    others = ", ".join(name for name in study.setting.hospitals if name != hospital)
    yield f"Hospitals asked: {hospital}{f' and {others}' if others else ' alone'}."
    yield f"At least {study.setting.minimum_hospitals} of them take part in every answer."
    yield f"Every answer describes at least {study.output.minimum_patients} patients."
    yield f"At most {study.output.quota} different questions."
    yield f"Nothing is asked from {study.not_after[:16].replace('T', ' ')} UTC on."


def _leaks(study: Study) -> Iterator[str]:
    yield (
        "Groups of fewer patients than the limit are withheld, but whoever asks many questions "
        f"can combine the answers: with {study.output.quota} questions allowed, a smaller number "
        "is safer."
    )
    yield (
        "The sums of this hospital travel to the coordinator in the clear: its operator sees "
        "them, though never a patient's row."
    )
    if study.setting.minimum_hospitals < len(study.setting.hospitals):
        yield (
            "Not all hospitals must take part: from two answers, with and without one hospital, "
            "the part of that hospital can be told."
        )
    if len(study.setting.hospitals) == 1:
        yield "No other hospital is asked: the answers describe this hospital's patients alone."
    elif len(study.setting.hospitals) == 2:
        yield "Only two hospitals: each can take its own part off the answer and see the other's."

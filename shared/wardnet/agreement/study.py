"""The study: what researchers propose and sign, ordered by the Five Safes.

Safe project, people, data, setting and output. A study allows nothing by itself: every hospital
answers it with an agreement of its own.

References
----------
Desai, Ritchie, Welpton (2016), Five Safes: designing data access for research, University of the
West of England, Economics Working Paper 1601.
"""

from functools import cached_property
from typing import Final, Literal, Self

from pydantic import TypeAdapter, model_validator
from pydantic.dataclasses import dataclass

from wardnet import canonical
from wardnet.agreement.purpose import Modifier, Purpose
from wardnet.clock import Moment
from wardnet.question.dictionary import STRICT, Name
from wardnet.question.fields import (
    InOrder,
    Layout,
    Line,
    Note,
    Number,
    Paragraph,
    Patients,
    SomeInOrder,
)
from wardnet.question.query import Digest, Id

PAYLOAD_TYPE: Final = "application/vnd.wardnet.study.v1+json"


@dataclass(frozen=True, config=STRICT)
class Project:
    """State what is to be found out, and why.

    Parameters
    ----------
    title : str
        One line.
    summary : str
        What is done and what it is good for, in plain language; people who are no researchers
        decide on it.
    purpose : Purpose
        What the data are used for.
    ethics : str
        Reference of the ethics approval; empty only where none is needed.
    """

    title: Line
    summary: Paragraph
    purpose: Purpose
    ethics: Note

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if Modifier.IRB in self.purpose.modifiers and not self.ethics:
            message = "ethics must name the approval that the purpose requires"
            raise ValueError(message)
        return self


@dataclass(frozen=True, order=True, config=STRICT)
class Researcher:
    """Name one person who asks.

    Parameters
    ----------
    id : str
        Within the network.
    organisation : str
        Id of the organisation that answers for the person.
    key : str
        SHA-256 of the signing key (SubjectPublicKeyInfo), hexadecimal.
    """

    id: Id
    organisation: Id
    key: Digest


@dataclass(frozen=True, config=STRICT)
class Data:
    """Name what is looked at.

    Parameters
    ----------
    dataset : str
        Which table.
    dictionary : str
        Digest of its shared dictionary.
    columns : tuple of str
        All columns that queries look at, those of cohorts included; sorted.
    """

    dataset: Name
    dictionary: Digest
    columns: InOrder[Name]


@dataclass(frozen=True, config=STRICT)
class Setting:
    """State where it is computed.

    Parameters
    ----------
    mode : str
        How sums travel; `clear` is the only mode of this version.
    hospitals : tuple of str
        Who is asked to take part; sorted.
    minimum_hospitals : int
        Fewest hospitals that an answer rests on, 1 to `len(hospitals)`.
    """

    mode: Literal["clear"]
    hospitals: SomeInOrder[Id]
    minimum_hospitals: Number

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.minimum_hospitals > len(self.hospitals):
            message = "minimum_hospitals must lie between 1 and the number of hospitals"
            raise ValueError(message)
        return self


@dataclass(frozen=True, order=True, config=STRICT)
class Method:
    """Name one way of computing.

    Parameters
    ----------
    name : str
        Of the method.
    version : int
        Of the method, from 1.
    """

    name: Name
    version: Number


@dataclass(frozen=True, config=STRICT)
class Output:
    """State what comes out.

    Parameters
    ----------
    methods : tuple of Method
        How answers are computed; sorted by name and version.
    minimum_patients : int
        Fewest patients that an answer describes, at least 10.
    quota : int
        Most queries.
    """

    methods: SomeInOrder[Method]
    minimum_patients: Patients
    quota: Number


@dataclass(frozen=True, config=STRICT)
class Study:
    """Hold one proposal, as its researchers sign it.

    Parameters
    ----------
    version : int
        Of this layout; 1.
    network : str
        Id of the network.
    project : Project
        What is to be found out, and why.
    people : tuple of Researcher
        Who asks; sorted by id; a person with two keys stands twice.
    data : Data
        What is looked at.
    setting : Setting
        Where it is computed.
    output : Output
        What comes out.
    not_after : str
        Moment from which nothing is asked any more.
    """

    version: Layout
    network: Id
    project: Project
    people: SomeInOrder[Researcher]
    data: Data
    setting: Setting
    output: Output
    not_after: Moment

    @cached_property
    def digest(self) -> str:
        """Return the SHA-256 of the canonical bytes, hexadecimal."""
        return canonical.digest(to_bytes(self))

    @property
    def requesters(self) -> frozenset[str]:
        """Return the ids of those who ask: none of them approves it, or vouches for another."""
        return frozenset(person.id for person in self.people)


ADAPTER: Final = TypeAdapter(Study)


def to_bytes(study: Study) -> bytes:
    """Return the canonical bytes that the researchers sign."""
    return canonical.write(ADAPTER, study)


def from_bytes(data: bytes) -> Study:
    """Read canonical bytes whose signature was verified before.

    Raises
    ------
    WardnetError
        `MALFORMED`.
    """
    return canonical.read(ADAPTER, data)

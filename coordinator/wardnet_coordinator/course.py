"""How far one query is: frozen values, no behaviour beyond what follows from them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from wardnet.errors import Reason, WardnetError
from wardnet.question.query import Query
from wardnet.sums.arrays import Sums
from wardnet.transport.work import Total, WorkId


class Outcome(StrEnum):
    """Name how far a query is."""

    RUNNING = "running"
    ANSWERED = "answered"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Standing(StrEnum):
    """Name how far one hospital is in a query."""

    AWAY = "away"
    COMPUTING = "computing"
    SENT = "sent"
    LOST = "lost"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Part:
    """Hold one hospital's sums for one round.

    Parameters
    ----------
    sums : Sums
        To be added, never looked at.
    snapshot : str
        What they were computed over; the same in every round of an attempt.
    transcript : str
        Digest chain over the totals that the hospital has seen.
    interim : bytes
        What it tells the researcher meanwhile, sealed; usually empty.
    """

    sums: Sums
    snapshot: str
    transcript: str
    interim: bytes = b""


@dataclass(frozen=True, slots=True)
class Sealed:
    """Hold the answer of one hospital, which only the researcher can open.

    Parameters
    ----------
    data : bytes
        As the hospital sent it.
    """

    data: bytes


@dataclass(frozen=True, slots=True)
class Failure:
    """Say why something ended, as the error catalogue does.

    Parameters
    ----------
    reason : Reason
        The cause.
    details : Mapping of str to str
        What its sentence needs.
    """

    reason: Reason
    details: Mapping[str, str]

    @classmethod
    def of(cls, error: WardnetError) -> "Failure":
        """Return an error as a value that can be compared."""
        return cls(error.reason, error.details)

    @property
    def error(self) -> WardnetError:
        """Return it as an error, which has a sentence."""
        return WardnetError(self.reason, **self.details)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Say why a hospital will not do what it was asked.

    Parameters
    ----------
    causes : tuple of Failure
        Every one, at least one.
    """

    causes: tuple[Failure, ...]

    @classmethod
    def of(cls, *errors: WardnetError) -> "Refusal":
        """Return a refusal for these reasons."""
        return cls(tuple(map(Failure.of, errors)))


@dataclass(frozen=True, slots=True)
class Course:
    """Hold how far one query is.

    Parameters
    ----------
    query : str
        Digest of the signed query.
    asked : tuple of str
        All hospitals of the query, sorted.
    minimum : int
        Fewest hospitals an answer may rest on.
    hospitals : tuple of str
        Those of this attempt, sorted; the others are lost.
    attempt : int
        From 1.
    round : int
        The present one, from 0.
    total : Total or None
        Of the round before; those before it are in the database only.
    results : Mapping of str to Part or Sealed
        By hospital: what has come in for the present round. In memory only: a hospital sends its
        result again until it is acknowledged. Parts are without their sums.
    sums : Sums or None
        Of all parts that have come in.
    refusals : Mapping of str to Refusal
        By hospital.
    outcome : Outcome
        Running, or how it ended.
    failure : Failure or None
        Why it ended without an answer.
    answers : Mapping of str to bytes
        By hospital: the sealed answers of all participants, in the step that ends the query; from
        then on they are in the database only.
    """

    query: str
    asked: tuple[str, ...]
    minimum: int
    hospitals: tuple[str, ...]
    attempt: int = 1
    round: int = 0
    total: Total | None = None
    results: Mapping[str, Part | Sealed] = field(default_factory=dict)
    sums: Sums | None = None
    refusals: Mapping[str, Refusal] = field(default_factory=dict)
    outcome: Outcome = Outcome.RUNNING
    failure: Failure | None = None
    answers: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def running(self) -> bool:
        """Say whether the query still needs work."""
        return self.outcome is Outcome.RUNNING

    @property
    def work(self) -> WorkId:
        """Return the present round."""
        return WorkId(self.query, self.attempt, self.round)

    @property
    def lost(self) -> tuple[str, ...]:
        """Return the hospitals that missed a deadline, sorted."""
        return tuple(name for name in self.asked if name not in self.hospitals)

    def standing(self, hospital: str, *, connected: bool) -> Standing:
        """Return how far one of the asked hospitals is."""
        if hospital in self.refusals:
            return Standing.REFUSED
        if hospital not in self.hospitals:
            return Standing.LOST
        if hospital in self.results or self.outcome is Outcome.ANSWERED:
            return Standing.SENT
        return Standing.COMPUTING if connected else Standing.AWAY


def start(query: str, asked: Query) -> Course:
    """Return the course of a query that nobody has worked on.

    Parameters
    ----------
    query : str
        Digest of the signed query.
    asked : Query
        What was signed.
    """
    return Course(query, asked.hospitals, asked.minimum_hospitals, asked.hospitals)

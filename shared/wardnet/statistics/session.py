"""One query's way from the guard round to its answer, with no I/O.

Every hospital runs a session of its own on the totals that come back, so that no hospital ever acts
on a state that somebody else made. A `Tally` is the part of a round that touches patients' rows; it
can be sent to worker processes.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from itertools import chain
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from wardnet import canonical
from wardnet.errors import Reason, WardnetError
from wardnet.privacy.rules import STANDARD, DisclosureRules, Guard
from wardnet.question.answer import Answer, Participant, Table
from wardnet.question.cohort import Everyone, check, columns_of, select
from wardnet.question.dictionary import Dictionary
from wardnet.question.query import Query
from wardnet.question.rows import Rows
from wardnet.statistics.method import Method, Part, Question, join, settle
from wardnet.statistics.methods import METHODS
from wardnet.sums import arrays
from wardnet.sums.accumulate import MAXIMUM_ROWS
from wardnet.sums.arrays import ArraySpec, Sums
from wardnet.sums.members import Members, members

__all__ = ["Part", "Session", "Tally", "run"]

DATASET: Final = "dataset"
COHORT: Final = "cohort"
"""Guards of every query, of one cell each: all patients, and those that the cohort selects."""

Batches: TypeAlias = Iterable[Rows]


@dataclass(frozen=True)
class Tally:
    """Compute one hospital's sums for one round; the same on any machine.

    Parameters
    ----------
    method : Method
        What is computed.
    question : Question
        Of which rows.
    state : object
        The method's state; None in the guard round.
    withheld : Mapping of str to ndarray of bool, shape (cells,)
        Cells of each guard that are sent as 0.
    """

    method: Method[Any, Any]
    question: Question[Any]
    state: object
    withheld: Mapping[str, NDArray[np.bool_]]

    @cached_property
    def columns(self) -> frozenset[str]:
        """Return the columns that batches must hold, those of the cohort included."""
        return self._own_columns | columns_of(self.question.cohort)

    @property
    def with_patient(self) -> bool:
        """Say whether rows must name their patients (where a patient may have several rows)."""
        return self.question.dictionary.patient is not None

    @cached_property
    def specs(self) -> Sequence[ArraySpec]:
        """Return what the sums look like."""
        if self.state is not None:
            return self.method.arrays(self.state)
        sizes = {name: guard.cells for name, guard in self._guards.items()}
        return [
            ArraySpec(name, (cells,), limit=MAXIMUM_ROWS, guard=name)
            for name, cells in {DATASET: 1, COHORT: 1, **sizes}.items()
        ]

    def part(self, batches: Batches) -> Part:
        """Return the part of any number of batches, of any sizes."""
        none = _no_rows(self.question.dictionary, self.columns)
        return self.merge(self._local(rows) for rows in chain([none], batches))

    def merge(self, parts: Iterable[Part]) -> Part:
        """Return several parts of this hospital as one; the order does not matter."""
        return reduce(join, parts)

    def sums(self, part: Part) -> Sums:
        """Return what may leave the hospital: withheld cells are 0, the rest as declared.

        Raises
        ------
        WardnetError
            `IMPLAUSIBLE_TOTAL` when the part is not as the method declares it.
        """
        finished = settle(part) if self.state is None else self.method.finish(self.state, part)
        sums = {spec.name: self._declared(spec, finished[spec.name]) for spec in self.specs}
        arrays.check(sums, self.specs)
        return sums

    @cached_property
    def _guards(self) -> Mapping[str, Guard]:
        return self.method.guards(self.question)

    @cached_property
    def _own_columns(self) -> frozenset[str]:
        return self.method.columns(self.question.parameters)

    def hidden(self, spec: ArraySpec) -> NDArray[np.bool_]:
        """Return which entries of an array's first axis are withheld, shape (spec.shape[0],)."""
        return self.withheld.get(spec.guard, np.zeros(spec.shape[0], np.bool_))

    def _declared(self, spec: ArraySpec, array: NDArray[Any]) -> NDArray[Any]:
        declared = array.astype(np.int64 if spec.width == 8 else np.object_)
        declared[self.hidden(spec)] = 0
        return declared

    def _local(self, rows: Rows) -> Part:
        chosen = self._choose(rows)
        if self.state is not None:
            return self.method.local(self.state, chosen)
        index = self.method.cells(self.question, chosen)
        counted = {
            name: members(index[name], cells=guard.cells, patient=chosen.patient)
            for name, guard in self._guards.items()
        }
        return {DATASET: _everybody(rows), COHORT: _everybody(chosen), **counted}

    def _choose(self, rows: Rows) -> Rows:
        """Return the cohort's rows, with the method's own columns only."""
        columns = {name: rows.columns[name] for name in self._own_columns}
        own = Rows(rows.size, columns, rows.patient)
        if isinstance(self.question.cohort, Everyone):
            return own
        return own.take(select(self.question.cohort, self.question.dictionary, rows))


class Session:
    """Lead one query through its rounds.

    Parameters
    ----------
    query : Query
        The question, already verified.
    digest : str
        SHA-256 of the signed query's bytes, hexadecimal.
    dictionary : Dictionary
        The one that the query pins.
    rules : DisclosureRules
        What is applied to the totals.

    Raises
    ------
    WardnetError
        `METHOD_UNKNOWN`, `DICTIONARY_OUTDATED`, `PARAMETER_INVALID` or `COLUMN_UNAVAILABLE`.
    """

    def __init__(
        self,
        query: Query,
        *,
        digest: str,
        dictionary: Dictionary,
        rules: DisclosureRules = STANDARD,
    ) -> None:
        if (query.dataset, query.dictionary) != (dictionary.name, dictionary.digest):
            raise WardnetError(Reason.DICTIONARY_OUTDATED, dataset=query.dataset)
        self._method = _method(query)
        check(query.cohort, dictionary)
        parameters = self._method.bind(query.parameters, dictionary)
        self._question = Question(dictionary, query.cohort, parameters)
        self._query = digest
        self._rules = rules
        self._participants: tuple[Participant, ...] = ()
        self._tally = Tally(self._method, self._question, state=None, withheld={})
        self.round = 0
        self.transcript = digest
        self.answer: Answer | None = None

    @property
    def tally(self) -> Tally:
        """Return what a hospital computes in the present round (0 is the guard round)."""
        return self._tally

    def advance(self, total: Sums, participants: Sequence[Participant]) -> None:
        """Take the total of the present round: on to the next round, or to the answer.

        Parameters
        ----------
        total : Sums
            Entrywise sums over the participants.
        participants : sequence of Participant
            Sorted by hospital; the same in every round.

        Raises
        ------
        WardnetError
            `ROUNDS_DIVERGED` or `IMPLAUSIBLE_TOTAL`; the session then stays where it was.
        """
        self._check(total, tuple(participants))
        outcome = self._outcome(total)
        self._participants = tuple(participants)
        self.round += 1
        self.transcript = _extend(self.transcript, total, participants)
        if isinstance(outcome, Tally):
            self._tally = outcome
        else:
            self.answer = self._answer(outcome)

    def _check(self, total: Sums, participants: tuple[Participant, ...]) -> None:
        if self.answer is not None:
            raise WardnetError(Reason.ROUNDS_DIVERGED, rule="a total after the last round")
        if self._participants and participants != self._participants:
            raise WardnetError(Reason.ROUNDS_DIVERGED, rule="the hospitals changed between rounds")
        arrays.check(total, self._tally.specs, hospitals=len(participants))
        for spec in self._tally.specs:
            if np.any(total[spec.name][self._tally.hidden(spec)]):
                raise WardnetError(
                    Reason.IMPLAUSIBLE_TOTAL, rule=f"{spec.name} fills a withheld cell"
                )

    def _outcome(self, total: Sums) -> "Tally | Table | WardnetError":
        """Return the next round, the result, or the refusal."""
        if self._tally.state is None:
            return self._after_guards(total)
        return self._next(self._method.step(self._tally.state, total), self._tally.withheld)

    def _after_guards(self, total: Sums) -> "Tally | Table | WardnetError":
        guards = self._method.guards(self._question)
        patients = {name: total[name].astype(np.int64) for name in guards}
        dataset, cohort = int(total[DATASET][0]), int(total[COHORT][0])
        largest = max((int(cells.max()) for cells in patients.values()), default=0)
        if not largest <= cohort <= dataset or min(array.min() for array in total.values()) < 0:
            raise WardnetError(Reason.IMPLAUSIBLE_TOTAL, rule="a cell is larger than its whole")
        filtered = not isinstance(self._question.cohort, Everyone)
        try:
            self._rules.check_cohort(patients=cohort, dataset=dataset, filtered=filtered)
        except WardnetError as refusal:
            return refusal
        totals = self._rules.withhold(guards, patients)
        return self._next(self._method.start(self._question, totals, self._rules), totals.withheld)

    def _next(self, state: object, withheld: Mapping[str, NDArray[np.bool_]]) -> "Tally | Table":
        if isinstance(state, Table):
            return state
        return Tally(self._method, self._question, state=state, withheld=withheld)

    def _answer(self, outcome: Table | WardnetError) -> Answer:
        table = outcome if isinstance(outcome, Table) else None
        return Answer(
            version=1,
            query=self._query,
            outcome="refused" if table is None else "released",
            reason=outcome.reason.value if isinstance(outcome, WardnetError) else "",
            method=self._method.name,
            method_version=self._method.version,
            table=table,
            participants=self._participants,
            rules=self._rules.describe(self._method.output),
            rounds=self.round,
            transcript=self.transcript,
        )


def run(
    query: Query,
    *,
    digest: str,
    dictionary: Dictionary,
    hospitals: Mapping[str, Callable[[], Batches]],
    rules: DisclosureRules = STANDARD,
) -> Answer:
    """Ask one question in one process.

    Parameters
    ----------
    query, digest, dictionary, rules
        As `Session` takes them.
    hospitals : Mapping of str to Callable
        Per hospital, what yields its batches; called once per round.

    Returns
    -------
    Answer
        Unsigned; released or refused.
    """
    session = Session(query, digest=digest, dictionary=dictionary, rules=rules)
    participants = [Participant(hospital, "simulated") for hospital in sorted(hospitals)]
    while session.answer is None:
        tally = session.tally
        parts = (tally.sums(tally.part(batches())) for batches in hospitals.values())
        session.advance(reduce(arrays.add, parts), participants)
    return session.answer


def _method(query: Query) -> Method[Any, Any]:
    method = METHODS.get(query.method)
    if method is None or method.version != query.method_version:
        raise WardnetError(Reason.METHOD_UNKNOWN, method=query.method, version=query.method_version)
    return method


def _extend(transcript: str, total: Sums, participants: Sequence[Participant]) -> str:
    """Chain one total to the transcript, so that equal transcripts mean equal histories."""
    names = [[participant.hospital, participant.snapshot] for participant in participants]
    return canonical.digest(canonical.encode([transcript, arrays.digest(total), names]))


def _everybody(rows: Rows) -> Members:
    return members(np.zeros(rows.size, np.int8), cells=1, patient=rows.patient)


def _no_rows(dictionary: Dictionary, columns: Iterable[str]) -> Rows:
    cells = {name: dictionary.column(name).cells for name in columns}
    types = {name: np.float64 if size is None else np.int32 for name, size in cells.items()}
    return Rows(0, {name: np.zeros(0, dtype) for name, dtype in types.items()})

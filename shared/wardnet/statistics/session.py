"""One query's way from the guard round to its answer, with no I/O.

Every hospital runs a session of its own on the totals that come back, so that no hospital ever acts
on a state that somebody else made.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wardnet import canonical
from wardnet.errors import Reason, WardnetError
from wardnet.privacy.rules import DisclosureRules
from wardnet.question.answer import Answer, Participant, Table
from wardnet.question.cohort import check
from wardnet.question.dictionary import Dictionary
from wardnet.question.query import Query
from wardnet.question.rows import Rows
from wardnet.statistics.fitting import Fitting
from wardnet.statistics.method import Method, Part, Question
from wardnet.statistics.methods import METHODS
from wardnet.statistics.tally import COHORT, DATASET, LEFT_OUT, Tally
from wardnet.sums import arrays
from wardnet.sums.arrays import Sums

__all__ = ["Part", "Session", "Tally", "run"]


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
    rules : DisclosureRules or None
        What is applied to the totals; those that the query was signed with by default.

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
        rules: DisclosureRules | None = None,
    ) -> None:
        if (query.dataset, query.dictionary) != (dictionary.name, dictionary.digest):
            raise WardnetError(Reason.DICTIONARY_OUTDATED, dataset=query.dataset)
        self._method = _method(query)
        check(query.cohort, dictionary)
        parameters = self._method.bind(query.parameters, dictionary)
        self._question = Question(dictionary, query.cohort, parameters)
        self._query = digest
        self._rules = rules or DisclosureRules(minimum_patients=query.minimum_patients)
        self._participants: tuple[Participant, ...] = ()
        self._tally = Tally(self._method, self._question, state=None, withheld={})
        self.round = 0
        self.transcript = digest
        self.answer: Answer | None = None

    @property
    def columns(self) -> frozenset[str]:
        """Return what the method looks at, without the columns of the cohort."""
        return self._method.columns(self._parameters)

    @property
    def tally(self) -> Tally:
        """Return what a hospital computes in the present round (0 is the guard round)."""
        return self._tally

    def fitting(self, answer: Answer) -> Fitting | None:
        """Return what a hospital fits for itself to the model of an answer; None for nothing."""
        table = answer.table
        if table is None or not table.tensors or not self._method.personal(self._parameters):
            return None
        model = self._method.model(self._parameters, table)
        return Fitting(self._method, self._question, state=model, withheld={})

    @property
    def _parameters(self) -> object:
        return self._question.parameters

    @property
    def interim(self) -> Mapping[str, float]:
        """Return the newest numbers that the answer will hold, after the rules have spoken."""
        state = self._tally.state
        return {} if state is None else self._method.interim(state)

    def advance(
        self, total: Sums, participants: Sequence[Participant], *, digest: str = ""
    ) -> None:
        """Take the total of the present round: on to the next round, or to the answer.

        Parameters
        ----------
        total : Sums
            Entrywise sums over the participants.
        participants : sequence of Participant
            Sorted by hospital; the same in every round.
        digest : str
            Of the total, where it is known.

        Raises
        ------
        WardnetError
            `ROUNDS_DIVERGED` or `IMPLAUSIBLE_TOTAL`; the session then stays where it was.
        """
        self._check(total, tuple(participants))
        outcome = self._outcome(total)
        self._participants = tuple(participants)
        self.round += 1
        self.transcript = extend(self.transcript, digest or arrays.digest(total), participants)
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

    def _outcome(self, total: Sums) -> Tally | Table | WardnetError:
        """Return the next round, the result, or the refusal."""
        if self._tally.state is None:
            return self._after_guards(total)
        return self._next(self._method.step(self._tally.state, total), self._tally.withheld)

    def _after_guards(self, total: Sums) -> Tally | Table | WardnetError:
        guards = self._method.guards(self._question)
        patients = {name: total[name].astype(np.int64) for name in guards}
        dataset, cohort = int(total[DATASET][0]), int(total[COHORT][0])
        largest = max((int(cells.max()) for cells in patients.values()), default=0)
        if not largest <= cohort <= dataset or min(array.min() for array in total.values()) < 0:
            raise WardnetError(Reason.IMPLAUSIBLE_TOTAL, rule="a cell is larger than its whole")
        left_out = int(total[LEFT_OUT][0]) if LEFT_OUT in total else None
        if left_out is not None and not left_out <= dataset <= cohort + left_out:
            raise WardnetError(Reason.IMPLAUSIBLE_TOTAL, rule="a cohort and the rest are no whole")
        try:
            self._rules.check_cohort(patients=cohort, left_out=left_out)
        except WardnetError as refusal:
            return refusal
        totals = self._rules.withhold(guards, patients)
        return self._next(self._method.start(self._question, totals, self._rules), totals.withheld)

    def _next(self, state: object, withheld: Mapping[str, NDArray[np.bool_]]) -> Tally | Table:
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
        )


def run(
    query: Query,
    *,
    digest: str,
    dictionary: Dictionary,
    hospitals: Mapping[str, Callable[[], Iterable[Rows]]],
    rules: DisclosureRules | None = None,
    progress: Callable[[Session], None] | None = None,
) -> Answer:
    """Ask one question in one process.

    Parameters
    ----------
    query, digest, dictionary, rules
        As `Session` takes them.
    hospitals : Mapping of str to Callable
        Per hospital, what yields its batches; called once per round.
    progress : callable or None
        Gets the session after each round.

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
        if progress is not None:
            progress(session)
    return session.answer


def _method(query: Query) -> Method[Any, Any]:
    method = METHODS.get(query.method)
    if method is None or method.version != query.method_version:
        raise WardnetError(Reason.METHOD_UNKNOWN, method=query.method, version=query.method_version)
    return method


def extend(transcript: str, digest: str, participants: Sequence[Participant]) -> str:
    """Chain a total's digest to the transcript: equal transcripts mean equal histories."""
    names = [[participant.hospital, participant.snapshot] for participant in participants]
    return canonical.digest(canonical.encode([transcript, digest, names]))

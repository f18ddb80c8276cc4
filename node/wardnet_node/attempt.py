"""One attempt at a query, as this process knows it; the coordinator's history can rebuild it.

The coordinator only adds. This hospital runs `start` and `step` itself on the totals that come
back, and refuses a history that changes.
"""

import hmac
from dataclasses import replace
from math import inf
from typing import Final, NoReturn

from wardnet import canonical
from wardnet.audit.entry import Event, EventType, Outcome
from wardnet.errors import Reason, WardnetError
from wardnet.question import answer as answers
from wardnet.question import interim as interims
from wardnet.question.answer import Answer, Participant
from wardnet.question.interim import Interim
from wardnet.statistics.session import Session, extend
from wardnet.transport.work import Total, Work, WorkId
from wardnet_node.desk.gate import Opened

INTERIM_SECONDS: Final = 1.0
"""Least time between two reports to a researcher."""


class Attempt:
    """Follow the totals of one attempt.

    Parameters
    ----------
    opened : Opened
        The accepted query at its beginning.
    number : int
        Of the attempt, from 1.
    hospitals : tuple of str
        That take part in it.
    hospital : str
        Our own id.
    """

    def __init__(
        self, opened: Opened, *, number: int, hospitals: tuple[str, ...], hospital: str
    ) -> None:
        self.number = number
        self.opened = opened
        self.transcripts = [opened.session.transcript]
        self._hospitals = hospitals
        self._own = Participant(hospital=hospital, snapshot=opened.snapshot.id)
        self._told = -inf, dict[str, float]()

    @property
    def session(self) -> Session:
        """Return where the query stands."""
        return self.opened.session

    def catch_up(self, work: Work) -> None:
        """Take the totals that came with some work.

        Raises
        ------
        WardnetError
            `ROUNDS_DIVERGED` or `IMPLAUSIBLE_TOTAL`.
        """
        # 1. The hospitals of an attempt never change.
        if work.hospitals != self._hospitals:
            _diverged("the hospitals changed within an attempt")
        # 2. Totals that were seen before come again unchanged; new ones follow without a gap.
        for total in work.totals:
            self.take(total)
        # 3. That leads to the round that we are asked for.
        if self.session.round != work.id.round:
            _diverged("a total is missing")

    def take(self, total: Total) -> None:
        """Take one total.

        Raises
        ------
        WardnetError
            As `catch_up`.
        """
        if total.round < self.session.round:
            before, after = self.transcripts[total.round : total.round + 2]
            if extend(before, total.digest, total.participants) != after:
                _diverged("a total came back changed")
            return
        if total.round > self.session.round:
            _diverged("a total is missing")
        # A total rests on exactly the hospitals of the attempt, and on our own pinned snapshot.
        if tuple(item.hospital for item in total.participants) != self._hospitals:
            _diverged("a total rests on other hospitals")
        if self._own not in total.participants:
            _diverged("a total names another snapshot of ours")
        self.session.advance(total.sums, total.participants, digest=total.digest)
        self.transcripts.append(self.session.transcript)

    def interim(self, work_id: WorkId, *, at: float) -> bytes:
        """Return what is told the researcher with the part of this round; empty for nothing.

        What is new, once in a while; and only where the researcher needs every hospital that she
        asks. No attempt can have others then, whatever the coordinator says, so that an answer
        holds these numbers if there will be one.

        Parameters
        ----------
        at : float
            The present moment, in seconds of a clock that only runs on.
        """
        query, (before, told) = self.opened.query, self._told
        final = query.minimum_hospitals == len(query.hospitals)
        if not final or at < before + INTERIM_SECONDS:
            return b""
        numbers = dict(self.session.interim)
        if not numbers or numbers == told:
            return b""
        self._told = at, numbers
        return interims.to_bytes(Interim(1, work_id.query, work_id.attempt, work_id.round, numbers))

    def part_event(
        self, work_id: WorkId, digest: str, *, key: bytes, interim: bytes = b""
    ) -> Event:
        """Return what the log says about the release of a part.

        Parameters
        ----------
        digest, key
            As `part_digest` takes them.
        interim : bytes
            What is told the researcher with it, if anything; the entry names her, then.
        """
        return replace(
            self.opened.event,
            type=EventType.QUERY_PART,
            outcome=Outcome.RELEASED,
            request_id=str(work_id),
            result_digest=part_digest(digest, key=key, interim=interim),
            recipient=self.opened.event.actor.subject if interim else None,
        )

    def answer_event(self, work_id: WorkId, answer: Answer) -> Event:
        """Return what the log says about the signature of an answer."""
        withheld = () if answer.table is None else answer.table.withheld
        return replace(
            self.opened.event,
            type=EventType.QUERY_ANSWER,
            outcome=Outcome(answer.outcome),
            reason=Reason(answer.reason) if answer.reason else None,
            request_id=str(work_id),
            cells_withheld=sum(len(item.columns) for item in withheld),
            result_digest=canonical.digest(answers.to_bytes(answer)),
            recipient=self.opened.event.actor.subject,
        )


def part_digest(digest: str, *, key: bytes, interim: bytes = b"") -> str:
    """Return what the log and the outbox hold of a part, and of what is told with it.

    Parameters
    ----------
    digest : str
        Of its sums (`arrays.digest`).
    key : bytes
        A secret of this hospital: without it anybody who reads the log could try all sums.
    """
    return hmac.digest(key, digest.encode() + interim, "sha256").hex()


def _diverged(rule: str) -> NoReturn:
    raise WardnetError(Reason.ROUNDS_DIVERGED, rule=rule)

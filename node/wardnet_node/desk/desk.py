"""The desk: every decision and release of this hospital, durable together with its log entry.

No log, no release: what leaves goes into the access log and the outbox in one transaction, and is
sent only after its fsync.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from wardnet import canonical, clock
from wardnet.audit import log
from wardnet.audit.entry import Event, EventType
from wardnet.audit.log import Connection
from wardnet.errors import Reason, WardnetError
from wardnet.identity.credentials import Credentials
from wardnet.identity.envelope import Envelope
from wardnet.question.query import Query, from_bytes
from wardnet.statistics.session import Session
from wardnet.transport.convert import Work, WorkId, envelope_from_bytes, envelope_to_bytes
from wardnet_node import messages, outbox
from wardnet_node.desk import queries
from wardnet_node.desk.accept import accept, check_attempt
from wardnet_node.desk.events import by_operator, of_query, of_refusal
from wardnet_node.desk.queries import Accepted, State
from wardnet_node.messages import Held
from wardnet_node.outbox import Result
from wardnet_node.vault.catalog import Catalog
from wardnet_node.vault.snapshot import Snapshot
from wardnet_node.vault.vault import Vault


@dataclass(frozen=True, slots=True)
class Opened:
    """Hold an accepted query at its beginning.

    Parameters
    ----------
    query : Query
        As its researcher signed it.
    session : Session
        In the guard round.
    snapshot : Snapshot
        The rows that it sees, in every round and attempt.
    event : Event
        What every log entry about it says.
    """

    query: Query
    session: Session
    snapshot: Snapshot
    event: Event


class Desk:
    """Decide and record; used from one thread only.

    Parameters
    ----------
    catalog : Catalog
        Holds log, outbox and queries.
    vault : Vault
        Holds the datasets.
    credentials : Credentials
        The hospital's.
    """

    def __init__(self, *, catalog: Catalog, vault: Vault, credentials: Credentials) -> None:
        self._catalog = catalog
        self._vault = vault
        self._credentials = credentials
        self._member = credentials.member
        self._acknowledged: list[str] = []

    def start(self) -> int:
        """Record that the daemon has started and return its epoch, one above the last."""
        with self._transaction() as connection:
            connection.execute(
                "INSERT INTO node (key, value) VALUES ('epoch', 1)"
                " ON CONFLICT (key) DO UPDATE SET value = value + 1"
            )
            row = connection.execute("SELECT value FROM node WHERE key = 'epoch'").fetchone()
            log.append(connection, by_operator(self._member, EventType.STARTED), at=clock.now())
        return int(row[0])

    def stop(self) -> None:
        """Record that the daemon ends, and close the catalog."""
        with self._transaction() as connection:
            log.append(connection, by_operator(self._member, EventType.STOPPED), at=clock.now())
        self._catalog.close()

    def held(self) -> tuple[Held, ...]:
        """Return the datasets that can be asked here."""
        return tuple(
            Held(summary.name, summary.dictionary)
            for summary in self._vault.datasets()
            if summary.snapshot
        )

    def changes(self) -> int:
        """Return a number that changes when another process has written to the catalog."""
        with self._catalog.reading() as connection:
            return int(connection.execute("PRAGMA data_version").fetchone()[0])

    def find(self, work_id: WorkId) -> Result | None:
        """Return what was made for some work, if anything ever was."""
        with self._catalog.reading() as connection:
            return outbox.find(connection, str(work_id))

    def unacknowledged(self) -> tuple[Result, ...]:
        """Return the results that the coordinator may not have."""
        with self._catalog.reading() as connection:
            return outbox.unacknowledged(connection)

    def acknowledge(self, work_id: str) -> None:
        """Drop the message of a result that is durable at the coordinator.

        The next transaction takes it along: if it is lost, the result is only sent once more.
        """
        self._acknowledged.append(work_id)

    def end(self, query: str) -> None:
        """Record that a query has ended: nothing is computed for it again."""
        with self._transaction() as connection:
            outbox.close(connection, query)
            queries.leave(connection, query, State.ENDED)

    def open(self, work: Work) -> Opened:
        """Return the query of some work at its beginning; at its first sight, decide on it.

        Raises
        ------
        WardnetError
            What `accept`, `check_attempt` and `Session` refuse; `ROUNDS_DIVERGED` when the query
            was over before.
        """
        with self._catalog.reading() as connection:
            accepted = queries.find(connection, work.id.query)
        opened = self._accept(work) if accepted is None else self._reopen(accepted)
        check_attempt(opened.query, hospital=self._member.id, hospitals=work.hospitals)
        return opened

    def release(
        self,
        work_id: WorkId,
        *,
        message: bytes,
        transcripts: Sequence[str],
        event: Event,
    ) -> Result | None:
        """Make a result durable, with its log entry and the totals that it rests on.

        Parameters
        ----------
        message : bytes
            What will be sent, to the byte.
        transcripts : Sequence of str
            Digest of all totals before round 0, 1, ..., this one.
        event : Event
            What the log says about it.

        Returns
        -------
        Result or None
            None when the query has ended meanwhile; nothing is released then.

        Raises
        ------
        WardnetError
            `ROUNDS_DIVERGED` when this query has seen other totals; nothing is recorded then.
        """
        result = Result(str(work_id), message)
        with self._transaction() as connection:
            accepted = queries.find(connection, work_id.query)
            if accepted is None or accepted.state is not State.ACCEPTED:
                return None
            queries.remember_steps(
                connection, work_id.query, attempt=work_id.attempt, transcripts=transcripts
            )
            outbox.put(connection, result, query=work_id.query)
            log.append(connection, event, at=clock.now())
        return result

    def refuse(self, work: Work, error: WardnetError) -> Result:
        """Make a refusal durable; it ends the query here."""
        result = Result(str(work.id), messages.refusal(work.id, error))
        event = of_refusal(self._credentials, work=work, error=error)
        with self._transaction() as connection:
            outbox.put(connection, result, query=work.id.query)
            queries.leave(connection, work.id.query, State.REFUSED)
            log.append(connection, event, at=clock.now())
        return result

    def _accept(self, work: Work) -> Opened:
        """Decide on a query at its first sight, and bind it to the present snapshot."""
        at = clock.now()
        query = accept(
            work.query,
            trust=self._credentials.trust,
            hospital=self._member.id,
            at=at,
            nonce_used_by=self._nonce_used_by,
            adopted=self._adopted,
        )
        opened = self._opened(query, work.query, self._vault.pin(query.dataset))
        accepted = Accepted(
            query=work.id.query,
            nonce=query.nonce,
            envelope=envelope_to_bytes(work.query),
            dataset=query.dataset,
            snapshot=opened.snapshot.number,
        )
        with self._transaction() as connection:
            queries.remember(connection, accepted, at=at)
            log.append(connection, opened.event, at=at)
        return opened

    def _reopen(self, accepted: Accepted) -> Opened:
        """Take up a query that was accepted before, with the snapshot of then."""
        if accepted.state is not State.ACCEPTED:
            raise WardnetError(Reason.ROUNDS_DIVERGED, rule="the query was over here before")
        envelope = envelope_from_bytes(accepted.envelope)
        query = from_bytes(envelope.payload)
        return self._opened(query, envelope, self._vault.pin(query.dataset, accepted.snapshot))

    def _opened(self, query: Query, envelope: Envelope, snapshot: Snapshot) -> Opened:
        session = Session(
            query,
            digest=canonical.digest(envelope.payload),
            dictionary=snapshot.dictionary,
        )
        event = of_query(self._member, query=query, envelope=envelope, snapshot=snapshot.id)
        return Opened(query, session, snapshot, event)

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        """Run a transaction that takes the acknowledgements along."""
        with self._catalog.transaction() as connection:
            for work_id in self._acknowledged:
                outbox.acknowledge(connection, work_id)
            yield connection
        self._acknowledged.clear()

    def _nonce_used_by(self, nonce: str) -> str | None:
        with self._catalog.reading() as connection:
            return queries.nonce_used_by(connection, nonce)

    def _adopted(self, dataset: str) -> str | None:
        return {item.name: item.dictionary for item in self.held()}.get(dataset)

"""The desk: every decision and release of this hospital, durable together with its log entry.

No log, no release: what leaves goes into the access log and the outbox in one transaction, and is
sent only after its fsync, which it shares with what was decided at the same time.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

from wardnet import canonical, clock
from wardnet.audit import cosigned, log, receipt
from wardnet.audit.entry import Entry, Event, EventType
from wardnet.audit.log import Connection
from wardnet.errors import Reason, WardnetError
from wardnet.identity.credentials import Credentials
from wardnet.identity.envelope import Envelope
from wardnet.transport.convert import envelope_to_bytes
from wardnet.transport.work import Work, WorkId
from wardnet_node import messages, outbox, usage
from wardnet_node.desk import queries, retention, studies
from wardnet_node.desk.accept import Refused, check_attempt
from wardnet_node.desk.anchor import Anchor
from wardnet_node.desk.decide import Decisions
from wardnet_node.desk.events import by_operator, of_explanation, of_refusal
from wardnet_node.desk.gate import Gate, Opened
from wardnet_node.desk.queries import Accepted, State
from wardnet_node.messages import Held
from wardnet_node.outbox import Result
from wardnet_node.vault import models
from wardnet_node.vault.catalog import Catalog
from wardnet_node.vault.summary import DatasetSummary
from wardnet_node.vault.vault import Vault


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
        self.decisions = Decisions(catalog, credentials=credentials)
        self._catalog = catalog
        self._vault = vault
        self._credentials = credentials
        self._member = credentials.member
        self._anchor = Anchor(catalog.path)
        self._gate = Gate(
            catalog=catalog, vault=vault, decisions=self.decisions, credentials=credentials
        )
        self._acknowledged = outbox.Acknowledged()
        self._started = False

    @contextmanager
    def together(self) -> Iterator[None]:
        """Make all that is decided in the block durable at its end, or none of it."""
        try:
            with self._catalog.together():
                yield
        except BaseException:
            self.decisions.forget()  # it may have read what is not there now
            raise

    def start(self) -> int:
        """Record that the daemon has started and return its epoch, above every one before.

        A node whose log has lost its end starts too: it asks its witnesses what they have seen of
        it, and refuses every question (`locked`).
        """
        at = clock.now()
        if self.locked() is None:
            # First the anchor: once the catalog says that it was served, there is one.
            self._write_anchor()
        with self._anchored() as connection:
            # The clock's, so that a catalog that was put back does not begin below what was.
            connection.execute(
                "INSERT INTO node (key, value) VALUES ('epoch', ?) ON CONFLICT (key)"
                " DO UPDATE SET value ="
                " max(CAST(value AS INTEGER) + 1, CAST(excluded.value AS INTEGER))",
                (int(at.timestamp()),),
            )
            row = connection.execute("SELECT value FROM node WHERE key = 'epoch'").fetchone()
            log.append(connection, by_operator(self._member, EventType.STARTED), at=at)
        self._started = True
        return int(row[0])

    def locked(self) -> WardnetError | None:
        """Return why every question is refused until two stewards act; None when none is."""
        shut = self._gate.shut(at=clock.now())
        return next((error for error in shut if error.reason is Reason.NODE_LOCKED), None)

    def heed(self, damage: WardnetError | None) -> WardnetError | None:
        """Take what the log, computed anew, has shown (`gate.damage`); return as `locked`."""
        self._gate.heed(damage)
        return self.locked()

    def expire(self, *, years: int) -> None:
        """Erase what the log says of patients once its time is over."""
        retention.expire(self._catalog, self._member, years=years)

    def clock_stepped(self, by: timedelta) -> None:
        """Record that the machine's clock was moved, forward or back."""
        event = by_operator(self._member, EventType.CLOCK_STEP)
        moved = canonical.encode({"seconds": round(by.total_seconds())}).decode()
        with self._transaction() as connection:
            log.append(connection, replace(event, statement=moved), at=clock.now())

    def stop(self) -> None:
        """Record that the daemon ends, if it had started, and close the catalog."""
        if self._started:
            with self._anchored() as connection:
                log.append(connection, by_operator(self._member, EventType.STOPPED), at=clock.now())
        self._catalog.close()

    def held(self) -> tuple[Held, ...]:
        """Return the datasets that can be asked here: loaded, not damaged, and our own."""
        return tuple(
            Held(summary.name, summary.dictionary)
            for summary in self.datasets()
            if summary.snapshot and not summary.damage and not summary.share
        )

    def datasets(self) -> tuple[DatasetSummary, ...]:
        """Return all datasets, asked or not."""
        return self._vault.datasets()

    def changes(self) -> int:
        """Return a number that changes when another process has written to the catalog."""
        with self._catalog.reading() as connection:
            return int(connection.execute("PRAGMA data_version").fetchone()[0])

    def take_up(self, work_id: WorkId, *, opened: Opened | None) -> Result | None:
        """Return what was made for some work, if anything ever was; what was not kept may be made.

        Parameters
        ----------
        opened : Opened or None
            The query, where it was opened before: it is decided on again, with what the hospital
            knows now.

        Raises
        ------
        Refused
            With every reason, e.g. when the agreement was revoked in mid-query.
        """
        self._acknowledged.asked(work_id)
        with self._catalog.reading() as connection:
            made = outbox.find(connection, str(work_id))
        if opened is not None and (made is None or made.digest):
            self._gate.check(opened)
        return made

    def unacknowledged(self) -> tuple[Result, ...]:
        """Return the results that the coordinator may not have."""
        with self._catalog.reading() as connection:
            return outbox.unacknowledged(connection)

    def acknowledge(self, work_id: str) -> None:
        """Drop the message of a result that is durable at the coordinator.

        The next transaction takes it along: if it is lost, the result is only sent once more.
        """
        self._acknowledged.result(work_id)

    def end(self, query: str) -> None:
        """Record that a query has ended: nothing is computed for it again."""
        with self._transaction() as connection:
            outbox.close(connection, query)
            queries.leave(connection, query, State.ENDED)

    def explain(self, envelope: Envelope) -> tuple[WardnetError, ...]:
        """Return every reason why a query would be refused; nothing but the log entry stays."""
        at = clock.now()
        reasons: tuple[WardnetError, ...] = ()
        try:
            self._gate.first(envelope, at=at)
        except Refused as refused:
            reasons = refused.reasons
        event = of_explanation(self._credentials, envelope=envelope, reasons=reasons)
        with self._transaction() as connection:
            log.append(connection, event, at=at)
        return reasons

    def open(self, work: Work) -> Opened:
        """Return the query of some work at its beginning; at its first sight, decide on it.

        Raises
        ------
        Refused
            With every reason, from `accept`.
        WardnetError
            What `check_attempt` refuses; `ROUNDS_DIVERGED` when the query was over before.
        """
        with self._catalog.reading() as connection:
            accepted = queries.find(connection, work.id.query)
        if accepted is None:
            opened = self._accept(work)
        else:
            opened = self._gate.again(accepted)
            self._gate.check(opened)
        check_attempt(opened.query, hospital=self._member.id, hospitals=work.hospitals)
        return opened

    def release(
        self,
        work_id: WorkId,
        *,
        opened: Opened,
        message: bytes | Callable[[Envelope], bytes],
        transcripts: Sequence[str],
        event: Event,
        digest: str = "",
        answer: bytes = b"",
        own: bytes = b"",
        microseconds: int = 0,
    ) -> Result | None:
        """Make a result durable, with its log entry and the totals that it rests on.

        Parameters
        ----------
        opened : Opened
            The query; it is decided on once more, in the same transaction.
        message : bytes or Callable
            What will be sent, to the byte: a part; or an answer, made from the signed promise
            where it stands in the log.
        transcripts : Sequence of str
            Digest of all totals before round 0, 1, ..., this one.
        event : Event
            What the log says about it.
        digest : str
            Of a part's sums, under a key of this hospital.
        answer : bytes
            The answer that is in the message, to be shown to auditors who were granted that.
        own : bytes
            The weights that its model has of this hospital alone; they are kept and never sent.
        microseconds : int
            How long it took to compute; for the hospital itself.

        Returns
        -------
        Result or None
            None when the query has ended meanwhile; nothing is released then.

        Raises
        ------
        Refused
            As `take_up`; nothing is recorded then.
        WardnetError
            `ROUNDS_DIVERGED` when this query has seen other totals; nothing is recorded then.
        """
        self._acknowledged.asked(work_id)
        with self._transaction() as connection:
            if not self._goes_on(connection, work_id, opened=opened, transcripts=transcripts):
                return None
            if answer:
                queries.keep_answer(connection, work_id.query, answer)
            if own and self._vault.holds(opened.snapshot):
                named = canonical.digest(answer)
                models.keep_own(connection, named, own, dataset=opened.query.dataset)
            at = clock.now()
            entry = log.append(connection, event, at=at)
            if isinstance(message, bytes):
                result = Result(str(work_id), message)
                kept = outbox.of_part(result, digest=digest)
            else:  # sealed with a random key, it is never the same again
                kept = result = Result(str(work_id), message(self._promise(connection, entry)))
            outbox.put(connection, kept, query=work_id.query)
            usage.note_spent(
                connection, opened.query, event=event, at=at, microseconds=microseconds
            )
        return result

    def recall(self, work_id: WorkId, *, opened: Opened, transcripts: Sequence[str]) -> bool:
        """Say whether a part that was made again is still waited for; it has its log entry.

        Parameters
        ----------
        opened, transcripts
            As `release` takes them: it is decided on like a new one.

        Raises
        ------
        Refused, WardnetError
            As `release`.
        """
        with self._transaction() as connection:
            made = outbox.find(connection, str(work_id))
            if made is None or made.acknowledged:
                return False
            return self._goes_on(connection, work_id, opened=opened, transcripts=transcripts)

    def _goes_on(
        self,
        connection: Connection,
        work_id: WorkId,
        *,
        opened: Opened,
        transcripts: Sequence[str],
    ) -> bool:
        """Decide on a query once more, and on the totals that it has seen; False if it ended."""
        accepted = queries.find(connection, work_id.query)
        if accepted is None or accepted.state is not State.ACCEPTED:
            return False
        self._gate.check(opened)
        queries.remember_steps(
            connection, work_id.query, attempt=work_id.attempt, transcripts=transcripts
        )
        return True

    def refuse(self, work: Work, reasons: Sequence[WardnetError]) -> Result | None:
        """Make a refusal durable; it ends the query here.

        Returns
        -------
        Result or None
            What is sent: what was kept for this work before, if it was; None when nobody waits.
        """
        result = Result(str(work.id), messages.refusal(work.id, reasons))
        event = of_refusal(self._credentials, work=work, reasons=reasons)
        with self._transaction() as connection:
            made = outbox.find(connection, result.work_id)
            if made is None:
                outbox.put(connection, result, query=work.id.query)
            elif made.digest:
                outbox.exchange(connection, result)
            else:
                return None if made.acknowledged else made
            queries.leave(connection, work.id.query, State.REFUSED)
            log.append(connection, event, at=clock.now())
        return result

    def _promise(self, connection: Connection, entry: Entry) -> Envelope:
        """Sign where an entry about a query stands in the log."""
        return receipt.promise(
            connection,
            entry.seq,
            origin=cosigned.origin(connection, self._member.uri),
            request_digest=entry.request_digest or "",
            signer=self._credentials.signer,
        )

    def _accept(self, work: Work) -> Opened:
        """Decide on a query at its first sight, and bind it to the present snapshot."""
        at = clock.now()
        opened = self._gate.first(work.query, at=at)
        accepted = Accepted(
            query=work.id.query,
            nonce=opened.query.nonce,
            envelope=envelope_to_bytes(work.query),
            dataset=opened.query.dataset,
            snapshot=opened.snapshot.number,
            decided=clock.to_moment(at),
        )
        with self._anchored() as connection:
            queries.remember(connection, accepted)
            studies.remember_use(
                connection,
                opened.query.study,
                question=opened.permitted.question,
                query=work.id.query,
            )
            log.append(connection, opened.event, at=at)
        return opened

    @contextmanager
    def _anchored(self) -> Iterator[Connection]:
        """Run a transaction, and remember outside the catalog how far the durable log goes.

        Of a log that has lost its end, what is remembered stays.
        """
        locked = self.locked()
        with self._transaction() as connection:
            yield connection
        if locked is None:
            self._catalog.afterwards(self._write_anchor)

    def _write_anchor(self) -> None:
        with self._catalog.reading() as connection:
            head = log.head(connection)
        self._anchor.write(head)

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        """Run a transaction that takes the acknowledgements along."""
        with self._catalog.transaction() as connection:
            self._acknowledged.take_along(connection)
            yield connection
        self._acknowledged.clear()

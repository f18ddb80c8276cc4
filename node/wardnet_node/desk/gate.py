"""The gate: which queries may be done, and whether they still may; it only decides."""

from dataclasses import dataclass, replace
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from wardnet import clock
from wardnet.agreement.permission import judge
from wardnet.audit import checkpoint, cosigned, disputes
from wardnet.audit.entry import Event
from wardnet.audit.log import Connection
from wardnet.errors import Reason, WardnetError
from wardnet.identity.credentials import Credentials
from wardnet.identity.envelope import Envelope
from wardnet.question.query import Query
from wardnet.statistics.session import Session
from wardnet.transport.convert import envelope_from_bytes
from wardnet_node.desk import queries
from wardnet_node.desk.accept import Permitted, Refused, Sources, accept, take_up
from wardnet_node.desk.anchor import Anchor
from wardnet_node.desk.decide import Decisions
from wardnet_node.desk.events import of_query
from wardnet_node.desk.queries import Accepted, State
from wardnet_node.vault.catalog import Catalog
from wardnet_node.vault.snapshot import Snapshot
from wardnet_node.vault.vault import Vault


@dataclass(frozen=True, slots=True)
class Opened:
    """Hold an accepted query at its beginning.

    Parameters
    ----------
    permitted : Permitted
        What may be done, with its session and its rows.
    started : datetime
        When it was accepted.
    event : Event
        What every log entry about it says.
    """

    permitted: Permitted
    started: datetime
    event: Event

    @property
    def query(self) -> Query:
        """Return the query as its researcher signed it."""
        return self.permitted.request.query

    @property
    def session(self) -> Session:
        """Return where the query stands."""
        return self.permitted.session

    @property
    def snapshot(self) -> Snapshot:
        """Return the rows that it sees, in every round and attempt."""
        return self.permitted.snapshot


def damage(connection: Connection, *, key: Ed25519PublicKey) -> WardnetError | None:
    """Compute the whole log anew: who edits an entry leaves every stored hash above it.

    Parameters
    ----------
    connection : Connection
        In a reading transaction; takes 3 s for a million entries.
    key : Ed25519PublicKey
        The hospital's, by which its checkpoints are signed.

    Returns
    -------
    WardnetError or None
        Why every question is refused.
    """
    try:
        checkpoint.verify(connection, key=key)
    except WardnetError as error:
        seq, rule = error.details.get("line"), error.details.get("rule", str(error))
        return WardnetError(Reason.NODE_LOCKED, rule=f"entry {seq}, {rule}" if seq else rule)
    return None


class Gate:
    """Decide on queries with what the hospital knows at that moment.

    Parameters
    ----------
    catalog : Catalog
        Knows the nonces.
    vault : Vault
        Holds the datasets.
    decisions : Decisions
        What the stewards have signed.
    credentials : Credentials
        The hospital's.
    """

    def __init__(
        self, *, catalog: Catalog, vault: Vault, decisions: Decisions, credentials: Credentials
    ) -> None:
        self._catalog = catalog
        self._vault = vault
        self._decisions = decisions
        self._credentials = credentials
        self._anchor = Anchor(catalog.path)
        self._damage: WardnetError | None = None
        self._read = 0
        self._whole = False
        self._sources = Sources(
            view=lambda question: decisions.view(question=question),
            snapshot=vault.pin,
            nonce_used_by=self._nonce_used_by,
            known_since=self._known_since,
        )

    def first(self, envelope: Envelope, *, at: datetime) -> Opened:
        """Decide on a query at its first sight, on the present rows.

        Raises
        ------
        Refused
            With every reason, from `accept`.
        """
        trust, shut = self._credentials.trust, self.shut(at=at)
        try:
            permitted = accept(envelope, trust=trust, at=at, sources=self._sources)
        except Refused as refused:
            raise Refused([*shut, *refused.reasons]) from refused
        if shut:
            raise Refused(shut)
        return self._opened(permitted, envelope, at)

    def again(self, accepted: Accepted) -> Opened:
        """Take up a query that was accepted before, with the rows of then.

        Raises
        ------
        WardnetError
            `ROUNDS_DIVERGED` when it was over here before; what `take_up` refuses.
        """
        if accepted.state is not State.ACCEPTED:
            raise WardnetError(Reason.ROUNDS_DIVERGED, rule="the query was over here before")
        envelope = envelope_from_bytes(accepted.envelope)
        snapshot = self._vault.pin(accepted.dataset, accepted.snapshot)
        permitted = take_up(envelope, snapshot=snapshot)
        return self._opened(permitted, envelope, clock.from_moment(accepted.decided))

    def check(self, opened: Opened) -> None:
        """Decide again on an accepted query.

        Raises
        ------
        Refused
            With every reason, e.g. when the agreement was revoked in mid-query.
        """
        permitted = opened.permitted
        view = self._decisions.view(question=permitted.question)
        at = clock.now()
        reasons = judge(permitted.request, view=view, at=at, started=opened.started)
        reasons = (*self.shut(at=at), *reasons)
        if self._vault.is_dropped(opened.snapshot):  # workers may still hold its rows
            dropped = WardnetError(Reason.DATASET_UNAVAILABLE, dataset=opened.snapshot.dataset)
            reasons = (*reasons, dropped)
        if reasons:
            raise Refused(reasons)

    def shut(self, *, at: datetime) -> tuple[WardnetError, ...]:
        """Return why no question at all may be answered: because of the access log."""
        with self._catalog.reading() as connection:
            # 1. The log is whole; once that is certain, only witnesses can know better.
            if not self._whole or disputes.is_disputed(connection):
                broken = self._broken(connection)
                self._whole = broken is None
                if broken is not None:
                    return (broken,)
            # 2. Others vouch for it.
            if cosigned.coverage(connection).is_stale(at):
                return (WardnetError(Reason.LOG_STALE, hospital=self._credentials.member.id),)
        return ()

    def _broken(self, connection: Connection) -> WardnetError | None:
        """Return what is wrong with the log: its end is gone, or what is there was changed."""
        gap = self._anchor.gap(connection)
        if gap is not None:
            return gap.error
        # Stewards who unlock begin the log anew: what was found before may be set right by that.
        if self._read != (number := cosigned.number(connection)):
            self._damage = damage(connection, key=self._credentials.signer.key.public_key())
            self._read = number
        return self._damage

    def heed(self, found: WardnetError | None) -> None:
        """Look at the log's end again, and answer nothing any more where the log was damaged.

        Parameters
        ----------
        found : WardnetError or None
            What `damage` has returned since.
        """
        self._whole = False
        self._damage = self._damage or found

    def _opened(self, permitted: Permitted, envelope: Envelope, started: datetime) -> Opened:
        query = permitted.request.query
        event = of_query(
            self._credentials.member,
            query=query,
            envelope=envelope,
            snapshot=permitted.snapshot.id,
        )
        actor = replace(event.actor, organisation=self._organisation(query))
        return Opened(permitted, started, replace(event, actor=actor))

    def _organisation(self, query: Query) -> str | None:
        """Return who answers for the researcher, as the study says."""
        for held in self._decisions.view().agreements:
            if held.study.digest == query.study:
                for person in held.study.people:
                    if person.id == query.researcher:
                        return person.organisation
        return None

    def _nonce_used_by(self, nonce: str) -> str | None:
        with self._catalog.reading() as connection:
            return queries.nonce_used_by(connection, nonce)

    def _known_since(self) -> str:
        with self._catalog.reading() as connection:
            return queries.known_since(connection)

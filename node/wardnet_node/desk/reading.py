"""Reading the log at the desk: within what is granted, and logged before anything is shown."""

import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from typing import Final, TypeVar

from wardnet import canonical, clock
from wardnet.audit import bundle as bundles
from wardnet.audit import checkpoint as checkpoints
from wardnet.audit import cosigned as witnessing
from wardnet.audit import log, note, verifier
from wardnet.audit.bundle import Bundle
from wardnet.audit.entry import (
    Actor,
    Entry,
    Event,
    EventType,
    Outcome,
    from_stored,
    refused,
)
from wardnet.audit.export import EXPORTS, html
from wardnet.audit.log import Connection
from wardnet.audit.report import REPORTS, About, Report
from wardnet.audit.scope import Scope
from wardnet.audit.search import EVERYTHING, Search, outside, scan
from wardnet.audit.verifier import Verdict
from wardnet.errors import Reason, WardnetError
from wardnet.identity.credentials import Credentials
from wardnet.identity.member import Role
from wardnet_node.desk import queries
from wardnet_node.desk.grants import Grants
from wardnet_node.desk.reader import STEWARD, Reader, Right, Shown, cosigned, covering
from wardnet_node.vault.catalog import Catalog

T = TypeVar("T")

BUNDLE: Final = "bundle"
HTML: Final = "html"
MOST_REPORTED: Final = 4000
"""Entries that a report on the page is made of, the newest; the command has no limit."""
MOST_EXPORTED: Final = 20_000


class Reading:
    """Show the log to stewards and auditors at the desk; used from one thread only.

    Parameters
    ----------
    catalog : Catalog
        Holds the log.
    credentials : Credentials
        The hospital's; signs checkpoints.
    grants : Grants
        What auditors may read.
    tag : Callable
        Gives the keyed tag of a patient's number.
    """

    def __init__(
        self,
        catalog: Catalog,
        *,
        credentials: Credentials,
        grants: Grants,
        tag: Callable[[str], str],
    ) -> None:
        self._catalog = catalog
        self._signing = credentials.signer.key
        self._member = credentials.member
        self._grants = grants
        self._tag = tag

    def right(self, reader: Reader) -> Right:
        """Return what somebody may read now.

        Raises
        ------
        WardnetError
            `AUDIT_NOT_GRANTED`, `ROLE_REFUSED` or `STATE_DAMAGED`.
        """
        if reader.member.role is Role.STEWARD:
            return Right(STEWARD)
        if reader.member.role is not Role.AUDITOR:
            raise WardnetError(Reason.ROLE_REFUSED, role=reader.member.role)
        granted = self._grants.in_force(reader.member.id, key=reader.key, at=clock.now())
        return Right(granted.grant.scope or Scope(), granted)

    def patient_tag(self, reader: Reader, patient: str) -> str:
        """Return the tag by which a patient's entries are found; the number goes no further.

        Raises
        ------
        WardnetError
            `AUDIT_OUTSIDE_GRANT`, logged.
        """
        tag = self._tag(patient)
        with self._logged(reader, "desk patient", Search(tag=tag)):
            return tag

    def search(self, reader: Reader, wanted: Search, *, limit: int) -> tuple[Entry, ...]:
        """Return the newest entries that are wanted and granted, newest first."""
        with self._logged(reader, "desk search", wanted) as right:
            return self._read(lambda connection: _scan(connection, wanted, right, limit=limit))

    def entry(self, reader: Reader, seq: int) -> Shown:
        """Return one entry and what proves it.

        Raises
        ------
        WardnetError
            `PAGE_UNKNOWN` when there is none, or none within the grant; logged.
        """
        with self._logged(reader, "desk entry", _only(seq)) as right:
            (entry,) = self._only(seq, right)
            proved, checkpoint = self._proved(
                [seq], lambda bundle: (next(iter(bundle.entries)), bundle.checkpoint)
            )
        signed = note.parse(checkpoint)
        held = right.scope.answers and entry.type is EventType.QUERY_ANSWER
        return Shown(
            entry=entry,
            proved=proved,
            checkpoint=checkpoints.parse(signed.text),
            cosigned=cosigned(signed),
            fingerprint=note.fingerprint(self._signing.public_key()),
            answer=held and self._answer(entry) is not None,
        )

    def answer(self, reader: Reader, seq: int) -> bytes:
        """Return the answer that an entry says was released.

        Raises
        ------
        WardnetError
            `AUDIT_OUTSIDE_GRANT`, `PAGE_UNKNOWN` or `ANSWER_NOT_KEPT`; logged.
        """
        with self._logged(reader, "desk answer", _only(seq), answer=True) as right:
            (entry,) = self._only(seq, right)
            answer = self._answer(entry)
            if entry.type is not EventType.QUERY_ANSWER or answer is None:
                query = (entry.request_digest or "")[:64]
                raise WardnetError(Reason.ANSWER_NOT_KEPT, hospital=self._member.id, query=query)
            return answer

    def verify(self, reader: Reader, seq: int | None, *, fingerprint: str) -> Verdict:
        """Check an entry, or the whole log, as anybody could who holds the bundle.

        Parameters
        ----------
        seq : int or None
            Which entry; None for all of them.
        fingerprint : str
            Of the log's key, as the reader knows it from elsewhere; may be empty.

        Raises
        ------
        WardnetError
            As `verifier.verify` and `gather`, `PAGE_UNKNOWN`, or `AUDIT_OUTSIDE_GRANT` for a whole
            log that is granted in part; logged.
        """
        wanted = EVERYTHING if seq is None else _only(seq)
        with self._logged(reader, "desk verify", wanted) as right:
            if seq is None and not right.scope.whole:
                raise self._outside(field="log")
            seqs = None if seq is None else [self._only(seq, right)[0].seq]
            pins = {self._member.uri: fingerprint} if fingerprint else {}
            known = self._read(witnessing.pinned)
            return self._proved(
                seqs, lambda bundle: verifier.verify(bundle, logs=pins, witnesses=known)
            )

    def report(self, reader: Reader, name: str, wanted: Search) -> tuple[Report, bool]:
        """Return a report, and whether older entries were left out."""
        with self._logged(reader, f"desk report {name}", wanted) as right:
            found = self._many(wanted, right, limit=MOST_REPORTED + 1)
            more = len(found) > MOST_REPORTED
            whole = right.scope.whole and wanted == EVERYTHING and not more
            about = self._about(wanted, complete=whole)
            return REPORTS[name].make(found[:MOST_REPORTED], about), more

    def export(self, reader: Reader, form: str, wanted: Search) -> bytes:
        """Return the newest entries that are wanted in another form; only a bundle is evidence."""
        stream = io.BytesIO()
        with self._logged(reader, f"desk export {form}", wanted) as right:
            found = self._many(wanted, right, limit=MOST_EXPORTED)
            if form == BUNDLE:
                whole = right.scope.whole and wanted == EVERYTHING and len(found) < MOST_EXPORTED
                seqs = None if whole else [entry.seq for entry in found]
                self._proved(seqs, lambda bundle: bundles.write(bundle, stream))
            elif form == HTML:
                html.write(found, stream, self._about(wanted, complete=False))
            else:
                EXPORTS[form].write(found, stream)
        return stream.getvalue()

    def _proved(self, seqs: Sequence[int] | None, use: Callable[[Bundle], T]) -> T:
        """Use entries with their proofs; the whole log under a checkpoint of now."""
        newest = None if seqs is None else max(seqs, default=1)
        size = self._read(lambda connection: covering(connection, newest))
        if not size:
            uri, key, at = self._member.uri, self._signing, clock.now()
            with self._catalog.transaction() as connection:
                witnessing.sign(connection, owner=uri, key=key, at=at)
        public = self._signing.public_key()
        return self._read(
            lambda connection: use(
                witnessing.gather(connection, seqs, key=public, size=size or None)
            )
        )

    def _about(self, wanted: Search, *, complete: bool) -> About:
        """Return what a report needs to know besides the entries."""
        found = self._read(witnessing.coverage)
        return About(
            at=clock.to_moment(clock.now()),
            patient=frozenset({wanted.tag}) if wanted.tag else frozenset(),
            complete=complete,
            covered={self._member.uri: found.covered} if found.peers else {},
        )

    def _only(self, seq: int, right: Right) -> tuple[Entry, ...]:
        found = self._read(lambda connection: _scan(connection, _only(seq), right, limit=1))
        if not found:
            raise WardnetError(Reason.PAGE_UNKNOWN)
        return found

    def _many(self, wanted: Search, right: Right, *, limit: int) -> tuple[Entry, ...]:
        with self._catalog.reading() as connection:
            found = scan(connection, wanted, within=right.scope, limit=limit, read=from_stored)
            return tuple(found)

    def _answer(self, entry: Entry) -> bytes | None:
        return self._read(
            lambda connection: queries.kept_answer(connection, entry.request_digest or "")
        )

    def _read(self, job: Callable[[Connection], T]) -> T:
        with self._catalog.reading() as connection:
            return job(connection)

    @contextmanager
    def _logged(
        self, reader: Reader, operation: str, wanted: Search, *, answer: bool = False
    ) -> Iterator[Right]:
        """Log the reading, refused or done; what was read leaves only after that."""
        event = self._event(reader, operation, wanted)
        try:
            right = self.right(reader)
            if right.granted is not None:
                event = replace(
                    event,
                    agreement=canonical.digest(right.granted.envelope.payload),
                    agreement_version=right.granted.grant.number,
                )
            field = outside(right.scope, wanted, answer=answer)
            if field:
                raise self._outside(field=field)
            yield right
        except WardnetError as error:
            self._append(refused(event, [error]))
            raise
        self._append(event)

    def _append(self, event: Event) -> None:
        with self._catalog.transaction() as connection:
            log.append(connection, event, at=clock.now())

    def _event(self, reader: Reader, operation: str, wanted: Search) -> Event:
        steward = reader.member.role is Role.STEWARD
        actor = Actor(
            subject=reader.member.uri,
            organisation=self._member.id if steward else None,
            role=reader.member.role.value,
        )
        return Event(
            type=EventType.LOG_READ,
            outcome=Outcome.DONE,
            node=self._member.uri,
            actor=actor,
            peer_address=reader.address,
            operation=operation,
            parameter_digest=canonical.digest(canonical.encode(asdict(wanted))),
            dataset=wanted.dataset or None,
            recipient=reader.member.uri,
            patient_tags=(wanted.tag,) if wanted.tag else (),
        )

    def _outside(self, *, field: str) -> WardnetError:
        hospital, rule = self._member.id, "it is not granted"
        return WardnetError(Reason.AUDIT_OUTSIDE_GRANT, hospital=hospital, field=field, rule=rule)


def _only(seq: int) -> Search:
    return Search(after=max(seq, 1) - 1, before=max(seq, 1) + 1)


def _scan(connection: Connection, wanted: Search, right: Right, *, limit: int) -> tuple[Entry, ...]:
    return tuple(scan(connection, wanted, within=right.scope, limit=limit))

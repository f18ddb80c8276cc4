"""What a granted auditor is shown: checked, logged and on disk before it leaves, and sealed.

Every request is itself an entry of the log, the refused ones too.
"""

import hashlib
import io
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final, Self

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from wardnet import canonical, clock
from wardnet.agreement.address_book import key_of
from wardnet.audit import bundle as bundles
from wardnet.audit import checkpoint, cosigned, log, note, tags
from wardnet.audit import request as requests
from wardnet.audit.entry import Actor, Entry, Event, EventType, Outcome
from wardnet.audit.log import Connection
from wardnet.audit.request import Action, Question, Reply, Request
from wardnet.audit.scope import Scope
from wardnet.audit.search import Search, outside, scan
from wardnet.errors import Reason, WardnetError
from wardnet.identity.credentials import Credentials
from wardnet.identity.envelope import Envelope, sign, verify
from wardnet.identity.keystore import Keystore
from wardnet.identity.member import Member, Role
from wardnet.sealing import hpke
from wardnet.transport.convert import envelope_to_bytes
from wardnet_node.desk import queries
from wardnet_node.desk.decide import Decisions
from wardnet_node.desk.events import signer
from wardnet_node.desk.grants import Granted, Grants, question_key
from wardnet_node.vault.catalog import Catalog

PAGE_BYTES: Final = 1 << 20

MOST_TAGGED: Final = 100_000
"""Patients whom the entries of one reply name together: seven megabytes of tags."""
LONGEST: Final = timedelta(hours=1)
"""How long a request may count."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """Hold a request that may be answered.

    Parameters
    ----------
    request : Request
        As it was signed.
    digest : str
        SHA-256 of its bytes.
    question : Question
        What it looks for, with the patient's tag in place of the number.
    granted : Granted
        What allows it.
    """

    request: Request
    digest: str
    question: Question
    granted: Granted

    @property
    def scope(self) -> Scope:
        """Return what may be read."""
        return self.granted.grant.scope or Scope()


@dataclass(frozen=True, slots=True)
class _Body:
    """Hold what a reply says.

    Parameters
    ----------
    data : bytes
        All of it.
    size, next : int
        As `Reply` has them.
    consistency
        As `Reply` has it.
    """

    data: bytes
    size: int = 0
    next: int = 0
    consistency: tuple[str, ...] = ()


class Auditors:
    """Answer auditors; used from one thread only.

    Parameters
    ----------
    catalog : Catalog
        Holds the log.
    credentials : Credentials
        The hospital's.
    grants : Grants
        Who may read what.
    questions : X25519PrivateKey
        Opens what auditors look for.
    tag : Callable
        Gives the keyed tag of a patient's number.
    """

    def __init__(
        self,
        catalog: Catalog,
        *,
        credentials: Credentials,
        grants: Grants,
        questions: X25519PrivateKey,
        tag: Callable[[str], str],
    ) -> None:
        self._catalog = catalog
        self._credentials = credentials
        self._member = credentials.member
        self._grants = grants
        self._questions = questions
        self._tag = tag

    @classmethod
    def open(cls, home: Path, keystore: Keystore, credentials: Credentials) -> Self:
        """Open all that it needs, with a catalog of its own."""
        catalog = Catalog.open(home, keystore)
        questions = question_key(keystore)
        return cls(
            catalog,
            credentials=credentials,
            grants=Grants(
                catalog,
                credentials=credentials,
                decisions=Decisions(catalog, credentials=credentials),
                questions=questions,
            ),
            questions=questions,
            tag=partial(tags.tag, keystore.derive(tags.PURPOSE)),
        )

    def close(self) -> None:
        """Close the catalog."""
        self._catalog.close()

    def answer(self, envelope: Envelope) -> tuple[bytes, ...]:
        """Return the sealed pages of a reply; the reading is on disk by then.

        Raises
        ------
        WardnetError
            `SIGNATURE_INVALID`, `ROLE_REFUSED`, `MALFORMED`, `QUERY_NOT_FOR_US`, `QUERY_EXPIRED`,
            `QUERY_REPLAYED`, `AUDIT_NOT_GRANTED`, `AUDIT_OUTSIDE_GRANT` or `ANSWER_NOT_KEPT`;
            logged.
        """
        at = clock.now()
        event = Event(
            type=EventType.LOG_READ,
            outcome=Outcome.DONE,
            node=self._member.uri,
            actor=Actor(subject="unknown"),
            request_digest=canonical.digest(envelope.payload),
        )
        with self._refusals_logged() as known:
            known.append(event)
            auditor = self._check_signature(envelope, at=at)
            known.append(replace(event, actor=signer(envelope), recipient=auditor.uri))
            asked = self._check(envelope, auditor, at=at)
            known.append(_about(known[-1], asked))
            body = self._read(asked, event=known[-1], at=at)
        return self._sealed(asked, body)

    def _check_signature(self, envelope: Envelope, *, at: datetime) -> Member:
        kind, trust = requests.PAYLOAD_TYPE, self._credentials.trust
        members = verify(envelope, payload_type=kind, trust=trust, at=at)
        if len(members) != 1 or members[0].role is not Role.AUDITOR:
            raise WardnetError(Reason.ROLE_REFUSED, role=members[0].role)
        return members[0]

    def _check(self, envelope: Envelope, auditor: Member, *, at: datetime) -> _Asked:
        # 1. It is for us, from whoever signed it, and of now.
        request = requests.from_bytes(envelope.payload)
        named = (request.network, request.hospital, request.auditor)
        if named != (self._member.network, self._member.id, auditor.id):
            raise WardnetError(Reason.QUERY_NOT_FOR_US)
        begins, ends = map(clock.from_moment, (request.not_before, request.not_after))
        if not begins <= at < ends or ends - begins > LONGEST:
            raise WardnetError(Reason.QUERY_EXPIRED)
        # 2. A steward has granted it to this key.
        key = key_of(envelope.signatures[0].certificates[0])
        granted = self._grants.in_force(auditor.id, key=key, at=at)
        # 3. What is looked for lies within the grant.
        question = self._tagged(self._open(request))
        asked = _Asked(request, canonical.digest(envelope.payload), question, granted)
        self._check_scope(asked)
        return asked

    def _open(self, request: Request) -> Question:
        if request.action is Action.GRANT:
            return Question()
        rule = "the question was not sealed for this request to this hospital"
        sealed = bytes.fromhex(request.question)
        data = hpke.open_sealed(sealed, self._questions, info=request.info, rule=rule)
        return requests.question_from_bytes(data)

    def _tagged(self, question: Question) -> Question:
        tag = self._tag(question.patient) if question.patient else ""
        return replace(question, search=replace(question.search, tag=tag))

    def _check_scope(self, asked: _Asked) -> None:
        answer = asked.request.action is Action.ANSWER
        field = outside(asked.scope, asked.question.search, answer=answer)
        if field:
            raise self._outside(field)

    def _read(self, asked: _Asked, *, event: Event, at: datetime) -> _Body:
        """Log the reading, make it durable, and only then return what is read."""
        with self._catalog.transaction() as connection:
            self._use_nonce(connection, asked.request.nonce)
            read = self._finder(connection, asked)
            log.append(connection, event, at=at)
            if not asked.question.size:
                key = self._credentials.signer.key
                cosigned.sign(connection, owner=self._member.uri, key=key, at=at)
        with self._catalog.reading() as connection:
            return read(connection)

    def _finder(self, connection: Connection, asked: _Asked) -> Callable[[Connection], _Body]:
        """Find what is wanted as the log stands; return what reads it once that is logged."""
        match asked.request.action:
            case Action.GRANT:
                body = _Body(envelope_to_bytes(asked.granted.envelope))
            case Action.ANSWER:
                body = _Body(self._kept_answer(connection, asked))
            case Action.SEARCH:
                return lambda later: self._found(later, asked)
        return lambda _: body

    def _found(self, connection: Connection, asked: _Asked) -> _Body:
        question = asked.question
        signed = checkpoint.latest(connection, before=question.size or None) or ""
        size = checkpoint.parse(note.parse(signed).text).size
        ends = min(question.search.before or size + 1, size + 1)
        wanted = replace(question.search, before=ends)
        found = scan(connection, wanted, within=asked.scope, limit=question.limit)
        seqs, more = _in_one_reply(found, limit=question.limit)
        key = self._credentials.signer.key.public_key()
        bundle = cosigned.gather(connection, seqs, key=key, size=size)
        stream = io.BytesIO()
        bundles.write(bundle, stream)
        return _Body(
            stream.getvalue(),
            size=size,
            next=seqs[-1] if more and seqs[-1] > 1 else 0,
            consistency=_consistency(connection, old=question.seen, new=size),
        )

    def _kept_answer(self, connection: Connection, asked: _Asked) -> bytes:
        query = asked.question.query
        wanted = Search(request=query, type=EventType.QUERY_ANSWER)
        if not list(scan(connection, wanted, within=asked.scope, limit=1)):
            raise self._not_kept(query)
        answer = queries.kept_answer(connection, query)
        if answer is None:
            raise self._not_kept(query)
        return answer

    def _use_nonce(self, connection: Connection, nonce: str) -> None:
        done = connection.execute("INSERT OR IGNORE INTO audit_nonces (nonce) VALUES (?)", (nonce,))
        if done.rowcount != 1:
            raise WardnetError(Reason.QUERY_REPLAYED)

    def _sealed(self, asked: _Asked, body: _Body) -> tuple[bytes, ...]:
        pages = [
            body.data[start : start + PAGE_BYTES] for start in range(0, len(body.data), PAGE_BYTES)
        ]
        reply = Reply(
            version=1,
            network=self._member.network,
            hospital=self._member.id,
            request=asked.digest,
            pages=len(pages),
            body=hashlib.sha256(body.data).hexdigest(),
            size=body.size,
            next=body.next,
            tag=asked.question.search.tag,
            consistency=body.consistency,
        )
        data = requests.reply_to_bytes(reply)
        first = sign(requests.REPLY_PAYLOAD_TYPE, data, self._credentials.signer)
        return tuple(
            hpke.seal(page, asked.request.recipient, info=self._info(asked, number))
            for number, page in enumerate([envelope_to_bytes(first), *pages])
        )

    def _info(self, asked: _Asked, number: int) -> str:
        return requests.page_info(request=asked.digest, hospital=self._member.id, number=number)

    @contextmanager
    def _refusals_logged(self) -> Iterator[list[Event]]:
        """Log a refusal with what was known by then; its last event counts."""
        known: list[Event] = []
        try:
            yield known
        except WardnetError as error:
            refused = replace(known[-1], outcome=Outcome.REFUSED, reason=error.reason)
            with self._catalog.transaction() as connection:
                log.append(connection, refused, at=clock.now())
            raise

    def _outside(self, field: str) -> WardnetError:
        hospital, rule = self._member.id, "it is not granted"
        return WardnetError(Reason.AUDIT_OUTSIDE_GRANT, hospital=hospital, field=field, rule=rule)

    def _not_kept(self, query: str) -> WardnetError:
        return WardnetError(Reason.ANSWER_NOT_KEPT, hospital=self._member.id, query=query[:64])


def _in_one_reply(found: Iterable[Entry], *, limit: int) -> tuple[list[int], bool]:
    """Return the numbers of entries that a reply can hold, and whether it was cut there."""
    seqs, tagged = list[int](), 0
    for entry in found:
        seqs.append(entry.seq)
        tagged += len(entry.patient_tags)
        if len(seqs) >= limit or tagged >= MOST_TAGGED:
            return seqs, True
    return seqs, False


def _about(event: Event, asked: _Asked) -> Event:
    """Say what is read; of a patient only the tag."""
    wanted = asked.question.search
    told = replace(asked.question, patient="")
    return replace(
        event,
        request_id=asked.request.nonce,
        operation=asked.request.action.value,
        parameter_digest=canonical.digest(requests.question_to_bytes(told)),
        agreement=canonical.digest(asked.granted.envelope.payload),
        agreement_version=asked.granted.grant.number,
        dataset=wanted.dataset or None,
        patient_tags=(wanted.tag,) if wanted.tag else (),
    )


def _consistency(connection: Connection, *, old: int, new: int) -> tuple[str, ...]:
    if not 0 < old <= new:
        return ()
    return tuple(item.hex() for item in log.consistency_proof(connection, old=old, new=new))

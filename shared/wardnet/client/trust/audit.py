"""Read the logs of hospitals that have granted it; nothing rests on the coordinator's word.

with connect() as network:
    found = network.audit(Pins(home)).search("north", Search(dataset="cardiology"))
    print(found.verdict.proven)
"""

import hashlib
import io
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from time import sleep
from typing import Final, NoReturn

from wardnet import canonical, clock
from wardnet.audit import bundle as bundles
from wardnet.audit import checkpoint, entry, note, verifier
from wardnet.audit import grant as grants
from wardnet.audit import request as requests
from wardnet.audit.bundle import Bundle, Proved
from wardnet.audit.entry import Entry, EventType
from wardnet.audit.grant import Grant
from wardnet.audit.request import MOST_ENTRIES, Action, Question, Reply, Request
from wardnet.audit.search import EVERYTHING, Search
from wardnet.audit.tree import leaf_hash, verify_inclusion
from wardnet.audit.verifier import Verdict
from wardnet.client.connection import Connection
from wardnet.client.trust.continuity import continued
from wardnet.client.trust.pins import Pins
from wardnet.errors import Reason, WardnetError
from wardnet.identity.envelope import verify
from wardnet.identity.member import Member, Role
from wardnet.question import answer as answers
from wardnet.question.answer import Answer
from wardnet.sealing import hpke
from wardnet.transport.convert import envelope_from_bytes, envelope_to_wire
from wardnet.wire.v1 import audit_pb2, audit_pb2_grpc

DEADLINE_SECONDS: Final = 120.0
LASTS: Final = timedelta(minutes=10)
EARLY: Final = timedelta(minutes=5)
"""How far the hospital's clock may be behind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Hold entries of one log that were verified.

    Parameters
    ----------
    bundle : Bundle
        What proves them; may be written to a file.
    verdict : Verdict
        What is proven and what is not.
    entries : tuple of Entry
        By rising number.
    tag : str
        The keyed tag of the patient that was named.
    more : bool
        Whether the search was cut off at its limit.
    """

    bundle: Bundle
    verdict: Verdict
    entries: tuple[Entry, ...]
    tag: str = ""
    more: bool = False


class Audit:
    """Ask hospitals for what they have granted.

    Parameters
    ----------
    connection : Connection
        An auditor's, to the coordinator.
    pins : Pins
        What logs are held against.
    """

    def __init__(self, connection: Connection, pins: Pins) -> None:
        self._connection = connection
        self._pins = pins
        self._stub = audit_pb2_grpc.AuditServiceStub(connection.channel)
        self._grants: dict[str, Grant] = {}

    def grant(self, hospital: str) -> Grant:
        """Return what a hospital has granted me, as its steward and its node signed it.

        Raises
        ------
        WardnetError
            `AUDIT_NOT_GRANTED`, `HOSPITAL_AWAY` or `SIGNATURE_INVALID`.
        """
        if hospital not in self._grants:
            _, body = self._ask(hospital, Action.GRANT, sealed=None)
            envelope, trust = envelope_from_bytes(body), self._connection.trust
            kind, at = grants.PAYLOAD_TYPE, clock.now()
            if self._node(hospital) not in verify(envelope, payload_type=kind, trust=trust, at=at):
                _refuse(f"{hospital} did not sign this grant")
            grant = grants.from_bytes(envelope.payload)
            member = self._connection.member
            named = (grant.network, grant.hospital, grant.auditor, grant.key)
            if named != (member.network, hospital, member.id, self._connection.key):
                _refuse("the grant is for another")
            self._grants[hospital] = grant
        return self._grants[hospital]

    def search(
        self, hospital: str, wanted: Search, *, patient: str = "", limit: int | None = None
    ) -> Found:
        """Return the newest entries that are wanted, verified.

        Parameters
        ----------
        patient : str
            The patient's number at the hospital; sealed to its node, and not kept here.
        limit : int or None
            At most so many; None for all.

        Raises
        ------
        WardnetError
            What the hospital refuses; what `verifier.verify` refuses; `CONSISTENCY_REFUSED` when
            the log is not the one that was seen before; `LOG_ROLLED_BACK`, `RECOVERY_UNSIGNED` or
            `RECOVERY_UNPROVEN` when it is another beginning of it.
        """
        seen = self._pins.seen(self._node(hospital).uri)
        question = Question(
            search=wanted,
            patient=patient,
            limit=min(limit or MOST_ENTRIES, MOST_ENTRIES),
            seen=checkpoint.parse(note.parse(seen).text).size if seen else 0,
        )
        reply, body = self._question(hospital, Action.SEARCH, question)
        first = reply
        part = bundles.read(io.BytesIO(body))
        taken = list(part.entries)
        while reply.next and (limit is None or len(taken) < limit):
            left = MOST_ENTRIES if limit is None else min(limit - len(taken), MOST_ENTRIES)
            following = replace(wanted, before=reply.next)
            question = replace(question, search=following, limit=left, size=first.size, seen=0)
            reply, body = self._question(hospital, Action.SEARCH, question)
            taken.extend(bundles.read(io.BytesIO(body)).entries)
        whole = wanted == EVERYTHING and not patient and not reply.next
        words = describe(wanted, by_patient=bool(patient))
        found = self._found(hospital, part, taken, whole=whole, words=words)
        trust, proof = self._connection.trust, first.consistency
        verdict = continued(
            found.bundle, found.verdict, seen=seen, proof=proof, pins=self._pins, trust=trust
        )
        self._pins.see(self._node(hospital).uri, found.bundle.checkpoint)
        return replace(found, verdict=verdict, tag=first.tag, more=bool(reply.next))

    def answer(self, hospital: str, query: str) -> Answer:
        """Return the answer that a hospital has released to a query, held against its log.

        Parameters
        ----------
        query : str
            SHA-256 of the signed query, hexadecimal.

        Raises
        ------
        WardnetError
            `AUDIT_OUTSIDE_GRANT`, `ANSWER_NOT_KEPT`, or `SIGNATURE_INVALID` when the log says
            otherwise.
        """
        wanted = Search(request=query, type=EventType.QUERY_ANSWER)
        logged = {item.result_digest for item in self.search(hospital, wanted).entries}
        _, body = self._question(hospital, Action.ANSWER, Question(query=query))
        if canonical.digest(body) not in logged:
            _refuse("the log says that another answer was released")
        return answers.from_bytes(body)

    def watch(
        self,
        hospital: str,
        wanted: Search,
        *,
        interval: float = 60.0,
        rest: Callable[[float], object] = sleep,
    ) -> Iterator[Entry]:
        """Yield entries as they are written, from now on; my own readings are left out.

        Parameters
        ----------
        interval : float
            Seconds between two looks; each look is itself an entry.
        rest : callable
            Waits so many seconds.
        """
        mine = self._connection.member.uri
        size = self.search(hospital, EVERYTHING, limit=1).verdict.size
        while True:
            rest(interval)
            found = self.search(hospital, replace(wanted, after=size))
            size = found.verdict.size
            for item in found.entries:
                if (item.type, item.actor.subject) != (EventType.LOG_READ, mine):
                    yield item

    def _question(self, hospital: str, action: Action, question: Question) -> tuple[Reply, bytes]:
        grant = self.grant(hospital)
        data = requests.question_to_bytes(question)

        def sealed(info: str) -> bytes:
            return hpke.seal(data, grant.questions, info=info)

        return self._ask(hospital, action, sealed=sealed)

    def _ask(
        self, hospital: str, action: Action, *, sealed: Callable[[str], bytes] | None
    ) -> tuple[Reply, bytes]:
        """Return what a hospital replies, after every check on its form."""
        member, at, nonce = self._connection.member, clock.now(), secrets.token_hex(16)
        key = self._connection.recipient(nonce)
        request = Request(
            version=1,
            network=member.network,
            hospital=hospital,
            auditor=member.id,
            action=action,
            question="",
            recipient=hpke.public_key(key),
            nonce=nonce,
            not_before=clock.to_moment(at - EARLY),
            not_after=clock.to_moment(at + LASTS),
        )
        if sealed is not None:
            request = replace(request, question=sealed(request.info).hex())
        envelope = self._connection.sign(requests.PAYLOAD_TYPE, requests.to_bytes(request))
        message = audit_pb2.AskRequest(hospital=hospital, request=envelope_to_wire(envelope))
        responses: Iterator[audit_pb2.AskResponse] = self._connection.stream(
            self._stub.Ask, message, timeout=DEADLINE_SECONDS
        )
        digest = canonical.digest(envelope.payload)
        opened = [
            hpke.open_sealed(
                response.sealed,
                key,
                info=requests.page_info(request=digest, hospital=hospital, number=number),
                rule=f"{hospital} did not seal this page here for this request",
            )
            for number, response in enumerate(responses)
        ]
        return self._checked(hospital, digest, opened)

    def _checked(self, hospital: str, digest: str, opened: list[bytes]) -> tuple[Reply, bytes]:
        # 1. The hospital has signed the first page.
        if not opened:
            _refuse("the first page is missing")
        envelope, trust = envelope_from_bytes(opened[0]), self._connection.trust
        kind = requests.REPLY_PAYLOAD_TYPE
        signers = verify(envelope, payload_type=kind, trust=trust, at=clock.now())
        if signers != (self._node(hospital),):
            _refuse(f"{hospital} did not sign this reply")
        # 2. It replies to this request.
        reply = requests.reply_from_bytes(envelope.payload)
        if (reply.network, reply.hospital, reply.request) != (trust.network, hospital, digest):
            _refuse("it replies to another request")
        # 3. Every page is there, in its place, as it was sent.
        body = b"".join(opened[1:])
        if reply.pages != len(opened) - 1 or reply.body != hashlib.sha256(body).hexdigest():
            _refuse("a page of the reply is missing or was changed")
        return reply, body

    def _found(
        self, hospital: str, part: Bundle, taken: list[Proved], *, whole: bool, words: str
    ) -> Found:
        """Verify what came in parts as one bundle, and only then read its entries."""
        # 1. All that was asked for in one order makes one bundle.
        proved = proofs = tuple(sorted(taken))
        size = checkpoint.parse(note.parse(part.checkpoint).text).size
        complete = whole and [item.seq for item in proved] == list(range(1, size + 1))
        if complete:
            proved = tuple(item._replace(proof=()) for item in proved)
        bundle = replace(part, entries=proved, count=len(proved), complete=complete, wanted=words)
        # 2. It holds, and it is a log of this hospital.
        pins = self._pins.keys
        try:
            verdict = verifier.verify(bundle, logs=pins, witnesses=pins)
        except WardnetError as error:
            if error.reason is Reason.BUNDLE_REWRITTEN:
                _name_changed(proofs, bundle.checkpoint)
            raise
        uri = self._node(hospital).uri
        if verdict.origin != uri and not verdict.origin.startswith(f"{uri}/"):
            raise WardnetError(
                Reason.CHECKPOINT_UNSIGNED, identity=uri, rule="it is of another log"
            )
        return Found(bundle=bundle, verdict=verdict, entries=read_entries(proved))

    def _node(self, hospital: str) -> Member:
        return Member(self._connection.member.network, Role.NODE, hospital)


def read_entries(proved: Iterable[Proved]) -> tuple[Entry, ...]:
    """Read entries whose bundle was verified before.

    Raises
    ------
    WardnetError
        `MALFORMED`.
    """
    return tuple(entry.from_bytes(item.data) for item in proved)


def _name_changed(proved: Sequence[Proved], signed: str) -> None:
    """Refuse the entries whose own proofs, which came along, do not hold.

    Whoever edits an entry together with its hash breaks the proof of its neighbour, too: then it
    is one of the two.
    """
    head, changed = checkpoint.parse(note.parse(signed).text), []
    for item in proved:
        leaf, index = leaf_hash(item.data), item.seq - 1
        try:
            verify_inclusion(leaf, index=index, size=head.size, proof=item.proof, root=head.root)
        except WardnetError:
            changed.append(item.seq)
    if changed:
        more = f", or one up to entry {changed[-1]}," if len(changed) > 1 else ""
        rule = f"it{more} was changed after it was written"
        raise WardnetError(Reason.PROOF_REFUSED, line=changed[0], rule=rule)


def describe(wanted: Search, *, by_patient: bool) -> str:
    """Return what is looked for in one line; of a patient only that there is one."""
    named = {
        name: str(value)
        for name in wanted.__dataclass_fields__
        if name != "tag" and (value := getattr(wanted, name))
    }
    words = [f"{name} {value}" for name, value in named.items()]
    return "; ".join([*words, *(["one patient"] if by_patient else [])]) or "everything"


def _refuse(rule: str) -> NoReturn:
    raise WardnetError(Reason.SIGNATURE_INVALID, rule=rule)

"""An auditor who wants more than she was granted, or somebody who wants to be her."""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from support.audited import auditor, grant, revoke
from support.hospital import Hospital
from support.pki import TestNetwork
from wardnet import clock
from wardnet.audit import request as requests
from wardnet.audit.entry import EventType, Outcome
from wardnet.audit.grant import Grant
from wardnet.audit.request import Action, Question, Request
from wardnet.audit.scope import Scope
from wardnet.audit.search import Search
from wardnet.errors import Reason, WardnetError
from wardnet.identity.credentials import Credentials
from wardnet.identity.envelope import Envelope, merge, sign
from wardnet.identity.member import Member, Role
from wardnet.sealing import hpke
from wardnet_node.desk.auditors import Auditors

RECIPIENT = hpke.public_key(X25519PrivateKey.from_private_bytes(bytes(range(32))))
NARROW = Scope(datasets=("cardiology",), kinds=(EventType.QUERY_ANSWER,), studies=("ab" * 32,))


@pytest.fixture(scope="module")
def network() -> TestNetwork:
    """Make one network's keys for all tests of this file."""
    return TestNetwork()


@pytest.fixture
def hospital(network: TestNetwork, tmp_path: Path) -> Hospital:
    """Return hospital a."""
    return Hospital(network, tmp_path / "a")


@pytest.fixture
def auditors(hospital: Hospital) -> Iterator[Auditors]:
    """Return what answers auditors at hospital a."""
    opened = Auditors.open(hospital.home, hospital.keystore, hospital.credentials)
    with closing(opened):
        yield opened


def request(**changes: object) -> Request:
    """Return olga's request to hospital a, without a question."""
    now = clock.now()
    made = Request(
        version=1,
        network="heartnet",
        hospital="a",
        auditor="olga",
        action=Action.SEARCH,
        question="",
        recipient=RECIPIENT,
        nonce="0" * 32,
        not_before=clock.to_moment(now - timedelta(minutes=1)),
        not_after=clock.to_moment(now + timedelta(minutes=1)),
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def signed(
    signer: Credentials, granted: Grant, question: Question | None = None, **changes: object
) -> Envelope:
    """Return a request as its sender signs it, with a question sealed for it."""
    made = request(**changes)
    data = requests.question_to_bytes(question or Question())
    sealed = hpke.seal(data, granted.questions, info=made.info).hex()
    made = replace(made, question=sealed)
    return sign(requests.PAYLOAD_TYPE, requests.to_bytes(made), signer.signer)


def refusal(auditors: Auditors, envelope: Envelope) -> Reason:
    """Return why a request is refused."""
    with pytest.raises(WardnetError) as caught:
        auditors.answer(envelope)
    return caught.value.reason


def test_who_was_not_granted_anything_reads_nothing(
    network: TestNetwork, hospital: Hospital, auditors: Auditors
) -> None:
    """Not even the grant of another; the attempt stands in the log with her name."""
    granted = grant(network, hospital, name="paul")
    olga = auditor(network)
    assert refusal(auditors, signed(olga, granted)) is Reason.AUDIT_NOT_GRANTED
    asked = signed(olga, granted, action=Action.GRANT)
    assert refusal(auditors, asked) is Reason.AUDIT_NOT_GRANTED
    last = hospital.entries()[-1]
    assert (last.type, last.outcome, last.reason) == (
        EventType.LOG_READ,
        Outcome.REFUSED,
        Reason.AUDIT_NOT_GRANTED,
    )
    assert last.actor.subject == olga.member.uri


def test_the_grant_is_for_one_key(
    network: TestNetwork, hospital: Hospital, auditors: Auditors
) -> None:
    """A new certificate of the same name, which the coordinator could issue, opens nothing."""
    granted = grant(network, hospital)
    twin = network.issue(Member(network.name, Role.AUDITOR, "olga"))
    assert refusal(auditors, signed(twin, granted)) is Reason.AUDIT_NOT_GRANTED


@pytest.mark.parametrize("role", [Role.RESEARCHER, Role.STEWARD, Role.NODE])
def test_nobody_of_another_role_is_an_auditor(
    network: TestNetwork, hospital: Hospital, auditors: Auditors, role: Role
) -> None:
    """Whatever the request names."""
    granted = grant(network, hospital)
    other = network.credentials(role, "olga")
    assert refusal(auditors, signed(other, granted)) is Reason.ROLE_REFUSED


def test_a_grant_that_has_ended_or_was_taken_back_opens_nothing(
    network: TestNetwork, hospital: Hospital, auditors: Auditors
) -> None:
    """At once."""
    olga = auditor(network)
    granted = grant(network, hospital, lasts=timedelta(0))
    assert refusal(auditors, signed(olga, granted)) is Reason.AUDIT_NOT_GRANTED
    granted = grant(network, hospital)
    assert auditors.answer(signed(olga, granted))
    revoke(network, hospital)
    assert refusal(auditors, signed(olga, granted, nonce="1" * 32)) is Reason.AUDIT_NOT_GRANTED


@pytest.mark.parametrize(
    ("field", "question"),
    [
        ("patient", Question(patient="P-4711")),
        ("dataset", Question(search=Search(dataset="oncology"))),
        ("study", Question(search=Search(study="cd"))),
        ("type", Question(search=Search(type=EventType.STEWARD_LOGIN))),
    ],
)
def test_what_lies_outside_the_scope_is_refused(
    network: TestNetwork,
    hospital: Hospital,
    auditors: Auditors,
    field: str,
    question: Question,
) -> None:
    """Each by the field that goes beyond."""
    granted = grant(network, hospital, NARROW)
    with pytest.raises(WardnetError) as caught:
        auditors.answer(signed(auditor(network), granted, question))
    assert caught.value.reason is Reason.AUDIT_OUTSIDE_GRANT
    assert caught.value.details["field"] == field


def test_a_tag_is_not_the_auditors_to_choose(
    network: TestNetwork, hospital: Hospital, auditors: Auditors
) -> None:
    """Without the right to search by patient, one that she has learnt elsewhere is left aside."""
    granted = grant(network, hospital, Scope())
    question = Question(search=Search(tag="ef" * 32))
    auditors.answer(signed(auditor(network), granted, question))
    assert hospital.entries()[-1].patient_tags == ()


def test_answers_are_for_whom_they_are_granted(
    network: TestNetwork, hospital: Hospital, auditors: Auditors
) -> None:
    """Reading the log is not reading the answers."""
    granted = grant(network, hospital, Scope())
    asked = signed(auditor(network), granted, Question(query="ab" * 32), action=Action.ANSWER)
    assert refusal(auditors, asked) is Reason.AUDIT_OUTSIDE_GRANT
    granted = grant(network, hospital, Scope(answers=True))
    asked = signed(auditor(network), granted, Question(query="ab" * 32), action=Action.ANSWER)
    assert refusal(auditors, asked) is Reason.ANSWER_NOT_KEPT


def test_a_request_counts_once(
    network: TestNetwork, hospital: Hospital, auditors: Auditors
) -> None:
    """The same bytes again, after a restart too, and other bytes with its nonce."""
    granted = grant(network, hospital)
    asked = signed(auditor(network), granted)
    assert auditors.answer(asked)
    assert refusal(auditors, asked) is Reason.QUERY_REPLAYED
    again = Auditors.open(hospital.home, hospital.keystore, hospital.credentials)
    with closing(again):
        assert refusal(again, asked) is Reason.QUERY_REPLAYED
        assert refusal(again, signed(auditor(network), granted)) is Reason.QUERY_REPLAYED


@pytest.mark.parametrize(
    ("reason", "changes"),
    [
        (Reason.QUERY_NOT_FOR_US, {"hospital": "b"}),
        (Reason.QUERY_NOT_FOR_US, {"network": "othernet"}),
        (Reason.QUERY_NOT_FOR_US, {"auditor": "paul"}),
        (Reason.QUERY_EXPIRED, {"not_after": "2026-01-01T00:00:00.000Z"}),
        (Reason.QUERY_EXPIRED, {"not_before": "2099-01-01T00:00:00.000Z"}),
        (Reason.QUERY_EXPIRED, {"not_after": "2099-01-01T00:00:00.000Z"}),
    ],
)
def test_a_request_for_others_or_of_another_time_is_refused(
    network: TestNetwork,
    hospital: Hospital,
    auditors: Auditors,
    reason: Reason,
    changes: dict[str, str],
) -> None:
    """What another hospital was asked cannot be carried here."""
    granted = grant(network, hospital)
    assert refusal(auditors, signed(auditor(network), granted, None, **changes)) is reason


def test_a_question_sealed_for_another_request_does_not_open(
    network: TestNetwork, hospital: Hospital, auditors: Auditors
) -> None:
    """Another granted auditor cannot lift it and have it answered to herself."""
    grant(network, hospital, name="paul")
    granted = grant(network, hospital)
    made = request()
    sealed = hpke.seal(
        requests.question_to_bytes(Question(patient="P-4711")), granted.questions, info=made.info
    ).hex()
    lifted = replace(made, auditor="paul", question=sealed)
    paul = auditor(network, "paul")
    asked = sign(requests.PAYLOAD_TYPE, requests.to_bytes(lifted), paul.signer)
    assert refusal(auditors, asked) is Reason.SIGNATURE_INVALID


def changed(envelope: Envelope) -> Envelope:
    """Change a byte of what was signed."""
    return replace(envelope, payload=envelope.payload.replace(b'"a"', b'"b"'))


def of_another_kind(envelope: Envelope) -> Envelope:
    """Call it a query."""
    return replace(envelope, payload_type="application/vnd.wardnet.query.v1+json")


@pytest.mark.parametrize("attack", [changed, of_another_kind])
def test_what_she_did_not_sign_is_not_read(
    network: TestNetwork,
    hospital: Hospital,
    auditors: Auditors,
    attack: Callable[[Envelope], Envelope],
) -> None:
    """Nothing of it goes into the log as if it were hers."""
    granted = grant(network, hospital)
    assert refusal(auditors, attack(signed(auditor(network), granted))) is Reason.SIGNATURE_INVALID
    assert hospital.entries()[-1].actor.subject == "unknown"


def test_two_signatures_are_nobodys_request(
    network: TestNetwork, hospital: Hospital, auditors: Auditors
) -> None:
    """Who reads is always one person."""
    granted = grant(network, hospital)
    asked = signed(auditor(network), granted)
    paul = auditor(network, "paul").signer
    both = merge([asked, sign(asked.payload_type, asked.payload, paul)])
    assert refusal(auditors, both) is Reason.ROLE_REFUSED

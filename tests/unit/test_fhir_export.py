"""The FHIR export: valid resources, true to the patterns that they name."""

import base64
import io
import json
import re
import uuid
from typing import Any, Final

import pytest
from fhir.resources.R4B.auditevent import AuditEvent
from fhir.resources.R4B.bundle import Bundle

from support.log_entries import BEN, COORDINATOR, NODE, TAG, digest, entry
from wardnet import canonical
from wardnet.audit.entry import Entry, EventType, Outcome
from wardnet.audit.export.fhir import audit_events, write
from wardnet.audit.export.fhir_patterns import BALP
from wardnet.errors import Reason

# R4B's AuditEvent is R4's, element for element; its Bundle differs in nothing that is used here.

DCM: Final = "http://dicom.nema.org/resources/ontology/DCM"
OBSERVER: Final = {"identifier": {"system": "urn:ietf:rfc:3986", "value": NODE}, "display": NODE}

# What each profile of BALP demands (from its FSH sources): type, action, subtype, the agents that
# must be there with `who` and `network`, and the entities (type and role) that stand there once.
PROFILES: Final[dict[str, tuple[str, str, str, tuple[str, str], tuple[tuple[str, str], ...]]]] = {
    "Query": ("rest", "E", "search", ("110153", "110152"), (("2", "24"),)),
    "PatientQuery": ("rest", "E", "search", ("110153", "110152"), (("2", "24"), ("1", "1"))),
    "Create": ("rest", "C", "create", ("110153", "110152"), (("2", "4"),)),
    "PatientCreate": ("rest", "C", "create", ("110153", "110152"), (("2", "4"), ("1", "1"))),
    "Read": ("rest", "R", "read", ("110152", "110153"), (("2", "4"),)),
    "PatientRead": ("rest", "R", "read", ("110152", "110153"), (("2", "4"), ("1", "1"))),
    "PrivacyDisclosure.Source": (
        "110106", "R", "disclose", ("110153", "110152"), (("1", "1"), ("2", "3")),
    ),
    "PrivacyDisclosure.Recipient": (
        "110107", "C", "disclose", ("110153", "110152"), (("1", "1"), ("2", "3")),
    ),
}  # fmt: skip


def exported(*entries: Entry) -> dict[str, Any]:
    """Return an export as JSON."""
    stream = io.BytesIO()
    write(entries, stream)
    found: dict[str, Any] = json.loads(stream.getvalue())
    return found


def one(entry: Entry) -> dict[str, Any]:
    """Return the one event of an entry."""
    (event,) = audit_events(entry)
    return event


def profile(event: dict[str, Any]) -> str:
    """Return the last part of the profile that an event names; empty without one."""
    named = event.get("meta", {}).get("profile", [BALP])
    return str(named[0]).removeprefix(BALP)


def assert_fulfils(event: dict[str, Any], name: str) -> None:
    """Hold an event against a profile of BALP."""
    kind, action, subtype, agents, entities = PROFILES[name]
    assert event["type"]["code"] == kind
    assert event["action"] == action
    assert event["outcome"] == "0"
    assert subtype in {coding["code"] for coding in event["subtype"]}
    for code in agents:
        (agent,) = (agent for agent in event["agent"] if agent["type"]["coding"][0]["code"] == code)
        assert agent["who"]
        assert agent["network"]["address"]
        assert not agent["requestor"]
    for kind, role in entities:
        (found,) = (item for item in event["entity"] if item["type"]["code"] == kind)
        assert found["role"]["code"] == role
        assert ("query" in found) == (role == "24")
        assert ("what" in found) == (role != "24")
    assert [agent["requestor"] for agent in event["agent"]].count(True) == 1


@pytest.mark.parametrize("tags", [(), (TAG,)], ids=["nobody", "a patient"])
@pytest.mark.parametrize("outcome", [None, *Outcome])
@pytest.mark.parametrize("kind", EventType)
def test_every_entry_is_a_valid_event(
    kind: EventType, outcome: Outcome | None, tags: tuple[str, ...]
) -> None:
    """Each kind of entry with each outcome passes the resource's own rules and its profile's."""
    full = entry(
        type=kind,
        outcome=outcome,
        reason=Reason.COHORT_TOO_SMALL,
        patient_tags=tags,
        request_id="w-1",
        agreement=digest(7),
        study=digest(8),
        purpose='{"permission":"DUO:0000006"}',
        vocabulary_version="2021-02-23",
        peer_address="192.0.2.1:5000",
    )
    event = one(full)
    AuditEvent.model_validate(event)
    assert (profile(event) != "") <= (event["outcome"] == "0")
    if name := profile(event):
        assert_fulfils(event, name)


def test_a_bundle_is_valid() -> None:
    """Events stand in a Bundle, each with an address of its own; none at all is one as well."""
    entries = [entry(seq, patient_tags=(TAG, "6" * 64)) for seq in range(1, 4)]
    bundle = exported(*entries)
    Bundle.model_validate(bundle)
    Bundle.model_validate(exported())
    addresses = {item["fullUrl"] for item in bundle["entry"]}
    assert len(addresses) == len(bundle["entry"]) == 6
    assert all(uuid.UUID(address.removeprefix("urn:uuid:")) for address in addresses)


def test_the_same_entry_is_always_the_same_event() -> None:
    """A second export of an entry can be recognised as the same event."""
    assert exported(entry(7)) == exported(entry(7))
    other = one(entry(7, node=COORDINATOR))
    assert one(entry(7))["id"] != other["id"]


def test_a_question_is_a_query() -> None:
    """An answered question follows BALP's Query and holds the digests that the log knows."""
    event = one(entry(request_digest=digest(9), operation="count 1", dataset="cardiology"))
    assert profile(event) == "Query"
    (query,) = (item["query"] for item in event["entity"] if "query" in item)
    assert canonical.decode(base64.b64decode(query)) == {
        "dataset": "cardiology",
        "operation": "count 1",
        "request_digest": digest(9),
    }


def test_a_refusal_names_no_profile_of_success() -> None:
    """BALP's patterns are for what succeeded; a refusal says that it failed, and why."""
    event = one(entry(outcome=Outcome.REFUSED, reason=Reason.COHORT_TOO_SMALL))
    assert profile(event) == ""
    assert (event["outcome"], event["outcomeDesc"]) == ("4", "cohort_too_small")


def test_records_that_left_are_a_disclosure_at_the_source() -> None:
    """A release about patients to somebody is one disclosure for each of them."""
    events: list[Any] = list(audit_events(entry(patient_tags=(TAG, "6" * 64), recipient=BEN)))
    assert [profile(event) for event in events] == ["PrivacyDisclosure.Source"] * 2
    for event in events:
        assert_fulfils(event, "PrivacyDisclosure.Source")
        assert event["agent"][0]["who"] == event["source"]["observer"] == OBSERVER


def test_records_that_came_are_a_disclosure_at_the_recipient() -> None:
    """The log of who received them says so from its side."""
    event = one(entry(patient_tags=(TAG,), recipient=NODE))
    assert_fulfils(event, "PrivacyDisclosure.Recipient")
    assert event["agent"][1]["who"] == event["source"]["observer"] == OBSERVER


def test_an_event_names_no_other_patient() -> None:
    """What is told about one patient says nothing about those beside."""
    first, second = audit_events(entry(patient_tags=(TAG, "6" * 64), recipient=BEN))
    assert TAG in json.dumps(first)
    assert TAG not in json.dumps(second)


def test_salt_and_sealed_detail_stay_in_the_log() -> None:
    """What only proofs and erasure need is not handed on."""
    text = json.dumps(exported(entry(3, sealed_detail="c2VhbGVk")))
    assert "c2VhbGVk" not in text
    assert f"{3:032x}" not in text


@pytest.mark.parametrize(
    ("kind", "subtype"),
    [
        (EventType.BREAK_GLASS, "110127"),
        (EventType.KEY_REVOKED, "110137"),
        (EventType.STEWARD_REMOVED, "110137"),
        (EventType.PASSWORD_CHANGED, "110137"),
        (EventType.DETAIL_ERASED, "delete"),
        (EventType.AUDITOR_GRANTED, "create"),
    ],
)
def test_changed_powers_have_codes_that_a_repository_knows(kind: EventType, subtype: str) -> None:
    """Nobody has to read this product's own codes to find broken glass."""
    assert one(entry(type=kind, outcome=Outcome.DONE))["subtype"][0]["code"] == subtype


def test_a_login_is_an_authentication() -> None:
    """A steward's login has DICOM's codes for it."""
    event = one(entry(type=EventType.STEWARD_LOGIN, outcome=Outcome.DONE))
    assert event["type"] == {"system": DCM, "code": "110114", "display": "User Authentication"}
    assert event["subtype"][0]["code"] == "110122"


def test_a_purpose_is_told_by_its_codes() -> None:
    """The codes of the Data Use Ontology stand beside the one for research."""
    purpose = '{"modifiers":["DUO:0000021"],"permission":"DUO:0000007"}'
    event = one(entry(purpose=purpose, vocabulary_version="2021-02-23"))
    (told,) = event["purposeOfEvent"]
    codes = [coding["code"] for coding in told["coding"]]
    assert codes == ["HRESCH", *re.findall("DUO:[0-9]+", purpose)]

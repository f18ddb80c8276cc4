"""Entries as a FHIR R4 Bundle of AuditEvents, by the Basic Audit Log Patterns of IHE.

An event names a BALP profile only when it fulfils it. BALP describes successes, so a refused or
failed event has the same shape and names none. An entry about patients becomes one event for each
of them, named by the keyed tag; a release of patients' records is a privacy disclosure, at the
source or, in the log of who received and opened it, at the recipient. What a profile has no place
for stands in a last entity, field by field; salt, sealed detail and the tags of other patients do
not.

A network's question is no REST search: the `query` of an event holds what the log knows of it, its
digests, as canonical JSON. A member dials out and has no address of its own, so where no address
was logged `network` is the member's URI.
"""

import base64
import json
import re
import uuid
from collections.abc import Iterable, Iterator, Mapping
from typing import BinaryIO, Final, TypeAlias

from wardnet import canonical
from wardnet.audit import lending
from wardnet.audit.entry import Entry, EventType, Outcome
from wardnet.audit.export.fhir_patterns import (
    BALP,
    DCM,
    DISCLOSED,
    OTHER,
    OWN,
    PATTERNS,
    RECEIVED,
    TERMINOLOGY,
    Coding,
    Pattern,
    Shape,
)
from wardnet.audit.export.row import row

Json: TypeAlias = str | int | bool | Mapping[str, "Json"] | list["Json"]
Object: TypeAlias = dict[str, Json]

_OUTCOMES: Final[Mapping[Outcome | None, str]] = {Outcome.REFUSED: "4", Outcome.FAILED: "8"}
_SUCCESS: Final = "0"
_SOURCE: Final = Coding(DCM, "110153", "Source Role ID")
_DESTINATION: Final = Coding(DCM, "110152", "Destination Role ID")
_PARTICIPATION: Final = f"{TERMINOLOGY}v3-ParticipationType"
_USERS: Final = {
    Shape.QUERY: Coding(_PARTICIPATION, "IRCP", "information recipient"),
    Shape.CREATE: Coding(_PARTICIPATION, "AUT", "author (originator)"),
    Shape.READ: Coding(_PARTICIPATION, "IRCP", "information recipient"),
}
_USER: Final = Coding(f"{TERMINOLOGY}extra-security-role-type", "humanuser", "human user")
_KINDS: Final = f"{TERMINOLOGY}audit-entity-type"
_ROLES: Final = f"{TERMINOLOGY}object-role"
_ASKED: Final = ("request_digest", "parameter_digest", "operation", "dataset", "snapshot", "study")
_NOT_SHOWN: Final = {"salt", "sealed_detail", "patient_tags"}


def write(entries: Iterable[Entry], stream: BinaryIO) -> None:
    """Write a Bundle of type `collection`, one event after the other.

    Parameters
    ----------
    entries : Iterable of Entry
        Taken one by one; any number.
    stream : BinaryIO
        Where the JSON goes, UTF-8; stays open.
    """
    stream.write(b'{"resourceType":"Bundle","type":"collection"')
    before = b',"entry":['  # an empty list is not allowed
    for entry in entries:
        for event in audit_events(entry):
            item = {"fullUrl": f"urn:uuid:{event['id']}", "resource": event}
            stream.write(before + json.dumps(item, ensure_ascii=False).encode())
            before = b",\n"
    stream.write(b"]}\n" if before == b",\n" else b"}\n")


def audit_events(entry: Entry) -> Iterator[Object]:
    """Yield an entry as AuditEvents: one, or one for each patient that it is about."""
    pattern = _pattern(entry)
    for tag in entry.patient_tags or (None,):
        yield _event(entry, pattern, tag)


def _pattern(entry: Entry) -> Pattern:
    released = entry.outcome in (Outcome.RELEASED, None)
    opened = entry.type is EventType.SHARE_OPENED and entry.outcome is Outcome.DONE
    if entry.patient_tags and entry.recipient and (released or opened):
        return RECEIVED if entry.recipient == entry.node else DISCLOSED
    return PATTERNS.get(entry.type, OTHER)


def _event(entry: Entry, pattern: Pattern, tag: str | None) -> Object:
    own = Coding(f"{OWN}event-type", entry.type.value, entry.type.value.replace("_", " "))
    place = uuid.uuid5(uuid.NAMESPACE_URL, f"{entry.node}#{entry.seq}#{tag or ''}")
    outcome = _OUTCOMES.get(entry.outcome, _SUCCESS)
    event: Object = {"resourceType": "AuditEvent", "id": str(place)}
    if pattern.shape and outcome == _SUCCESS:
        event["meta"] = {"profile": [_profile(pattern.shape, tag)]}
    event |= {
        "type": _coding(pattern.type),
        "subtype": [_coding(code) for code in (pattern.subtype, own) if code],
        "action": pattern.action,
        "recorded": entry.time,
        "outcome": outcome,
    }
    if entry.reason:
        event["outcomeDesc"] = entry.reason.value
    if entry.purpose:
        event["purposeOfEvent"] = [_purpose(entry.purpose, entry.vocabulary_version)]
    return event | {
        "agent": list(_agents(entry, pattern.shape)),
        "source": {
            "observer": _who(entry.node),
            "type": [
                _coding(
                    Coding(f"{TERMINOLOGY}security-source-type", "4", "Application Server"),
                )
            ],
        },
        "entity": list(_entities(entry, pattern.shape, tag)),
    }


def _profile(shape: Shape, tag: str | None) -> str:
    patient = "Patient" if tag and shape in (Shape.QUERY, Shape.CREATE, Shape.READ) else ""
    return f"{BALP}{patient}{shape}"


def _agents(entry: Entry, shape: Shape) -> Iterator[Object]:
    """Yield the machines on both ends, where the shape has them, and who acted."""
    subject = entry.actor.subject
    match shape:
        case Shape.QUERY | Shape.CREATE:
            yield _machine(_SOURCE, subject, entry.peer_address)
            yield _machine(_DESTINATION, entry.node, None)
        case Shape.READ:  # the data flow the other way
            yield _machine(_DESTINATION, subject, entry.peer_address)
            yield _machine(_SOURCE, entry.node, None)
        case Shape.SOURCE:
            yield _machine(_SOURCE, entry.node, None)
            yield _machine(_DESTINATION, entry.recipient or subject, entry.peer_address)
        case Shape.RECIPIENT:
            lent = lending.read(entry)
            yield _machine(_SOURCE, lent.owner if lent else subject, entry.peer_address)
            yield _machine(_DESTINATION, entry.node, None)
        case Shape.PLAIN:
            pass
    user: Object = {
        "type": _concept(_USERS.get(shape, _USER)),
        "who": _who(subject),
        "name": subject,
        "requestor": True,
    }
    if entry.actor.role:
        user["role"] = [{"text": entry.actor.role}]
    if entry.actor.key_id:
        user["altId"] = entry.actor.key_id
    if entry.agreement:
        user["policy"] = [f"{OWN}agreement:{entry.agreement}"]
    yield user


def _machine(role: Coding, uri: str, address: str | None) -> Object:
    network: Object = {"address": address or uri, "type": "2" if address else "5"}
    return {"type": _concept(role), "who": _who(uri), "requestor": False, "network": network}


def _entities(entry: Entry, shape: Shape, tag: str | None) -> Iterator[Object]:
    if entry.request_id:
        kind = Coding(f"{BALP.split('Struct')[0]}CodeSystem/BasicAuditEntityType", "XrequestId", "")
        yield {"type": _coding(kind), "what": {"identifier": {"value": entry.request_id}}}
    if tag:
        named: Object = {"system": f"{OWN}patient-tag", "value": tag}
        yield _entity("1", "1", {"what": {"type": "Patient", "identifier": named}})
    match shape:
        case Shape.QUERY:
            known = {name: getattr(entry, name) for name in _ASKED}
            asked = {name: value for name, value in known.items() if value}
            query = base64.b64encode(canonical.encode(asked)).decode()
            yield _entity("2", "24", {"query": query})
        case Shape.CREATE | Shape.READ:
            yield _entity("2", "4", {"what": _data(entry)})
        case Shape.SOURCE | Shape.RECIPIENT:
            yield _entity("2", "3", {"what": _data(entry)})
        case Shape.PLAIN:
            pass
    yield _entity("4", None, {"name": f"access log entry {entry.seq}", "detail": _details(entry)})


def _data(entry: Entry) -> Object:
    """Name what was made or released: the narrowest name that the entry has."""
    names = ("snapshot", "agreement", "study", "dataset", "request_digest", "type")
    narrowest = next(name for name in names if getattr(entry, name))
    value = str(getattr(entry, narrowest))
    return {"identifier": {"system": f"{OWN}{narrowest}", "value": value}}


def _details(entry: Entry) -> list[Json]:
    known = row(entry).items()
    return [
        {"type": name, "valueString": str(value)}
        for name, value in known
        if value not in (None, "") and name not in _NOT_SHOWN
    ]


def _entity(kind: str, role: str | None, more: Object) -> Object:
    displays = {"1": "Person", "2": "System Object", "4": "Other"}
    roles = {"1": "Patient", "3": "Report", "4": "Domain Resource", "24": "Query"}
    entity: Object = {"type": _coding(Coding(_KINDS, kind, displays[kind]))}
    if role:
        entity["role"] = _coding(Coding(_ROLES, role, roles[role]))
    return entity | more


def _purpose(purpose: str, vocabulary: str | None) -> Object:
    """Write a purpose by its codes of the Data Use Ontology; but for treatment it is research."""
    treatment, research = ("TREAT", "treatment"), ("HRESCH", "healthcare research")
    reason = treatment if purpose == treatment[1] else research
    codings: list[Json] = [_coding(Coding(f"{TERMINOLOGY}v3-ActReason", *reason))]
    for code in dict.fromkeys(re.findall(r"DUO:[0-9]{7}", purpose)):
        coding: Object = {"system": "http://purl.obolibrary.org/obo/duo.owl", "code": code}
        codings.append(coding | ({"version": vocabulary} if vocabulary else {}))
    return {"coding": codings, "text": purpose}


def _who(uri: str) -> Object:
    return {"identifier": {"system": "urn:ietf:rfc:3986", "value": uri}, "display": uri}


def _concept(code: Coding) -> Object:
    return {"coding": [_coding(code)]}


def _coding(code: Coding) -> Object:
    display: Object = {"display": code.display} if code.display else {}
    return {"system": code.system, "code": code.code} | display

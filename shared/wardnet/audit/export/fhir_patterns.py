"""Which audit pattern of FHIR fits which kind of entry: codes only, no entry is touched here.

References
----------
IHE ITI, Basic Audit Log Patterns (BALP) 1.1.4, https://profiles.ihe.net/ITI/BALP. HL7 FHIR R4
4.0.1, AuditEvent. DICOM PS3.15, A.5 and PS3.16, annex D ("DCM" codes).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from wardnet.audit.entry import EventType

BALP: Final = "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit."
DCM: Final = "http://dicom.nema.org/resources/ontology/DCM"
TERMINOLOGY: Final = "http://terminology.hl7.org/CodeSystem/"
OWN: Final = "urn:wardnet:"
"""Begins the names of the systems that are this product's own."""


@dataclass(frozen=True, slots=True)
class Coding:
    """Name one code of one system."""

    system: str
    code: str
    display: str


class Shape(StrEnum):
    """Name what an event must hold besides the bare facts."""

    QUERY = "Query"
    CREATE = "Create"
    READ = "Read"
    SOURCE = "PrivacyDisclosure.Source"
    RECIPIENT = "PrivacyDisclosure.Recipient"
    PLAIN = ""
    """No pattern of BALP: the FHIR resource alone."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """State how a kind of entry is written as an AuditEvent.

    Parameters
    ----------
    shape : Shape
        What it must hold.
    type : Coding
        Of the event.
    subtype : Coding or None
        More about it.
    action : str
        C, R, U, D or E: created, read, updated, deleted, executed.
    """

    shape: Shape
    type: Coding
    subtype: Coding | None
    action: str


_REST = Coding(f"{TERMINOLOGY}audit-event-type", "rest", "Restful Operation")
_INTERACTION = "http://hl7.org/fhir/restful-interaction"
_DISCLOSE = Coding(
    f"{TERMINOLOGY}iso-21089-lifecycle", "disclose", "Disclose Record Lifecycle Event"
)
_APPLICATION = Coding(DCM, "110100", "Application Activity")
_ALERT = Coding(DCM, "110113", "Security Alert")
_USER_CHANGED = Coding(DCM, "110137", "User security Attributes Changed")

QUERY: Final = Pattern(Shape.QUERY, _REST, Coding(_INTERACTION, "search", "search"), "E")
CREATE: Final = Pattern(Shape.CREATE, _REST, Coding(_INTERACTION, "create", "create"), "C")
READ: Final = Pattern(Shape.READ, _REST, Coding(_INTERACTION, "read", "read"), "R")
DISCLOSED: Final = Pattern(Shape.SOURCE, Coding(DCM, "110106", "Export"), _DISCLOSE, "R")
RECEIVED: Final = Pattern(Shape.RECIPIENT, Coding(DCM, "110107", "Import"), _DISCLOSE, "C")
OTHER: Final = Pattern(Shape.PLAIN, _APPLICATION, None, "E")
_MEMBERS = Pattern(Shape.PLAIN, _ALERT, _USER_CHANGED, "U")
_LOGIN = Pattern(
    Shape.PLAIN,
    Coding(DCM, "110114", "User Authentication"),
    Coding(DCM, "110122", "Login"),
    "E",
)
_DELETE = Pattern(Shape.PLAIN, _REST, Coding(_INTERACTION, "delete", "delete"), "D")

PATTERNS: Final[Mapping[EventType, Pattern]] = MappingProxyType(
    {
        EventType.STARTED: Pattern(
            Shape.PLAIN, _APPLICATION, Coding(DCM, "110120", "Application Start"), "E"
        ),
        EventType.STOPPED: Pattern(
            Shape.PLAIN, _APPLICATION, Coding(DCM, "110121", "Application Stop"), "E"
        ),
        EventType.STEWARD_LOGIN: _LOGIN,
        EventType.AUDITOR_LOGIN: _LOGIN,
        EventType.LOG_READ: Pattern(
            Shape.PLAIN, Coding(DCM, "110101", "Audit Log Used"), None, "R"
        ),
        EventType.DETAIL_ERASED: _DELETE,
        EventType.MEMBER_INVITED: _MEMBERS,
        EventType.MEMBER_ENROLLED: _MEMBERS,
        EventType.KEY_CREATED: _MEMBERS,
        EventType.STEWARD_ADDED: _MEMBERS,
        EventType.AUDITOR_INVITED: _MEMBERS,
        EventType.STEWARD_REMOVED: _MEMBERS,
        EventType.PASSWORD_CHANGED: _MEMBERS,
        EventType.KEY_REVOKED: _MEMBERS,
        EventType.BREAK_GLASS: Pattern(
            Shape.PLAIN, _ALERT, Coding(DCM, "110127", "Emergency Override Started"), "E"
        ),
        EventType.BOOK_CHANGED: _MEMBERS,
        EventType.DATASET_DROPPED: _DELETE,
        EventType.DICTIONARY_PUBLISHED: CREATE,
        EventType.DATASET_ADOPTED: CREATE,
        EventType.DATASET_LOADED: CREATE,
        EventType.STUDY_RECEIVED: CREATE,
        EventType.STUDY_DECLINED: CREATE,
        EventType.AGREEMENT_SIGNED: CREATE,
        EventType.AGREEMENT_REVOKED: CREATE,
        EventType.REVOCATIONS_ISSUED: CREATE,
        EventType.REVOCATIONS_RECEIVED: CREATE,
        EventType.AUDITOR_GRANTED: CREATE,
        EventType.AUDITOR_REVOKED: CREATE,
        EventType.CONSENT_CHANGED: CREATE,
        EventType.SHARE_REQUESTED: CREATE,
        EventType.SHARE_DECLINED: CREATE,
        EventType.SHARE_GRANTED: CREATE,
        EventType.SHARE_REVOKED: CREATE,
        EventType.SHARE_READ: READ,
        EventType.SHARE_DESTROYED: _DELETE,
        EventType.MODEL_PUBLISHED: CREATE,
        EventType.MODEL_FETCHED: READ,
        EventType.MODEL_INSTALLED: CREATE,
        EventType.MODEL_REMOVED: _DELETE,
        EventType.MODEL_USED: READ,
        EventType.QUERY_EXPLAINED: QUERY,
        EventType.QUERY_SUBMITTED: QUERY,
        EventType.QUERY_ACCEPTED: QUERY,
        EventType.QUERY_PART: QUERY,
        EventType.QUERY_ANSWER: QUERY,
        EventType.QUERY_FAILED: QUERY,
        EventType.QUERY_CANCELLED: QUERY,
    }
)
"""What is not named here is an activity of the application, `OTHER`."""

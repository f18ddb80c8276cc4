"""The unary services: who is let in by whom, wire messages to values and back, nothing else."""

from collections.abc import Mapping
from typing import Final

from wardnet.identity.member import Role
from wardnet_coordinator.doors.audit import AuditService
from wardnet_coordinator.doors.catalog import CatalogService
from wardnet_coordinator.doors.enrolment import EnrolmentService
from wardnet_coordinator.doors.models import ModelService
from wardnet_coordinator.doors.queries import QueryService
from wardnet_coordinator.doors.studies import StudyService

__all__ = [
    "ALLOWED",
    "AuditService",
    "CatalogService",
    "EnrolmentService",
    "ModelService",
    "QueryService",
    "StudyService",
]

_MEMBERS: Final = frozenset({Role.NODE, Role.STEWARD, Role.RESEARCHER})
_EVERYBODY: Final = _MEMBERS | {Role.AUDITOR}
_RESEARCHERS: Final = frozenset({Role.RESEARCHER})
_CONCERNED: Final = frozenset({Role.RESEARCHER, Role.NODE})

ALLOWED: Final[Mapping[str, frozenset[Role]]] = {
    "/wardnet.wire.v1.EnrolmentService/Enrol": frozenset({Role.INVITED}),
    "/wardnet.wire.v1.LinkService/Attach": frozenset({Role.NODE}),
    "/wardnet.wire.v1.LinkService/Totals": frozenset({Role.NODE}),
    "/wardnet.wire.v1.QueryService/Submit": _RESEARCHERS,
    "/wardnet.wire.v1.QueryService/Get": _RESEARCHERS,
    "/wardnet.wire.v1.QueryService/Answers": _RESEARCHERS,
    "/wardnet.wire.v1.QueryService/List": _RESEARCHERS,
    "/wardnet.wire.v1.QueryService/Watch": _RESEARCHERS,
    "/wardnet.wire.v1.QueryService/Cancel": _RESEARCHERS,
    "/wardnet.wire.v1.QueryService/Explain": _RESEARCHERS,
    "/wardnet.wire.v1.QueryService/Receipts": _RESEARCHERS,
    "/wardnet.wire.v1.StudyService/SubmitStudy": _RESEARCHERS,
    "/wardnet.wire.v1.StudyService/GetStudy": _CONCERNED,
    "/wardnet.wire.v1.StudyService/ListStudies": _CONCERNED,
    "/wardnet.wire.v1.CatalogService/PublishDictionary": frozenset({Role.NODE, Role.STEWARD}),
    "/wardnet.wire.v1.CatalogService/GetDictionary": _MEMBERS,
    "/wardnet.wire.v1.CatalogService/ListDatasets": _EVERYBODY,
    "/wardnet.wire.v1.CatalogService/ListHospitals": _EVERYBODY,
    "/wardnet.wire.v1.ModelService/PublishModel": _RESEARCHERS,
    "/wardnet.wire.v1.ModelService/ListModels": _EVERYBODY,
    "/wardnet.wire.v1.ModelService/FetchModel": _EVERYBODY,
    "/wardnet.wire.v1.AuditService/Ask": frozenset({Role.AUDITOR}),
}
"""Who may call what; the interceptor refuses everything else."""

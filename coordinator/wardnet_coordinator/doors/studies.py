"""The door of studies: researchers bring them, and see what hospitals have decided."""

from functools import partial

from wardnet import canonical, clock
from wardnet.identity.envelope import Trust
from wardnet.transport.convert import envelope_from_wire, envelope_to_wire
from wardnet.transport.interceptors import Context, peer
from wardnet.wire.v1 import study_pb2, study_pb2_grpc
from wardnet_coordinator import studies
from wardnet_coordinator.broker import Broker, Proposed
from wardnet_coordinator.doors.lists import fitting
from wardnet_coordinator.state import Database
from wardnet_coordinator.studies import Record


class StudyService(study_pb2_grpc.StudyServiceServicer):
    """Carry studies to hospitals, and show those whom they concern how they stand."""

    def __init__(self, *, broker: Broker, database: Database, trust: Trust) -> None:
        self._broker = broker
        self._database = database
        self._trust = trust

    async def SubmitStudy(  # noqa: N802 - the wire's name
        self, request: study_pb2.SubmitStudyRequest, context: Context
    ) -> study_pb2.SubmitStudyResponse:
        """Store a study durably and bring it to its hospitals."""
        caller, at = peer(context), clock.now()
        envelope = envelope_from_wire(request.study)
        study = studies.check(envelope, caller=caller, trust=self._trust, at=at)
        insert = partial(studies.insert, envelope=envelope, study=study, caller=caller, at=at)
        news = await self._database.write(insert)
        # A hospital that is away gets it when it attaches, and so does every one if we stop here.
        for hospital in study.setting.hospitals if news else ():
            attachment = self._broker.find(hospital)
            if attachment is not None and news is not None:
                attachment.carry(Proposed(news))
        return study_pb2.SubmitStudyResponse(study=canonical.digest(envelope.payload))

    async def GetStudy(  # noqa: N802
        self, request: study_pb2.GetStudyRequest, context: Context
    ) -> study_pb2.GetStudyResponse:
        """Return a study and what its hospitals have decided."""
        find = partial(studies.find, study=request.study, member=peer(context))
        return study_pb2.GetStudyResponse(record=_to_wire(await self._database.read(find)))

    async def ListStudies(  # noqa: N802
        self, request: study_pb2.ListStudiesRequest, context: Context
    ) -> study_pb2.ListStudiesResponse:
        """Return the studies that concern the caller, newest first."""
        limit = min(max(request.limit, 1), 1000)
        recent = partial(studies.recent, member=peer(context), limit=limit)
        records = await self._database.read(recent)
        return study_pb2.ListStudiesResponse(records=fitting(map(_to_wire, records)))


def _to_wire(record: Record) -> study_pb2.StudyRecord:
    return study_pb2.StudyRecord(
        study=record.digest,
        envelope=envelope_to_wire(record.envelope),
        submitted_ms=record.submitted,
        decisions=[
            study_pb2.Decision(
                hospital=decision.hospital, statement=envelope_to_wire(decision.statement)
            )
            for decision in record.decisions
        ],
    )

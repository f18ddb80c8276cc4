"""Studies over the wire: hand one in, and read what hospitals have decided."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from wardnet import canonical, clock
from wardnet.agreement import study as studies
from wardnet.agreement.agreement import Agreement
from wardnet.agreement.decline import Decline
from wardnet.agreement.revocation import Revocation
from wardnet.agreement.study import Study
from wardnet.client.connection import Connection
from wardnet.client.printing.listing import Listing, verified
from wardnet.client.queries.record import moment_from_wire
from wardnet.client.studies.record import Decision, Standing, StudyRecord, shown
from wardnet.client.trust.verify_study import verify_decision, verify_study
from wardnet.errors import Reason, WardnetError
from wardnet.identity.envelope import Envelope
from wardnet.transport.convert import envelope_from_wire, envelope_to_wire
from wardnet.wire.v1 import study_pb2, study_pb2_grpc

_MOST: Final = 1000


class Proposals:
    """Hand in and read studies.

    Parameters
    ----------
    connection : Connection
        To the coordinator.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._stub = study_pb2_grpc.StudyServiceStub(connection.channel)

    def submit(self, study: Study) -> str:
        """Sign a study and hand it over; return its id.

        Raises
        ------
        WardnetError
            What the coordinator names.
        """
        payload = studies.to_bytes(study)
        envelope = self._connection.sign(studies.PAYLOAD_TYPE, payload)
        request = study_pb2.SubmitStudyRequest(study=envelope_to_wire(envelope))
        self._connection.call(self._stub.SubmitStudy, request)
        return study.digest

    def get(self, study: str) -> StudyRecord:
        """Return one study that names me.

        Parameters
        ----------
        study : str
            Its id, or an unambiguous beginning of at least 6 characters.

        Raises
        ------
        WardnetError
            `STUDY_UNKNOWN`, `SIGNATURE_INVALID` or `MALFORMED`.
        """
        request = study_pb2.GetStudyRequest(study=study)
        response: study_pb2.GetStudyResponse = self._connection.call(self._stub.GetStudy, request)
        record = self._read(response.record)
        if not record.id.startswith(study):
            raise _malformed(rule="it is of another study")
        return record

    def all(self) -> Listing[StudyRecord]:
        """Return the studies that name me, newest first."""
        request = study_pb2.ListStudiesRequest(limit=_MOST)
        response: study_pb2.ListStudiesResponse = self._connection.call(
            self._stub.ListStudies, request
        )
        return verified(
            "studies", response.records, self._read, record=StudyRecord.to_dict, shown=shown
        )

    def _read(self, message: study_pb2.StudyRecord) -> StudyRecord:
        """Read a record; what a hospital decided is believed only with its own signature."""
        envelope = envelope_from_wire(message.envelope)
        study = verify_study(
            envelope, me=self._connection.member, trust=self._connection.trust, at=clock.now()
        )
        digest = canonical.digest(envelope.payload)
        if digest != message.study:
            raise _malformed(rule="it is not the digest of the envelope")
        statements = {
            each.hospital: envelope_from_wire(each.statement) for each in message.decisions
        }
        return StudyRecord(
            id=digest,
            study=study,
            submitted=moment_from_wire(message.submitted_ms),
            decisions=tuple(
                self._decision(hospital, study, statements) for hospital in study.setting.hospitals
            ),
        )

    def _decision(
        self, hospital: str, study: Study, statements: Mapping[str, Envelope]
    ) -> Decision:
        envelope = statements.get(hospital)
        if envelope is None:
            return Decision(hospital, Standing.WAITING)
        now = clock.now()
        try:
            statement = verify_decision(
                envelope,
                hospital=hospital,
                study=study,
                trust=self._connection.trust,
                at=now,
                pins=self._connection.pins,
            )
        except WardnetError as error:  # the others' decisions count all the same
            return Decision(hospital, Standing.INVALID, why=str(error))
        return _decided(hospital, statement, now)


def _decided(hospital: str, statement: Agreement | Decline | Revocation, now: datetime) -> Decision:
    match statement:
        case Agreement(until=until):
            ended = until <= clock.to_moment(now)
            return Decision(hospital, Standing.ENDED if ended else Standing.AGREED, statement)
        case Decline(reason=reason):
            return Decision(hospital, Standing.DECLINED, why=reason)
        case Revocation(reason=reason):
            return Decision(hospital, Standing.REVOKED, why=reason)


def _malformed(*, rule: str) -> WardnetError:
    return WardnetError(Reason.MALFORMED, field="study", rule=rule)

"""The door of those who were invited."""

from functools import partial

from wardnet import clock
from wardnet.errors import Reason, WardnetError
from wardnet.identity.authority import Authority
from wardnet.identity.member import Role
from wardnet.transport.interceptors import Context, peer
from wardnet.wire.v1 import enrolment_pb2, enrolment_pb2_grpc
from wardnet_coordinator import registry
from wardnet_coordinator.broker import Broker
from wardnet_coordinator.state import Database


class EnrolmentService(enrolment_pb2_grpc.EnrolmentServiceServicer):
    """Make members of those who were invited."""

    def __init__(self, *, broker: Broker, database: Database, issuing: Authority) -> None:
        self._broker = broker
        self._database = database
        self._issuing = issuing

    async def Enrol(  # noqa: N802 - the wire's name
        self, request: enrolment_pb2.EnrolRequest, context: Context
    ) -> enrolment_pb2.EnrolResponse:
        """Redeem an invitation."""
        enrol = partial(
            registry.enrol,
            token=request.token,
            caller=peer(context),
            tls_request=request.tls_request,
            signing_request=request.signing_request,
            issuing=self._issuing,
            at=clock.now(),
        )
        enrolment = await self._database.write(enrol)
        if enrolment is None:
            raise WardnetError(Reason.INVITATION_REFUSED)
        if enrolment.member.role is Role.NODE:
            self._broker.forget(enrolment.member.id)
        return enrolment_pb2.EnrolResponse(
            tls_certificates=enrolment.tls, signing_certificates=enrolment.signing
        )

"""The door of auditors."""

from collections.abc import AsyncIterator
from contextlib import aclosing

from wardnet.transport.convert import envelope_from_wire
from wardnet.transport.interceptors import Context, peer
from wardnet.wire.v1 import audit_pb2, audit_pb2_grpc
from wardnet_coordinator.audits import Audits


class AuditService(audit_pb2_grpc.AuditServiceServicer):
    """Bring auditors' requests to hospitals, and the sealed replies back."""

    def __init__(self, audits: Audits) -> None:
        self._audits = audits

    async def Ask(  # noqa: N802 - the wire's name
        self, request: audit_pb2.AskRequest, context: Context
    ) -> AsyncIterator[audit_pb2.AskResponse]:
        """Yield the pages of one hospital's reply, as they come."""
        envelope = envelope_from_wire(request.request)
        asking = self._audits.ask(request.hospital, envelope, peer(context))
        async with aclosing(asking) as pages:
            async for sealed in pages:
                yield audit_pb2.AskResponse(sealed=sealed)

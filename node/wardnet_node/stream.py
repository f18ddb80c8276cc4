"""One control stream to the coordinator, from Hello to its end."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import suppress
from typing import Final, TypeAlias

import grpc.aio

from wardnet import canonical
from wardnet.errors import Reason, WardnetError
from wardnet.identity.envelope import Envelope
from wardnet.transport.pieces import Joining, Messages, bytes_in_pieces, in_pieces
from wardnet.transport.status import error_from_rpc
from wardnet.transport.work import Total, WorkId, total_from_bytes
from wardnet.wire.v1.link_pb2 import AttachRequest, AttachResponse, TotalsRequest
from wardnet.wire.v1.link_pb2_grpc import LinkServiceStub
from wardnet_node import messages
from wardnet_node.desk.studies import Unsent
from wardnet_node.outbox import Result

Call: TypeAlias = grpc.aio.StreamStreamCall[AttachRequest, AttachResponse]

MAXIMUM_WAITING: Final = 4096
FINISH_SECONDS: Final = 2.0
"""How long the last messages may take."""


class Stream:
    """Read and write one call; only `write_all` writes to it (two writers kill a call).

    Parameters
    ----------
    service : LinkServiceStub
        The coordinator's.
    address : str
        That was dialled, for messages.
    lease : float
        Seconds of silence after which the coordinator counts as away.
    """

    def __init__(self, service: LinkServiceStub, *, address: str, lease: float) -> None:
        self._service = service
        self._call: Call = service.Attach()
        self._address = address
        self._lease = lease
        self._messages = Messages(AttachResponse)
        self._waiting: asyncio.Queue[AttachRequest | bytes] = asyncio.Queue(MAXIMUM_WAITING)
        self._sent: set[str] = set()

    async def send(self, message: AttachRequest | bytes) -> None:
        """Queue a message, or the bytes of one."""
        await self._waiting.put(message)

    async def send_result(self, result: Result) -> None:
        """Queue a result, once per stream."""
        await self._send_once(result.work_id, result.message)

    async def send_decision(self, statement: Unsent) -> None:
        """Queue a decision on a study, once per stream."""
        message = messages.decision(statement.study, statement.envelope)
        await self._send_once(statement.digest, message)

    async def send_list(self, listed: Envelope) -> None:
        """Queue a list of what the hospital has taken back, once per stream."""
        await self._send_once(canonical.digest(listed.payload), messages.revocations(listed))

    def acknowledged(self, name: str) -> None:
        """Forget that a result or a decision was sent."""
        self._sent.discard(name)

    def asked(self, query: str) -> None:
        """Forget that results of a query were sent: more work of it acknowledges them."""
        self._sent = {name for name in self._sent if not name.startswith(f"{query}/")}

    async def _send_once(self, name: str, message: AttachRequest | bytes) -> None:
        if name not in self._sent:
            self._sent.add(name)
            await self.send(message)

    async def write_all(self) -> None:
        """Write what is queued until the call ends; its reader hears why."""
        while True:
            message = await self._waiting.get()
            try:
                for piece in _pieces(message):
                    await self._call.write(piece)
            except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
                return
            finally:
                self._waiting.task_done()

    async def read(self) -> AttachResponse | None:
        """Return the next message, or None when the coordinator has ended the stream.

        Raises
        ------
        WardnetError
            Why the stream broke; `COORDINATOR_AWAY` after a lease without a message.
        """
        while (response := await self._read()) is not None:
            whole = self._messages.take(response)
            if whole is not None:
                return whole
        return None

    async def _read(self) -> AttachResponse | None:
        try:
            async with asyncio.timeout(self._lease):
                response = await self._call.read()
        except TimeoutError:
            raise WardnetError(
                Reason.COORDINATOR_AWAY, address=self._address, rule="it shows no sign of life"
            ) from None
        except grpc.aio.AioRpcError as error:
            raise error_from_rpc(error, self._address) from error
        return response if isinstance(response, AttachResponse) else None

    async def missed(self, work: WorkId, first: int) -> AsyncIterator[Total]:
        """Yield the totals before some work, as the coordinator keeps them.

        Raises
        ------
        WardnetError
            `COORDINATOR_AWAY`; `ROUNDS_DIVERGED` when it gives none, whatever it says.
        """
        request, joining = TotalsRequest(work_id=str(work), first=first), Joining()
        try:
            async for response in self._service.Totals(request):
                data = joining.take(response.piece)
                if data is not None:
                    yield total_from_bytes(data)
        except grpc.aio.UsageError as error:  # the work has waited for longer than its stream
            raise WardnetError(
                Reason.COORDINATOR_AWAY, address=self._address, rule="the stream has ended"
            ) from error
        except grpc.aio.AioRpcError as error:
            said = error_from_rpc(error, self._address)
            if said.reason is Reason.COORDINATOR_AWAY:
                raise said from error
            raise WardnetError(Reason.ROUNDS_DIVERGED, rule="a total is missing") from error

    async def finish(self) -> None:
        """Write what is queued and say that nothing follows; the coordinator then ends the call."""
        with suppress(TimeoutError, grpc.aio.AioRpcError, asyncio.InvalidStateError):
            async with asyncio.timeout(FINISH_SECONDS):
                await self._waiting.join()
                await self._call.done_writing()

    def cancel(self) -> None:
        """End the call at once."""
        self._call.cancel()


def _pieces(message: AttachRequest | bytes) -> Iterable[AttachRequest]:
    if isinstance(message, bytes):
        return bytes_in_pieces(AttachRequest, message)
    return in_pieces(message)

"""The daemon's side of the process that listens: start it, decide for it, start it anew."""

import asyncio
import socket
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Final, TypeAlias

from wardnet import logs
from wardnet.errors import Reason, WardnetError
from wardnet.identity.credentials import TlsIdentity
from wardnet.identity.member import Member
from wardnet.transport.parcels.door import Fetching
from wardnet_node.public import public
from wardnet_node.sharing import lines
from wardnet_node.sharing.carrying.spool import Spool
from wardnet_node.sharing.lines import Line, error_from_line, error_to_line

Decide: TypeAlias = Callable[[Fetching, Member], Awaitable[None]]
"""Raises when a hospital may not; see `Gate` of `wardnet.transport.parcels.door`."""

_MODULE: Final = "wardnet_node.sharing.carrying.listener"
_AGAIN_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class Rules:
    """Say who may fetch, from where, how fast.

    Parameters
    ----------
    admit, finish : Decide
        Let a fetch begin or go on; close it.
    spool : Spool
        Holds the sealed parcels.
    listen : str
        `host:port`; port 0 takes any free one.
    rate : float
        Bytes per second; 0 for no limit.
    """

    admit: Decide
    finish: Decide
    spool: Spool
    listen: str
    rate: float = 0


@asynccontextmanager
async def listening(rules: Rules, *, credentials: TlsIdentity) -> AsyncIterator[str]:
    """Listen for other hospitals while the block runs; yield the address.

    A process that dies is started again.

    Raises
    ------
    WardnetError
        `IN_USE` when the port is taken.
    """
    listener = await _Listener.start(rules, credentials)
    serving = asyncio.create_task(_serve(listener, rules, credentials))
    try:
        yield listener.address
    finally:
        serving.cancel()
        with suppress(asyncio.CancelledError):
            await serving


async def _serve(listener: "_Listener", rules: Rules, credentials: TlsIdentity) -> None:
    """Answer a process until it dies, then the next one; end the last one."""
    same = Rules(rules.admit, rules.finish, rules.spool, listener.address, rules.rate)
    while True:
        try:
            await listener.answer_all()
        finally:
            await asyncio.shield(listener.close())
        logs.logger().error("listener_died", address=same.listen)
        while True:
            await asyncio.sleep(_AGAIN_SECONDS)
            with suppress(WardnetError):
                listener = await _Listener.start(same, credentials)
                break


class _Listener:
    """One process, and the socket to it."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        rules: Rules,
    ) -> None:
        self._process = process
        self._reader = reader
        self._writer = writer
        self._rules = rules
        self._tasks: set[asyncio.Task[None]] = set()
        self.address = ""

    @classmethod
    async def start(cls, rules: Rules, credentials: TlsIdentity) -> "_Listener":
        """Start the process and wait until it listens."""
        ours, theirs = socket.socketpair()
        process = await asyncio.to_thread(lines.start, _MODULE, theirs)
        reader, writer = await asyncio.open_connection(sock=ours)
        listener = cls(process, reader, writer, rules)
        try:
            await listener._begin(credentials)
        except BaseException:
            await listener.close()
            raise
        return listener

    async def _begin(self, credentials: TlsIdentity) -> None:
        """Tell it what it needs, and hear where it listens or why it cannot."""
        rules = self._rules
        self._say(
            {
                **lines.identity_to_line(credentials),
                "listen": rules.listen,
                "rate": rules.rate,
            }
        )
        said = await self._hear()
        if said is None:
            raise WardnetError(Reason.NODE_UNABLE)
        if "reason" in said:
            raise error_from_line(said)
        self.address = str(said["address"])

    async def answer_all(self) -> None:
        """Decide whatever it asks, until it is gone."""
        while (question := await self._hear()) is not None:
            task = asyncio.create_task(self._answer(question))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """End the process: it leaves when its socket closes."""
        for task in self._tasks:
            task.cancel()
        self._writer.close()
        await asyncio.to_thread(lines.wait, self._process)

    async def _answer(self, question: Line) -> None:
        asked = Fetching(*(str(question[name]) for name in ("owner", "grant", "parcel", "fetch")))
        sealed = self._rules.spool.made(asked.parcel)
        answer: Line = {"header": str(sealed.header), "body": str(sealed.body)}
        decide = self._rules.admit if question["ask"] == "admit" else self._rules.finish
        try:
            await decide(asked, Member.from_uri(str(question["recipient"])))
        except WardnetError as error:
            (told,) = public([error], work=asked.parcel)
            answer = error_to_line(told)
        except Exception as error:  # noqa: BLE001 - a bug ends this fetch, not the daemon
            logs.logger().error(
                "work_failed", work="fetch", error=type(error).__name__, place=logs.place(error)
            )
            answer = error_to_line(WardnetError(Reason.NODE_UNABLE))
        self._say({**answer, "id": question["id"]})

    def _say(self, line: Line) -> None:
        self._writer.write(lines.write(line))

    async def _hear(self) -> Line | None:
        try:
            return lines.read(await self._reader.readline())
        except OSError:
            return None

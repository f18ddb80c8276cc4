"""The streams to the hospitals: who is attached, and what each stream still has to carry.

The database is the truth and a stream is only a pipe: what waits here is a pointer to how things
stand, composed into a message at the moment of sending. A newer state of a query takes the place
of an older one, so a slow hospital costs no memory, and a new stream simply starts from the
beginning.
"""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Final, TypeAlias

from wardnet.errors import Reason, WardnetError
from wardnet.identity.envelope import Envelope
from wardnet.transport.work import Ahead, Work, WorkId
from wardnet_coordinator.course import Course

MAXIMUM_WAITING: Final = 4096
"""Most messages that wait for one stream; a hospital that reads none of them is cut off."""


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """Tell a hospital that a result, or the decision of this digest, is durable."""

    result: WorkId | str


@dataclass(frozen=True, slots=True)
class Ended:
    """Tell a hospital that a query needs nothing more of it."""

    query: str


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """Show that this process is alive."""


@dataclass(frozen=True, slots=True)
class Proposed:
    """Bring a hospital a study that asks it, or what another organisation has taken back."""

    study: Envelope


@dataclass(frozen=True, slots=True)
class Inquiry:
    """Ask a hospital what it would do with a query."""

    id: int
    query: Envelope


@dataclass(frozen=True, slots=True)
class Auditing:
    """Ask a hospital to show an auditor what it has granted."""

    id: int
    request: Envelope


@dataclass(frozen=True, slots=True)
class Letter:
    """Bring a hospital what another member says.

    Parameters
    ----------
    member : str
        URI of the other member.
    envelope : Envelope or None
        None tells that the last letter to that member was lost.
    """

    member: str
    envelope: Envelope | None

    @property
    def place(self) -> tuple[str, str]:
        """Return which older letter it takes the place of: few wait, however many are sent."""
        return self.member, self.envelope.payload_type if self.envelope else ""


@dataclass(frozen=True, slots=True)
class Reminder:
    """Remind a hospital of a promise."""

    id: int
    promise: Envelope


Notice: TypeAlias = (
    Acknowledged | Ended | Heartbeat | Proposed | Inquiry | Auditing | Letter | Reminder
)
Outgoing: TypeAlias = Work | Ahead | Notice
_Key: TypeAlias = str | WorkId | Proposed | Inquiry | Auditing | Reminder | tuple[str, str]
"""What a waiting message takes the place of when it comes again."""


@dataclass(frozen=True, slots=True)
class _State:
    """How a query stands, to be composed when its turn comes."""

    course: Course
    work: Work


def asked(course: Course, query: Envelope) -> Work:
    """Return what the hospitals of a course are asked now; earlier totals they have, or ask for."""
    totals = () if course.total is None else (course.total,)
    return Work(course.work, query, course.hospitals, totals)


class Attachment:
    """Hold one hospital's stream; only one coroutine may send from it.

    Parameters
    ----------
    hospital : str
        Whose.
    epoch : int
        Of the node's process.
    """

    def __init__(self, hospital: str, epoch: int) -> None:
        self.hospital = hospital
        self.epoch = epoch
        self._waiting: dict[_Key, _State | Outgoing] = {}
        self._sent: dict[str, WorkId] = {}
        self._ahead: dict[str, WorkId] = {}
        self._wake = asyncio.Event()
        self._closed = False
        self._error: WardnetError | None = None

    def tell(self, course: Course, work: Work) -> None:
        """Let the hospital know how a query stands, unless this stream has said so already.

        Parameters
        ----------
        work : Work
            What `asked` made of the course: the same for all hospitals.
        """
        ahead = self._waiting.get(("ahead", course.query))
        if isinstance(ahead, Ahead) and not (course.running and ahead.id == course.work):
            del self._waiting["ahead", course.query]
        self._put(course.query, _State(course, work))

    def prepare(self, ahead: Ahead) -> None:
        """Bring the total of the next round before it is durable, where the last one was asked."""
        self._put(("ahead", ahead.id.query), ahead)

    def dismiss(self, query: str) -> None:
        """Let the hospital drop what it keeps for a query that it has no part in any more."""
        self._put(query, Ended(query))

    def acknowledge(self, result: WorkId | str) -> None:
        """Let the hospital know that its result, or its decision of this digest, is durable."""
        self._put(result, Acknowledged(result))

    def carry(self, message: Proposed | Inquiry | Auditing | Reminder) -> None:
        """Bring a study, a list of what was taken back, a question or an auditor's request."""
        self._put(message, message)

    def deliver(self, letter: Letter) -> None:
        """Bring a letter, in place of an older one of its kind from the same member."""
        self._put(letter.place, letter)

    def close(self, error: WardnetError | None = None) -> None:
        """End the stream: at once with an error, else when all that waits has been sent."""
        if self._closed:
            return
        self._closed = True
        self._error = error
        if error is not None:
            self._waiting.clear()
        self._wake.set()

    async def outgoing(self, *, heartbeat: float) -> AsyncGenerator[Outgoing, None]:
        """Yield what is to be sent until the stream is closed.

        Parameters
        ----------
        heartbeat : float
            Seconds of silence after which a heartbeat is sent.

        Raises
        ------
        WardnetError
            What the stream was closed with.
        """
        while True:
            while self._waiting:
                message = self._compose(self._waiting.pop(next(iter(self._waiting))))
                if message is not None:
                    yield message
            if self._error is not None:
                raise self._error
            if self._closed:
                return
            if not await self._woken(heartbeat):
                yield Heartbeat()

    async def _woken(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            return False
        self._wake.clear()
        return True

    def _put(self, key: _Key, item: "_State | Outgoing") -> None:
        if self._closed:
            return
        self._waiting[key] = item
        self._wake.set()
        if len(self._waiting) > MAXIMUM_WAITING:
            rule = f"{MAXIMUM_WAITING} messages wait for {self.hospital}"
            self.close(WardnetError(Reason.WORK_LIMIT, rule=rule))

    def _compose(self, item: "_State | Outgoing") -> Outgoing | None:
        if isinstance(item, Acknowledged):
            return None if self._is_told(item.result) else item
        if isinstance(item, Ahead):
            return self._in_turn(item)
        if not isinstance(item, _State):
            return item
        course, sent = item.course, self._sent.get(item.course.query)
        # 1. The hospital has no part in the query any more.
        if not course.running or self.hospital not in course.hospitals:
            self._ahead.pop(course.query, None)
            return Ended(course.query) if self._sent.pop(course.query, None) else None
        # 2. It has the work already.
        if sent == course.work:
            return None
        self._sent[course.query] = course.work
        # 3. Its total may have come ahead.
        came_ahead = self._ahead.pop(course.query, None) == course.work
        return item.work.bare if came_ahead else item.work

    def _in_turn(self, ahead: Ahead) -> Ahead | None:
        """Return a total that follows on what this stream has carried."""
        query, attempt, number = ahead.id.query, ahead.id.attempt, ahead.id.round
        if self._sent.get(query) != WorkId(query, attempt, number - 1):
            return None
        self._ahead[query] = ahead.id
        return ahead

    def _is_told(self, result: WorkId | str) -> bool:
        """Say whether later work, which this stream has carried, acknowledges a result already."""
        if isinstance(result, str):
            return False
        sent = self._sent.get(result.query)
        return sent is not None and sent != result


class Broker:
    """Know which hospital is attached by which stream."""

    def __init__(self) -> None:
        self._streams: dict[str, Attachment] = {}
        self._epochs: dict[str, int] = {}

    def attach(self, hospital: str, *, epoch: int) -> Attachment:
        """Open a stream; it takes the place of an older one.

        Parameters
        ----------
        hospital : str
            Whose node dialled.
        epoch : int
            Of its process; a newer process fences the older ones for good.

        Raises
        ------
        WardnetError
            `SUPERSEDED` when a newer process was here.
        """
        newest = self._epochs.get(hospital, 0)
        if epoch < newest:
            raise _superseded(hospital)
        older = self._streams.get(hospital)
        if older is not None:
            older.close(_superseded(hospital) if epoch > older.epoch else None)
        self._epochs[hospital] = epoch
        self._streams[hospital] = attachment = Attachment(hospital, epoch)
        return attachment

    def detach(self, attachment: Attachment) -> None:
        """Forget a stream that has ended."""
        attachment.close()
        if self._streams.get(attachment.hospital) is attachment:
            del self._streams[attachment.hospital]

    def forget(self, hospital: str) -> None:
        """Let a hospital that has enrolled anew count its processes from the beginning."""
        self._epochs.pop(hospital, None)
        older = self._streams.get(hospital)
        if older is not None:
            older.close(_superseded(hospital))

    def find(self, hospital: str) -> Attachment | None:
        """Return the hospital's stream, or None when it is away."""
        return self._streams.get(hospital)

    def others(self, hospital: str) -> tuple[Attachment, ...]:
        """Return the streams of all other hospitals."""
        return tuple(stream for name, stream in self._streams.items() if name != hospital)

    def close(self) -> None:
        """End all streams once they have carried what waits."""
        for attachment in self._streams.values():
            attachment.close()


def _superseded(hospital: str) -> WardnetError:
    return WardnetError(Reason.SUPERSEDED, identity=hospital)

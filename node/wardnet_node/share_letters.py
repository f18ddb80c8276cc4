"""Letters about shares: sent until they are acknowledged, over whatever stream there is."""

import asyncio
from time import monotonic
from typing import Final

from wardnet import canonical, logs
from wardnet.errors import WardnetError
from wardnet.identity.envelope import Envelope
from wardnet.jobs import Jobs
from wardnet.sharing import letters
from wardnet_node import messages
from wardnet_node.desk.shares.mail import Mail, Post
from wardnet_node.stream import Stream

AGAIN_SECONDS: Final = 20.0
"""After which a letter that was not acknowledged is sent again."""

GAP_SECONDS: Final = 0.02
"""Between two letters to a hospital: whoever refuses each costs us no more than so much work."""

LOOK_SECONDS: Final = 1.0
"""How often it is looked whether somebody has signed something."""


class ShareLetters:
    """Send and take letters about shares while the node is attached.

    Parameters
    ----------
    mail : Jobs of Mail
        Writes and reads them; beside the desk, so that no query waits for it.
    again : float
        Seconds after which a letter is sent again.
    """

    kinds = letters.KINDS

    def __init__(self, mail: Jobs[Mail], *, again: float = AGAIN_SECONDS) -> None:
        self._mail = mail
        self._again = again
        self._stream: Stream | None = None
        self._sent: dict[str, tuple[str, float]] = {}
        self._news = asyncio.Event()

    async def run(self, stream: Stream) -> None:
        """Send what is due, again and again, while a stream lasts."""
        self._stream = stream
        self._sent.clear()
        try:
            while True:
                self._news.clear()
                for post in await self._mail.do(lambda mail: mail.due()):
                    await self._send_in_time(post)
                try:
                    async with asyncio.timeout(LOOK_SECONDS):
                        await self._news.wait()
                except TimeoutError:
                    pass
        finally:
            self._stream = None

    async def receive(self, sender: str, envelope: Envelope) -> None:
        """Take a letter, write back, and send what is next."""
        try:
            reply = await self._mail.do(lambda mail: mail.take(sender, envelope))
        except WardnetError as error:
            logs.logger().warning("letter_refused", identity=sender[:200], error=str(error))
            return
        if reply is not None and self._stream is not None:
            await self._stream.send(messages.letter(*reply))
        self._news.set()

    async def lost(self, member: str) -> None:
        """Do nothing: what was not acknowledged is sent again."""

    async def _send_in_time(self, post: Post) -> None:
        """Send a letter that is new, or that the other side may not have."""
        to, envelope = post
        name = canonical.digest(envelope.payload)
        last, at = self._sent.get(to, ("", 0.0))
        if self._stream is not None and (name != last or monotonic() - at >= self._again):
            await asyncio.sleep(max(0.0, at + GAP_SECONDS - monotonic()))
            self._sent[to] = name, monotonic()
            await self._stream.send(messages.letter(to, envelope))

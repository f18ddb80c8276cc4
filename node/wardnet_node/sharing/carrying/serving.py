"""Where parcels wait for others: at this node when it listens, else at the relay."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from wardnet import logs
from wardnet.errors import Reason, WardnetError
from wardnet.identity.credentials import Credentials
from wardnet.identity.files import write_private
from wardnet.identity.keystore import Keystore
from wardnet.identity.member import Member
from wardnet.jobs import Jobs
from wardnet.settings import where
from wardnet.sharing.notice import Place
from wardnet.transport.channel import RELAY_PORT
from wardnet.transport.listen import check_listen
from wardnet.transport.parcels.door import Fetching
from wardnet_node.desk.shares.shares import Shares
from wardnet_node.settings import NodeSettings
from wardnet_node.sharing.carrying.listening import Rules, listening
from wardnet_node.sharing.carrying.spool import Spool

ADDRESS_FILE: Final = "listen.address"
"""Where the address stands that the node listens on, while it does and after."""

_EVERYWHERE: Final = frozenset({"0.0.0.0", "[::]", "::", "*"})  # noqa: S104 - told from a host


def waiting_place(home: Path, settings: NodeSettings) -> tuple[Place, str]:
    """Return where this hospital's parcels wait, and the address that a notice tells.

    Raises
    ------
    WardnetError
        `WRONG_SETTING` when nothing says what others dial; `NOT_INITIALISED` when the node listens
        at a free port and was never started.
    """
    if not settings.listen:
        return Place.RELAY, relay_address(settings)
    if settings.listen_address:
        return Place.DIRECT, settings.listen_address
    _check_named(home, settings)
    try:
        return Place.DIRECT, (home / ADDRESS_FILE).read_text().strip()
    except FileNotFoundError:
        rule = "`wardnet-node serve`"
        raise WardnetError(Reason.NOT_INITIALISED, path=str(home), rule=rule) from None


def _check_named(home: Path, settings: NodeSettings) -> None:
    """Refuse to listen at every address of this machine without a word which one others dial."""
    if settings.listen.rpartition(":")[0] in _EVERYWHERE and not settings.listen_address:
        raise WardnetError(
            Reason.WRONG_SETTING,
            setting="listen_address",
            path=where(settings, "listen", home),
            rule="`listen` names no host, so this must say what other hospitals dial",
        )


def relay_address(settings: NodeSettings) -> str:
    """Return the `host:port` of the relay."""
    return settings.relay or f"{settings.address.rpartition(':')[0]}:{RELAY_PORT}"


@asynccontextmanager
async def serving_parcels(
    home: Path,
    *,
    keystore: Keystore,
    settings: NodeSettings,
    credentials: Credentials,
    proven: Callable[[], Awaitable[None]],
) -> AsyncIterator[str]:
    """Let other hospitals fetch parcels while the block runs; yield the address.

    Parameters
    ----------
    proven : Callable
        Waits until another hospital has confirmed that the log is whole, or raises: a node that
        was put back has forgotten what it took back since.

    Raises
    ------
    WardnetError
        `WRONG_SETTING` or `IN_USE`.
    """
    check_listen(settings, "listen", home)
    _check_named(home, settings)
    shares = Jobs(lambda: Shares.open(home, keystore, credentials))

    async def admit(asked: Fetching, recipient: Member) -> None:
        if asked.owner != credentials.member.id:
            raise WardnetError(Reason.PARCEL_UNKNOWN)
        try:
            await proven()
        except WardnetError as error:
            why = error
            await shares.do(
                lambda opened: opened.refuse_fetch(
                    why, grant=asked.grant, fetch=asked.fetch, peer=recipient
                )
            )
            raise
        await shares.do(
            lambda opened: opened.begin_fetch(
                grant=asked.grant, parcel=asked.parcel, fetch=asked.fetch, peer=recipient
            )
        )

    async def finish(asked: Fetching, recipient: Member) -> None:
        await shares.do(
            lambda opened: opened.finish_fetch(grant=asked.grant, fetch=asked.fetch, peer=recipient)
        )

    rules = Rules(
        admit, finish, Spool(home), listen=settings.listen, rate=settings.bandwidth * (1 << 20)
    )
    try:
        async with listening(rules, credentials=credentials) as address:
            write_private(home / ADDRESS_FILE, f"{address}\n".encode())
            logs.logger().info("listening", address=address)
            yield address
    finally:
        await shares.close(Shares.close)

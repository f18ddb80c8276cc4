"""Ways to stewards, by mail and by webhook, and servers at their ends."""

import socket
import ssl
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from support.receivers import Authority, Mailbox, mail_server
from wardnet.errors import WardnetError
from wardnet.identity.member import Member, Role
from wardnet_node.notify.channels import Way, ways
from wardnet_node.notify.message import Kind, Message
from wardnet_node.notify.queue import Channel
from wardnet_node.settings import NodeSettings

NODE = Member("heartnet", Role.NODE, "northside")
SECRET = b"a secret of thirty-two bytes...."
MESSAGE = Message("5f" * 16, Kind.SHARE_REQUESTED, NODE, datetime(2026, 5, 4, 12, tzinfo=UTC))


def private(path: Path, text: str) -> Path:
    """Write a file that only its owner can read."""
    path.touch(mode=0o600)
    path.write_text(text + "\n")
    return path


def way(channel: Channel, **settings: object) -> Way:
    """Return the way that some settings open."""
    made = NodeSettings.model_validate({"address": "c:1", **settings})
    return ways(made, Path())[channel]


def mail(port: int, **settings: object) -> Way:
    """Return the way to a mail server on this machine."""
    return way(
        Channel.MAIL,
        **{
            "notify_mail_server": f"localhost:{port}",
            "notify_mail_security": "plain",
            "notify_mail_from": "wardnet@hospital.example",
            "notify_mail_to": ("anna@hospital.example", "ben@hospital.example"),
            **settings,
        },
    )


def hook(port: int, authority: Authority, secret: Path, **settings: object) -> Way:
    """Return the way to a webhook on this machine."""
    return way(
        Channel.WEBHOOK,
        **{
            "notify_webhook": f"https://localhost:{port}/alerts?room=desk",
            "notify_webhook_secret_file": str(secret),
            "notify_authority": str(authority.root),
            **settings,
        },
    )


def refusal(opened: Way) -> WardnetError:
    """Return why a message is not sent."""
    with pytest.raises(WardnetError) as refused:
        opened.send(MESSAGE)
    assert opened.address in str(refused.value)
    return refused.value


def secure_mail_server(security: str, context: ssl.SSLContext) -> AbstractContextManager[Mailbox]:
    """Run a mail server that speaks TLS as the setting says."""
    return mail_server(tls=context) if security == "tls" else mail_server(starttls=context)


@contextmanager
def listener(speak: Callable[[socket.socket], None]) -> Iterator[int]:
    """Run a server that says what it likes to one client; yield its port."""

    def serve() -> None:
        connection, _ = listening.accept()
        with connection:
            speak(connection)

    with socket.create_server(("127.0.0.1", 0)) as listening, ThreadPoolExecutor(1) as pool:
        listening.settimeout(10)
        served = pool.submit(serve)
        yield listening.getsockname()[1]
        served.exception(10)

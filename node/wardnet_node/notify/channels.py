"""The ways to stewards that the settings open, with their secrets read from files."""

import base64
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from wardnet.errors import Reason, WardnetError
from wardnet.identity.files import read_private
from wardnet.settings import where
from wardnet_node.notify import mail, webhook
from wardnet_node.notify.mail import MailServer
from wardnet_node.notify.message import Message
from wardnet_node.notify.queue import Channel
from wardnet_node.notify.webhook import Receiver
from wardnet_node.settings import NodeSettings

LOCAL: Final = frozenset({"localhost", "127.0.0.1", "::1"})
"""Hosts to which mail may go in the clear."""

MARK: Final = "whsec_"
"""Of a webhook's secret."""


@dataclass(frozen=True, slots=True)
class Way:
    """Hold one way to stewards.

    Parameters
    ----------
    address : str
        Of the server at its end.
    send : Callable
        Sends one message, or raises why not; returns the recipients that were refused.
    """

    address: str
    send: Callable[[Message], tuple[str, ...]]


def ways(settings: NodeSettings, home: Path) -> Mapping[Channel, Way]:
    """Return the ways that are set; none when notifications are off.

    Raises
    ------
    WardnetError
        `WRONG_SETTING` when they do not go together, `FILE_UNREADABLE` or `FILE_MODE` for a file
        that holds a secret.
    """
    found = dict[Channel, Way]()
    place = _Place(settings, home)
    if settings.notify_mail_server:
        server = _mail_server(place)
        found[Channel.MAIL] = Way(server.address, partial(mail.send, server))
    if settings.notify_webhook:
        receiver = _receiver(place)
        found[Channel.WEBHOOK] = Way(receiver.address, partial(webhook.send, receiver))
    return found


@dataclass(frozen=True, slots=True)
class _Place:
    """Hold the settings, and where they stand."""

    settings: NodeSettings
    home: Path

    def wrong(self, *, setting: str, rule: str) -> WardnetError:
        """Return what says that a setting is wrong."""
        path = where(self.settings, setting, self.home)
        return WardnetError(Reason.WRONG_SETTING, setting=setting, path=path, rule=rule)

    def context(self) -> ssl.SSLContext:
        """Return who may vouch for servers: the system's authorities, or only those of a file."""
        authority = self.settings.notify_authority
        try:
            context = ssl.create_default_context(cafile=authority or None)
        except OSError as error:  # ssl.SSLError is one
            rule = "it must name a file with authorities' certificates, in PEM"
            raise self.wrong(setting="notify_authority", rule=rule) from error
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        return context

    def secret(self, setting: str, path: str) -> str:
        """Return the first line of a file that only its owner can read."""
        try:
            lines = read_private(Path(path)).decode().splitlines()
        except OSError as error:
            rule = error.strerror or "unknown cause"
            raise WardnetError(Reason.FILE_UNREADABLE, file=path, rule=rule) from error
        except UnicodeDecodeError:
            lines = []
        if not lines or not lines[0]:
            raise self.wrong(
                setting=setting, rule="the first line of the file that it names must be a secret"
            )
        return lines[0]


def _mail_server(place: _Place) -> MailServer:
    settings = place.settings
    host, port = settings.notify_mail_server.rsplit(":", 1)
    host = host.strip("[]")
    if settings.notify_mail_security == "plain" and host not in LOCAL:
        rule = "mail goes in the clear to this machine only (localhost); use starttls or tls"
        raise place.wrong(setting="notify_mail_security", rule=rule)
    if not settings.notify_mail_from:
        raise place.wrong(setting="notify_mail_from", rule="it is needed with notify_mail_server")
    if not settings.notify_mail_to:
        raise place.wrong(setting="notify_mail_to", rule="it is needed with notify_mail_server")
    file = settings.notify_mail_password_file
    if bool(settings.notify_mail_user) != bool(file):
        rule = "notify_mail_user and notify_mail_password_file need each other"
        raise place.wrong(setting="notify_mail_user", rule=rule)
    return MailServer(
        host=host,
        port=int(port),
        security=settings.notify_mail_security,
        context=place.context(),
        sender=settings.notify_mail_from,
        recipients=settings.notify_mail_to,
        user=settings.notify_mail_user,
        password=place.secret("notify_mail_password_file", file) if file else "",
    )


def _receiver(place: _Place) -> Receiver:
    settings = place.settings
    file = settings.notify_webhook_secret_file
    if not file:
        rule = "it is needed with notify_webhook"
        raise place.wrong(setting="notify_webhook_secret_file", rule=rule)
    text = settings.notify_webhook
    try:
        address = urlsplit(text)
        host, port = address.hostname, address.port
    except ValueError as error:
        raise place.wrong(setting="notify_webhook", rule="it is not an address") from error
    if not host or address.username is not None or address.fragment or not text.isascii():
        rule = "it takes https://host/path, in ASCII, without user, password or #"
        raise place.wrong(setting="notify_webhook", rule=rule)
    return Receiver(
        host=host,
        port=port or 443,
        target=address._replace(scheme="", netloc="").geturl() or "/",
        secret=_key(place, file),
        context=place.context(),
    )


def _key(place: _Place, file: str) -> bytes:
    setting = "notify_webhook_secret_file"
    line = place.secret(setting, file)
    try:
        key = base64.b64decode(line.removeprefix(MARK), validate=True)
    except ValueError:
        key = b""
    if not 24 <= len(key) <= 64:
        rule = f"the file that it names takes {MARK} and 24 to 64 random bytes in base64"
        raise place.wrong(setting=setting, rule=rule)
    return key

"""Mail to the stewards by the hospital's mail server (RFC 5321; STARTTLS: RFC 3207)."""

import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Final, Literal, TypeAlias

from wardnet.errors import Reason, WardnetError
from wardnet_node.notify.message import Message
from wardnet_node.notify.patience import PATIENCE_SECONDS, cut_off, explained

Security: TypeAlias = Literal["starttls", "tls", "plain"]

_SERVER: Final = "notify_mail_server"
_READY: Final = 220
_LOGIN_CODES: Final = frozenset({530, 534, 535, 538})
"""Replies that ask for a login, or another one (RFC 4954, 6)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MailServer:
    """Name a mail server, and who writes to whom.

    Parameters
    ----------
    host, port : str, int
        Where it listens.
    security : str
        `starttls`, `tls` from the first byte, or `plain`.
    context : ssl.SSLContext
        Says who may vouch for it.
    sender : str
        Address that the mail comes from.
    recipients : tuple of str
        The stewards' addresses.
    user, password : str
        Of the login; empty for none.
    """

    host: str
    port: int
    security: Security
    context: ssl.SSLContext
    sender: str
    recipients: tuple[str, ...]
    user: str
    password: str = field(repr=False)

    @property
    def address(self) -> str:
        """Return how messages name the server."""
        return f"{self.host}:{self.port}"


def send(server: MailServer, message: Message) -> tuple[str, ...]:
    """Hand a message to a mail server and return the recipients that it refuses.

    Raises
    ------
    WardnetError
        `NOTIFICATION_AWAY`, `NOTIFICATION_UNTRUSTED`, `NOTIFICATION_LOGIN` or
        `NOTIFICATION_REFUSED`; nobody got the mail then.
    """
    try:
        with _connected(server) as connection:
            if server.user:
                _log_in(server, connection)
            refused = connection.send_message(_mail(server, message))
    except smtplib.SMTPException as error:
        raise _refused(server, error) from error
    except (OSError, UnicodeError) as error:
        raise explained(error, address=server.address, setting=_SERVER) from error
    return tuple(refused)


@contextmanager
def _connected(server: MailServer) -> Iterator[smtplib.SMTP]:
    """Yield a greeted connection, in TLS unless it is plain; there is no way back to plain."""
    # Our name is the sender's domain: to look this machine's up may take long, and would tell it.
    ours = server.sender.rpartition("@")[2]
    if server.security == "tls":
        connection: smtplib.SMTP = smtplib.SMTP_SSL(
            local_hostname=ours, timeout=PATIENCE_SECONDS, context=server.context
        )
    else:
        connection = smtplib.SMTP(local_hostname=ours, timeout=PATIENCE_SECONDS)
    # Whom TLS checks; `connect` leaves it empty. So the greeting can be cut off, too.
    vars(connection)["_host"] = server.host
    with cut_off(lambda: connection.sock):
        try:
            connection.connect(server.host, server.port)
            if server.security == "starttls":
                _start_tls(server, connection)
            yield connection
            with suppress(smtplib.SMTPException, OSError):  # it has the mail, and may just hang up
                connection.quit()
        finally:
            connection.close()


def _start_tls(server: MailServer, connection: smtplib.SMTP) -> None:
    try:
        code, _ = connection.starttls(context=server.context)
    except smtplib.SMTPNotSupportedError as error:
        raise _error(
            server,
            Reason.NOTIFICATION_UNTRUSTED,
            "it offers no STARTTLS; set notify_mail_security to tls, if that is what it speaks",
        ) from error
    if code != _READY:
        rule = f"it answers {code} to STARTTLS"
        raise _error(server, Reason.NOTIFICATION_UNTRUSTED, rule)


def _log_in(server: MailServer, connection: smtplib.SMTP) -> None:
    try:
        connection.login(server.user, server.password)
    except UnicodeError as error:
        rule = "a mail server takes ASCII only"
        raise _error(server, Reason.NOTIFICATION_LOGIN, rule) from error
    except smtplib.SMTPResponseException as error:
        rule = f"it answers {error.smtp_code}"
        raise _error(server, Reason.NOTIFICATION_LOGIN, rule) from error
    except smtplib.SMTPServerDisconnected as error:
        raise _error(server, Reason.NOTIFICATION_LOGIN, "it hangs up at the login") from error
    except smtplib.SMTPException as error:
        rule = "it offers no login by CRAM-MD5, PLAIN or LOGIN"
        raise _error(server, Reason.NOTIFICATION_LOGIN, rule) from error


def _mail(server: MailServer, message: Message) -> EmailMessage:
    mail = EmailMessage()
    mail["From"] = server.sender
    mail["To"] = ", ".join(server.recipients)
    mail["Subject"] = f"Wardnet: {message.subject}"
    mail["Date"] = format_datetime(message.at)
    # The same for every try: a mail that comes twice is shown once.
    mail["Message-ID"] = f"<{message.id}@{server.sender.rpartition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no answers of absence
    mail.set_content(message.text)
    return mail


def _refused(server: MailServer, error: smtplib.SMTPException) -> WardnetError:
    """Say what the server did not take."""
    match error:
        case smtplib.SMTPServerDisconnected():
            broke = error.__context__
            if isinstance(broke, OSError):
                return explained(broke, address=server.address, setting=_SERVER)
            return _error(server, Reason.NOTIFICATION_AWAY, "it hung up")
        case smtplib.SMTPRecipientsRefused():
            codes = {code for code, _ in error.recipients.values()}
            code, setting = min(codes), "notify_mail_to"
            rule = "it refuses every recipient"
        case smtplib.SMTPSenderRefused():
            code, setting, rule = error.smtp_code, "notify_mail_from", "it refuses the sender"
        case smtplib.SMTPResponseException():
            code, setting, rule = error.smtp_code, _SERVER, "it refuses the mail"
        case _:
            return _error(server, Reason.NOTIFICATION_REFUSED, "it does not speak SMTP")
    if code in _LOGIN_CODES:
        rule = f"it asks for a login ({code})"
        return _error(server, Reason.NOTIFICATION_LOGIN, rule)
    rule = f"{rule} ({code})"
    return _error(server, Reason.NOTIFICATION_REFUSED, rule, setting=setting)


def _error(
    server: MailServer, reason: Reason, rule: str, *, setting: str = _SERVER
) -> WardnetError:
    return WardnetError(reason, address=server.address, setting=setting, rule=rule)

"""Where notifications arrive: a mail server and an HTTPS receiver in this process."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography.hazmat.primitives.serialization import Encoding

from support.pki import TestNetwork

USER, PASSWORD = "wardnet", "correct horse"


class Authority:
    """An authority, and the certificate of the servers that it vouches for, as files.

    Parameters
    ----------
    folder : Path
        Gets the files.
    """

    def __init__(self, folder: Path) -> None:
        network = TestNetwork()
        server = network.coordinator()
        self.key, self.chain, self.root = (
            folder / name for name in ("key.pem", "chain.pem", "root.pem")
        )
        self.key.write_bytes(server.tls_key_pem)
        self.chain.write_bytes(server.tls_chain_pem)
        self.root.write_bytes(network.root.certificate.public_bytes(Encoding.PEM))

    def context(self) -> ssl.SSLContext:
        """Return what a server speaks TLS with."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.chain, self.key)
        return context


@dataclass
class Mailbox:
    """Hold what a mail server was given, and whom it refuses.

    Parameters
    ----------
    port : int
        Where the server listens.
    refused : set of str
        Addresses that it does not take, sender or recipient.
    mails : list of Envelope
        As they came.
    """

    port: int = 0
    refused: set[str] = field(default_factory=set)
    mails: list[Envelope] = field(default_factory=list)

    async def handle_MAIL(  # noqa: N802 - the server's own name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Take the sender, or not."""
        if address in self.refused:
            return "550 5.7.1 your patients' names are none of my business"
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(  # noqa: N802 - as above
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Take a recipient, or not."""
        if address in self.refused:
            return "550 5.1.1 unknown"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802 - as above
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        """Keep a mail."""
        self.mails.append(envelope)
        return "250 OK"


def _log_in(_: SMTP, __: Session, ___: Envelope, ____: str, told: object) -> AuthResult:
    right = told == LoginPassword(USER.encode(), PASSWORD.encode())
    return AuthResult(success=right, handled=False)


@contextmanager
def mail_server(
    *,
    port: int = 0,
    tls: ssl.SSLContext | None = None,
    starttls: ssl.SSLContext | None = None,
    login: bool = False,
) -> Iterator[Mailbox]:
    """Run a mail server while the block runs.

    Parameters
    ----------
    port : int
        Where it listens; 0 for any.
    tls : ssl.SSLContext or None
        Speak it from the first byte.
    starttls : ssl.SSLContext or None
        Offer it, and ask for it.
    login : bool
        Ask for the user and password above.
    """
    box = Mailbox()
    options: dict[str, Any] = {
        "ssl_context": tls,
        "tls_context": starttls,
        "require_starttls": starttls is not None,
    }
    if login:
        options |= {
            "authenticator": _log_in,
            "auth_required": True,
            "auth_require_tls": starttls is not None,
        }
    controller = Controller(box, hostname="127.0.0.1", port=port or _free_port(), **options)
    controller.start()
    try:
        box.port = controller.port
        yield box
    finally:
        controller.stop()


def _free_port() -> int:
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        return server.server_port


@dataclass
class Hook:
    """Hold what a webhook's receiver was given, and what it answers.

    Parameters
    ----------
    port : int
        Where it listens.
    status : int
        That it answers.
    requests : list
        Path, headers with names in lower case, and body.
    """

    port: int = 0
    status: int = 204
    requests: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)


@contextmanager
def https_receiver(context: ssl.SSLContext, *, port: int = 0, status: int = 204) -> Iterator[Hook]:
    """Run a receiver of webhooks while the block runs."""
    hook = Hook(status=status)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            hook.requests.append((self.path, headers, body))
            self.send_response(hook.status)
            if 300 <= hook.status < 400:
                self.send_header("location", f"https://127.0.0.1:{hook.port}/elsewhere")
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        def handle_error(self, request: object, client_address: object) -> None:
            """Say nothing: a client that does not trust us hangs up."""

    with Server(("127.0.0.1", port), Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        hook.port = server.server_port
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield hook
        finally:
            server.shutdown()
            thread.join()

"""Webhooks: a signed HTTPS POST, as the Standard Webhooks specification writes it.

The receiver checks `webhook-signature` (HMAC-SHA256 over id, timestamp and body, under a secret
that both hold) and drops an id that it has seen; libraries for that exist in most languages.
"""

import base64
import hmac
import ssl
from dataclasses import dataclass, field
from http.client import HTTPException, HTTPSConnection
from typing import Final

from wardnet.errors import Reason, WardnetError
from wardnet_node.notify.message import Message
from wardnet_node.notify.patience import PATIENCE_SECONDS, cut_off, explained

_SETTING: Final = "notify_webhook"


@dataclass(frozen=True, slots=True, kw_only=True)
class Receiver:
    """Name who receives, and what it shares with us.

    Parameters
    ----------
    host, port : str, int
        Where it listens, always by TLS.
    target : str
        Path and query; they may be secret and stand in no message.
    secret : bytes
        24 to 64 bytes, shared with the receiver.
    context : ssl.SSLContext
        Says who may vouch for it.
    """

    host: str
    port: int
    target: str = field(repr=False)
    secret: bytes = field(repr=False)
    context: ssl.SSLContext

    @property
    def address(self) -> str:
        """Return how messages name the receiver."""
        return f"https://{self.host}:{self.port}"


def send(receiver: Receiver, message: Message) -> tuple[str, ...]:
    """Post a message; only an answer 200 to 299 counts, and no redirect is followed.

    Raises
    ------
    WardnetError
        `NOTIFICATION_AWAY`, `NOTIFICATION_UNTRUSTED` or `NOTIFICATION_REFUSED`.
    """
    connection = HTTPSConnection(
        receiver.host, receiver.port, timeout=PATIENCE_SECONDS, context=receiver.context
    )
    try:
        with cut_off(lambda: connection.sock):
            connection.request(
                "POST", receiver.target, message.body, signed(message, secret=receiver.secret)
            )
            status = connection.getresponse().status
    except (OSError, HTTPException, UnicodeError) as error:
        raise explained(error, address=receiver.address, setting=_SETTING) from error
    finally:
        connection.close()
    if not 200 <= status < 300:
        rule = f"it answers {status}"
        if 300 <= status < 400:
            rule += ", a redirect, which is not followed"
        raise WardnetError(
            Reason.NOTIFICATION_REFUSED, address=receiver.address, setting=_SETTING, rule=rule
        )
    return ()


def signed(message: Message, *, secret: bytes) -> dict[str, str]:
    """Return the headers of a message's request.

    Parameters
    ----------
    secret : bytes
        Shared with the receiver.
    """
    moment = str(int(message.at.timestamp()))
    content = b".".join((message.id.encode(), moment.encode(), message.body))
    mac = base64.b64encode(hmac.digest(secret, content, "sha256")).decode()
    return {
        "content-type": "application/json",
        "user-agent": "wardnet-node",
        "webhook-id": message.id,
        "webhook-timestamp": moment,
        "webhook-signature": f"v1,{mac}",
    }

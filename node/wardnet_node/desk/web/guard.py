"""What holds for every answer of the page, whatever it says: headers, sizes, no leaking errors."""

from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from wardnet.errors import Reason, WardnetError

MAXIMUM_BODY: Final = 256 << 10
"""Bytes of a form; one with a thousand columns has less."""

MAXIMUM_UPLOAD: Final = 32 << 20
"""Bytes of the one form that takes documents; only a steward's is read."""

HEADERS: Final = (
    (
        b"content-security-policy",
        (
            b"default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "
            b"form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
        ),
    ),
    (b"strict-transport-security", b"max-age=31536000"),
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)


class Guard:
    """Stand around the application.

    Parameters
    ----------
    app : ASGIApp
        The page.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            return
        read = started = 0
        maximum = MAXIMUM_UPLOAD if scope["path"].endswith("/narrow") else MAXIMUM_BODY

        async def limited() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > maximum:
                raise WardnetError(Reason.MESSAGE_TOO_LARGE, rule=f"{maximum >> 10} KiB")
            return message

        async def guarded(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = 1
                message["headers"] = [*message["headers"], *HEADERS]
            await send(message)

        try:
            await self._app(scope, limited, guarded)
        except Exception:
            # The application has logged it and answered with a page; only a bug before that is new.
            if not started:
                raise

"""What a server checks before any handler runs, and how it answers errors.

References
----------
RFC 8446 (TLS 1.3); gRPC auth context properties `ssl_tls_version`, `peer_uri`, `x509_pem_cert`.
"""

import functools
import inspect
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing
from datetime import datetime
from typing import Any, Final, NoReturn, cast

import grpc
import grpc.aio
from cryptography import x509

from wardnet import clock, logs
from wardnet.errors import Reason, WardnetError
from wardnet.identity.certificates import Usage, check_validity, leaf_member
from wardnet.identity.member import Member, Role
from wardnet.transport.status import METADATA_KEY, error_to_status, status_code

Context = grpc.aio.ServicerContext[Any, Any]

_TLS: Final = [b"TLSv1.3"]


def peer(context: Context, *, at: datetime | None = None) -> Member:
    """Return who calls, checked anew; a long stream calls it again at every heartbeat.

    gRPC has verified the chain up to our root when the connection was opened, and never looks at
    the certificate again.

    Raises
    ------
    WardnetError
        `TLS_TOO_OLD` or `CERTIFICATE_REFUSED`.
    """
    properties = context.auth_context()
    # 1. TLS 1.3; gRPC itself accepts 1.2 and has no switch.
    if list(properties.get("ssl_tls_version", [])) != _TLS:
        raise WardnetError(Reason.TLS_TOO_OLD)
    # 2. One certificate, a TLS leaf that names one member.
    pems = list(properties.get("x509_pem_cert", []))
    if len(pems) != 1:
        raise WardnetError(Reason.CERTIFICATE_REFUSED, rule="there is none")
    leaf, member = _leaf(pems[0])
    # 3. It is the name that gRPC saw too.
    if list(properties.get("peer_uri", [])) != [member.uri.encode()]:
        raise WardnetError(Reason.CERTIFICATE_REFUSED, rule="it does not name exactly one member")
    # 4. Still valid: an open connection outlives its certificate.
    check_validity(leaf, at=at or clock.now())
    return member


@functools.lru_cache(maxsize=4096)
def _leaf(pem: bytes) -> tuple[x509.Certificate, Member]:
    leaf = x509.load_pem_x509_certificate(pem)
    return leaf, leaf_member(leaf, usage=Usage.TLS)


class Guard(grpc.aio.ServerInterceptor):
    """Check identity, role and deadline of every call, and turn errors into statuses.

    Parameters
    ----------
    network : str
        Whose members may call.
    allowed : Mapping of str to frozenset of Role
        Who may call which method (`/wardnet.wire.v1.QueryService/Submit`); a method that is not
        in it is refused to everybody.
    now : Callable
        Returns the present moment.
    """

    def __init__(
        self,
        *,
        network: str,
        allowed: Mapping[str, frozenset[Role]],
        now: Callable[[], datetime] = clock.now,
    ) -> None:
        self._network = network
        self._allowed = dict(allowed)
        self._now = now

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:  # noqa: ANN401 - the library's handler type differs by kind of call
        """Put the checks in front of the method's handler."""
        handler = await continuation(handler_call_details)
        if handler is None:
            return None
        method = handler_call_details.method
        unary = not handler.request_streaming and not handler.response_streaming

        def check(context: Context) -> None:
            self._check(context, method=method, unary=unary)

        return _guarded(handler, method, check)

    def _check(self, context: Context, *, method: str, unary: bool) -> None:
        # 1. Who calls.
        member = peer(context, at=self._now())
        if member.network != self._network:
            raise WardnetError(
                Reason.CERTIFICATE_REFUSED, rule="it names a member of another network"
            )
        # 2. Whether this role may call this method.
        if member.role not in self._allowed.get(method, frozenset()):
            raise WardnetError(Reason.ROLE_REFUSED, role=member.role)
        # 3. A call without a deadline could wait for ever.
        if unary and context.time_remaining() is None:
            raise WardnetError(Reason.DEADLINE_MISSING)


def _guarded(handler: Any, method: str, check: Callable[[Context], None]) -> Any:  # noqa: ANN401
    """Return the same kind of handler with `check` before it and statuses after it."""
    kind = _KINDS[handler.request_streaming, handler.response_streaming]
    behaviour = getattr(handler, kind)
    make = getattr(grpc, f"{kind}_rpc_method_handler")
    if inspect.isasyncgenfunction(behaviour):
        guarded = _guarded_generator(behaviour, method, check)
    else:
        guarded = _guarded_coroutine(behaviour, method, check)
    return make(
        guarded,
        request_deserializer=handler.request_deserializer,
        response_serializer=handler.response_serializer,
    )


_KINDS: Final = {
    (False, False): "unary_unary",
    (False, True): "unary_stream",
    (True, False): "stream_unary",
    (True, True): "stream_stream",
}


def _guarded_coroutine(
    behaviour: Callable[..., Awaitable[object]], method: str, check: Callable[[Context], None]
) -> Callable[..., Any]:
    async def run(request: object, context: Context) -> object:
        try:
            check(context)
            return await behaviour(request, context)
        except Exception as error:  # noqa: BLE001 - nothing of it may reach the caller
            await _abort(context, method, error)

    return run


def _guarded_generator(
    behaviour: Callable[..., AsyncGenerator[object]], method: str, check: Callable[[Context], None]
) -> Callable[..., Any]:
    async def run(request: object, context: Context) -> AsyncIterator[object]:
        try:
            check(context)
            async with aclosing(behaviour(request, context)) as responses:
                async for response in responses:
                    yield response
        except Exception as error:  # noqa: BLE001 - nothing of it may reach the caller
            await _abort(context, method, error)

    return run


async def _abort(context: Context, method: str, error: Exception) -> NoReturn:
    """End the call with the error's public face; a bug shows as an incident id and one log line."""
    if isinstance(error, grpc.aio.AbortError):
        raise error
    public = error if isinstance(error, WardnetError) else _incident(method, error)
    metadata = ((METADATA_KEY, error_to_status(public)),)
    await context.abort(status_code(public), str(public), cast("Any", metadata))
    raise AssertionError  # abort always raises


def _incident(method: str, error: Exception) -> WardnetError:
    incident = secrets.token_hex(4)
    logs.logger().error(
        "incident",
        incident=incident,
        method=method,
        error=type(error).__name__,
        place=logs.place(error),
    )
    return WardnetError(Reason.INTERNAL, incident=incident)

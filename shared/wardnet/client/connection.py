"""The way to the coordinator: who asks, and every call with its deadline."""

from collections.abc import Callable, Iterator, Mapping
from typing import Final, TypeAlias, TypeVar

import grpc
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from wardnet.agreement.address_book import key_of
from wardnet.identity.credentials import Credentials
from wardnet.identity.envelope import Envelope, sign
from wardnet.model.signed import NO_PINS
from wardnet.transport.channel import open_blocking_channel
from wardnet.transport.status import error_from_rpc

DEADLINE_SECONDS: Final = 30.0
"""Of every call but the watch."""

R = TypeVar("R")

Derive: TypeAlias = Callable[[str], bytes]
"""Gives the 32-byte key of one purpose; a home's keystore gives the same one every time."""


class Connection:
    """Hold one member's connection to the coordinator.

    Parameters
    ----------
    credentials : Credentials
        Of the member.
    address : str
        `host:port` of the coordinator.
    derive : callable
        `derive` of the home's keystore.
    pins : Mapping of str to str
        Fingerprints of members' keys that people have compared, by URI.
    """

    def __init__(
        self,
        credentials: Credentials,
        address: str,
        *,
        derive: Derive,
        pins: Mapping[str, str] = NO_PINS,
    ) -> None:
        self.member = credentials.member
        self.trust = credentials.trust
        self.channel = open_blocking_channel(credentials, address)
        self.address = address
        self._signer = credentials.signer
        self._derive = derive
        self.pins = pins

    @property
    def key(self) -> str:
        """Return the fingerprint of the signing key: SHA-256, hexadecimal."""
        return key_of(self._signer.certificates[0])

    def sign(self, payload_type: str, payload: bytes) -> Envelope:
        """Return a statement with the member's signature."""
        return sign(payload_type, payload, self._signer)

    def recipient(self, nonce: str) -> X25519PrivateKey:
        """Return the key that opens the answers of one query; it is stored nowhere."""
        return X25519PrivateKey.from_private_bytes(self._derive(f"recipient {nonce}"))

    def call(self, method: Callable[..., R], request: object) -> R:
        """Call, and return the response.

        Raises
        ------
        WardnetError
            What the other side names, or `COORDINATOR_AWAY`.
        """
        try:
            return method(request, timeout=DEADLINE_SECONDS)
        except grpc.RpcError as error:
            raise error_from_rpc(error, self.address) from error

    def stream(
        self, method: Callable[..., R], request: object, *, timeout: float | None
    ) -> "Iterator[R]":
        """Call, and yield the responses as they come.

        Parameters
        ----------
        timeout : float or None
            Seconds; None to listen however long it takes.

        Raises
        ------
        WardnetError
            What the other side names, or `COORDINATOR_AWAY`.
        """
        call = method(request, timeout=timeout)
        try:
            yield from call  # type: ignore[misc]
        except grpc.RpcError as error:
            raise error_from_rpc(error, self.address) from error
        finally:
            call.cancel()  # type: ignore[attr-defined]

    def close(self) -> None:
        """Close the connection."""
        self.channel.close()

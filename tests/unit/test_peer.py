"""The identity check reads only what TLS has proved."""

from datetime import UTC, datetime
from typing import cast

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from support.pki import TestNetwork, certificates
from wardnet.errors import Reason, WardnetError
from wardnet.transport.interceptors import Context, peer

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
NETWORK = TestNetwork(at=NOW)
NODE = NETWORK.node("a")
PEM = certificates(NODE.tls_chain_pem)[0].public_bytes(Encoding.PEM)
GOOD = {
    "ssl_tls_version": [b"TLSv1.3"],
    "x509_pem_cert": [PEM],
    "peer_uri": [NODE.member.uri.encode()],
}


class Call:
    """Stand for a call with certain properties."""

    def __init__(self, properties: dict[str, list[bytes]]) -> None:
        self._properties = properties

    def auth_context(self) -> dict[str, list[bytes]]:
        """Return them as gRPC does."""
        return self._properties


def _peer(properties: dict[str, list[bytes]]) -> object:
    return peer(cast("Context", Call(properties)), at=NOW)


def test_complete_proof_names_the_member() -> None:
    """The refusals below have one cause each."""
    assert _peer(GOOD) == NODE.member


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"ssl_tls_version": [b"TLSv1.2"]}, Reason.TLS_TOO_OLD),
        ({"ssl_tls_version": []}, Reason.TLS_TOO_OLD),
        ({"x509_pem_cert": []}, Reason.CERTIFICATE_REFUSED),
        ({"x509_pem_cert": [PEM, PEM]}, Reason.CERTIFICATE_REFUSED),
        ({"peer_uri": []}, Reason.CERTIFICATE_REFUSED),
        ({"peer_uri": [b"wardnet://heartnet/node/b"]}, Reason.CERTIFICATE_REFUSED),
        ({"peer_uri": GOOD["peer_uri"] * 2}, Reason.CERTIFICATE_REFUSED),
    ],
)
def test_incomplete_proof_is_refused(changes: dict[str, list[bytes]], reason: Reason) -> None:
    """A property that is missing, doubled or different names nobody."""
    with pytest.raises(WardnetError) as caught:
        _peer({**GOOD, **changes})
    assert caught.value.reason is reason


def test_call_without_tls_is_refused() -> None:
    """No properties at all, as on a connection in the clear."""
    with pytest.raises(WardnetError):
        _peer({})
